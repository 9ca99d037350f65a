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

void gather_rows(const Feed& feed, const Source& source, index_t begin, MatrixView to,
                 const Team& team) {
  const Range mine = team.share(to.rows);
  for (index_t i = mine.begin; i < mine.end; ++i) {
    const index_t row = feed.row(begin + i);
    const index_t ahead = feed.row(begin + std::min(i + kRowsAhead, mine.end - 1));
    if (source.bytes != nullptr) {
      __builtin_prefetch(source.bytes + ahead * source.width, 0, 2);
      cpu::kernels().bytes_to_unit_f32(source.bytes + row * source.width, source.width, to.row(i));
    } else {
      copy_row(source.floats + row * source.width, source.floats + ahead * source.width,
               source.width, to.row(i));
    }
  }
}

}  // namespace fastdnn::program
