// SPDX-License-Identifier: Apache-2.0
// Loops over the vectors of a row. A leaf file includes it after scalar.h, avx2.h or avx512.h.
#pragma once

namespace fastdnn::cpu {
namespace {

// Calls body(offset, count) for each vector of a row; all but the last are whole.
template <typename Body>
inline void for_each_vector(index_t cols, Body body) {
  index_t j = 0;
  for (; j + kLanes <= cols; j += kLanes) body(j, kLanes);
  if (j < cols) body(j, cols - j);
}

// a in the first `count` lanes, `other` in the rest.
inline F32 keep_first(F32 a, index_t count, F32 other) {
  if (count >= kLanes) return a;
  return select(set1_i32(static_cast<std::int32_t>(count)) > lane_index(), a, other);
}

// Sum over a row of term(offset, count), vectors that are zero beyond count. Partial sums of 64
// vectors go to a double, so that the error does not grow with the row.
template <typename Term>
inline double sum_row(index_t cols, Term term) {
  constexpr index_t kBlock = 64 * kLanes;
  double sum = 0.0;
  for (index_t begin = 0; begin < cols; begin += kBlock) {
    const index_t size = cols - begin < kBlock ? cols - begin : kBlock;
    F32 partial = zero();
    for_each_vector(size,
                    [&](index_t j, index_t count) { partial = partial + term(begin + j, count); });
    accumulate(sum, partial);
  }
  return sum;
}

}  // namespace
}  // namespace fastdnn::cpu
