// SPDX-License-Identifier: Apache-2.0
// Splits reductions over a team into parts that depend on the shape alone.
#include "csrc/ops/reduction.h"

#include <algorithm>
#include <cmath>

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {
namespace {

// Columns that one member sums: whole cache lines, and wide enough to stream rows.
constexpr index_t kColumnChunk = 64;

// The reduction of two neighbouring parts of an array, `a` before `b`.
double combined(Reduction kind, double a, double b) {
  switch (kind) {
    case Reduction::kSum:
    case Reduction::kSumOfSquares:
    case Reduction::kSumAbs:
      return a + b;
    case Reduction::kMaxAbs:
      return std::isnan(a) || a > b ? a : b;
    case Reduction::kFirstNonfinite:
      return a >= 0.0 ? a : b;
  }
  return a;
}

}  // namespace

void column_sums(const ColumnSumsArgs& args, Team& team) {
  const Range chunks = team.share(ceil_div(args.x.cols, kColumnChunk));
  const index_t begin = chunks.begin * kColumnChunk;
  const index_t end = std::min(chunks.end * kColumnChunk, args.x.cols);
  if (begin >= end) return;
  kernels().column_sums_f32(args.x.data + begin, args.x.stride, args.x.rows, end - begin,
                            args.accumulate, args.sums + begin);
}

void row_sums(const RowSumsArgs& args, Team& team) {
  const Range rows = team.share(args.x.rows);
  if (rows.empty()) return;
  kernels().row_sums_f32(args.x.row(rows.begin), args.x.stride, rows.end - rows.begin, args.x.cols,
                         args.sums + rows.begin);
}

void reduce(const ReduceArgs& args, Team& team) {
  const index_t count = reduce_partials(args.size);
  const Range mine = team.share(count);
  for (index_t c = mine.begin; c < mine.end; ++c) {
    const index_t begin = c * kReduceChunk;
    double part = 0.0;
    kernels().reduce_f32(args.kind, args.x + begin, std::min(kReduceChunk, args.size - begin),
                         &part);
    const bool index = args.kind == Reduction::kFirstNonfinite && part >= 0.0;
    args.partials[c] = index ? part + static_cast<double>(begin) : part;
  }
  if (count > 1) team.barrier();
  // With one part, whoever computed it finishes; else the first member, once all parts are there.
  if (count == 1 ? mine.empty() : team.rank() != 0) return;
  double result =
      count > 0 ? args.partials[0] : (args.kind == Reduction::kFirstNonfinite ? -1.0 : 0.0);
  for (index_t c = 1; c < count; ++c) result = combined(args.kind, result, args.partials[c]);
  *args.result = result;
}

}  // namespace fastdnn::cpu
