// SPDX-License-Identifier: Apache-2.0
#include "csrc/program/program.h"

#include <algorithm>

namespace fastdnn::program {

void Program::append(std::vector<Resource> reads, std::vector<Resource> writes, Action action) {
  accesses_.resize(static_cast<std::size_t>(resources_));
  const auto access = [this](Resource r) -> Access& {
    return accesses_[static_cast<std::size_t>(r)];
  };
  int phase = 0;
  for (Resource r : reads) phase = std::max(phase, access(r).last_write + 1);
  for (Resource w : writes) {
    phase = std::max({phase, access(w).last_write + 1, access(w).last_read + 1});
  }
  for (Resource r : reads) access(r).last_read = std::max(access(r).last_read, phase);
  for (Resource w : writes) access(w).last_write = phase;
  if (static_cast<std::size_t>(phase) >= phases_.size())
    phases_.resize(static_cast<std::size_t>(phase) + 1);
  phases_[static_cast<std::size_t>(phase)].push_back(std::move(action));
}

void Program::run(const StepState& state, Context& context) const {
  for (const std::vector<Action>& phase : phases_) {
    for (const Action& action : phase) action(state, context);
    context.team->barrier();
  }
}

}  // namespace fastdnn::program
