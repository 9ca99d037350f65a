// SPDX-License-Identifier: Apache-2.0
#include "csrc/program/program.h"

#include <algorithm>

namespace fastdnn::program {

std::size_t Program::append(const std::vector<Use>& reads, const std::vector<Use>& writes,
                            Action action) {
  accesses_.resize(static_cast<std::size_t>(resources_));
  const auto access = [this](const Use& use) -> Access& {
    return accesses_[static_cast<std::size_t>(use.resource)];
  };
  int phase = static_cast<int>(parts_.back());
  const auto follow = [&phase](const Use& use, int all, int own) {
    phase = std::max({phase, all + 1, use.rows == Rows::kOwn ? own : own + 1});
  };
  for (const Use& use : reads) follow(use, access(use).written, access(use).own_written);
  for (const Use& use : writes) {
    follow(use, access(use).written, access(use).own_written);
    follow(use, access(use).read, access(use).own_read);
  }
  const auto mark = [phase](const Use& use, int& all, int& own) {
    int& last = use.rows == Rows::kAll ? all : own;
    last = std::max(last, phase);
  };
  for (const Use& use : reads) mark(use, access(use).read, access(use).own_read);
  for (const Use& use : writes) mark(use, access(use).written, access(use).own_written);
  if (static_cast<std::size_t>(phase) >= phases_.size())
    phases_.resize(static_cast<std::size_t>(phase) + 1);
  phases_[static_cast<std::size_t>(phase)].push_back(std::move(action));
  return static_cast<std::size_t>(phase);
}

bool Program::run(const StepState& state, Context& context, std::size_t part) const {
  const std::size_t end = part + 1 < parts_.size() ? parts_[part + 1] : phases_.size();
  for (std::size_t phase = parts_[part]; phase < end; ++phase) {
    for (const Action& action : phases_[phase]) action(state, context);
    context.team->barrier();
    if (stops_[stop(state, phase)].load(std::memory_order_relaxed)) return false;
  }
  return true;
}

}  // namespace fastdnn::program
