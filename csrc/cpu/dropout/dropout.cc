// SPDX-License-Identifier: Apache-2.0
// Splits dropout over a team by rows.
#include "csrc/ops/dropout.h"

#include <cmath>

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {

void dropout(const DropoutArgs& args, Team& team) {
  const Range rows = team.share(args.x.rows);
  if (rows.empty()) return;
  const DropoutShape shape{args.key,
                           static_cast<std::int32_t>(std::lround(args.rate * 65536.0f)),
                           dropout_scale(args.rate),
                           args.first_row + rows.begin,
                           rows.end - rows.begin,
                           args.x.cols};
  kernels().dropout_f32(shape, args.x.row(rows.begin), args.x.stride, args.y.row(rows.begin),
                        args.y.stride);
}

// The derivative of a multiplication by a mask is that multiplication.
void dropout_backward(const DropoutBackwardArgs& args, Team& team) {
  dropout({args.dy, args.dx, args.rate, args.key, args.first_row}, team);
}

}  // namespace fastdnn::cpu
