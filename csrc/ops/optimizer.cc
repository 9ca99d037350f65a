// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/optimizer.h"

#include <algorithm>
#include <array>
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
    {Optimizer::kSgd, "sgd"},         {Optimizer::kAdagrad, "adagrad"},
    {Optimizer::kRmsprop, "rmsprop"}, {Optimizer::kAdam, "adam"},
    {Optimizer::kFtrl, "ftrl"},       {Optimizer::kAdadelta, "adadelta"},
    {Optimizer::kNadam, "nadam"},     {Optimizer::kAdamax, "adamax"},
    {Optimizer::kLion, "lion"},
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

// 1 - 0.96^t / 2, by which Nadam's momentum grows from step to step.
constexpr double kNadamDecay = 0.96;
double nadam_factor(double t) { return 1.0 - 0.5 * std::pow(kNadamDecay, t); }

// The products of the first t factors. From t = 900 on a factor is 1 in float64: 0.96^900 is less
// than 2^-53.
constexpr std::size_t kNadamFactors = 900;
constexpr auto kNadamProducts = [] {
  std::array<double, kNadamFactors + 1> products{};
  products[0] = 1.0;
  double power = 1.0;
  for (std::size_t t = 1; t <= kNadamFactors; ++t) {
    power *= kNadamDecay;
    products[t] = products[t - 1] * (1.0 - 0.5 * power);
  }
  return products;
}();

// Keras's u_product: the product of beta_1 nadam_factor(i) for i from 1 to t.
double nadam_product(double beta_1, double t) {
  const auto place = static_cast<std::size_t>(std::min(t, static_cast<double>(kNadamFactors)));
  return std::pow(beta_1, t) * kNadamProducts[place];
}

void prepare_nadam(const OptimizerConfig& c, double learning_rate, double t, OptimizerStep& step) {
  // sqrt(v / (1 - beta_2^t)) + epsilon, times the root of what v is divided by.
  const double root = std::sqrt(1.0 - std::pow(c.beta_2, t));
  const double next = c.beta_1 * nadam_factor(t + 1.0) / (1.0 - nadam_product(c.beta_1, t + 1.0));
  const double now = (1.0 - c.beta_1 * nadam_factor(t)) / (1.0 - nadam_product(c.beta_1, t));
  step.momentum_rate = static_cast<float>(learning_rate * root * next);
  step.gradient_rate = static_cast<float>(learning_rate * root * now);
  step.epsilon = static_cast<float>(c.epsilon * root);
}

void check_betas(const OptimizerConfig& c) {
  check(c.beta_1 >= 0.0 && c.beta_1 < 1.0 && c.beta_2 >= 0.0 && c.beta_2 < 1.0,
        optimizer_name(c.kind), "received beta_1=", c.beta_1, " and beta_2=", c.beta_2,
        "; expected numbers of at least 0 and less than 1");
}

// What every optimizer has.
void check_common(const OptimizerConfig& c) {
  check_not_negative(c.kind, "weight_decay", c.weight_decay);
  check_not_negative(c.kind, "clipnorm", c.clipnorm);
  check_not_negative(c.kind, "clipvalue", c.clipvalue);
  check_not_negative(c.kind, "global_clipnorm", c.global_clipnorm);
  check((c.clipnorm > 0.0) + (c.clipvalue > 0.0) + (c.global_clipnorm > 0.0) <= 1,
        optimizer_name(c.kind), "received clipnorm=", c.clipnorm, ", clipvalue=", c.clipvalue,
        " and global_clipnorm=", c.global_clipnorm, "; expected at most one that is not 0");
  check_range(c.kind, "ema_momentum", c.ema_momentum, 0.0, 1.0);
  check(c.ema_overwrite_frequency >= 0 && c.gradient_accumulation_steps >= 0,
        optimizer_name(c.kind), "received ema_overwrite_frequency=", c.ema_overwrite_frequency,
        " and gradient_accumulation_steps=", c.gradient_accumulation_steps,
        "; expected numbers of steps, or 0 for none");
}

}  // namespace

const char* optimizer_name(Optimizer kind) { return entry_of("optimizer", kOptimizers, kind).name; }

Optimizer parse_optimizer(const std::string& name) {
  return parse_kind("optimizer", kOptimizers, name);
}

