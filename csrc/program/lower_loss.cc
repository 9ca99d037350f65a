// SPDX-License-Identifier: Apache-2.0
// The loss of an output, its gradient, the metrics, and the sums that are reported.
#include <algorithm>
#include <cmath>
#include <memory>

#include "csrc/program/lowering.h"

namespace fastdnn::program {

bool all_finite(const float* values, index_t size) {
  return std::all_of(values, values + size, [](float value) { return std::isfinite(value); });
}

bool all_finite(const Asked& asked, index_t rows) {
  if (asked.losses != nullptr && !all_finite(asked.losses, rows)) return false;
  if (asked.gradient.data == nullptr) return true;
  for (index_t row = 0; row < rows; ++row) {
    if (!all_finite(asked.gradient.row(row), asked.gradient.cols)) return false;
  }
  return true;
}

bool OutputSpec::asks_functions() const {
  return function_loss ||
         std::any_of(metrics.begin(), metrics.end(), [](const ShownMetric& metric) {
           return as<FunctionMetric>(metric.spec) != nullptr;
         });
}

bool OutputSpec::takes_labels() const {
  if (loss) return loss->kind == Loss::kSparseCategoricalCrossentropy;
  return std::any_of(metrics.begin(), metrics.end(),
                     [](const ShownMetric& metric) { return metric_takes_labels(metric.spec); });
}

bool OutputSpec::takes_targets() const {
  if (takes_labels()) return false;
  return loss || std::any_of(metrics.begin(), metrics.end(), [](const ShownMetric& metric) {
           return as<FunctionMetric>(metric.spec) == nullptr;
         });
}

void Lowering::lower_losses() {
  struct Scored {
    std::size_t output;
    ScoredRows rows;
    Buffer losses;
  };
  std::vector<Scored> all;
  for (std::size_t i : outputs_) {
    add_cost(graph_.width(graph_.outputs()[i]), 2.0);
    const ScoredRows rows = gather_scored(i);
    all.push_back(
        {i, rows,
         spec_.outputs[i].function_loss ? append_function_loss(i, rows) : append_loss(i, rows)});
  }
  // After all losses: one that is not finite ends the step, and nothing of it counts.
  for (const Scored& scored : all) append_totals(scored.output, scored.losses, scored.rows);
  append_penalty_total();
}

Lowering::ScoredRows Lowering::gather_scored(std::size_t i) {
  const TensorId output = graph_.outputs()[i];
  const bool with_labels = spec_.outputs[i].takes_labels();
  const Buffer weights = new_buffer(out_.capacity, 1);
  const Use labels_by_rows{program().new_resource(), Program::Rows::kOwn};
  auto labels = std::make_shared<std::vector<std::int32_t>>(with_labels ? out_.capacity : 0);
  LoweredProgram* out = &out_;
  const auto last_label = static_cast<std::int32_t>(graph_.width(output) - 1);
  append_by_rows({}, {labels_by_rows, weights.own_rows()},
                 [=](const StepState& state, const Own& own) {
                   const Feed& feed = *out->feed;
                   for (index_t row = own.rows.begin; row < own.rows.end; ++row) {
                     const index_t from = feed.row(state.begin + row);
                     const float* given = feed.sample_weights[i];
                     weights.view.data[row] = given != nullptr ? given[from] : 1.0f;
                     if (with_labels) {
                       // Checked before, and in range even if somebody changes them meanwhile.
                       (*labels)[static_cast<std::size_t>(row)] =
                           std::clamp(feed.labels[i][from], 0, last_label);
                     }
                   }
                 });
  Buffer targets;
  if (spec_.outputs[i].takes_targets()) {
    targets = new_buffer(graph_.width(output));
    program().append({}, {gathered(targets)}, [=](const StepState& state, Context& context) {
      const Feed& feed = *out->feed;
      gather_rows(feed, feed.targets[i], state.begin, Bytes::kUnit, targets.of(state.rows),
                  *context.team);
    });
  }
  const Buffer result = value(output) ? value(output) : value(loss_input(i));
  return {result, weights, targets, labels, labels_by_rows};
}

Buffer Lowering::append_loss(std::size_t i, const ScoredRows& scored) {
  const TensorId input = loss_input(i);
  const Buffer prediction = value(input), weights = scored.weights, targets = scored.targets;
  const Buffer row_losses = new_buffer(out_.capacity, 1);
  LossArgs loss;
  loss.spec = *spec_.outputs[i].loss;
  if (input != graph_.outputs()[i]) loss.spec.from_logits = true;
  loss.scale = spec_.outputs[i].loss_weight;
  std::vector<Use> reads{prediction.own_rows(), scored.labels_by_rows, weights.own_rows()};
  if (targets) reads.push_back(gathered(targets));
  std::vector<Use> writes{row_losses.own_rows()};
  Buffer dy;
  if (training() && needs_gradient(input)) {
    dy = new_buffer(graph_.width(input));
    writes.push_back(dy.own_rows());
  }
  const bool stops = mode_ == Mode::kTrain;
  if (stops) writes.emplace_back(decision_, Program::Rows::kOwn);
  // A step that ends here adds nothing to the gradients of the steps before, either.
  for (std::size_t p = 0; stops && spec_.accumulates() && p < gradient_resources_.size(); ++p) {
    writes.emplace_back(gradient_resources_[p], Program::Rows::kOwn);
  }
  const auto phase = std::make_shared<std::size_t>();
  Program* all = &program();
  *phase = append_by_rows(reads, writes, [=](const StepState& state, const Own& own) {
    LossArgs args = loss;
    args.outputs = prediction.of(own.rows);
    args.labels = scored.labels_from(own.rows.begin);
    if (targets) args.targets = targets.of(own.rows);
    args.sample_weight = weights.view.data + own.rows.begin;
    args.row_losses = row_losses.view.data + own.rows.begin;
    args.scale = loss.scale / static_cast<float>(state.rows);
    if (dy) args.gradient = dy.of(own.rows);
    fastdnn::loss(args, own.context);
    if (stops && !all_finite(args.row_losses, own.rows.size())) all->stop_after(state, *phase);
  });
  if (dy) deliver_gradient(input, dy);
  return row_losses;
}

Asked& Lowering::asked(std::size_t i) {
  for (Asked& known : out_.asked) {
    if (known.output == i) return known;
  }
  return out_.asked.emplace_back(
      Asked{.output = i, .prediction = value(graph_.outputs()[i]).view, .metrics = {}});
}

Buffer Lowering::append_function_loss(std::size_t i, const ScoredRows& scored) {
  const TensorId output = graph_.outputs()[i];
  const Buffer row_losses = new_buffer(out_.capacity, 1);
  asked(i).losses = row_losses.view.data;
  if (!training() || !needs_gradient(output)) return row_losses;
  // Of each row's loss; that of their mean, weighted, is what goes back.
  const Buffer dy = new_buffer(graph_.width(output)), weights = scored.weights;
  asked(i).gradient = dy.view;
  const float loss_weight = spec_.outputs[i].loss_weight;
  append_by_rows({weights.own_rows()}, {dy.own_rows()},
                 [=](const StepState& state, const Own& own) {
                   const float scale = loss_weight / static_cast<float>(state.rows);
                   for (index_t row = own.rows.begin; row < own.rows.end; ++row) {
                     const float factor = scale * weights.view.data[row];
                     float* gradient = dy.view.row(row);
                     for (index_t col = 0; col < dy.view.cols; ++col) gradient[col] *= factor;
                   }
                 });
  deliver_gradient(output, dy);
  return row_losses;
}

std::size_t totals_place(const Graph& graph, const TrainingSpec& spec, std::size_t output) {
  index_t place = 0;
  for (std::size_t i = 0; i < output; ++i) {
    const index_t cols = graph.width(graph.outputs()[i]);
    place += 3;
    for (const auto& [metric, weighted] : spec.outputs[i].metrics) {
      place += static_cast<index_t>(weighted.size()) * metric_size(metric, cols);
    }
  }
  return static_cast<std::size_t>(place);
}

void Lowering::append_totals(std::size_t i, Buffer losses, const ScoredRows& scored) {
  struct Summed {
    index_t size;
    std::vector<bool> weighted;
    MetricSums sums;
  };
  const Buffer weights = scored.weights;
  std::vector<Use> reads{losses.resource, weights.resource, decision_};
  std::vector<Summed> metrics;
  for (const auto& [spec, weighted] : spec_.outputs[i].metrics) {
    const index_t size = metric_size(spec, scored.result.view.cols);
    metrics.push_back({size, weighted, lower_metric(i, spec, scored)});
    const std::vector<Use>& more = metrics.back().sums.reads;
    reads.insert(reads.end(), more.begin(), more.end());
  }
  const auto place = static_cast<std::ptrdiff_t>(totals_place(graph_, spec_, i));
  LoweredProgram* out = &out_;
  program().append(reads, {totals_}, [=](const StepState& state, Context& context) {
    const float* w = weights.view.data;
    double* sums = out->totals->data() + place;
    if (context.team->rank() == 0) {
      for (index_t row = 0; row < state.rows; ++row) {
        sums[0] += 1.0;
        sums[1] += w[row];
        sums[2] += static_cast<double>(w[row]) * losses.view.data[row];
      }
    }
    sums += 3;
    for (const Summed& metric : metrics) {
      for (const bool weighted : metric.weighted) {
        metric.sums.add(state.rows, weighted ? w : nullptr, sums, context);
        sums += metric.size;
      }
    }
  });
}

}  // namespace fastdnn::program
