// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/sparse/sparse.h"

namespace fastdnn::cpu {
namespace {

// Vectors of a row of the kernel that are held in registers, and chains of sums that hide the time
// of a multiply-add.
inline constexpr int kMostVectors = 4, kChains = 4;

// The numbers of a row: columns[0 .. size) and their values.
struct SparseRow {
  const std::int32_t* columns;
  const float* values;
  index_t size;
};

inline SparseRow row_of(const CsrBatch& batch, index_t i) {
  const CsrView& x = batch.x;
  const std::int64_t row = batch.rows[i];
  const index_t safe = row < 0 || row >= x.rows ? x.rows - 1 : row;
  const index_t first = x.offsets[safe], end = x.offsets[safe + 1];
  if (first < 0 || first >= end || end > x.size) return {nullptr, nullptr, 0};
  return {x.columns + first, x.values + first, end - first};
}

// In first .. last - 1.
inline index_t column_in(index_t column, index_t first, index_t last) {
  return column >= first && column < last ? column : last - 1;
}

template <int kVectors>
inline void dense_row(const CsrDense& a, const SparseRow& row, index_t j, float* y) {
  constexpr int kEach = kChains / kVectors;  // chains of each vector
  const Tail last = tail(a.n - j - (kVectors - 1) * kLanes);
  const float* kernel = a.kernel + j;
  const auto read = [&](const float* from, int v) {
    return v == kVectors - 1 ? load(from + v * kLanes, last) : load(from + v * kLanes);
  };
  F32 sums[kEach][kVectors];
  for (int c = 0; c < kEach; ++c) {
    for (int v = 0; v < kVectors; ++v) sums[c][v] = zero();
  }
  const auto add = [&](index_t k, F32* sum) {
    const float* from = kernel + column_in(row.columns[k], 0, a.batch.x.cols) * a.kernel_row;
    const F32 value = set1(row.values[k]);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[v] = fma(value, read(from, v), sum[v]);
  };
  index_t k = 0;
  for (; k + kEach <= row.size; k += kEach) {
#pragma GCC unroll 4
    for (int c = 0; c < kEach; ++c) add(k + c, sums[c]);
  }
  for (int c = 0; k < row.size; ++k, ++c) add(k, sums[c]);
  for (int v = 0; v < kVectors; ++v) {
    F32 sum = sums[0][v];
    if constexpr (kEach == 2) sum = sum + sums[1][v];
    if constexpr (kEach == 4) sum = (sum + sums[1][v]) + (sums[2][v] + sums[3][v]);
    if (a.bias != nullptr) sum = sum + read(a.bias + j, v);
    float* to = y + j + v * kLanes;
    v == kVectors - 1 ? store(to, sum, last) : store(to, sum);
  }
}

template <int kVectors>
inline void add_gradient(const CsrDenseGradient& a, const SparseRow& row, index_t j,
                         const float* dz) {
  const Tail last = tail(a.n - j - (kVectors - 1) * kLanes);
  F32 slope[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    slope[v] = v == kVectors - 1 ? load(dz + j + v * kLanes, last) : load(dz + j + v * kLanes);
  }
  for (index_t k = 0; k < row.size; ++k) {
    float* to = a.dkernel + column_in(row.columns[k], a.first, a.last) * a.dkernel_row + j;
    const F32 value = set1(row.values[k]);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v, to += kLanes) {
      if (v == kVectors - 1) {
        store(to, fma(value, slope[v], load(to, last)), last);
      } else {
        store(to, fma(value, slope[v], load(to)));
      }
    }
  }
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

// The first of the numbers whose column is not less.
inline index_t lower_bound(const SparseRow& row, index_t column) {
  index_t begin = 0, end = row.size;
  while (begin < end) {
    const index_t middle = (begin + end) / 2;
    if (row.columns[middle] < column) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

}  // namespace

namespace FASTDNN_LEVEL {

void csr_dense_f32(const CsrDense& a) {
  for (index_t i = 0; i < a.batch.count; ++i) {
    const SparseRow row = row_of(a.batch, i);
    float* y = a.y + i * a.y_row;
    for_each_block(a.n, [&]<int kVectors>(index_t j) { dense_row<kVectors>(a, row, j, y); });
  }
}

void csr_dense_gradient_f32(const CsrDenseGradient& a) {
  for (index_t i = 0; i < a.batch.count; ++i) {
    const SparseRow row = row_of(a.batch, i);
    const index_t begin = lower_bound(row, a.first), end = lower_bound(row, a.last);
    if (begin >= end) continue;
    const SparseRow part{row.columns + begin, row.values + begin, end - begin};
    const float* dz = a.dz + i * a.dz_row;
    for_each_block(a.n, [&]<int kVectors>(index_t j) { add_gradient<kVectors>(a, part, j, dz); });
  }
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