OptimizerConfig default_config(Optimizer kind) {
  OptimizerConfig config;
  config.kind = kind;
  if (kind == Optimizer::kAdadelta) config.rho = 0.95;
  if (kind == Optimizer::kLion) config.beta_2 = 0.99;
  return config;
}

void check_optimizer(const OptimizerConfig& c) {
  check_common(c);
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
    case Optimizer::kAdadelta:
      check_range(c.kind, "rho", c.rho, 0.0, 1.0);
      return check_not_negative(c.kind, "epsilon", c.epsilon);
    case Optimizer::kAdam:
    case Optimizer::kNadam:
    case Optimizer::kAdamax:
      check_betas(c);
      return check_not_negative(c.kind, "epsilon", c.epsilon);
    case Optimizer::kLion:
      check(c.beta_1 > 0.0 && c.beta_1 <= 1.0, "lion", "received beta_1=", c.beta_1,
            "; expected a number above 0 and at most 1");
      return check_range(c.kind, "beta_2", c.beta_2, 0.0, 1.0);
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

std::vector<std::string> rule_slot_names(const OptimizerConfig& c) {
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
    case Optimizer::kAdadelta:
      names = {"accumulated_grad", "accumulated_delta_var"};
      break;
    case Optimizer::kNadam:
      names = {"momentum", "velocity"};
      break;
    case Optimizer::kAdamax:
      names = {"momentum", "norm"};
      break;
    case Optimizer::kLion:
      names = {"momentum"};
      break;
  }
  return names;
}

std::vector<std::string> slot_names(const OptimizerConfig& c) {
  std::vector<std::string> names = rule_slot_names(c);
  if (c.use_ema) names.emplace_back(kAverageSlot);
  if (c.accumulates()) names.emplace_back(kAccumulatorSlot);
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
  step.decay = static_cast<float>(learning_rate * c.weight_decay);
  if (c.clipvalue > 0.0) step.clip = static_cast<float>(c.clipvalue);
  if (c.accumulates()) {
    step.gradient_scale =
        static_cast<float>(1.0 / static_cast<double>(c.gradient_accumulation_steps));
  }
  step.beta_1 = static_cast<float>(c.beta_1);
  step.beta_2 = static_cast<float>(c.beta_2);
  step.one_minus_beta_1 = static_cast<float>(1.0 - c.beta_1);
  step.one_minus_beta_2 = static_cast<float>(1.0 - c.beta_2);
  const double t = static_cast<double>(iteration);
  switch (c.kind) {
    case Optimizer::kSgd:
      step.nesterov = c.nesterov;
      break;
    case Optimizer::kAdagrad:
      break;
    case Optimizer::kRmsprop:
    case Optimizer::kAdadelta:
      step.centered = c.centered;
      step.rho = static_cast<float>(c.rho);
      step.one_minus_rho = static_cast<float>(1.0 - c.rho);
      break;
    case Optimizer::kAdam: {
      const double correction =
          std::sqrt(1.0 - std::pow(c.beta_2, t)) / (1.0 - std::pow(c.beta_1, t));
      step.amsgrad = c.amsgrad;
      step.learning_rate = static_cast<float>(learning_rate * correction);
      break;
    }
    case Optimizer::kNadam:
      prepare_nadam(c, learning_rate, t, step);
      break;
    case Optimizer::kAdamax:
      step.learning_rate = static_cast<float>(learning_rate / (1.0 - std::pow(c.beta_1, t)));
      break;
    case Optimizer::kLion:
      break;
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

double clip_factor(double norm, double limit) {
  return norm > limit ? limit / norm : (std::isnan(norm) ? norm : 1.0);
}

double global_clip_factor(double norm, double limit) {
  return std::isinf(norm) ? norm - norm : clip_factor(norm, limit);
}

void optimizer_update(const OptimizerUpdateArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::optimizer_update(args, *context.stream);
  cpu::optimizer_update(args, *context.team);
}

void penalty_gradient(const PenaltyGradientArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::penalty_gradient(args, *context.stream);
  cpu::penalty_gradient(args, *context.team);
}

void moving_average(const MovingAverageArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::moving_average(args, *context.stream);
  cpu::moving_average(args, *context.team);
}

}  // namespace fastdnn
