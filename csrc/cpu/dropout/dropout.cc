// SPDX-License-Identifier: Apache-2.0
// Splits dropout over a team by rows.
#include "csrc/ops/dropout.h"

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {
namespace {

template <typename Args>
DropoutShape shape_of(const Args& args, Range rows, index_t cols, float scale) {
  return {args.key, dropout_threshold(args.rate), scale, args.first_row + rows.begin, rows.size(),
          cols};
}

void apply_mask(const DropoutShape& shape, ConstMatrixView x, MatrixView y, Range rows) {
  kernels().dropout_f32(shape, x.row(rows.begin), x.stride, y.row(rows.begin), y.stride);
}

}  // namespace

void dropout(const DropoutArgs& args, Team& team) {
  const Range rows = team.share(args.x.rows);
  if (rows.empty()) return;
  const float scale = dropout_scale(args.rate);
  apply_mask(shape_of(args, rows, args.x.cols, scale), args.x, args.y, rows);
}

// The derivative of a multiplication by a mask is that multiplication.
void dropout_backward(const DropoutBackwardArgs& args, Team& team) {
  dropout({args.dy, args.dx, args.rate, args.key, args.first_row}, team);
}

void alpha_dropout(const AlphaDropoutArgs& args, Team& team) {
  const Range rows = team.share(args.x.rows);
  if (rows.empty()) return;
  const AlphaDropoutFactors factors = alpha_dropout_factors(args.rate);
  kernels().alpha_dropout_f32(shape_of(args, rows, args.x.cols, factors.scale), factors.offset,
                              factors.dropped, args.x.row(rows.begin), args.x.stride,
                              args.y.row(rows.begin), args.y.stride);
}

void alpha_dropout_backward(const AlphaDropoutBackwardArgs& args, Team& team) {
  const Range rows = team.share(args.dy.rows);
  if (rows.empty()) return;
  const float scale = alpha_dropout_factors(args.rate).scale;
  apply_mask(shape_of(args, rows, args.dy.cols, scale), args.dy, args.dx, rows);
}

}  // namespace fastdnn::cpu
