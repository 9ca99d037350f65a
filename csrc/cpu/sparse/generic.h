// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/sparse/sparse.h"

namespace fastdnn::cpu {
namespace {

// Vectors of a row of the kernel that are held in registers, and chains of sums that hide the time
// of a multiply-add.
inline constexpr int kMostVectors = 4, kChains = 4;

// The numbers of a row: columns[0 .. size) and their values, or null if those are 1.
struct SparseRow {
  const std::int32_t* columns;
  const float* values;
  index_t size;
};

template <bool kOnes>
inline F32 value_of(const SparseRow& row, index_t k) {
  if constexpr (kOnes) return set1(1.0f);
  return set1(row.values[k]);
}

inline SparseRow row_of(const CsrBatch& batch, index_t i) {
  const CsrView& x = batch.x;
  const index_t row = batch.rows[i];
  const index_t first = x.offsets[row], end = x.offsets[row + 1];
  if (first < 0 || first >= end || end > x.size) return {nullptr, nullptr, 0};
  return {x.columns + first, x.values == nullptr ? nullptr : x.values + first, end - first};
}

// Rows come from anywhere in memory: they are asked for this many ahead.
inline constexpr index_t kRowsAhead = 4;

inline void ask_for_row(const CsrBatch& batch, index_t i) {
  if (i >= batch.count) return;
  const SparseRow row = row_of(batch, i);
  for (index_t k = 0; k < row.size; k += kRowPad) {
    __builtin_prefetch(row.columns + k);
    if (row.values != nullptr) __builtin_prefetch(row.values + k);
  }
}

// Less than `columns`.
inline index_t column_in(index_t column, index_t columns) {
  const bool inside = static_cast<std::uint64_t>(column) < static_cast<std::uint64_t>(columns);
  return inside ? column : columns - 1;
}

template <int kVectors, bool kOnes>
inline void dense_row(const CsrDense& a, const SparseRow& row, index_t j, float* y) {
  constexpr int kEach = kChains / kVectors;  // chains of each vector
  const Tail last = tail(a.n - j - (kVectors - 1) * kLanes);
  const float* kernel = a.kernel + j;
  const auto read = [&](const float* from, int v) {
    return v == kVectors - 1 ? load(from + v * kLanes, last) : load(from + v * kLanes);
  };
  F32 sums[kEach][kVectors];
#pragma GCC unroll 4
  for (int c = 0; c < kEach; ++c) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sums[c][v] = zero();
  }
  const auto add = [&](index_t k, F32* sum) {
    const float* from = kernel + column_in(row.columns[k], a.batch.x.cols) * a.kernel_row;
    const F32 value = value_of<kOnes>(row, k);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[v] = fma(value, read(from, v), sum[v]);
  };
  index_t k = 0;
  for (; k + kEach <= row.size; k += kEach) {
#pragma GCC unroll 4
    for (int c = 0; c < kEach; ++c) add(k + c, sums[c]);
  }
  for (; k < row.size; ++k) add(k, sums[0]);
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    F32 sum = sums[0][v];
    if constexpr (kEach == 2) sum = sum + sums[1][v];
    if constexpr (kEach == 4) sum = (sum + sums[1][v]) + (sums[2][v] + sums[3][v]);
    if (a.bias != nullptr) sum = sum + read(a.bias + j, v);
    float* to = y + j + v * kLanes;
    v == kVectors - 1 ? store(to, sum, last) : store(to, sum);
  }
}

// From number k on, as long as columns lie before a.last; returns the number after those.
template <int kVectors, bool kOnes>
inline index_t add_gradient(const CsrDenseGradient& a, const SparseRow& row, index_t k, index_t j,
                            const float* dz) {
  const Tail last = tail(a.n - j - (kVectors - 1) * kLanes);
  F32 slope[kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    slope[v] = v == kVectors - 1 ? load(dz + j + v * kLanes, last) : load(dz + j + v * kLanes);
  }
  // Read before the first store, which might alias anything.
  const index_t first = a.first, end = a.last, dkernel_row = a.dkernel_row;
  float* const dkernel = a.dkernel + j;
  for (; k < row.size; ++k) {
    const index_t column = row.columns[k];
    if (column >= end) break;
    float* to = dkernel + (column < first ? 0 : column - first) * dkernel_row;
    const F32 value = value_of<kOnes>(row, k);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v, to += kLanes) {
      if (v == kVectors - 1) {
        store(to, fma(value, slope[v], load(to, last)), last);
      } else {
        store(to, fma(value, slope[v], load(to)));
      }
    }
  }
  return k;
}

// Calls f.operator()<vectors>(j) for the columns j, .. of n, four vectors at a time.
template <typename F>
inline void for_each_block(index_t n, const F& f) {
  for (index_t j = 0; j < n; j += kMostVectors * kLanes) {
    const index_t left = n - j;
    if (left > 2 * kLanes) {
      left > 3 * kLanes ? f.template operator()<4>(j) : f.template operator()<3>(j);
    } else {
      left > kLanes ? f.template operator()<2>(j) : f.template operator()<1>(j);
    }
  }
}

// The numbers whose columns are less. Without branches: nobody could foresee them.
inline index_t count_below(const SparseRow& row, index_t column) {
  if (column <= 0 || row.size == 0) return 0;
  const std::int32_t* from = row.columns;
  index_t left = row.size;
  for (; left > 1; left -= left / 2) from += (from[left / 2 - 1] < column) * (left / 2);
  return from - row.columns + (*from < column);
}

}  // namespace

namespace FASTDNN_LEVEL {

void csr_dense_f32(const CsrDense& a) {
  for (index_t i = 0; i < a.batch.count; ++i) {
    const SparseRow row = row_of(a.batch, i);
    ask_for_row(a.batch, i + kRowsAhead);
    float* y = a.y + i * a.y_row;
    for_each_block(a.n, [&]<int kVectors>(index_t j) {
      row.values == nullptr ? dense_row<kVectors, true>(a, row, j, y)
                            : dense_row<kVectors, false>(a, row, j, y);
    });
  }
}

void csr_dense_gradient_f32(const CsrDenseGradient& a) {
  for (index_t i = 0; i < a.batch.count; ++i) {
    const SparseRow row = row_of(a.batch, i);
    ask_for_row(a.batch, i + kRowsAhead);
    const index_t begin = a.done != nullptr ? a.done[i] : count_below(row, a.first);
    index_t end = begin;
    for_each_block(a.n, [&]<int kVectors>(index_t j) {
      const float* dz = a.dz + i * a.dz_row;
      end = row.values == nullptr ? add_gradient<kVectors, true>(a, row, begin, j, dz)
                                  : add_gradient<kVectors, false>(a, row, begin, j, dz);
    });
    if (a.done != nullptr) a.done[i] = end;
  }
}

void csr_count_below(const CsrBatch& batch, index_t column, std::int64_t* counts) {
  for (index_t i = 0; i < batch.count; ++i) counts[i] = count_below(row_of(batch, i), column);
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
