// SPDX-License-Identifier: Apache-2.0
#include "csrc/program/program.h"

#include <algorithm>

namespace fastdnn::program {

void Program::append(const std::vector<Use>& reads, const std::vector<Use>& writes, Action action) {
  accesses_.resize(static_cast<std::size_t>(resources_));
  const auto access = [this](const Use& use) -> Access& {
    return accesses_[static_cast<std::size_t>(use.resource)];
  };
  int phase = 0;
  const auto follow = [&phase](const Use& use, int whole, int by_rows) {
    phase = std::max({phase, whole + 1, use.by_rows ? by_rows : by_rows + 1});
  };
  for (const Use& use : reads) follow(use, access(use).written, access(use).written_by_rows);
  for (const Use& use : writes) {
    follow(use, access(use).written, access(use).written_by_rows);
    follow(use, access(use).read, access(use).read_by_rows);
  }
  const auto mark = [phase](int& last) { last = std::max(last, phase); };
  for (const Use& use : reads) mark(use.by_rows ? access(use).read_by_rows : access(use).read);
  for (const Use& use : writes) {
    mark(use.by_rows ? access(use).written_by_rows : access(use).written);
  }
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
