// SPDX-License-Identifier: Apache-2.0
// Normalization of columns, by a batch's statistics or fixed ones, and of rows.
#include "csrc/core/check.h"
#include "csrc/ops/batch_norm.h"
#include "csrc/ops/layer_norm.h"
#include "csrc/ops/normalization.h"
#include "csrc/ops/optimizer.h"
#include "csrc/program/lowering.h"

namespace fastdnn::program {

void Lowering::forward(const Node& node, const BatchNormalization& norm) {
  const Buffer x = value(node.input()), y = value(node.output) = new_buffer(x.view.cols);
  add_cost(x.view.cols, 0.6);
  const ParameterArena& weights = *storage_.weights;
  const auto data = [&](ParameterId id) { return id == kNone ? nullptr : weights.flat(id); };
  float* const gamma = data(norm.gamma);
  float* const beta = data(norm.beta);
  const float* const moving_mean = data(norm.moving_mean);
  const float* const moving_variance = data(norm.moving_variance);
  std::vector<Use> reads{x.resource};
  for (ParameterId id : {norm.gamma, norm.beta}) {
    if (id != kNone) reads.push_back(weight(id));
  }
  Buffer statistics;  // mean, inv_std, variance
  std::vector<Use> writes{y.resource};
  if (training()) {
    statistics = new_buffer(x.view.cols, 3);
    statistics_.push_back({node.output, statistics});
    writes.push_back(statistics.resource);
  }
  if (!training() || norm.frozen) {
    reads.push_back(weight(norm.moving_mean));
    reads.push_back(weight(norm.moving_variance));
    program().append(reads, writes, [=](const StepState& state, Context& context) {
      batch_norm_inference({.x = x.of(state.rows),
                            .y = y.of(state.rows),
                            .gamma = gamma,
                            .beta = beta,
                            .moving_mean = moving_mean,
                            .moving_variance = moving_variance,
                            .inv_std = statistics ? statistics.view.row(1) : nullptr,
                            .epsilon = norm.epsilon},
                           context);
    });
    return;
  }
  program().append(reads, writes, [=](const StepState& state, Context& context) {
    batch_norm({.x = x.of(state.rows),
                .y = y.of(state.rows),
                .gamma = gamma,
                .beta = beta,
                .mean = statistics.view.row(0),
                .inv_std = statistics.view.row(1),
                .variance = statistics.view.row(2),
                .epsilon = norm.epsilon},
               context);
  });
}

void Lowering::append_moving_statistics() {
  if (mode_ == Mode::kGradients) return;
  for (const Node* node : live_) {
    const auto* norm = as<BatchNormalization>(node->operation);
    if (norm == nullptr || norm->frozen) continue;
    const Buffer statistics = statistics_of(*node);
    const auto append = [&](ParameterId moving, index_t row) {
      const MovingAverageArgs args{.average = storage_.weights->flat(moving),
                                   .values = statistics.view.row(row),
                                   .size = statistics.view.cols,
                                   .momentum = norm->momentum};
      program().append({statistics.resource, decision_}, {weight(moving)},
                       [=](const StepState&, Context& context) { moving_average(args, context); });
    };
    append(norm->moving_mean, 0);
    append(norm->moving_variance, 2);
  }
}

void Lowering::backward(const Node& node, const BatchNormalization& norm) {
  const Buffer statistics = statistics_of(node);
  const Buffer x = value(node.input()), dy = gradient(node.output);
  const bool wants_dx = needs_gradient(node.input());
  const Buffer dx = wants_dx ? gradient_of_input(node, dy) : Buffer{};
  add_cost(dy.view.cols, 0.8);
  std::vector<Use> reads{x.resource, dy.resource, statistics.resource}, writes;
  if (dx) writes.push_back(dx.resource);
  const float* mean = statistics.view.row(0);
  if (norm.frozen) {
    mean = storage_.weights->flat(norm.moving_mean);
    reads.push_back(weight(norm.moving_mean));
  }
  const float* gamma = nullptr;
  if (norm.gamma != kNone) {
    gamma = storage_.weights->flat(norm.gamma);
    reads.push_back(weight(norm.gamma));
  }
  bool accumulate = false;
  const auto target = [&](ParameterId id) -> float* {
    if (id == kNone || !parameter(id).trainable) return nullptr;
    accumulate = start_gradient(id);
    writes.push_back(gradient_of(id));
    return storage_.gradients->flat(id);
  };
  if (norm.gamma != kNone && norm.beta != kNone && parameter(norm.gamma).trainable &&
      parameter(norm.beta).trainable) {
    check(gradient_started_[static_cast<std::size_t>(norm.gamma)] ==
              gradient_started_[static_cast<std::size_t>(norm.beta)],
          "batch_normalization", "received gamma or beta shared without the other; expected both");
  }
  float* const dgamma = target(norm.gamma);
  float* const dbeta = target(norm.beta);
  program().append(reads, writes, [=](const StepState& state, Context& context) {
    batch_norm_backward({.x = x.of(state.rows),
                         .dy = dy.of(state.rows),
                         .dx = dx ? dx.of(state.rows) : MatrixView{},
                         .gamma = gamma,
                         .mean = mean,
                         .inv_std = statistics.view.row(1),
                         .dgamma = dgamma,
                         .dbeta = dbeta,
                         .training = !norm.frozen,
                         .accumulate = accumulate || state.adds},
                        context);
  });
  if (dx) deliver_gradient(node.input(), dx);
  finish_gradient(norm.gamma);
  finish_gradient(norm.beta);
}

void Lowering::forward(const Node& node, const LayerNormalization& norm) {
  const Buffer x = value(node.input()), y = value(node.output) = new_buffer(x.view.cols);
  add_cost(x.view.cols, 0.6);
  std::vector<Use> reads{x.own_rows()}, writes{y.own_rows()};
  const auto data = [&](ParameterId id) -> const float* {
    if (id == kNone) return nullptr;
    reads.push_back(weight(id));
    return storage_.weights->flat(id);
  };
  const float* const gamma = data(norm.gamma);
  const float* const beta = data(norm.beta);
  Buffer statistics;
  if (training()) {
    statistics = new_buffer(kLayerNormStatisticCount);
    statistics_.push_back({node.output, statistics});
    writes.push_back(statistics.own_rows());
  }
  append_by_rows(reads, writes, [=, epsilon = norm.epsilon](const StepState&, const Own& own) {
    layer_norm({.x = x.of(own.rows),
                .y = y.of(own.rows),
                .gamma = gamma,
                .beta = beta,
                .statistics = statistics ? statistics.of(own.rows) : MatrixView{},
                .epsilon = epsilon},
               own.context);
  });
}

void Lowering::backward(const Node& node, const LayerNormalization& norm) {
  const Buffer statistics = statistics_of(node);
  append_layer_norm_parameters(node, norm, statistics);
  if (needs_gradient(node.input())) {
    const Buffer x = value(node.input()), dy = gradient(node.output);
    const Buffer dx = gradient_of_input(node, dy);
    add_cost(dy.view.cols, 0.6);
    std::vector<Use> reads{x.own_rows(), dy.own_rows(), statistics.own_rows()};
    const float* gamma = nullptr;
    if (norm.gamma != kNone) {
      gamma = storage_.weights->flat(norm.gamma);
      reads.push_back(weight(norm.gamma));
    }
    append_by_rows(reads, {dx.own_rows()}, [=](const StepState&, const Own& own) {
      layer_norm_backward({.x = x.of(own.rows),
                           .dy = dy.of(own.rows),
                           .dx = dx.of(own.rows),
                           .gamma = gamma,
                           .statistics = statistics.of(own.rows)},
                          own.context);
    });
    deliver_gradient(node.input(), dx);
  }
  finish_gradient(norm.gamma);
  finish_gradient(norm.beta);
}

void Lowering::append_layer_norm_parameters(const Node& node, const LayerNormalization& norm,
                                            const Buffer& statistics) {
  const Buffer x = value(node.input()), dy = gradient(node.output);
  std::vector<Use> writes;
  const auto target = [&](ParameterId id, bool& accumulate) -> float* {
    if (id == kNone || !parameter(id).trainable) return nullptr;
    accumulate = start_gradient(id);
    writes.push_back(gradient_of(id));
    return storage_.gradients->flat(id);
  };
  bool adds_gamma = false, adds_beta = false;
  float* const dgamma = target(norm.gamma, adds_gamma);
  float* const dbeta = target(norm.beta, adds_beta);
  if (writes.empty()) return;
  add_cost(dy.view.cols, 0.3);
  program().append({x.resource, dy.resource, statistics.resource}, writes,
                   [=](const StepState& state, Context& context) {
                     layer_norm_parameters({.x = x.of(state.rows),
                                            .dy = dy.of(state.rows),
                                            .statistics = statistics.of(state.rows),
                                            .dgamma = dgamma,
                                            .dbeta = dbeta,
                                            .accumulate_gamma = adds_gamma || state.adds,
                                            .accumulate_beta = adds_beta || state.adds},
                                           context);
                   });
}

void Lowering::forward(const Node& node, const Normalization& normalization) {
  const Buffer x = value(node.input()), y = value(node.output) = new_buffer(x.view.cols);
  append_normalization(x, y, normalization, true);
}

void Lowering::backward(const Node& node, const Normalization& normalization) {
  if (!needs_gradient(node.input())) return;
  const Buffer dy = gradient(node.output), dx = gradient_of_input(node, dy);
  append_normalization(dy, dx, normalization, false);
  deliver_gradient(node.input(), dx);
}

void Lowering::append_normalization(const Buffer& from, const Buffer& to,
                                    const Normalization& operation, bool with_mean) {
  add_cost(to.view.cols, 0.1);
  const float* const mean = with_mean ? storage_.weights->flat(operation.mean) : nullptr;
  const float* const variance = storage_.weights->flat(operation.variance);
  append_by_rows({from.own_rows(), weight(operation.mean), weight(operation.variance)},
                 {to.own_rows()}, [=, invert = operation.invert](const StepState&, const Own& own) {
                   fastdnn::normalization({.x = from.of(own.rows),
                                           .y = to.of(own.rows),
                                           .mean = mean,
                                           .variance = variance,
                                           .invert = invert},
                                          own.context);
                 });
}

}  // namespace fastdnn::program
