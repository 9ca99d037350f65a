// SPDX-License-Identifier: Apache-2.0
// AVX-512 and its products of bfloat16 numbers. See csrc/cpu/gemm/pair_model.h for what pairs are.
#pragma once

#include "csrc/cpu/simd/avx512.h"

#undef FASTDNN_LEVEL
#define FASTDNN_LEVEL avx512_bf16
#define FASTDNN_HAS_PAIRS 1

namespace fastdnn::cpu {
namespace {

inline I32 to_pairs(F32 first, F32 second) {
  // First's sixteen numbers come below second's; lane i takes halves i and 16 + i.
  const auto halves = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second.v, first.v));
  const __m512i order = _mm512_add_epi32(_mm512_mullo_epi32(lane_index().v, set1_i32(0x10001).v),
                                         set1_i32(0x100000).v);
  return {_mm512_permutexvar_epi16(order, halves)};
}
inline F32 add_products_of_pairs(F32 sum, I32 a, I32 b) {
  return {
      _mm512_dpbf16_ps(sum.v, reinterpret_cast<__m512bh>(a.v), reinterpret_cast<__m512bh>(b.v))};
}

}  // namespace
}  // namespace fastdnn::cpu
