// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/metric.h"

#include "csrc/core/check.h"
#include "csrc/ops/named_kinds.h"

namespace fastdnn {
namespace {

struct Entry {
  Metric kind;
  const char* name;
  bool takes_labels;
};

constexpr Entry kMetrics[] = {
    {Metric::kSparseCategoricalAccuracy, "sparse_categorical_accuracy", true},
    {Metric::kCategoricalAccuracy, "categorical_accuracy", false},
    {Metric::kBinaryAccuracy, "binary_accuracy", false},
    {Metric::kSparseTopKCategoricalAccuracy, "sparse_top_k_categorical_accuracy", true},
    {Metric::kTopKCategoricalAccuracy, "top_k_categorical_accuracy", false},
    {Metric::kMeanSquaredError, "mean_squared_error", false},
    {Metric::kMeanAbsoluteError, "mean_absolute_error", false},
};

const Entry& entry(Metric kind) { return entry_of("metric", kMetrics, kind); }

}  // namespace

const char* metric_name(Metric kind) { return entry(kind).name; }

bool metric_takes_labels(Metric kind) { return entry(kind).takes_labels; }

Metric parse_metric(const std::string& name) { return parse_kind("metric", kMetrics, name); }

void metric(const MetricArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::metric(args, *context.stream);
  cpu::metric(args, *context.team);
}

}  // namespace fastdnn
