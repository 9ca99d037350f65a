// SPDX-License-Identifier: Apache-2.0
#include "csrc/program/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "csrc/core/check.h"

namespace fastdnn::program {
namespace {

// From start to end along half a cosine, at a share of the way.
double anneal(double start, double end, double share) {
  return end + (start - end) * 0.5 * (1.0 + std::cos(std::numbers::pi * share));
}

}  // namespace

struct Schedule::Entry {
  const char* name;
  Rule rule;
  std::vector<const char*> numbers;
};

Schedule::Schedule(const std::string& name, const Numbers& numbers) {
  static const std::vector<Entry> kEntries = {
      {"piecewise_constant_decay", piecewise, {"boundaries", "values"}},
      {"exponential_decay",
       exponential,
       {"initial_learning_rate", "decay_steps", "decay_rate", "staircase"}},
      {"inverse_time_decay",
       inverse_time,
       {"initial_learning_rate", "decay_steps", "decay_rate", "staircase"}},
      {"power_decay", power, {"initial_learning_rate", "decay_steps", "power"}},
      {"polynomial_decay",
       polynomial,
       {"initial_learning_rate", "decay_steps", "end_learning_rate", "power", "cycle"}},
      {"cosine_decay",
       cosine,
       {"initial_learning_rate", "decay_steps", "alpha", "warmup_target", "warmup_steps"}},
      {"cosine_decay_restarts",
       cosine_restarts,
       {"initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha"}},
      {"one_cycle",
       one_cycle,
       {"max_learning_rate", "total_steps", "pct_start", "div_factor", "final_div_factor"}},
  };
  for (const Entry& entry : kEntries) {
    if (name != entry.name) continue;
    rule_ = entry.rule;
    for (const char* wanted : entry.numbers) {
      const auto found = numbers.find(wanted);
      check(found != numbers.end() && (!found->second.empty() || entry.rule == piecewise),
            "schedule", "received no ", wanted, " for '", name, "'; expected a number");
      numbers_.push_back(found->second);
    }
  }
  check(rule_ != nullptr, "schedule", "received the unknown schedule '", name, "'");
  check(rule_ != piecewise || numbers_[1].size() == numbers_[0].size() + 1, "schedule",
        "received as many values as boundaries; expected one value more");
}

double Schedule::piecewise(const Schedule& s, double step) {
  const std::vector<double>& boundaries = s.numbers_[0];
  const auto place = std::lower_bound(boundaries.begin(), boundaries.end(), step);
  return s.numbers_[1][static_cast<std::size_t>(place - boundaries.begin())];
}

double Schedule::exponential(const Schedule& s, double step) {
  const double share = step / s.number(1);
  return s.number(0) * std::pow(s.number(2), s.number(3) != 0.0 ? std::floor(share) : share);
}

double Schedule::inverse_time(const Schedule& s, double step) {
  const double share = step / s.number(1);
  return s.number(0) / (1.0 + s.number(2) * (s.number(3) != 0.0 ? std::floor(share) : share));
}

double Schedule::power(const Schedule& s, double step) {
  return s.number(0) / std::pow(1.0 + step / s.number(1), s.number(2));
}

double Schedule::polynomial(const Schedule& s, double step) {
  double length = s.number(1);
  if (s.number(4) != 0.0) {
    length *= std::max(1.0, std::ceil(step / length));
  } else {
    step = std::min(step, length);
  }
  const double end = s.number(2);
  return (s.number(0) - end) * std::pow(1.0 - step / length, s.number(3)) + end;
}

double Schedule::cosine(const Schedule& s, double step) {
  const double first = s.number(0), target = s.number(3), warmup = s.number(4);
  if (step < warmup) return first + (target - first) / warmup * step;
  const double share = std::clamp((step - warmup) / s.number(1), 0.0, 1.0);
  return anneal(target, s.number(2) * target, share);
}

double Schedule::cosine_restarts(const Schedule& s, double step) {
  const double done = step / s.number(1);  // in lengths of the first cosine
  const double growth = s.number(2);
  double restarts = std::floor(done), share = done - restarts;
  if (growth != 1.0) {
    restarts = std::floor(std::log(1.0 - done * (1.0 - growth)) / std::log(growth));
    const double length = std::pow(growth, restarts);
    share = (done - (1.0 - length) / (1.0 - growth)) / length;
  }
  const double height = std::pow(s.number(3), restarts), alpha = s.number(4);
  const double cosine = 0.5 * height * (1.0 + std::cos(std::numbers::pi * share));
  return s.number(0) * ((1.0 - alpha) * cosine + alpha);
}

double Schedule::one_cycle(const Schedule& s, double step) {
  const double highest = s.number(0), first = highest / s.number(3), last = first / s.number(4);
  const double end = std::max(s.number(1) - 1.0, 1.0);
  const double top = std::clamp(s.number(2) * s.number(1) - 1.0, 0.0, end);
  if (step < top) return anneal(first, highest, step / top);
  return end > top ? anneal(highest, last, std::min((step - top) / (end - top), 1.0)) : last;
}

}  // namespace fastdnn::program
