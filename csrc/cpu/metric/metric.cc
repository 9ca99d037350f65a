// SPDX-License-Identifier: Apache-2.0
// Splits the rows of a batch over a team.
#include "csrc/ops/metric.h"

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {

void metric(const MetricArgs& args, Team& team) {
  const Range rows = team.share(args.outputs.rows);
  if (rows.empty()) return;
  const index_t i = rows.begin;
  kernels().metric_rows_f32({
      .kind = args.kind,
      .threshold = args.threshold,
      .top_k = args.top_k,
      .rows = rows.end - i,
      .cols = args.outputs.cols,
      .outputs = args.outputs.row(i),
      .output_stride = args.outputs.stride,
      .labels = args.labels == nullptr ? nullptr : args.labels + i,
      .targets = args.targets.empty() ? nullptr : args.targets.row(i),
      .target_stride = args.targets.stride,
      .row_values = args.row_values + i,
  });
}

}  // namespace fastdnn::cpu
