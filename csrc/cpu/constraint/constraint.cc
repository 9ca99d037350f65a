// SPDX-License-Identifier: Apache-2.0
// Splits columns or rows over a team: a norm is one member's.
#include "csrc/ops/constraint.h"

#include <algorithm>

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {
namespace {

// Whole cache lines, and wide enough to stream rows.
constexpr index_t kColumnChunk = 64;

}  // namespace

void constrain(const ConstrainArgs& args, Team& team) {
  const MatrixView& w = args.weights;
  if (args.constraint.kind == Constraint::Kind::kColumnNorms) {
    const Range chunks = team.share(ceil_div(w.cols, kColumnChunk));
    const index_t begin = chunks.begin * kColumnChunk;
    const index_t end = std::min(chunks.end * kColumnChunk, w.cols);
    if (begin >= end) return;
    kernels().column_norms_f32(args.constraint, w.data + begin, w.stride, w.rows, end - begin);
    return;
  }
  const Range rows = team.share(w.rows);
  if (rows.empty()) return;
  if (args.constraint.kind == Constraint::Kind::kRowNorms) {
    kernels().row_norms_f32(args.constraint, w.row(rows.begin), w.stride, rows.size(), w.cols);
  } else if (args.constraint.kind == Constraint::Kind::kNonNegative) {
    kernels().non_negative_f32(w.row(rows.begin), w.stride, rows.size(), w.cols);
  }
}

}  // namespace fastdnn::cpu
