// SPDX-License-Identifier: Apache-2.0
// What the random kernels compute. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/random_key.h"
#include "csrc/core/types.h"

namespace fastdnn::cpu {

// Elements come in groups of 64. Element r of group g is made from word r / 16 of Philox block
// 16 g + r % 16 (counter: low and high half of the block's number, step, stream).
inline constexpr index_t kRandomGroup = 64;

// `count` elements of a draw, the first one that of group `first_group`; y points at it.
//
// The same bits on every level: all float operations below are single IEEE additions,
// multiplications, divisions and square roots, never fused.
//
//   bits              y = word
//   uniform           y = min(low + (word >> 8) 2^-24 span, last)
//   normal            y = mean + stddev z; (z, z') = sqrt(-2 ln u) (cos, sin)(2 pi word' 2^-32),
//                     u = word 2^-32 + 2^-33, by words 0 and 1 of a block, and by 2 and 3
//   truncated normal  y = mean + stddev z; z = sqrt(2) erfinv(erf(sqrt 2) int32(word) 2^-31)
struct RandomPart {
  RandomKey key;
  index_t first_group;
  index_t count;
};

// y = x + stddev z, for `rows` rows of x and y from row `first_row` of the noise on. Element (i, j)
// is at [i * stride + j]; y may be x. Elements between columns and stride are neither read nor
// written. z of a row is a normal draw of its own: the high half of its blocks' numbers is the row.
struct NoiseShape {
  RandomKey key;
  float stddev;
  index_t first_row;
  index_t rows;
  index_t cols;
};

}  // namespace fastdnn::cpu
