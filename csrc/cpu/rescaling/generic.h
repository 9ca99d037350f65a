// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/rescaling/rescaling.h"

namespace fastdnn::cpu::FASTDNN_LEVEL {

void rescaling_f32(const RescalingShape& shape, const float* x, index_t x_stride, float* y,
                   index_t y_stride) {
  const F32 scale = set1(shape.scale), offset = set1(shape.offset);
  for (index_t i = 0; i < shape.rows; ++i, x += x_stride, y += y_stride) {
    for (index_t j = 0; j < shape.cols; j += kLanes) {
      const Tail last = tail(shape.cols - j);
      store(y + j, fma(scale, load(x + j, last), offset), last);
    }
  }
}

}  // namespace fastdnn::cpu::FASTDNN_LEVEL
