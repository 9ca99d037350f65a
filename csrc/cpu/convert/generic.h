// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/convert/convert.h"

namespace fastdnn::cpu::FASTDNN_LEVEL {

// Plain enough that compilers vectorize them well at every level.
void bytes_to_f32(const std::uint8_t* x, index_t count, float* y) {
  for (index_t i = 0; i < count; ++i) y[i] = static_cast<float>(x[i]);
}

void bytes_to_unit_f32(const std::uint8_t* x, index_t count, float* y) {
  for (index_t i = 0; i < count; ++i) {
    const float value = static_cast<float>(x[i]);
#if defined(__FMA__)
    // Division is slow; the reciprocal's error is mended by one correction, exact for all 256
    // values.
    constexpr float kReciprocal = 1.0f / 255.0f;
    const float quotient = value * kReciprocal;
    y[i] = __builtin_fmaf(__builtin_fmaf(-quotient, 255.0f, value), kReciprocal, quotient);
#else
    y[i] = value / 255.0f;
#endif
  }
}

void f16_to_f32(const std::uint16_t* x, index_t count, float* y) {
  for (index_t i = 0; i < count; i += kLanes) {
    store(y + i, load_f16(x + i, count - i), count - i);
  }
}

void bf16_to_f32(const std::uint16_t* x, index_t count, float* y) {
  for (index_t i = 0; i < count; i += kLanes) {
    store(y + i, load_bf16(x + i, count - i), count - i);
  }
}

}  // namespace fastdnn::cpu::FASTDNN_LEVEL
