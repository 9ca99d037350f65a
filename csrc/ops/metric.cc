// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/metric.h"

#include <algorithm>
#include <iterator>

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
};

const Entry& entry(Metric kind) { return entry_of("metric", kMetrics, kind); }

}  // namespace

const char* metric_name(Metric kind) { return entry(kind).name; }

bool metric_takes_labels(Metric kind) { return entry(kind).takes_labels; }

bool is_metric(const std::string& name) {
  return std::any_of(std::begin(kMetrics), std::end(kMetrics),
                     [&](const Entry& entry) { return name == entry.name; });
}

Metric parse_metric(const std::string& name) { return parse_kind("metric", kMetrics, name); }

void metric(const MetricArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::metric(args, *context.stream);
  cpu::metric(args, *context.team);
}

void check_rule(const char* op, const ConfusionRule& rule, index_t cols) {
  const std::size_t least = rule.evenly ? 2 : 1;
  check(rule.thresholds.size() >= least, op, "thresholds: received ", rule.thresholds.size(),
        "; expected at least ", least);
  for (std::size_t i = 0; i + 1 < rule.thresholds.size(); ++i) {
    check(rule.thresholds[i] <= rule.thresholds[i + 1], op, "thresholds: received ",
          rule.thresholds[i], " before ", rule.thresholds[i + 1], "; expected them to ascend");
  }
  check(rule.top_k >= 0 && rule.top_k <= cols, op, "received top_k=", rule.top_k,
        "; expected at most ", cols, ", the number of columns");
  check(rule.class_id >= -1 && rule.class_id < cols, op, "received class_id=", rule.class_id,
        "; expected 0 to ", cols - 1);
}

void confusion_counts(const ConfusionArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::confusion_counts(args, *context.stream);
  cpu::confusion_counts(args, *context.team);
}

void regression_sums(const RegressionArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::regression_sums(args, *context.stream);
  cpu::regression_sums(args, *context.team);
}

}  // namespace fastdnn
