// SPDX-License-Identifier: Apache-2.0
// The data of one call, and how a batch of it gets into a program's buffers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "csrc/core/csr_view.h"
#include "csrc/core/tensor_view.h"
#include "csrc/core/thread_pool.h"

namespace fastdnn::program {

// Elements stand for their values. What bytes stand for depends on what reads them: Bytes.
enum class ElementType { kFloat32, kFloat16, kBfloat16, kUint8 };

// What a program is made for, of an input's rows.
enum class RowKind { kNumbers, kBfloat16, kBytes, kSparse };

// A data set's matrix, whose rows are contiguous, or sparse. Batches of it are float32.
struct Source {
  const void* data = nullptr;
  ElementType type = ElementType::kFloat32;
  index_t width = 0;
  CsrView sparse = {};

  RowKind kind() const {
    if (sparse.offsets != nullptr) return RowKind::kSparse;
    if (type == ElementType::kUint8) return RowKind::kBytes;
    return type == ElementType::kBfloat16 ? RowKind::kBfloat16 : RowKind::kNumbers;
  }
};

struct Asked;

struct Feed {
  index_t rows = 0;                     // of the whole data set
  const std::int64_t* order = nullptr;  // position -> row of the data set; null: as they lie
  std::vector<Source> inputs;
  std::vector<Source> targets;              // of losses on matrices
  std::vector<const std::int32_t*> labels;  // of losses on class numbers; one of the two per output
  std::vector<const float*> sample_weights;  // per output one per row, or null for 1
  std::vector<MatrixView> outputs;           // where predictions go, one per output
  std::vector<MatrixView> output_gradients;  // in the order of the rows, one per output
  // Answers what a program's Asked ask for, for so many rows from this position. May throw.
  std::function<void(const std::vector<Asked>&, index_t begin, index_t rows)> functions;

  // In range even if somebody changes the order, which was checked, while it is in use.
  index_t row(index_t position) const {
    return order != nullptr ? std::clamp<index_t>(order[position], 0, rows - 1) : position;
  }
};

// How bytes become float32: divided by 255, as users mean them, or as whole numbers.
enum class Bytes { kUnit, kWhole };

// Copies rows begin, begin + 1, ... of the order into `to` as float32, as many as `to` has; a
// member's share. Members copy their own rows where they are this narrow, else their own columns.
bool gathers_by_rows(index_t width);
void gather_rows(const Feed& feed, const Source& source, index_t begin, Bytes bytes, MatrixView to,
                 const Team& team);

}  // namespace fastdnn::program
