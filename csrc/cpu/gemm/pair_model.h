// SPDX-License-Identifier: Apache-2.0
// Pairs of bfloat16 numbers in software: the specification of the instructions of AVX512_BF16, for
// levels without them.
#pragma once

#include "csrc/cpu/gemm/gemm.h"

namespace fastdnn::cpu {
namespace {

// Instructions take subnormal numbers for zero, wherever they meet them.
inline F32 flushed(F32 x) {
  const F32 sign = bitcast_f32(bitcast_i32(x) & set1_i32(INT32_MIN));
  return select(abs(x) < set1(0x1p-126f), sign, x);
}

// A float whose upper half is the nearest bfloat16 number; its lower half is left open. NaN stays
// NaN.
inline F32 nearest_bfloat16(F32 x) {
  const I32 bits = bitcast_i32(flushed(x));
  const I32 odd = shift_right_logical<16>(bits) & set1_i32(1);
  const I32 rounded = bits + set1_i32(0x7FFF) + odd;
  const I32 quiet = bits | set1_i32(0x400000);
  return bitcast_f32(select(is_nan(x), quiet, rounded));
}

// A pair of numbers in every lane, the first one in the lower half.
inline I32 to_pairs(F32 first, F32 second) {
  return pair_upper_halves(nearest_bfloat16(first), nearest_bfloat16(second));
}

// Adds to every lane the product of the second numbers of two pairs, and then that of the first
// ones. Such products are exact, so that each sum rounds once, also on levels without FMA unless
// the product is out of range.
inline F32 add_products_of_pairs(F32 sum, I32 a, I32 b) {
  const auto first = [](I32 pairs) { return bitcast_f32(shift_left<16>(pairs)); };
  const auto second = [](I32 pairs) { return bitcast_f32(pairs & set1_i32(-0x10000)); };
  return flushed(fma(first(a), first(b), flushed(fma(second(a), second(b), sum))));
}

}  // namespace
}  // namespace fastdnn::cpu
