// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "csrc/core/reduction.h"
#include "csrc/core/tensor_view.h"
#include "csrc/ops/context.h"

namespace fastdnn {

// sums[j] = sum over i of x(i, j) [+ sums[j]], in float32; the order of additions depends on x.rows
// alone. The work is split by columns, so that nobody waits for anybody.
struct ColumnSumsArgs {
  ConstMatrixView x;
  float* sums = nullptr;  // x.cols of them
  bool accumulate = false;
};

// sums[i] = sum over j of x(i, j), in float64, rounded once. The work is split by rows.
struct RowSumsArgs {
  ConstMatrixView x;
  float* sums = nullptr;  // x.rows of them
};

// *result = the reduction of x[0 .. size), in float64. The members of a team meet once inside if
// there is more than one partial result.
struct ReduceArgs {
  Reduction kind = Reduction::kSum;
  const float* x = nullptr;
  index_t size = 0;
  double* partials = nullptr;  // reduce_partials(size) of them
  double* result = nullptr;
};

// Partial results of a reduction, by size alone.
index_t reduce_partials(index_t size);

void column_sums(const ColumnSumsArgs& args, Context& context);
void row_sums(const RowSumsArgs& args, Context& context);
void reduce(const ReduceArgs& args, Context& context);

namespace cpu {
// Elements that one partial result of reduce() covers.
inline constexpr index_t kReduceChunk = 16384;

void column_sums(const ColumnSumsArgs& args, Team& team);
void row_sums(const RowSumsArgs& args, Team& team);
void reduce(const ReduceArgs& args, Team& team);
}  // namespace cpu

namespace cuda {
void column_sums(const ColumnSumsArgs& args, Stream& stream);
void row_sums(const RowSumsArgs& args, Stream& stream);
void reduce(const ReduceArgs& args, Stream& stream);
}  // namespace cuda

}  // namespace fastdnn
