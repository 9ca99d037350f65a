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
};

// Most slots (arrays of the weights' shape that live from step to step) that an optimizer has.
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
  // Adam: learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)
  float learning_rate = 0.0f;
  float momentum = 0.0f;            // SGD, RMSprop; 0: there is no such slot
  float epsilon = 0.0f;             // Adagrad, RMSprop, Adam
  float rho = 0.0f;                 // RMSprop
  float one_minus_rho = 0.0f;       // RMSprop
  float one_minus_beta_1 = 0.0f;    // Adam
  float one_minus_beta_2 = 0.0f;    // Adam
  float power = 0.0f;               // Ftrl: -learning_rate_power
  float inverse_rate = 0.0f;        // Ftrl: 1 / learning_rate
  float l1 = 0.0f;                  // Ftrl
  float twice_l2 = 0.0f;            // Ftrl: 2 l2 + beta / learning_rate
  float twice_l2_shrinkage = 0.0f;  // Ftrl
};

}  // namespace fastdnn
