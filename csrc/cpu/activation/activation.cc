// SPDX-License-Identifier: Apache-2.0
// Splits element-wise work over a team; each member's part is whole rows, or a piece of a single
// row.
#include "csrc/ops/activation.h"

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {

void activation(const ActivationArgs& args, Team& team) {
  const Range rows = team.share(args.x.rows);
  if (rows.empty()) return;
  const ActivationShape shape{args.kind, args.alpha, rows.end - rows.begin, args.x.cols};
  kernels().activation_f32(shape, args.x.row(rows.begin), args.x.stride, args.y.row(rows.begin),
                           args.y.stride);
}

void activation_backward(const ActivationBackwardArgs& args, Team& team) {
  const Range rows = team.share(args.dy.rows);
  if (rows.empty()) return;
  const ActivationShape shape{args.kind, args.alpha, rows.end - rows.begin, args.dy.cols};
  kernels().activation_backward_f32(shape, args.saved.row(rows.begin), args.saved.stride,
                                    args.dy.row(rows.begin), args.dy.stride,
                                    args.dx.row(rows.begin), args.dx.stride);
}

}  // namespace fastdnn::cpu
