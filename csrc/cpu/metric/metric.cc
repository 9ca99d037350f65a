// SPDX-License-Identifier: Apache-2.0
// Splits the rows of a batch over a team; what is summed up over rows is one member's.
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

void confusion_counts(const ConfusionArgs& args, Team& team) {
  if (team.rank() != 0 || args.outputs.rows == 0) return;
  const ConfusionRule& rule = *args.rule;
  kernels().confusion_counts_f32({
      .from_logits = rule.from_logits,
      .row_maximum = rule.row_maximum,
      .evenly = rule.evenly,
      .soft_targets = rule.soft_targets,
      .per_column = rule.per_class,
      .top_k = rule.top_k,
      .thresholds = rule.thresholds.data(),
      .threshold_count = static_cast<index_t>(rule.thresholds.size()),
      .rows = args.outputs.rows,
      .cols = args.outputs.cols,
      .first_column = rule.class_id < 0 ? 0 : rule.class_id,
      .columns = rule.class_id < 0 ? args.outputs.cols : 1,
      .outputs = args.outputs.data,
      .output_stride = args.outputs.stride,
      .targets = args.targets.data,
      .target_stride = args.targets.stride,
      .weights = args.sample_weight,
      .counts = args.counts,
  });
}

void regression_sums(const RegressionArgs& args, Team& team) {
  if (team.rank() != 0 || args.outputs.rows == 0) return;
  kernels().regression_sums_f32({
      .rows = args.outputs.rows,
      .cols = args.outputs.cols,
      .outputs = args.outputs.data,
      .output_stride = args.outputs.stride,
      .targets = args.targets.data,
      .target_stride = args.targets.stride,
      .weights = args.sample_weight,
      .sums = args.sums,
  });
}

}  // namespace fastdnn::cpu
