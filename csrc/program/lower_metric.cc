// SPDX-License-Identifier: Apache-2.0
// What is summed up for the metrics of an output.
#include "csrc/program/lowering.h"

namespace fastdnn::program {

bool metric_takes_labels(const MetricSpec& spec) {
  if (const auto* row = as<RowMetric>(spec)) return fastdnn::metric_takes_labels(row->kind);
  const auto* loss = as<LossSpec>(spec);
  return loss != nullptr && loss->kind == Loss::kSparseCategoricalCrossentropy;
}

const char* metric_name(const MetricSpec& spec) {
  if (const auto* row = as<RowMetric>(spec)) return fastdnn::metric_name(row->kind);
  if (const auto* loss = as<LossSpec>(spec)) return loss_name(loss->kind);
  if (as<FunctionMetric>(spec) != nullptr) return "function";
  return as<ConfusionRule>(spec) != nullptr ? "confusion_counts" : "regression_sums";
}

index_t metric_size(const MetricSpec& spec, index_t cols) {
  if (const auto* rule = as<ConfusionRule>(spec)) return confusion_size(*rule, cols);
  return as<RegressionSums>(spec) != nullptr ? regression_size(cols) : 1;
}

Lowering::MetricSums Lowering::lower_metric(std::size_t i, const MetricSpec& spec,
                                            const ScoredRows& scored) {
  const Buffer result = scored.result, targets = scored.targets;
  if (const auto* rule = as<ConfusionRule>(spec)) {
    return {{result.resource, targets.resource},
            [=, rule = *rule](index_t rows, const float* weights, double* sums, Context& context) {
              confusion_counts({.rule = &rule,
                                .outputs = result.of(rows),
                                .targets = targets.of(rows),
                                .sample_weight = weights,
                                .counts = sums},
                               context);
            }};
  }
  if (as<RegressionSums>(spec) != nullptr) {
    return {{result.resource, targets.resource},
            [=](index_t rows, const float* weights, double* sums, Context& context) {
              regression_sums({.outputs = result.of(rows),
                               .targets = targets.of(rows),
                               .sample_weight = weights,
                               .sums = sums},
                              context);
            }};
  }
  const bool is_function = as<FunctionMetric>(spec) != nullptr;
  const Buffer values = is_function ? new_buffer(out_.capacity, 1) : lower_row_metric(spec, scored);
  if (is_function) asked(i).metrics.push_back(values.view.data);
  return {{values.resource},
          [=](index_t rows, const float* weights, double* sums, Context& context) {
            if (context.team->rank() != 0) return;
            for (index_t row = 0; row < rows; ++row) {
              const double weight = weights == nullptr ? 1.0 : static_cast<double>(weights[row]);
              *sums += weight * values.view.data[row];
            }
          }};
}

Buffer Lowering::lower_row_metric(const MetricSpec& spec, const ScoredRows& scored) {
  const Buffer result = scored.result, targets = scored.targets;
  const Buffer values = new_buffer(out_.capacity, 1);
  std::vector<Use> reads{result.own_rows(), scored.labels_by_rows};
  if (targets) reads.push_back(gathered(targets));
  append_by_rows(reads, {values.own_rows()}, [=](const StepState&, const Own& own) {
    float* row_values = values.view.data + own.rows.begin;
    if (const auto* row = as<RowMetric>(spec)) {
      MetricArgs args;
      args.kind = row->kind;
      args.threshold = row->threshold;
      args.top_k = row->top_k;
      args.outputs = result.of(own.rows);
      args.labels = scored.labels_from(own.rows.begin);
      if (targets) args.targets = targets.of(own.rows);
      args.row_values = row_values;
      return fastdnn::metric(args, own.context);
    }
    LossArgs args;
    args.spec = std::get<LossSpec>(spec);
    args.outputs = result.of(own.rows);
    args.labels = scored.labels_from(own.rows.begin);
    if (targets) args.targets = targets.of(own.rows);
    args.row_losses = row_values;
    fastdnn::loss(args, own.context);
  });
  return values;
}

}  // namespace fastdnn::program
