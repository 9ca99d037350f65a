// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/constraint/constraint.h"
#include "csrc/cpu/simd/loop.h"

namespace fastdnn::cpu {
namespace {

constexpr index_t kBlockRows = 64;

// What weights with these norms are multiplied by.
inline F32 norm_factor(const Constraint& c, F32 norm) {
  F32 wanted = max(set1(c.least), min(set1(c.most), norm));
  // An infinite norm times 0 would be NaN.
  if (c.rate != 1.0f) wanted = fma(set1(c.rate), wanted, set1(1.0f - c.rate) * norm);
  return wanted / (set1(kNormEpsilon) + norm);
}

// The sums of squares of up to kLanes columns.
inline F32 column_squares(const float* w, index_t stride, index_t rows, const Tail& last) {
  F32 total = zero();
  for (index_t begin = 0; begin < rows; begin += kBlockRows) {
    const index_t end = begin + kBlockRows < rows ? begin + kBlockRows : rows;
    F32 sum = zero();
    for (index_t i = begin; i < end; ++i) {
      const F32 x = load(w + i * stride, last);
      sum = fma(x, x, sum);
    }
    total = total + sum;
  }
  return total;
}

}  // namespace

namespace FASTDNN_LEVEL {

void non_negative_f32(float* w, index_t stride, index_t rows, index_t cols) {
  for (index_t i = 0; i < rows; ++i, w += stride) {
    for_each_vector(cols, [&](index_t j, index_t count) {
      store(w + j, max(zero(), load(w + j, count)), count);
    });
  }
}

void column_norms_f32(const Constraint& constraint, float* w, index_t stride, index_t rows,
                      index_t cols) {
  for (index_t j = 0; j < cols; j += kLanes) {
    const Tail last = tail(cols - j);
    const F32 factor = norm_factor(constraint, sqrt(column_squares(w + j, stride, rows, last)));
    for (index_t i = 0; i < rows; ++i) {
      float* const at = w + i * stride + j;
      store(at, factor * load(at, last), last);
    }
  }
}

void row_norms_f32(const Constraint& constraint, float* w, index_t stride, index_t rows,
                   index_t cols) {
  for (index_t i = 0; i < rows; ++i, w += stride) {
    const double squares = sum_row(cols, [&](index_t j, index_t count) {
      const F32 x = load(w + j, count);
      return x * x;
    });
    const F32 factor = norm_factor(constraint, sqrt(set1(static_cast<float>(squares))));
    for_each_vector(
        cols, [&](index_t j, index_t count) { store(w + j, factor * load(w + j, count), count); });
  }
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
