// SPDX-License-Identifier: Apache-2.0
// How operands are copied into panels, whatever an element of a panel is made of.
#pragma once

#include "csrc/cpu/gemm/gemm.h"

namespace fastdnn::cpu {
namespace {

// What elements are made of: these are numbers, and row p of a panel is step p.
struct Numbers {
  static constexpr index_t kRowsAtOnce = 8;

  explicit Numbers(const GemmPack& pack) : rows(pack.k) {}

  const index_t rows;

  // `count` elements of a row of a panel, or of one column from that row on. In the source, numbers
  // lie one after the other.
  F32 across(const float* from, index_t, index_t count) const { return load(from, count); }
  F32 along(const float* from, index_t, index_t count) const { return load(from, count); }
  void ask(const float* from) const { prefetch(from); }
  void ask_along(const float* from) const { prefetch_second_cache(from); }
};

// Some rows at a time: each is read on from where the panel before ended, and a panel grows by
// whole cache lines. The same columns of the next rows are asked for meanwhile.
template <typename Elements>
void pack_copy(const GemmPack& pack, const Elements elements) {
  constexpr index_t kRows = Elements::kRowsAtOnce;
  for (index_t p = 0; p < elements.rows; p += kRows) {
    const index_t end = p + kRows < elements.rows ? p + kRows : elements.rows;
    float* panel = pack.panels;
    for (index_t j = 0; j < pack.count; j += pack.width, panel += pack.panel_size) {
      const index_t columns = pack.count - j < pack.width ? pack.count - j : pack.width;
      for (index_t row = p; row < end; ++row) {
        const float* from = pack.source + row * pack.stride + j;
        float* to = panel + row * pack.width;
        for (index_t i = 0; i < columns && row + kRows < elements.rows; i += kRowPad) {
          elements.ask(from + kRows * pack.stride + i);
        }
        for (index_t i = 0; i < columns; i += kLanes) {
          store(to + i, elements.across(from + i, row, columns - i), columns - i);
        }
      }
    }
  }
}

// Rows of the source are far apart: the second cache is asked for those of the next panel while
// this one is written. All loops over a block are unrolled: it would lie on the stack otherwise.
template <typename Elements>
void pack_transpose(const GemmPack& pack, const Elements elements) {
  float* panel = pack.panels;
  for (index_t first = 0; first < pack.count; first += pack.width, panel += pack.panel_size) {
    const index_t count = pack.count - first < pack.width ? pack.count - first : pack.width;
    for (index_t j = 0; j < count; j += kLanes) {
      const index_t rows = count - j < kLanes ? count - j : kLanes;
      const index_t left = pack.count - first - pack.width - j;
      const index_t ahead = left < rows ? left : rows;
      const float* const source = pack.source + (first + j) * pack.stride;
      for (index_t p = 0; p < elements.rows; p += kLanes) {
        for (index_t i = 0; i < ahead && p % kRowPad == 0; ++i) {
          elements.ask_along(source + (pack.width + i) * pack.stride + p);
        }
        const index_t depth = elements.rows - p < kLanes ? elements.rows - p : kLanes;
        F32 block[kLanes];
#pragma GCC unroll 16
        for (index_t i = 0; i < kLanes; ++i) {
          // Missing rows repeat the first, for want of a branch; nobody stores them.
          block[i] = elements.along(source + (i < rows ? i : 0) * pack.stride + p, p, depth);
        }
        transpose(block);
#pragma GCC unroll 16
        for (index_t i = 0; i < kLanes; ++i) {
          if (i < depth) store(panel + (p + i) * pack.width + j, block[i], rows);
        }
      }
    }
  }
}

}  // namespace
}  // namespace fastdnn::cpu
