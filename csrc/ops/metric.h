// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "csrc/core/metric.h"
#include "csrc/core/tensor_view.h"
#include "csrc/ops/context.h"

namespace fastdnn {

// The value of a metric for every row; formulas in csrc/cpu/metric/metric.h. The work is split by
// rows.
struct MetricArgs {
  Metric kind = Metric::kCategoricalAccuracy;
  ConstMatrixView outputs;               // at least one column
  const std::int32_t* labels = nullptr;  // the sparse metrics: one per row, in [0, outputs.cols)
  ConstMatrixView targets;               // all others: the shape of outputs
  float threshold = 0.5f;                // binary accuracy
  index_t top_k = 5;                     // top-k accuracies
  float* row_values = nullptr;           // one per row
};

const char* metric_name(Metric kind);
// Throws InvalidArgument that lists the valid names.
Metric parse_metric(const std::string& name);
bool is_metric(const std::string& name);
// Whether the metric takes labels rather than targets.
bool metric_takes_labels(Metric kind);

void metric(const MetricArgs& args, Context& context);

// How outputs become yes or no at every threshold; formulas of ConfusionRows in
// csrc/cpu/metric/metric.h.
struct ConfusionRule {
  std::vector<float> thresholds;  // at least one, ascending
  bool evenly = false;            // they are 0 to 1 in equal steps, at least two
  index_t top_k = 0;              // that many columns of a row may be yes; 0: all
  index_t class_id = -1;          // the column that counts; -1: all
  bool per_class = false;         // columns are counted apart
  bool soft_targets = false;      // else all but 0 is yes
  bool row_maximum = false;       // the largest of a row becomes 1, all others 0
  bool from_logits = false;
};

// Adds to counts, in the order of the rows.
struct ConfusionArgs {
  const ConfusionRule* rule = nullptr;
  ConstMatrixView outputs;               // at least one column
  ConstMatrixView targets;               // the shape of outputs
  const float* sample_weight = nullptr;  // one per row, or null for ones
  double* counts = nullptr;              // [groups][2][thresholds + 1]
};

// Throws InvalidArgument unless the rule fits outputs of so many columns.
void check_rule(const char* op, const ConfusionRule& rule, index_t cols);
inline index_t confusion_groups(const ConfusionRule& rule, index_t cols) {
  return rule.per_class && rule.class_id < 0 ? cols : 1;
}
inline index_t confusion_size(const ConfusionRule& rule, index_t cols) {
  return confusion_groups(rule, cols) * 2 * (static_cast<index_t>(rule.thresholds.size()) + 1);
}

// Adds to the sums that a coefficient of determination is made of, in the order of the rows.
struct RegressionArgs {
  ConstMatrixView outputs;               // at least one column
  ConstMatrixView targets;               // the shape of outputs
  const float* sample_weight = nullptr;  // one per row, or null for ones
  double* sums = nullptr;                // [3 + 4 * columns]
};
inline index_t regression_size(index_t cols) { return 3 + 4 * cols; }

// One member of the team does it all: a batch has few numbers, and floats are added up in order.
void confusion_counts(const ConfusionArgs& args, Context& context);
void regression_sums(const RegressionArgs& args, Context& context);

namespace cpu {
void metric(const MetricArgs& args, Team& team);
void confusion_counts(const ConfusionArgs& args, Team& team);
void regression_sums(const RegressionArgs& args, Team& team);
}  // namespace cpu

namespace cuda {
void metric(const MetricArgs& args, Stream& stream);
void confusion_counts(const ConfusionArgs& args, Stream& stream);
void regression_sums(const RegressionArgs& args, Stream& stream);
}  // namespace cuda

}  // namespace fastdnn
