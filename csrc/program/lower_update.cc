// SPDX-License-Identifier: Apache-2.0
// How gradients change the weights, once they are there.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "csrc/ops/constraint.h"
#include "csrc/ops/reduction.h"
#include "csrc/program/lowering.h"

namespace fastdnn::program {

bool TrainingSpec::averages() const {
  return std::any_of(rules.begin(), rules.end(), [](const auto& rule) { return rule.use_ema; });
}

std::size_t TrainingSpec::rule_slots() const {
  std::size_t most = 0;
  for (const OptimizerConfig& rule : rules) most = std::max(most, rule_slot_names(rule).size());
  return most;
}

std::size_t TrainingSpec::slot(ParameterId id, const std::string& name) const {
  const std::vector<std::string> own = rule_slot_names(optimizer(id));
  const auto found = std::find(own.begin(), own.end(), name);
  if (found != own.end()) return static_cast<std::size_t>(found - own.begin());
  if (name == kAverageSlot && optimizer(id).use_ema) return rule_slots();
  return slots() - (name == kAccumulatorSlot && accumulates());
}

bool Lowering::start_gradient(ParameterId id) {
  const bool started = gradient_started_[static_cast<std::size_t>(id)];
  gradient_started_[static_cast<std::size_t>(id)] = true;
  return started;
}

OptimizerUpdateArgs Lowering::update_of(ParameterId id) const {
  OptimizerUpdateArgs args;
  args.weights = storage_.weights->flat(id);
  args.gradient = stored_gradient(id);
  args.size = storage_.weights->flat_size(id);
  for (std::size_t i = 0; i < rule_slot_names(spec_.optimizer(id)).size(); ++i)
    args.slots[i] = (*storage_.slots)[i].flat(id);
  return args;
}

bool Lowering::updates_at_once(ParameterId kernel) const {
  // Where no other node adds to it, nobody else touches the gradient's memory either.
  return mode_ == Mode::kTrain && uses(kernel) == 1 && !spec_.optimizer(kernel).clips_norms() &&
         !spec_.accumulates();
}

float* Lowering::stored_gradient(ParameterId id) const {
  const auto found = own_gradients_.find(id);
  return found != own_gradients_.end() ? found->second : storage_.gradients->flat(id);
}

void Lowering::append_own_gradient(ParameterId id) {
  const float* const from = storage_.gradients->flat(id);
  const index_t size = storage_.gradients->flat_size(id);
  float* const to = out_.buffers.emplace_back(size).data();
  own_gradients_[id] = to;
  program().append({}, {gradient_of(id)}, [=](const StepState&, Context& context) {
    const Range share = context.team->share(size);
    std::copy_n(from + share.begin, share.size(), to + share.begin);
  });
}

void Lowering::append_penalty_gradient(ParameterId id) {
  add_update_cost(id);
  const PenaltyGradientArgs args{.penalty = penalty_of(id),
                                 .weights = storage_.weights->flat(id),
                                 .gradient = stored_gradient(id),
                                 .size = storage_.weights->flat_size(id)};
  program().append({weight(id), gradient_of(id)}, {gradient_of(id)},
                   [=](const StepState&, Context& context) { penalty_gradient(args, context); });
}

void Lowering::finish_unused_gradients() {
  for (std::size_t i = 0; i < graph_.parameters().size(); ++i) {
    const auto id = static_cast<ParameterId>(i);
    if (uses(id) > 0 || !penalty_of(id)) continue;
    float* const gradient = storage_.gradients->flat(id);
    const index_t size = storage_.gradients->flat_size(id);
    program().append({}, {gradient_of(id)}, [=](const StepState& state, Context& context) {
      if (context.team->rank() == 0 && !state.adds) std::fill_n(gradient, size, 0.0f);
    });
    finish_gradient(id);
  }
}

void Lowering::finish_gradient(ParameterId id) {
  if (id == kNone || !parameter(id).trainable) return;
  if (--uses_left_[static_cast<std::size_t>(id)] > 0 || mode_ == Mode::kOwnLoop) return;
  update_by_gradient(id);
}

void Lowering::update_by_gradient(ParameterId id) {
  if (penalty_of(id) && stores_penalty_gradients(id)) {
    if (mode_ == Mode::kApply) append_own_gradient(id);
    append_penalty_gradient(id);
  }
  if (mode_ == Mode::kGradients) return;
  add_update_cost(id);
  if (!spec_.optimizer(id).clips_norms()) return append_update(id, {});
  finished_.push_back({id, append_sum_of_squares(id)});
  if (spec_.optimizer(id).clipnorm > 0.0) append_update(id, {finished_.back().squares});
}

Lowering::Squares Lowering::append_sum_of_squares(ParameterId id) {
  const float* const gradient = stored_gradient(id);
  const index_t size = storage_.gradients->flat_size(id);
  double* const partials = out_.sums.emplace_back(reduce_partials(size)).data();
  const Squares squares{out_.sums.emplace_back(1).data(), program().new_resource()};
  program().append({gradient_of(id)}, {squares.resource},
                   [=](const StepState& state, Context& context) {
                     if (!state.updates) return;
                     reduce({.kind = Reduction::kSumOfSquares,
                             .x = gradient,
                             .size = size,
                             .partials = partials,
                             .result = squares.sum},
                            context);
                   });
  return squares;
}

void Lowering::append_update(ParameterId id, const std::vector<Squares>& squares) {
  const OptimizerUpdateArgs args = update_of(id);
  const Penalty penalty = update_penalty(id);
  const std::size_t rule = spec_.rule(id);
  const double clipnorm = spec_.rules[rule].clipnorm, global = spec_.rules[rule].global_clipnorm;
  std::vector<Use> reads{gradient_of(id), decision_};
  for (const Squares& of : squares) reads.push_back(of.resource);
  program().append(reads, {weight(id)}, [=](const StepState& state, Context& context) {
    if (!state.updates) return;
    OptimizerUpdateArgs now = args;
    now.step = update_step(state, rule, penalty);
    if (!squares.empty()) {
      double sum = 0.0;
      for (const Squares& of : squares) sum += *of.sum;
      const double scale = static_cast<double>(now.step.gradient_scale);
      const double norm = std::sqrt(sum) * scale;
      const double factor =
          clipnorm > 0.0 ? clip_factor(norm, clipnorm) : global_clip_factor(norm, global);
      now.step.gradient_scale = static_cast<float>(scale * factor);
    }
    optimizer_update(now, context);
  });
}

void Lowering::append_updates() {
  for (std::size_t i = 0; i < graph_.parameters().size(); ++i) {
    const auto id = static_cast<ParameterId>(i);
    if (parameter(id).trainable) update_by_gradient(id);
  }
  append_clipped_updates();
  append_moving_averages();
  append_constraints();
}

void Lowering::append_clipped_updates() {
  for (std::size_t rule = 0; rule < spec_.rules.size(); ++rule) {
    if (spec_.rules[rule].global_clipnorm == 0.0) continue;
    std::vector<Finished> together;
    std::copy_if(finished_.begin(), finished_.end(), std::back_inserter(together),
                 [&](const Finished& gradient) { return spec_.rule(gradient.id) == rule; });
    std::vector<Squares> all;
    for (const Finished& gradient : together) all.push_back(gradient.squares);
    for (const Finished& gradient : together) append_update(gradient.id, all);
  }
}

void Lowering::append_moving_averages() {
  if (!changes_weights() || !spec_.averages()) return;
  const ParameterArena& averages = (*storage_.slots)[spec_.rule_slots()];
  for (std::size_t i = 0; i < graph_.parameters().size(); ++i) {
    const auto id = static_cast<ParameterId>(i);
    if (!parameter(id).trainable || !spec_.optimizer(id).use_ema) continue;
    add_update_cost(id);
    const std::size_t rule = spec_.rule(id);
    const MovingAverageArgs args{.average = averages.flat(id),
                                 .values = storage_.weights->flat(id),
                                 .size = averages.flat_size(id)};
    program().append({}, {weight(id)}, [=](const StepState& state, Context& context) {
      MovingAverageArgs now = args;
      now.momentum = state.rules[rule].average_momentum;
      now.overwrites = state.rules[rule].averages_overwrite;
      moving_average(now, context);
    });
  }
}

void Lowering::append_constraints() {
  if (!changes_weights()) return;
  for (std::size_t i = 0; i < graph_.parameters().size(); ++i) {
    const auto id = static_cast<ParameterId>(i);
    const bool trains = parameter(id).trainable && (uses(id) > 0 || penalty_of(id));
    if (!trains || !parameter(id).constraint) continue;
    add_update_cost(id);
    const ConstrainArgs args{parameter(id).constraint, storage_.weights->view(id)};
    program().append({}, {weight(id)},
                     [=](const StepState&, Context& context) { constrain(args, context); });
  }
}

}  // namespace fastdnn::program
