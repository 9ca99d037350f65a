// SPDX-License-Identifier: Apache-2.0
// Splits rows over a team.
#include "csrc/ops/softmax.h"

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {

void softmax(const SoftmaxArgs& args, Team& team) {
  const Range rows = team.share(args.x.rows);
  const SoftmaxShape shape{rows.end - rows.begin, args.x.cols};
  kernels().softmax_f32(shape, args.x.row(rows.begin), args.x.stride, args.y.row(rows.begin),
                        args.y.stride);
}

void log_softmax(const SoftmaxArgs& args, Team& team) {
  const Range rows = team.share(args.x.rows);
  const SoftmaxShape shape{rows.end - rows.begin, args.x.cols};
  kernels().log_softmax_f32(shape, args.x.row(rows.begin), args.x.stride, args.y.row(rows.begin),
                            args.y.stride);
}

void softmax_backward(const SoftmaxBackwardArgs& args, Team& team) {
  const Range rows = team.share(args.dy.rows);
  const SoftmaxShape shape{rows.end - rows.begin, args.dy.cols};
  kernels().softmax_backward_f32(shape, args.y.row(rows.begin), args.y.stride,
                                 args.dy.row(rows.begin), args.dy.stride, args.dx.row(rows.begin),
                                 args.dx.stride);
}

}  // namespace fastdnn::cpu
