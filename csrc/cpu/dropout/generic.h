// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/dropout/dropout.h"
#include "csrc/cpu/simd/philox.h"

namespace fastdnn::cpu {
namespace {

inline constexpr index_t kDropoutGroup = 8 * kPhiloxLanes;

// One row: `row` is its number in the mask.
inline void dropout_row(const DropoutShape& shape, I32 row, const float* x, float* y) {
  const I32 threshold = set1_i32(shape.threshold);
  const F32 scale = set1(shape.scale);
  for (index_t begin = 0; begin < shape.cols; begin += kDropoutGroup) {
    const index_t first_block = begin / kDropoutGroup * kPhiloxLanes;
    for (index_t lane = 0; lane < kPhiloxLanes; lane += kLanes) {
      I32 words[4];
      philox(shape.key, set1_i32(static_cast<std::int32_t>(first_block + lane)) + lane_index(), row,
             words);
      for (int half = 0; half < 8; ++half) {
        const index_t j = begin + half * kPhiloxLanes + lane;
        const index_t count = shape.cols - j;
        if (count <= 0) break;
        const I32 word = words[half / 2];
        const I32 number = half % 2 ? shift_right_logical<16>(word) : word & set1_i32(0xFFFF);
        const F32 kept = load(x + j, count) * scale;
        store(y + j, select(threshold > number, zero(), kept), count);
      }
    }
  }
}

}  // namespace

namespace FASTDNN_LEVEL {

void dropout_f32(const DropoutShape& shape, const float* x, index_t x_stride, float* y,
                 index_t y_stride) {
  for (index_t i = 0; i < shape.rows; ++i) {
    const I32 row = set1_i32(static_cast<std::int32_t>(shape.first_row + i));
    dropout_row(shape, row, x + i * x_stride, y + i * y_stride);
  }
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
