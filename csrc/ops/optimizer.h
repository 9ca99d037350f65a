// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "csrc/core/optimizer.h"
#include "csrc/core/types.h"
#include "csrc/ops/context.h"

namespace fastdnn {

// An optimizer and its hyper-parameters, with Keras's names and defaults; the learning rate comes
// with each step. Clipping, weight decay and averaging act on whole gradients or weights and are
// ops of their own.
struct OptimizerConfig {
  Optimizer kind = Optimizer::kSgd;
  double momentum = 0.0;                   // SGD, RMSprop
  bool nesterov = false;                   // SGD
  double initial_accumulator_value = 0.1;  // Adagrad, Ftrl
  double epsilon = 1e-7;                   // Adagrad, RMSprop, Adam
  double rho = 0.9;                        // RMSprop
  bool centered = false;                   // RMSprop
  double beta_1 = 0.9;                     // Adam
  double beta_2 = 0.999;                   // Adam
  bool amsgrad = false;                    // Adam
  double learning_rate_power = -0.5;       // Ftrl
  double l1_regularization_strength = 0.0;
  double l2_regularization_strength = 0.0;
  double l2_shrinkage_regularization_strength = 0.0;
  double beta = 0.0;
};

const char* optimizer_name(Optimizer kind);
// Throws InvalidArgument that lists the valid names.
Optimizer parse_optimizer(const std::string& name);

// Throws InvalidArgument if a hyper-parameter lies outside its range.
void check_optimizer(const OptimizerConfig& config);

// The slots in the order that optimizer_update expects, named as Keras names them.
std::vector<std::string> slot_names(const OptimizerConfig& config);
// What every element of slot `i` holds before the first step.
float slot_initial_value(const OptimizerConfig& config, int i);

// The scalars of step number `iteration` (the first is 1). Throws InvalidArgument for a learning
// rate that is negative or not finite; Ftrl divides by it and needs more than 0.
OptimizerStep prepare_step(const OptimizerConfig& config, double learning_rate,
                           std::int64_t iteration);

// One step in place on flat arrays; equations in csrc/cpu/optimizer/optimizer.h. No two arrays
// overlap. The work is split by elements.
struct OptimizerUpdateArgs {
  OptimizerStep step;
  float* weights = nullptr;
  float* slots[kMaxOptimizerSlots] = {};  // as many as slot_names() has
  const float* gradient = nullptr;
  index_t size = 0;
};

void optimizer_update(const OptimizerUpdateArgs& args, Context& context);

namespace cpu {
void optimizer_update(const OptimizerUpdateArgs& args, Team& team);
}  // namespace cpu

namespace cuda {
void optimizer_update(const OptimizerUpdateArgs& args, Stream& stream);
}  // namespace cuda

}  // namespace fastdnn
