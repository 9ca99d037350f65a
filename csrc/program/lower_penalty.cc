// SPDX-License-Identifier: Apache-2.0
// What weights and activities add to the loss, and what activities add to their gradient.
#include <algorithm>

#include "csrc/ops/optimizer.h"
#include "csrc/ops/reduction.h"
#include "csrc/program/lowering.h"

namespace fastdnn::program {
namespace {

// Elements of a part: the work of one member, whoever that is.
constexpr index_t kPart = 16384;

// A member's sum over x[0 .. size).
double penalty_sum(const Penalty& penalty, const float* x, index_t size, Context& alone) {
  const auto sum = [&](Reduction kind) {
    double total = 0.0;
    for (index_t begin = 0; begin < size; begin += kPart) {
      double partial = 0.0, result = 0.0;
      static_assert(kPart <= cpu::kReduceChunk, "one partial result is enough");
      reduce({.kind = kind,
              .x = x + begin,
              .size = std::min(kPart, size - begin),
              .partials = &partial,
              .result = &result},
             alone);
      total += result;
    }
    return total;
  };
  double total = 0.0;
  if (penalty.l1 != 0.0f) total += penalty.l1 * sum(Reduction::kSumAbs);
  if (penalty.l2 != 0.0f) total += penalty.l2 * sum(Reduction::kSumOfSquares);
  return total;
}

}  // namespace

void Lowering::append_weight_penalties() {
  for (std::size_t i = 0; i < graph_.parameters().size(); ++i) {
    const auto id = static_cast<ParameterId>(i);
    const Penalty penalty = penalty_of(id);
    if (!penalty) continue;
    // Padding is zero, and adds nothing.
    const float* const weights = storage_.weights->flat(id);
    const index_t size = storage_.weights->flat_size(id), count = ceil_div(size, kPart);
    double* const parts = out_.sums.emplace_back(count).data();
    const Resource written = program().new_resource();
    penalties_.push_back({parts, count, false, written});
    add_update_cost(id);
    program().append({weight(id)}, {written}, [=](const StepState&, Context& context) {
      const Range mine = context.team->share(count);
      Team team = Team::alone();
      Context alone = context;
      alone.team = &team;
      for (index_t part = mine.begin; part < mine.end; ++part) {
        const index_t begin = part * kPart;
        parts[part] = penalty_sum(penalty, weights + begin, std::min(kPart, size - begin), alone);
      }
    });
  }
}

void Lowering::forward(const Node& node, const ActivityPenalty& activity) {
  const Buffer x = value(node.output) = value(node.input());
  const Penalty penalty = activity.penalty;
  if (!has_losses() || !penalty) return;
  double* const parts = out_.sums.emplace_back(out_.capacity).data();
  const Use written{program().new_resource(), Program::Rows::kOwn};
  penalties_.push_back({parts, 0, true, written.resource});
  add_cost(x.view.cols);
  append_by_rows({x.own_rows()}, {written}, [=](const StepState&, const Own& own) {
    for (index_t row = own.rows.begin; row < own.rows.end; ++row) {
      parts[row] = penalty_sum(penalty, x.view.row(row), x.view.cols, own.context);
    }
  });
}

void Lowering::append_penalty_total() {
  if (penalties_.empty()) return;
  std::vector<Use> reads{decision_};
  for (const PenaltyParts& penalty : penalties_) reads.push_back(penalty.use);
  const std::size_t place = totals_place(graph_, spec_, spec_.outputs.size());
  LoweredProgram* out = &out_;
  // Nobody else touches this one of the totals, and a step ends before the next one.
  program().append(reads, {}, [=, all = penalties_](const StepState& state, Context& context) {
    if (context.team->rank() != 0) return;
    double total = 0.0;
    for (const PenaltyParts& penalty : all) {
      double sum = 0.0;
      for (index_t i = 0; i < (penalty.by_rows ? state.rows : penalty.count); ++i) {
        sum += penalty.parts[i];
      }
      total += penalty.by_rows ? sum : sum * static_cast<double>(state.rows);
    }
    (*out->totals)[place] += total;
  });
}

void Lowering::backward(const Node& node, const ActivityPenalty& activity) {
  if (!needs_gradient(node.input())) return;
  const Buffer y = value(node.output);
  // There is none yet where no loss depends on the tensor.
  const Buffer dy = gradient(node.output);
  const Buffer dx = dy ? gradient_of_input(node, dy) : new_buffer(y.view.cols);
  const Penalty penalty = activity.penalty;
  add_cost(y.view.cols);
  std::vector<Use> reads{y.own_rows()};
  if (dy) reads.push_back(dy.own_rows());
  append_by_rows(reads, {dx.own_rows()}, [=](const StepState& state, const Own& own) {
    const auto rows = static_cast<float>(state.rows);
    for (index_t row = own.rows.begin; row < own.rows.end; ++row) {
      float* const to = dx.view.row(row);
      if (!dy) {
        std::fill_n(to, dx.view.cols, 0.0f);
      } else if (dy.view.row(row) != to) {
        std::copy_n(dy.view.row(row), dx.view.cols, to);
      }
      penalty_gradient({.penalty = {penalty.l1 / rows, penalty.l2 / rows},
                        .weights = y.view.row(row),
                        .gradient = to,
                        .size = y.view.cols},
                       own.context);
    }
  });
  deliver_gradient(node.input(), dx);
}

}  // namespace fastdnn::program
