// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/simd/loop.h"
#include "csrc/cpu/simd/math.h"
#include "csrc/cpu/softmax/softmax.h"

namespace fastdnn::cpu {
namespace {

// May miss a NaN, which then spreads through the sum.
inline F32 row_max(const float* x, index_t cols) {
  const F32 lowest = zero() - infinity();
  F32 largest = lowest;
  for_each_vector(cols, [&](index_t j, index_t count) {
    largest = max(largest, keep_first(load(x + j, count), count, lowest));
  });
  return set1(reduce_max(largest));
}

inline void softmax_row(const float* x, index_t cols, float* y) {
  const F32 m = row_max(x, cols);
  const double sum = sum_row(cols, [=](index_t j, index_t count) {
    const F32 e = keep_first(exp(load(x + j, count) - m), count, zero());
    store(y + j, e, count);
    return e;
  });
  const F32 scale = set1(static_cast<float>(1.0 / sum));
  for_each_vector(
      cols, [=](index_t j, index_t count) { store(y + j, load(y + j, count) * scale, count); });
}

inline void log_softmax_row(const float* x, index_t cols, float* y) {
  const F32 one = set1(1.0f);
  const F32 m = row_max(x, cols);
  // Each maximum is left out of the sum, which then stays exact when it is small, and counted.
  F32 maxima = zero();
  const double others = sum_row(cols, [&](index_t j, index_t count) {
    const F32 a = load(x + j, count);
    const F32 is_max = keep_first(select(a == m, one, zero()), count, zero());
    maxima = maxima + is_max;
    return keep_first(exp(a - m), count, zero()) - is_max;
  });
  const double rest = others + (static_cast<double>(reduce_add(maxima)) - 1.0);
  const F32 log_sum = log1p(set1(static_cast<float>(rest)));
  for_each_vector(cols, [=](index_t j, index_t count) {
    store(y + j, (load(x + j, count) - m) - log_sum, count);
  });
}

inline void softmax_backward_row(const float* y, const float* dy, index_t cols, float* dx) {
  const double dot = sum_row(
      cols, [=](index_t j, index_t count) { return load(dy + j, count) * load(y + j, count); });
  const F32 mean = set1(static_cast<float>(dot));
  for_each_vector(cols, [=](index_t j, index_t count) {
    store(dx + j, load(y + j, count) * (load(dy + j, count) - mean), count);
  });
}

}  // namespace

namespace FASTDNN_LEVEL {

void softmax_f32(const SoftmaxShape& shape, const float* x, index_t x_stride, float* y,
                 index_t y_stride) {
  for (index_t i = 0; i < shape.rows; ++i) {
    softmax_row(x + i * x_stride, shape.cols, y + i * y_stride);
  }
}

void log_softmax_f32(const SoftmaxShape& shape, const float* x, index_t x_stride, float* y,
                     index_t y_stride) {
  for (index_t i = 0; i < shape.rows; ++i) {
    log_softmax_row(x + i * x_stride, shape.cols, y + i * y_stride);
  }
}

void softmax_backward_f32(const SoftmaxShape& shape, const float* y, index_t y_stride,
                          const float* dy, index_t dy_stride, float* dx, index_t dx_stride) {
  for (index_t i = 0; i < shape.rows; ++i) {
    softmax_backward_row(y + i * y_stride, dy + i * dy_stride, shape.cols, dx + i * dx_stride);
  }
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
