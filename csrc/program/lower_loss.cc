// SPDX-License-Identifier: Apache-2.0
// The loss of an output, its gradient, the metrics, and the sums that are reported.
#include <algorithm>
#include <memory>

#include "csrc/program/lowering.h"

namespace fastdnn::program {

void Lowering::lower_loss(std::size_t i) {
  const TensorId output = graph_.outputs()[i];
  const OutputSpec& spec = spec_.outputs[i];
  const TensorId scored = loss_input(i);
  const Buffer prediction = value(scored);
  const Buffer result = value(output) ? value(output) : prediction;
  const bool sparse = spec.loss->kind == Loss::kSparseCategoricalCrossentropy;
  const Buffer row_losses = new_buffer(out_.capacity, 1);
  const Buffer row_weights = new_buffer(out_.capacity, 1);
  const Buffer targets = sparse ? Buffer{} : new_buffer(graph_.width(output));
  const Use labels_by_rows{program().new_resource(), Program::Rows::kOwn};
  auto labels = std::make_shared<std::vector<std::int32_t>>(sparse ? out_.capacity : 0);
  add_cost(graph_.width(output), 2.0);
  LoweredProgram* out = &out_;

  const auto last_label = static_cast<std::int32_t>(graph_.width(output) - 1);
  append_by_rows({}, {labels_by_rows, row_weights.own_rows()},
                 [=](const StepState& state, const Own& own) {
                   const Feed& feed = *out->feed;
                   for (index_t row = own.rows.begin; row < own.rows.end; ++row) {
                     const index_t from = feed.row(state.begin + row);
                     const float* weights = feed.sample_weights[i];
                     row_weights.view.data[row] = weights != nullptr ? weights[from] : 1.0f;
                     if (sparse) {
                       // Checked before, and in range even if somebody changes them meanwhile.
                       (*labels)[static_cast<std::size_t>(row)] =
                           std::clamp(feed.labels[i][from], 0, last_label);
                     }
                   }
                 });
  if (targets) {
    program().append({}, {gathered(targets)}, [=](const StepState& state, Context& context) {
      const Feed& feed = *out->feed;
      gather_rows(feed, feed.targets[i], state.begin, Bytes::kUnit, targets.of(state.rows),
                  *context.team);
    });
  }

  LossArgs loss;
  loss.spec = *spec.loss;
  if (scored != output) loss.spec.from_logits = true;
  loss.scale = spec.loss_weight;
  const auto labels_from = [=](index_t row) { return sparse ? labels->data() + row : nullptr; };
  std::vector<Use> reads{prediction.own_rows(), labels_by_rows, row_weights.own_rows()};
  if (targets) reads.push_back(gathered(targets));
  std::vector<Use> writes{row_losses.own_rows()};
  const bool first_gradient = !gradient(scored);
  Buffer dy;
  if (training() && needs_gradient(scored)) {
    dy = first_gradient ? gradient(scored) = new_buffer(graph_.width(scored))
                        : new_buffer(graph_.width(scored));
    writes.push_back(dy.own_rows());
  }
  append_by_rows(reads, writes, [=](const StepState& state, const Own& own) {
    LossArgs args = loss;
    args.outputs = prediction.of(own.rows);
    args.labels = labels_from(own.rows.begin);
    if (targets) args.targets = targets.of(own.rows);
    args.sample_weight = row_weights.view.data + own.rows.begin;
    args.row_losses = row_losses.view.data + own.rows.begin;
    args.scale = loss.scale / static_cast<float>(state.rows);
    if (dy) args.gradient = dy.of(own.rows);
    fastdnn::loss(args, own.context);
  });
  if (dy && !first_gradient) append_sum(dy, gradient(scored));

  append_totals(i, row_losses, row_weights, {result, targets, labels, labels_by_rows});
}

std::size_t totals_place(const Graph& graph, const TrainingSpec& spec, std::size_t output) {
  index_t place = 0;
  for (std::size_t i = 0; i < output; ++i) {
    const index_t cols = graph.width(graph.outputs()[i]);
    place += 3;
    for (const MetricSpec& metric : spec.outputs[i].metrics) place += 2 * metric_size(metric, cols);
  }
  return static_cast<std::size_t>(place);
}

void Lowering::append_totals(std::size_t i, Buffer losses, Buffer weights,
                             const ScoredRows& scored) {
  struct Summed {
    index_t size;
    MetricSums sums;
  };
  std::vector<Use> reads{losses.resource, weights.resource};
  std::vector<Summed> metrics;
  for (const MetricSpec& spec : spec_.outputs[i].metrics) {
    const index_t size = metric_size(spec, scored.result.view.cols);
    metrics.push_back({size, lower_metric(spec, scored)});
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
      metric.sums.add(state.rows, nullptr, sums, context);
      metric.sums.add(state.rows, w, sums + metric.size, context);
      sums += 2 * metric.size;
    }
  });
}

}  // namespace fastdnn::program
