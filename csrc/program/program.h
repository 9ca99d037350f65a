// SPDX-License-Identifier: Apache-2.0
// A network lowered to a flat list of ops on planned buffers.
#pragma once

#include <functional>
#include <vector>

#include "csrc/core/arena.h"
#include "csrc/core/optimizer.h"
#include "csrc/core/tensor_view.h"
#include "csrc/ops/context.h"

namespace fastdnn::program {

// What changes from step to step. Every member of a team works out the same values for itself.
struct StepState {
  index_t begin = 0;  // position in the order of the data
  index_t rows = 0;   // rows of this batch, at most the program's capacity
  std::uint64_t seed = 0;
  std::uint32_t iteration = 0;  // steps done before this one
  OptimizerStep optimizer{};
};

// One collective op on fixed buffers.
using Action = std::function<void(const StepState&, Context&)>;

// Ops in phases: those of a phase touch nothing that another one of it writes, so that a team needs
// a barrier between phases only.
class Program {
 public:
  // Memory an op may touch: a buffer of this program's, or anything else given a number of its own.
  using Resource = int;

  Resource new_resource() { return resources_++; }

  // Appends an op to the earliest phase that the order of the list allows: after every earlier op
  // that writes what it touches or touches what it writes.
  void append(std::vector<Resource> reads, std::vector<Resource> writes, Action action);

  // Runs the phases in order, with a barrier after each. Within a phase every member calls all ops
  // in the order of the list: ops with barriers of their own meet there, too. The members of
  // context.team leave together.
  void run(const StepState& state, Context& context) const;

 private:
  struct Access {
    int last_write = -1;  // phase, or -1
    int last_read = -1;
  };

  int resources_ = 0;
  std::vector<Access> accesses_;
  std::vector<std::vector<Action>> phases_;
};

}  // namespace fastdnn::program
