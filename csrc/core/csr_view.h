// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "csrc/core/types.h"

namespace fastdnn {

// A sparse matrix somebody else owns, row by row: row i has values[k] in column columns[k] for
// offsets[i] <= k < offsets[i + 1], in ascending order of columns, and is 0 elsewhere.
struct CsrView {
  const std::int64_t* offsets = nullptr;  // rows + 1 of them
  const std::int32_t* columns = nullptr;
  const float* values = nullptr;  // null if all are 1
  index_t size = 0;               // numbers of columns and of values
  index_t rows = 0;
  index_t cols = 0;
};

}  // namespace fastdnn
