// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "csrc/core/optimizer.h"
#include "csrc/core/penalty.h"
#include "csrc/core/types.h"
#include "csrc/ops/context.h"

namespace fastdnn {

// An optimizer and its hyper-parameters, with Keras's names; the learning rate comes with each
// step. Defaults are those of default_config().
struct OptimizerConfig {
  Optimizer kind = Optimizer::kSgd;
  double momentum = 0.0;                   // SGD, RMSprop
  bool nesterov = false;                   // SGD
  double initial_accumulator_value = 0.1;  // Adagrad, Ftrl
  double epsilon = 1e-7;                   // all but SGD, Ftrl, Lion
  double rho = 0.9;                        // RMSprop, Adadelta
  bool centered = false;                   // RMSprop
  double beta_1 = 0.9;                     // Adam, Nadam, Adamax, Lion
  double beta_2 = 0.999;                   // Adam, Nadam, Adamax, Lion
  bool amsgrad = false;                    // Adam
  double learning_rate_power = -0.5;       // Ftrl
  double l1_regularization_strength = 0.0;
  double l2_regularization_strength = 0.0;
  double l2_shrinkage_regularization_strength = 0.0;
  double beta = 0.0;

  // What every optimizer has. 0 stands for Keras's None. At most one of the three clips is set.
  double weight_decay = 0.0;
  double clipnorm = 0.0;
  double clipvalue = 0.0;
  double global_clipnorm = 0.0;
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::int64_t ema_overwrite_frequency = 0;
  std::int64_t gradient_accumulation_steps = 0;

  bool clips_norms() const { return clipnorm > 0.0 || global_clipnorm > 0.0; }
  bool accumulates() const { return gradient_accumulation_steps > 1; }
};

// With Keras's defaults.
OptimizerConfig default_config(Optimizer kind);

const char* optimizer_name(Optimizer kind);
// Throws InvalidArgument that lists the valid names.
Optimizer parse_optimizer(const std::string& name);

// Throws InvalidArgument if a hyper-parameter lies outside its range.
void check_optimizer(const OptimizerConfig& config);

// Names of slots that belong to no rule.
inline constexpr const char* kAverageSlot = "average";                   // of the weights
inline constexpr const char* kAccumulatorSlot = "gradient_accumulator";  // sums of gradients

// The slots of the rule in the order that optimizer_update expects, named as Keras names them.
std::vector<std::string> rule_slot_names(const OptimizerConfig& config);
// The same, and then the others where use_ema and gradient_accumulation_steps ask for them; the
// sums come last.
std::vector<std::string> slot_names(const OptimizerConfig& config);
// What every element of slot `i` holds before the first step.
float slot_initial_value(const OptimizerConfig& config, int i);

// The scalars of update number `iteration` (the first is 1), of a mean gradient's sum. Norms are
// left alone. Throws InvalidArgument for a learning rate that is negative or not finite; Ftrl
// divides by it and needs more than 0.
OptimizerStep prepare_step(const OptimizerConfig& config, double learning_rate,
                           std::int64_t iteration);

// What a gradient of this norm is multiplied by so that its norm is at most `limit`. As in Keras,
// NaN for a global norm that is not finite: such a step makes NaN of all weights and not of some.
double clip_factor(double norm, double limit);
double global_clip_factor(double norm, double limit);

// One step in place on flat arrays; equations in csrc/cpu/optimizer/optimizer.h. No two arrays
// overlap. The work is split by elements.
struct OptimizerUpdateArgs {
  OptimizerStep step;
  float* weights = nullptr;
  float* slots[kMaxOptimizerSlots] = {};  // as many as slot_names() has
  const float* gradient = nullptr;
  index_t size = 0;
};

// gradient += the penalty's derivative, l1 sign(w) + 2 l2 w, on flat arrays. The work is split by
// elements.
struct PenaltyGradientArgs {
  Penalty penalty;
  const float* weights = nullptr;
  float* gradient = nullptr;
  index_t size = 0;
};

// average = momentum average + (1 - momentum) values on flat arrays, and then values = average if
// it `overwrites` them. The work is split by elements.
struct MovingAverageArgs {
  float* average = nullptr;
  float* values = nullptr;
  index_t size = 0;
  double momentum = 0.0;
  bool overwrites = false;
};

void optimizer_update(const OptimizerUpdateArgs& args, Context& context);
void penalty_gradient(const PenaltyGradientArgs& args, Context& context);
void moving_average(const MovingAverageArgs& args, Context& context);

namespace cpu {
void optimizer_update(const OptimizerUpdateArgs& args, Team& team);
void penalty_gradient(const PenaltyGradientArgs& args, Team& team);
void moving_average(const MovingAverageArgs& args, Team& team);
}  // namespace cpu

namespace cuda {
void optimizer_update(const OptimizerUpdateArgs& args, Stream& stream);
void penalty_gradient(const PenaltyGradientArgs& args, Stream& stream);
void moving_average(const MovingAverageArgs& args, Stream& stream);
}  // namespace cuda

}  // namespace fastdnn
