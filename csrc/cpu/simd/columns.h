// SPDX-License-Identifier: Apache-2.0
// Columns of a matrix, several vectors of them at once, and sums over their rows in an order that
// only the number of rows decides. A leaf file includes it after scalar.h, avx2.h or avx512.h.
#pragma once

namespace fastdnn::cpu {
namespace {

// Rows summed plainly before their sum joins the compensated total.
inline constexpr index_t kRowBlock = 64;

// Vectors of neighbouring columns that one pass over the rows handles.
inline constexpr int kWide = 4;

// A sum that carries its own rounding error (Neumaier's variant of Kahan's).
struct Total {
  F32 sum = zero();
  F32 error = zero();

  void add(F32 a) {
    const F32 next = sum + a;
    const F32 kept = next - sum;
    error = error + ((sum - (next - kept)) + (a - kept));  // Knuth's exact TwoSum
    sum = next;
  }
  // Where the sum overflowed the error is NaN and means nothing.
  F32 value() const { return sum + select(is_nan(error), zero(), error); }
};

// kVectors vectors of columns: one of them may be cut short, several never are.
template <int kVectors>
struct Columns {
  index_t count;

  F32 read(const float* p, int v) const {
    return kVectors == 1 ? load(p, count) : load(p + v * kLanes);
  }
  void write(float* p, int v, F32 a) const {
    if constexpr (kVectors == 1) {
      store(p, a, count);
    } else {
      store(p + v * kLanes, a);
    }
  }
  F32 read_or(const float* p, index_t j, int v, float otherwise) const {
    return p == nullptr ? set1(otherwise) : read(p + j, v);
  }
};

// Calls f(first column, Columns) for all columns.
template <typename F>
void for_columns(index_t cols, F f) {
  index_t j = 0;
  for (; j + kWide * kLanes <= cols; j += kWide * kLanes) f(j, Columns<kWide>{kWide * kLanes});
  for (; j < cols; j += kLanes) f(j, Columns<1>{cols - j});
}

// totals[s * kVectors + v] += sum over the rows of kSums terms. add(i, v, terms) adds row i's.
template <int kSums, int kVectors, typename F>
inline void sum_rows(index_t rows, Total (&totals)[kSums * kVectors], F add) {
  for (index_t begin = 0; begin < rows; begin += kRowBlock) {
    const index_t end = begin + kRowBlock < rows ? begin + kRowBlock : rows;
    F32 block[kVectors][kSums];
    for (int v = 0; v < kVectors; ++v) {
      for (int s = 0; s < kSums; ++s) block[v][s] = zero();
    }
    for (index_t i = begin; i < end; ++i) {
      for (int v = 0; v < kVectors; ++v) add(i, v, block[v]);
    }
    for (int v = 0; v < kVectors; ++v) {
      for (int s = 0; s < kSums; ++s) totals[s * kVectors + v].add(block[v][s]);
    }
  }
}

template <int kVectors>
inline void write_or_add(Columns<kVectors> columns, float* p, index_t j, int v, F32 value,
                         bool accumulate) {
  if (p == nullptr) return;
  columns.write(p + j, v, accumulate ? columns.read(p + j, v) + value : value);
}

}  // namespace
}  // namespace fastdnn::cpu
