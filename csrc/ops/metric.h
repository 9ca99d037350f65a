// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "csrc/core/metric.h"
#include "csrc/core/tensor_view.h"
#include "csrc/ops/context.h"

namespace fastdnn {

// The value of a metric for every row; formulas in csrc/cpu/metric/metric.h. The work is split by
// rows.
struct MetricArgs {
  Metric kind = Metric::kMeanSquaredError;
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
// Whether the metric takes labels rather than targets.
bool metric_takes_labels(Metric kind);

void metric(const MetricArgs& args, Context& context);

namespace cpu {
void metric(const MetricArgs& args, Team& team);
}  // namespace cpu

namespace cuda {
void metric(const MetricArgs& args, Stream& stream);
}  // namespace cuda

}  // namespace fastdnn
