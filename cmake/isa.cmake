# ISA level -> exact compiler flags. A source file's name says its level: x86_avx2.cc, x86_amx.cc.
# Everything else is compiled for the baseline of its architecture.
set(FASTDNN_FLAGS_avx2 -mavx2 -mfma -mf16c -mbmi -mbmi2 -mlzcnt)
set(FASTDNN_FLAGS_avx512 ${FASTDNN_FLAGS_avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl
                         -mprefer-vector-width=512)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC's own AVX-512 headers trip these (a self-initialized "undefined" value).
  list(APPEND FASTDNN_FLAGS_avx512 -Wno-uninitialized -Wno-maybe-uninitialized)
endif()
set(FASTDNN_FLAGS_avx512_bf16 ${FASTDNN_FLAGS_avx512} -mavx512bf16)
set(FASTDNN_FLAGS_amx ${FASTDNN_FLAGS_avx512} -mamx-tile -mamx-bf16)

# Adds the kernels below `folder` to `target`: the scalar level everywhere, the x86 levels on x86-64.
function(fastdnn_add_kernels target folder)
  file(GLOB common CONFIGURE_DEPENDS ${folder}/*.cc ${folder}/*/*.cc)
  list(FILTER common EXCLUDE REGEX "/x86_[a-z0-9_]+\\.cc$")
  target_sources(${target} PRIVATE ${common})
  if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    return()
  endif()
  target_compile_definitions(${target} PRIVATE FASTDNN_X86=1)
  foreach(level avx2 avx512 avx512_bf16 amx)
    file(GLOB files CONFIGURE_DEPENDS ${folder}/*/x86_${level}.cc)
    set_source_files_properties(${files} PROPERTIES COMPILE_OPTIONS "${FASTDNN_FLAGS_${level}}")
    target_sources(${target} PRIVATE ${files})
  endforeach()
endfunction()
