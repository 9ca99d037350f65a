// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/activation/activation.h"

namespace fastdnn::cpu {
namespace {

template <typename F>
void map_rows(const ActivationShape& shape, const float* x, index_t x_stride, float* y,
              index_t y_stride, F f) {
  for (index_t i = 0; i < shape.rows; ++i, x += x_stride, y += y_stride) {
    for (index_t j = 0; j < shape.cols; j += kLanes) {
      const index_t count = shape.cols - j;
      store(y + j, f(load(x + j, count)), count);
    }
  }
}

}  // namespace

namespace FASTDNN_LEVEL {

void activation_f32(const ActivationShape& shape, const float* x, index_t x_stride, float* y,
                    index_t y_stride) {
  switch (shape.kind) {
    case Activation::kLinear:
      return map_rows(shape, x, x_stride, y, y_stride, [](F32 a) { return a; });
    case Activation::kRelu:
      return map_rows(shape, x, x_stride, y, y_stride, [](F32 a) { return max(zero(), a); });
  }
}

void activation_backward_f32(const ActivationShape& shape, const float* saved, index_t saved_stride,
                             const float* dy, index_t dy_stride, float* dx, index_t dx_stride) {
  for (index_t i = 0; i < shape.rows; ++i) {
    for (index_t j = 0; j < shape.cols; j += kLanes) {
      const index_t count = shape.cols - j;
      const F32 y = load(saved + i * saved_stride + j, count);
      F32 g = load(dy + i * dy_stride + j, count);
      if (shape.kind == Activation::kRelu) g = select(y > zero(), g, zero());
      store(dx + i * dx_stride + j, g, count);
    }
  }
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
