// SPDX-License-Identifier: Apache-2.0
// Splits the rows of a batch over a team.
#include "csrc/ops/loss.h"

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {
void loss(const LossArgs& args, Team& team) {
  const Range rows = team.share(args.outputs.rows);
  if (rows.empty()) return;
  const index_t i = rows.begin;
  kernels().loss_rows_f32({
      .spec = args.spec,
      .scale = args.scale,
      .rows = rows.end - i,
      .cols = args.outputs.cols,
      .outputs = args.outputs.row(i),
      .output_stride = args.outputs.stride,
      .labels = offset(args.labels, i),
      .targets = offset(args.targets.data, i * args.targets.stride),
      .target_stride = args.targets.stride,
      .sample_weight = offset(args.sample_weight, i),
      .gradient = offset(args.gradient.data, i * args.gradient.stride),
      .gradient_stride = args.gradient.stride,
      .row_losses = offset(args.row_losses, i),
  });
}

}  // namespace fastdnn::cpu
