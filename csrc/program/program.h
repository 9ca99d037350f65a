// SPDX-License-Identifier: Apache-2.0
// A network lowered to a flat list of ops on planned buffers.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <vector>

#include "csrc/core/arena.h"
#include "csrc/core/optimizer.h"
#include "csrc/core/precision.h"
#include "csrc/core/tensor_view.h"
#include "csrc/ops/context.h"

namespace fastdnn::program {

// A network's weights follow at most so many rules.
inline constexpr std::size_t kMostRules = 8;

// How the weights of one rule are updated in a step.
struct RuleStep {
  OptimizerStep step{};
  // Of the weights' moving average: how much of it stays, and whether it then replaces them.
  double average_momentum = 0.0;
  bool averages_overwrite = false;
};

// What changes from step to step. Every member of a team works out the same values for itself.
struct StepState {
  index_t begin = 0;  // position in the order of the data
  index_t rows = 0;   // rows of this batch, at most the program's capacity
  std::uint64_t seed = 0;
  std::uint32_t iteration = 0;  // steps done before this one
  std::array<RuleStep, kMostRules> rules{};
  bool adds = false;    // gradients go on top of those of the steps before
  bool updates = true;  // the weights by what gradients there are then
  MatmulPrecision precision{};
};

// One collective op on fixed buffers.
using Action = std::function<void(const StepState&, Context&)>;

// Ops in phases: a team needs a barrier between phases only. Those of a phase touch nothing that
// another one of it writes, or else each member touches only its own rows of it.
class Program {
 public:
  // Memory an op may touch: a buffer of this program's, or anything else given a number of its own.
  using Resource = int;

  // Of which rows a member touches it: all, or those that Team::share gives it, or any and, after a
  // barrier of the op's own, those.
  enum class Rows { kAll, kOwn, kOwnAtEnd };
  struct Use {
    Use(Resource touched, Rows which = Rows::kAll) : resource(touched), rows(which) {}
    Resource resource;
    Rows rows;
  };

  Resource new_resource() { return resources_++; }

  // Appends an op to the earliest phase that the order of the list allows: after every earlier op
  // that writes what it touches or touches what it writes, or in the phase of that one if it left
  // off with a member's own rows and this one touches no others. Returns the phase.
  std::size_t append(const std::vector<Use>& reads, const std::vector<Use>& writes, Action action);

  // What is appended from now on belongs to another part, that another call runs.
  void begin_part() { parts_.push_back(phases_.size()); }

  // Runs the phases of a part in order, with a barrier after each. Within a phase every member
  // calls all ops in the order of the list: ops with barriers of their own meet there, too. The
  // members of context.team leave together; returns false if after a phase that an op wanted to be
  // the last.
  bool run(const StepState& state, Context& context, std::size_t part = 0) const;

  // For an op of that phase: no member is to begin the next one. Holds until begin().
  void stop_after(const StepState& state, std::size_t phase) {
    stops_[stop(state, phase)].store(true, std::memory_order_relaxed);
  }
  // Before a team runs.
  void begin() {
    for (auto& stop : stops_) stop.store(false, std::memory_order_relaxed);
  }

  index_t phases() const { return static_cast<index_t>(phases_.size()); }

 private:
  // The last phases in which it was written or read, with all rows or with a member's own last; -1
  // for none.
  struct Access {
    int written = -1, own_written = -1;
    int read = -1, own_read = -1;
  };

  int resources_ = 0;
  std::vector<Access> accesses_;
  std::vector<std::vector<Action>> phases_;
  std::vector<std::size_t> parts_{0};  // where each begins
  // Whether to stop after a phase. When a member looks, others may be in the next one, maybe of the
  // next step, but in none beyond it.
  static std::size_t stop(const StepState& state, std::size_t phase) {
    return 2 * (state.iteration % 2) + phase % 2;
  }
  std::atomic<bool> stops_[4] = {false, false, false, false};
};

}  // namespace fastdnn::program
