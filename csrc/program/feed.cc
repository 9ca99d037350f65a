// SPDX-License-Identifier: Apache-2.0
#include "csrc/program/feed.h"

#include <algorithm>
#include <cstring>

#include "csrc/cpu/registry.h"

namespace fastdnn::program {
namespace {

// Rows of shuffled data come from anywhere in memory: asking for them this many rows ahead hides
// most of its latency.
constexpr index_t kRowsAhead = 4;
// Columns from which on members share a row rather than the rows.
constexpr index_t kWideRow = 256;

// Copies a row, and asks for another one line by line.
void copy_row(const float* from, const float* ahead, index_t width, float* to) {
  index_t j = 0;
  for (; j + kRowPad <= width; j += kRowPad) {
    __builtin_prefetch(ahead + j, 0, 2);
    std::memcpy(to + j, from + j, kRowPad * sizeof(float));
  }
  __builtin_prefetch(ahead + j, 0, 2);
  std::copy(from + j, from + width, to + j);
}

}  // namespace

bool gathers_by_rows(index_t width) { return width < kWideRow; }

void gather_rows(const Feed& feed, const Source& source, index_t begin, MatrixView to,
                 const Team& team) {
  // Wide rows are split by columns: a product in two parts then finds its part of them in the cache
  // of the member that multiplies by it.
  const bool by_columns = !gathers_by_rows(source.width);
  const Range columns = by_columns ? team.share_columns(source.width) : Range{0, source.width};
  const Range rows = by_columns ? Range{0, to.rows} : team.share(to.rows);
  const index_t first = columns.begin, width = columns.size();
  if (width <= 0) return;
  for (index_t i = rows.begin; i < rows.end; ++i) {
    const index_t from = feed.row(begin + i) * source.width + first;
    const index_t ahead =
        feed.row(begin + std::min(i + kRowsAhead, rows.end - 1)) * source.width + first;
    if (source.bytes != nullptr) {
      __builtin_prefetch(source.bytes + ahead, 0, 2);
      cpu::kernels().bytes_to_unit_f32(source.bytes + from, width, to.row(i) + first);
    } else {
      copy_row(source.floats + from, source.floats + ahead, width, to.row(i) + first);
    }
  }
}

}  // namespace fastdnn::program
