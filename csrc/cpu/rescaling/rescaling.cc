// SPDX-License-Identifier: Apache-2.0
// Splits rows over a team.
#include "csrc/ops/rescaling.h"

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {

void rescaling(const RescalingArgs& args, Team& team) {
  const Range rows = team.share(args.x.rows);
  const RescalingShape shape{args.scale, args.offset, rows.size(), args.x.cols};
  kernels().rescaling_f32(shape, args.x.row(rows.begin), args.x.stride, args.y.row(rows.begin),
                          args.y.stride);
}

}  // namespace fastdnn::cpu
