// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/dropout/dropout.h"
#include "csrc/cpu/simd/philox.h"

namespace fastdnn::cpu {
namespace {

inline constexpr index_t kDropoutGroup = 8 * kPhiloxLanes;

// One row: `row` is its number in the mask. What is kept becomes keep(x).
template <typename Keep>
inline void dropout_row(const DropoutShape& shape, I32 row, F32 dropped, const float* x, float* y,
                        Keep keep) {
  const I32 threshold = set1_i32(shape.threshold);
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
        store(y + j, select(threshold > number, dropped, keep(load(x + j, count))), count);
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
    dropout_row(shape, row, zero(), x + i * x_stride, y + i * y_stride,
                [scale = set1(shape.scale)](F32 a) { return a * scale; });
  }
}

// Unfused, so that all levels give the same bits.
void alpha_dropout_f32(const DropoutShape& shape, float offset, float dropped, const float* x,
                       index_t x_stride, float* y, index_t y_stride) {
  const F32 scale = set1(shape.scale), shift = set1(offset);
  for (index_t i = 0; i < shape.rows; ++i) {
    const I32 row = set1_i32(static_cast<std::int32_t>(shape.first_row + i));
    dropout_row(shape, row, set1(dropped), x + i * x_stride, y + i * y_stride,
                [=](F32 a) { return a * scale + shift; });
  }
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
