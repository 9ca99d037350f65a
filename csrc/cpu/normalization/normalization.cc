// SPDX-License-Identifier: Apache-2.0
// Splits rows over a team.
#include "csrc/ops/normalization.h"

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {

void normalization(const NormalizationArgs& args, Team& team) {
  const Range rows = team.share(args.x.rows);
  if (rows.empty()) return;
  kernels().normalization_f32({.rows = rows.size(),
                               .cols = args.x.cols,
                               .x = args.x.row(rows.begin),
                               .x_stride = args.x.stride,
                               .y = args.y.row(rows.begin),
                               .y_stride = args.y.stride,
                               .mean = args.mean,
                               .variance = args.variance,
                               .invert = args.invert});
}

}  // namespace fastdnn::cpu
