// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/math/math.h"
#include "csrc/cpu/simd/math.h"

namespace fastdnn::cpu {
namespace {

template <typename F>
void map(const float* x, float* y, index_t count, F f) {
  for (index_t i = 0; i < count; i += kLanes) store(y + i, f(load(x + i, count - i)), count - i);
}

}  // namespace

namespace FASTDNN_LEVEL {

void math_f32(MathFunction function, const float* x, float* y, index_t count) {
  switch (function) {
#define FASTDNN_MATH_FUNCTION(name) \
  case MathFunction::k_##name:      \
    return map(x, y, count, [](F32 a) { return cpu::name(a); });
    FASTDNN_MATH_FUNCTIONS(FASTDNN_MATH_FUNCTION)
#undef FASTDNN_MATH_FUNCTION
  }
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
