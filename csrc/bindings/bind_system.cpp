// SPDX-License-Identifier: Apache-2.0
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include "csrc/bindings/register.h"
#include "csrc/core/available_cpus.h"
#include "csrc/core/cpu_features.h"
#include "csrc/core/thread_pool.h"
#include "csrc/cpu/registry.h"
#include "csrc/ops/precision.h"

namespace fastdnn::bindings {

namespace py = pybind11;

void register_system(py::module_& m) {
  m.def("cpu_features", [] {
    const CpuFeatures& f = cpu_features();
    py::typing::Dict<py::str, py::object> d;
    d["model"] = f.model;
    d["avx2"] = f.avx2;
    d["avx512"] = f.avx512;
    d["avx512_bf16"] = f.avx512_bf16;
    d["amx_bf16"] = f.amx_bf16;
    return d;
  });
  m.def("supported_isa_levels", [] {
    std::vector<std::string> names;
    for (IsaLevel level : supported_isa_levels()) names.emplace_back(isa_name(level));
    return names;
  });
  m.def("isa_level", [] { return std::string(isa_name(cpu::isa_level())); });
  m.def("available_cpus", &available_cpus);
  m.def("num_threads", [] { return ThreadPool::instance().num_threads(); });
  m.def("set_num_threads", [](int count) { ThreadPool::instance().set_num_threads(count); });
  m.def("matmul_precision", [] { return std::string(precision_name(matmul_precision())); });
  m.def("set_matmul_precision",
        [](const std::string& name) { set_matmul_precision(parse_precision(name)); });
  // A wrong FASTDNN_ISA or FASTDNN_NUM_THREADS is an error at import, not at the first product.
  cpu::isa_level();
  ThreadPool::instance();
}

}  // namespace fastdnn::bindings
