// SPDX-License-Identifier: Apache-2.0
// Plain types only, no STL: kernels of every device include it.
#pragma once

#include <cstddef>

namespace fastdnn {

enum class Optimizer : int {
  kSgd,
  kAdagrad,
  kRmsprop,
  kAdam,
  kFtrl,
  kAdadelta,
  kNadam,
  kAdamax,
  kLion,
};

// Most slots (arrays of the weights' shape that live from step to step) that a rule has.
inline constexpr int kMaxOptimizerSlots = 3;

// The slots, or null where there are none, so many elements further.
[[gnu::always_inline]] inline void offset_slots(float* const* from, std::ptrdiff_t by, float** to) {
  for (int s = 0; s < kMaxOptimizerSlots; ++s) to[s] = from[s] == nullptr ? nullptr : from[s] + by;
}

// The scalars of one step, ready for use: whatever depends on the iteration or is shared by all
// weights is computed once, in double precision, by prepare_step (csrc/ops/optimizer.h).
struct OptimizerStep {
  Optimizer kind = Optimizer::kSgd;
  bool nesterov = false;  // SGD with momentum
  bool centered = false;  // RMSprop
  bool amsgrad = false;   // Adam
  // What becomes of gradient and weight before the rule; these values leave them as they are.
  float gradient_scale = 1.0f;
  float clip = __builtin_inff();  // of each element of the scaled gradient
  float decay = 0.0f;             // share of the weight that is taken away
  float penalty_l1 = 0.0f;        // of this parameter in the loss: l1 |w| + l2 w^2
  float penalty_twice_l2 = 0.0f;
  // Adam: learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t); Adamax: without the root
  float learning_rate = 0.0f;
  float momentum = 0.0f;            // SGD, RMSprop; 0: there is no such slot
  float epsilon = 0.0f;             // all but SGD, Ftrl, Lion; Nadam: times sqrt(1 - beta_2^t)
  float rho = 0.0f;                 // RMSprop, Adadelta
  float one_minus_rho = 0.0f;       // RMSprop, Adadelta
  float beta_1 = 0.0f;              // Lion
  float beta_2 = 0.0f;              // Adamax, Lion
  float one_minus_beta_1 = 0.0f;    // Adam, Nadam, Adamax, Lion
  float one_minus_beta_2 = 0.0f;    // Adam, Nadam, Lion
  float momentum_rate = 0.0f;       // Nadam: the learning rate of m, and
  float gradient_rate = 0.0f;       //   of g, both times sqrt(1 - beta_2^t)
  float power = 0.0f;               // Ftrl: -learning_rate_power
  float inverse_rate = 0.0f;        // Ftrl: 1 / learning_rate
  float l1 = 0.0f;                  // Ftrl
  float twice_l2 = 0.0f;            // Ftrl: 2 l2 + beta / learning_rate
  float twice_l2_shrinkage = 0.0f;  // Ftrl
};

}  // namespace fastdnn
