// SPDX-License-Identifier: Apache-2.0
// Learning rates as functions of the number of steps made before, 0 for the first.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace fastdnn::program {

// The formulas are Keras's, where it has the schedule; python/fastdnn/optimizers/schedules.py says
// what each computes and checks the numbers.
class Schedule {
 public:
  using Numbers = std::map<std::string, std::vector<double>>;

  // Throws InvalidArgument for unknown names, and where numbers are missing.
  Schedule(const std::string& name, const Numbers& numbers);

  double rate(double step) const { return rule_(*this, step); }

 private:
  struct Entry;
  using Rule = double (*)(const Schedule&, double step);

  double number(std::size_t i) const { return numbers_[i].front(); }

  static double piecewise(const Schedule& s, double step);
  static double exponential(const Schedule& s, double step);
  static double inverse_time(const Schedule& s, double step);
  static double power(const Schedule& s, double step);
  static double polynomial(const Schedule& s, double step);
  static double cosine(const Schedule& s, double step);
  static double cosine_restarts(const Schedule& s, double step);
  static double one_cycle(const Schedule& s, double step);

  Rule rule_ = nullptr;
  std::vector<std::vector<double>> numbers_;  // in the order that the rule expects
};

}  // namespace fastdnn::program
