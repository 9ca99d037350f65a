// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/optimizer.h"

#include <cmath>

#include "csrc/core/check.h"
#include "csrc/ops/named_kinds.h"

namespace fastdnn {
namespace {

struct Entry {
  Optimizer kind;
  const char* name;
};

constexpr Entry kOptimizers[] = {
    {Optimizer::kSgd, "sgd"},   {Optimizer::kAdagrad, "adagrad"}, {Optimizer::kRmsprop, "rmsprop"},
    {Optimizer::kAdam, "adam"}, {Optimizer::kFtrl, "ftrl"},
};

// Fails unless low <= value <= high; NaN fails.
void check_range(Optimizer kind, const char* name, double value, double low, double high) {
  check(value >= low && value <= high, optimizer_name(kind), "received ", name, "=", value,
        "; expected a number from ", low, " to ", high);
}

void check_not_negative(Optimizer kind, const char* name, double value) {
  check(value >= 0.0 && std::isfinite(value), optimizer_name(kind), "received ", name, "=", value,
        "; expected a finite number of at least 0");
}

}  // namespace

const char* optimizer_name(Optimizer kind) { return entry_of("optimizer", kOptimizers, kind).name; }

Optimizer parse_optimizer(const std::string& name) {
  return parse_kind("optimizer", kOptimizers, name);
}

void check_optimizer(const OptimizerConfig& c) {
  switch (c.kind) {
    case Optimizer::kSgd:
      return check_range(c.kind, "momentum", c.momentum, 0.0, 1.0);
    case Optimizer::kAdagrad:
      check_not_negative(c.kind, "initial_accumulator_value", c.initial_accumulator_value);
      return check_not_negative(c.kind, "epsilon", c.epsilon);
    case Optimizer::kRmsprop:
      check_range(c.kind, "rho", c.rho, 0.0, 1.0);
      check_range(c.kind, "momentum", c.momentum, 0.0, 1.0);
      return check_not_negative(c.kind, "epsilon", c.epsilon);
    case Optimizer::kAdam:
      check(c.beta_1 >= 0.0 && c.beta_1 < 1.0 && c.beta_2 >= 0.0 && c.beta_2 < 1.0, "adam",
            "received beta_1=", c.beta_1, " and beta_2=", c.beta_2,
            "; expected numbers of at least 0 and less than 1");
      return check_not_negative(c.kind, "epsilon", c.epsilon);
    case Optimizer::kFtrl:
      check(c.learning_rate_power <= 0.0 && std::isfinite(c.learning_rate_power), "ftrl",
            "received learning_rate_power=", c.learning_rate_power,
            "; expected a finite number of at most 0");
      check_not_negative(c.kind, "initial_accumulator_value", c.initial_accumulator_value);
      check_not_negative(c.kind, "l1_regularization_strength", c.l1_regularization_strength);
      check_not_negative(c.kind, "l2_regularization_strength", c.l2_regularization_strength);
      check_not_negative(c.kind, "l2_shrinkage_regularization_strength",
                         c.l2_shrinkage_regularization_strength);
      return check_not_negative(c.kind, "beta", c.beta);
  }
}

std::vector<std::string> slot_names(const OptimizerConfig& c) {
  std::vector<std::string> names;
  switch (c.kind) {
    case Optimizer::kSgd:
      if (c.momentum != 0.0) names = {"momentum"};
      break;
    case Optimizer::kAdagrad:
      names = {"accumulator"};
      break;
    case Optimizer::kRmsprop:
      names = {"velocity"};
      if (c.momentum != 0.0) names.emplace_back("momentum");
      if (c.centered) names.emplace_back("average_gradient");
      break;
    case Optimizer::kAdam:
      names = {"momentum", "velocity"};
      if (c.amsgrad) names.emplace_back("velocity_hat");
      break;
    case Optimizer::kFtrl:
      names = {"accumulator", "linear"};
      break;
  }
  return names;
}

float slot_initial_value(const OptimizerConfig& c, int i) {
  const bool accumulates = c.kind == Optimizer::kAdagrad || c.kind == Optimizer::kFtrl;
  return accumulates && i == 0 ? static_cast<float>(c.initial_accumulator_value) : 0.0f;
}

OptimizerStep prepare_step(const OptimizerConfig& c, double learning_rate, std::int64_t iteration) {
  check_not_negative(c.kind, "learning_rate", learning_rate);
  check(iteration >= 1, optimizer_name(c.kind), "received iteration ", iteration,
        "; expected at least 1, the number of the first step");
  OptimizerStep step;
  step.kind = c.kind;
  step.learning_rate = static_cast<float>(learning_rate);
  step.momentum = static_cast<float>(c.momentum);
  step.epsilon = static_cast<float>(c.epsilon);
  switch (c.kind) {
    case Optimizer::kSgd:
      step.nesterov = c.nesterov;
      break;
    case Optimizer::kAdagrad:
      break;
    case Optimizer::kRmsprop:
      step.centered = c.centered;
      step.rho = static_cast<float>(c.rho);
      step.one_minus_rho = static_cast<float>(1.0 - c.rho);
      break;
    case Optimizer::kAdam: {
      const double t = static_cast<double>(iteration);
      const double correction =
          std::sqrt(1.0 - std::pow(c.beta_2, t)) / (1.0 - std::pow(c.beta_1, t));
      step.amsgrad = c.amsgrad;
      step.learning_rate = static_cast<float>(learning_rate * correction);
      step.one_minus_beta_1 = static_cast<float>(1.0 - c.beta_1);
      step.one_minus_beta_2 = static_cast<float>(1.0 - c.beta_2);
      break;
    }
    case Optimizer::kFtrl:
      check(learning_rate > 0.0, "ftrl", "received learning_rate=0; expected more than 0");
      step.power = static_cast<float>(-c.learning_rate_power);
      step.inverse_rate = static_cast<float>(1.0 / learning_rate);
      step.l1 = static_cast<float>(c.l1_regularization_strength);
      step.twice_l2 =
          static_cast<float>(2.0 * c.l2_regularization_strength + c.beta / learning_rate);
      step.twice_l2_shrinkage = static_cast<float>(2.0 * c.l2_shrinkage_regularization_strength);
      break;
  }
  return step;
}

void optimizer_update(const OptimizerUpdateArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::optimizer_update(args, *context.stream);
  cpu::optimizer_update(args, *context.team);
}

}  // namespace fastdnn
