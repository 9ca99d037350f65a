// SPDX-License-Identifier: Apache-2.0
// What the dropout kernels compute. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/random_key.h"
#include "csrc/core/types.h"

namespace fastdnn::cpu {

// y = drop ? 0 : x * scale, or, alpha dropout, y = drop ? dropped : x * scale + offset, for `rows`
// rows of x and y from row `first_row` of the mask on. Element (i, j) is at [i * stride + j]. y may
// be x. Elements between columns and stride are neither read nor written.
//
// The mask is made of 16-bit numbers, 128 columns from 16 Philox blocks: element r of group g of a
// row is half h (0: low) of word w of block 16 g + r % 16, with 2 w + h = r / 16 (counter: block,
// row, step, stream). It is dropped where that number is below `threshold`.
struct DropoutShape {
  RandomKey key;
  std::int32_t threshold;
  float scale;
  index_t first_row;
  index_t rows;
  index_t cols;
};

}  // namespace fastdnn::cpu
