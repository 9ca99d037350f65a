// SPDX-License-Identifier: Apache-2.0
// Splits PReLU over a team: by rows, but by columns for what is summed over rows.
#include "csrc/ops/prelu.h"

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {

void prelu(const PreluArgs& args, Team& team) {
  const Range rows = team.share(args.x.rows);
  if (rows.empty()) return;
  kernels().prelu_f32({.rows = rows.size(),
                       .cols = args.x.cols,
                       .x = args.x.row(rows.begin),
                       .x_stride = args.x.stride,
                       .alpha = args.alpha,
                       .dy = nullptr,
                       .dy_stride = 0,
                       .y = args.y.row(rows.begin),
                       .y_stride = args.y.stride});
}

void prelu_backward(const PreluBackwardArgs& args, Team& team) {
  const Range rows = team.share(args.x.rows);
  if (rows.empty()) return;
  kernels().prelu_f32({.rows = rows.size(),
                       .cols = args.x.cols,
                       .x = args.x.row(rows.begin),
                       .x_stride = args.x.stride,
                       .alpha = args.alpha,
                       .dy = args.dy.row(rows.begin),
                       .dy_stride = args.dy.stride,
                       .y = args.dx.row(rows.begin),
                       .y_stride = args.dx.stride});
}

void prelu_slope(const PreluSlopeArgs& args, Team& team) {
  const auto [begin, end] = team.share_columns(args.x.cols);
  if (begin >= end) return;
  kernels().prelu_slope_f32({.rows = args.x.rows,
                             .cols = end - begin,
                             .x = args.x.data + begin,
                             .x_stride = args.x.stride,
                             .dy = args.dy.data + begin,
                             .dy_stride = args.dy.stride,
                             .dalpha = args.dalpha + begin,
                             .accumulate = args.accumulate});
}

}  // namespace fastdnn::cpu
