// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/combine/combine.h"

namespace fastdnn::cpu::FASTDNN_LEVEL {
namespace {

template <typename Operation>
void combine(const CombineShape& shape, const float* x, const float* y, float* z,
             Operation operation) {
  for (index_t i = 0; i < shape.rows; ++i) {
    for (index_t j = 0; j < shape.cols; j += kLanes) {
      const Tail last = tail(shape.cols - j);
      store(z + j, operation(load(x + j, last), load(y + j, last)), last);
    }
    x += shape.x_stride;
    y += shape.y_stride;
    z += shape.z_stride;
  }
}

}  // namespace

void add_f32(const CombineShape& shape, const float* x, const float* y, float* z) {
  combine(shape, x, y, z, [](F32 a, F32 b) { return a + b; });
}

void multiply_f32(const CombineShape& shape, const float* x, const float* y, float* z) {
  combine(shape, x, y, z, [](F32 a, F32 b) { return a * b; });
}

}  // namespace fastdnn::cpu::FASTDNN_LEVEL
