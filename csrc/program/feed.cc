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

template <typename T>
void convert_row(void (*convert)(const T* x, index_t count, float* y), const T* from,
                 const T* ahead, index_t width, float* to) {
  __builtin_prefetch(ahead, 0, 2);
  convert(from, width, to);
}

// Copies `width` elements from number `from` on, as float32, and asks for those from `ahead` on.
void read_row(const Source& source, index_t from, index_t ahead, index_t width, Bytes as,
              float* to) {
  const cpu::KernelTable& kernels = cpu::kernels();
  const auto* floats = static_cast<const float*>(source.data);
  const auto* halves = static_cast<const std::uint16_t*>(source.data);
  const auto* bytes = static_cast<const std::uint8_t*>(source.data);
  switch (source.type) {
    case ElementType::kFloat32:
      return copy_row(floats + from, floats + ahead, width, to);
    case ElementType::kFloat16:
      return convert_row(kernels.f16_to_f32, halves + from, halves + ahead, width, to);
    case ElementType::kBfloat16:
      return convert_row(kernels.bf16_to_f32, halves + from, halves + ahead, width, to);
    case ElementType::kUint8:
      return convert_row(as == Bytes::kUnit ? kernels.bytes_to_unit_f32 : kernels.bytes_to_f32,
                         bytes + from, bytes + ahead, width, to);
  }
}

}  // namespace

bool gathers_by_rows(index_t width) { return width < kWideRow; }

void gather_rows(const Feed& feed, const Source& source, index_t begin, Bytes bytes, MatrixView to,
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
    read_row(source, from, ahead, width, bytes, to.row(i) + first);
  }
}

}  // namespace fastdnn::program
