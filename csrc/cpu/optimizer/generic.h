// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/optimizer/optimizer.h"
#include "csrc/cpu/simd/math.h"

namespace fastdnn::cpu {
namespace {

// What every rule works on, and what becomes of it before.
struct UpdateBlock {
  const OptimizerStep& step;
  float* w;
  float* const* slots;
  index_t stride;
  const float* g;
  index_t g_stride;
  index_t rows;
  index_t cols;
};

// Zero and NaN stay what they are.
inline F32 sign(F32 x) {
  return select(x > zero(), set1(1.0f), select(x < zero(), set1(-1.0f), x));
}

// The derivative of l1 |w| + l2 w^2.
struct PenaltySlope {
  F32 l1, twice_l2;
  F32 operator()(F32 weight) const { return fma(twice_l2, weight, l1 * sign(weight)); }
};

// Leaves weight and gradient as they are.
struct AsTheyAre {
  void operator()(F32&, F32&) const {}
};

// Scales and clips the gradient, and lets the weight decay. NaN stays NaN.
struct Prepared {
  F32 scale, least, most, decay;
  void operator()(F32& weight, F32& gradient) const {
    gradient = max(least, min(most, scale * gradient));
    weight = fnma(decay, weight, weight);
  }
};

// The same with a penalty on the weight.
struct Penalized {
  Prepared prepared;
  PenaltySlope slope;
  void operator()(F32& weight, F32& gradient) const {
    gradient = fma(prepared.scale, gradient, slope(weight));
    gradient = max(prepared.least, min(prepared.most, gradient));
    weight = fnma(prepared.decay, weight, weight);
  }
};

// Calls prepare(weight, gradient) and rule(weight, gradient, slots) on one vector of each and
// stores what they left in the weight and the slots.
template <int kSlots, typename Prepare, typename Rule>
inline void update_vector(float* w, float* const (&slots)[kMaxOptimizerSlots], const float* g,
                          index_t j, index_t count, const Prepare& prepare, const Rule& rule) {
  F32 weight = load(w + j, count);
  F32 gradient = load(g + j, count);
  F32 slot[kMaxOptimizerSlots];
  for (int s = 0; s < kSlots; ++s) slot[s] = load(slots[s] + j, count);
  prepare(weight, gradient);
  rule(weight, gradient, slot);
  for (int s = 0; s < kSlots; ++s) store(slots[s] + j, slot[s], count);
  store(w + j, weight, count);
}

template <int kSlots, typename Prepare, typename Rule>
void update_rows(const UpdateBlock& block, const Prepare& prepare, const Rule& rule) {
  for (index_t i = 0; i < block.rows; ++i) {
    float* slots[kMaxOptimizerSlots] = {};
    for (int s = 0; s < kSlots; ++s) slots[s] = block.slots[s] + i * block.stride;
    float* w = block.w + i * block.stride;
    const float* g = block.g + i * block.g_stride;
    index_t j = 0;
    for (; j + kLanes <= block.cols; j += kLanes) {
      update_vector<kSlots>(w, slots, g, j, kLanes, prepare, rule);
    }
    if (j < block.cols) update_vector<kSlots>(w, slots, g, j, block.cols - j, prepare, rule);
  }
}

template <int kSlots, typename Rule>
void update_block(const UpdateBlock& block, const Rule& rule) {
  const OptimizerStep& step = block.step;
  const bool penalized = step.penalty_l1 != 0.0f || step.penalty_twice_l2 != 0.0f;
  if (!penalized && step.gradient_scale == 1.0f && step.clip == __builtin_inff() &&
      step.decay == 0.0f) {
    return update_rows<kSlots>(block, AsTheyAre{}, rule);
  }
  const Prepared prepared{set1(step.gradient_scale), set1(-step.clip), set1(step.clip),
                          set1(step.decay)};
  if (penalized) {
    const PenaltySlope slope{set1(step.penalty_l1), set1(step.penalty_twice_l2)};
    return update_rows<kSlots>(block, Penalized{prepared, slope}, rule);
  }
  update_rows<kSlots>(block, prepared, rule);
}

// What is divided by: the inverse of a smaller number may be infinite. NaN stays NaN.
inline F32 at_least_normal(F32 x) { return max(set1(0x1p-126f), x); }

void sgd(const OptimizerStep& step, const UpdateBlock& block) {
  const F32 rate = set1(step.learning_rate);
  const F32 momentum = set1(step.momentum);
  if (step.momentum == 0.0f) {
    return update_block<0>(block, [=](F32& w, F32 g, F32*) { w = fnma(rate, g, w); });
  }
  if (!step.nesterov) {
    return update_block<1>(block, [=](F32& w, F32 g, F32* slot) {
      slot[0] = fnma(rate, g, momentum * slot[0]);
      w = w + slot[0];
    });
  }
  update_block<1>(block, [=](F32& w, F32 g, F32* slot) {
    slot[0] = fnma(rate, g, momentum * slot[0]);
    w = w + fnma(rate, g, momentum * slot[0]);
  });
}

void adagrad(const OptimizerStep& step, const UpdateBlock& block) {
  const F32 rate = set1(step.learning_rate);
  const F32 epsilon = set1(step.epsilon);
  update_block<1>(block, [=](F32& w, F32 g, F32* slot) {
    slot[0] = fma(g, g, slot[0]);
    w = fnma(rate * g, quick_inverse_sqrt(at_least_normal(slot[0] + epsilon)), w);
  });
}

// kCentered and kMomentum say which of the optional slots exist.
template <bool kCentered, bool kMomentum>
void rmsprop(const OptimizerStep& step, const UpdateBlock& block) {
  const F32 rate = set1(step.learning_rate);
  const F32 epsilon = set1(step.epsilon);
  const F32 rho = set1(step.rho);
  const F32 rest = set1(step.one_minus_rho);
  const F32 momentum = set1(step.momentum);
  update_block<1 + kMomentum + kCentered>(block, [=](F32& w, F32 g, F32* slot) {
    slot[0] = fma(rho, slot[0], rest * (g * g));
    F32 variance = slot[0];
    if constexpr (kCentered) {
      F32& average = slot[1 + kMomentum];
      average = fma(rho, average, rest * g);
      // Rounding may leave a little less than nothing; the root of that would be NaN.
      variance = max(zero(), fnma(average, average, variance));
    }
    F32 change = rate * g * quick_inverse_sqrt(at_least_normal(variance + epsilon));
    if constexpr (kMomentum) {
      slot[1] = fma(momentum, slot[1], change);
      change = slot[1];
    }
    w = w - change;
  });
}

template <bool kAmsgrad>
void adam(const OptimizerStep& step, const UpdateBlock& block) {
  const F32 rate = set1(step.learning_rate);
  const F32 epsilon = set1(step.epsilon);
  const F32 rest_1 = set1(step.one_minus_beta_1);
  const F32 rest_2 = set1(step.one_minus_beta_2);
  update_block<2 + kAmsgrad>(block, [=](F32& w, F32 g, F32* slot) {
    slot[0] = fma(rest_1, g - slot[0], slot[0]);
    slot[1] = fnma(rest_2, fnma(g, g, slot[1]), slot[1]);
    F32 velocity = slot[1];
    if constexpr (kAmsgrad) velocity = slot[2] = max(slot[2], velocity);
    w = fnma(rate * slot[0], quick_inverse(at_least_normal(quick_sqrt(velocity) + epsilon)), w);
  });
}

void adadelta(const OptimizerStep& step, const UpdateBlock& block) {
  const F32 rate = set1(step.learning_rate);
  const F32 epsilon = set1(step.epsilon);
  const F32 rho = set1(step.rho);
  const F32 rest = set1(step.one_minus_rho);
  update_block<2>(block, [=](F32& w, F32 g, F32* slot) {
    slot[0] = fma(rho, slot[0], rest * (g * g));
    const F32 inverse_root = quick_inverse_sqrt(at_least_normal(slot[0] + epsilon));
    const F32 change = quick_sqrt(slot[1] + epsilon) * inverse_root * g;
    slot[1] = fma(rho, slot[1], rest * (change * change));
    w = fnma(rate, change, w);
  });
}

void nadam(const OptimizerStep& step, const UpdateBlock& block) {
  const F32 momentum_rate = set1(step.momentum_rate);
  const F32 gradient_rate = set1(step.gradient_rate);
  const F32 epsilon = set1(step.epsilon);
  const F32 rest_1 = set1(step.one_minus_beta_1);
  const F32 rest_2 = set1(step.one_minus_beta_2);
  update_block<2>(block, [=](F32& w, F32 g, F32* slot) {
    slot[0] = fma(rest_1, g - slot[0], slot[0]);
    slot[1] = fnma(rest_2, fnma(g, g, slot[1]), slot[1]);
    const F32 direction = fma(momentum_rate, slot[0], gradient_rate * g);
    w = fnma(direction, quick_inverse(at_least_normal(quick_sqrt(slot[1]) + epsilon)), w);
  });
}

void adamax(const OptimizerStep& step, const UpdateBlock& block) {
  const F32 rate = set1(step.learning_rate);
  const F32 epsilon = set1(step.epsilon);
  const F32 rest_1 = set1(step.one_minus_beta_1);
  const F32 beta_2 = set1(step.beta_2);
  update_block<2>(block, [=](F32& w, F32 g, F32* slot) {
    slot[0] = fma(rest_1, g - slot[0], slot[0]);
    slot[1] = max(beta_2 * slot[1], abs(g));
    w = fnma(rate * slot[0], quick_inverse(at_least_normal(slot[1] + epsilon)), w);
  });
}

void lion(const OptimizerStep& step, const UpdateBlock& block) {
  const F32 rate = set1(step.learning_rate);
  const F32 beta_1 = set1(step.beta_1);
  const F32 beta_2 = set1(step.beta_2);
  const F32 rest_1 = set1(step.one_minus_beta_1);
  const F32 rest_2 = set1(step.one_minus_beta_2);
  update_block<1>(block, [=](F32& w, F32 g, F32* slot) {
    w = fnma(rate, sign(fma(beta_1, slot[0], rest_1 * g)), w);
    slot[0] = fma(beta_2, slot[0], rest_2 * g);
  });
}

// a^0: one, but NaN stays NaN.
inline F32 power_of_zero(F32 a) { return select(is_nan(a), a, set1(1.0f)); }

// `power` raises an accumulator to -learning_rate_power.
template <typename Power>
void ftrl(const OptimizerStep& step, const UpdateBlock& block, Power power) {
  const F32 inverse_rate = set1(step.inverse_rate);
  const F32 l1 = set1(step.l1);
  const F32 minus_l1 = set1(-step.l1);
  const F32 twice_l2 = set1(step.twice_l2);
  const F32 shrinkage = set1(step.twice_l2_shrinkage);
  update_block<2>(block, [=](F32& w, F32 g, F32* slot) {
    const F32 raised_before = power(slot[0]);
    slot[0] = fma(g, g, slot[0]);
    const F32 raised = power(slot[0]);
    const F32 sigma = (raised - raised_before) * inverse_rate;
    const F32 linear = slot[1] + fnma(sigma, w, fma(shrinkage, w, g));
    slot[1] = linear;
    w = (max(minus_l1, min(l1, linear)) - linear) / fma(raised, inverse_rate, twice_l2);
  });
}

}  // namespace

namespace FASTDNN_LEVEL {

void optimizer_update_f32(const OptimizerStep& step, float* w, float* const* slots, index_t stride,
                          const float* g, index_t g_stride, index_t rows, index_t cols) {
  const UpdateBlock block{step, w, slots, stride, g, g_stride, rows, cols};
  switch (step.kind) {
    case Optimizer::kSgd:
      return sgd(step, block);
    case Optimizer::kAdagrad:
      return adagrad(step, block);
    case Optimizer::kRmsprop:
      if (step.momentum == 0.0f) {
        return step.centered ? rmsprop<true, false>(step, block)
                             : rmsprop<false, false>(step, block);
      }
      return step.centered ? rmsprop<true, true>(step, block) : rmsprop<false, true>(step, block);
    case Optimizer::kAdam:
      return step.amsgrad ? adam<true>(step, block) : adam<false>(step, block);
    case Optimizer::kFtrl:
      if (step.power == 0.5f) return ftrl(step, block, [](F32 a) { return sqrt(a); });
      if (step.power == 0.0f) return ftrl(step, block, [](F32 a) { return power_of_zero(a); });
      return ftrl(step, block, [power = set1(step.power)](F32 a) { return exp(power * log(a)); });
    case Optimizer::kAdadelta:
      return adadelta(step, block);
    case Optimizer::kNadam:
      return nadam(step, block);
    case Optimizer::kAdamax:
      return adamax(step, block);
    case Optimizer::kLion:
      return lion(step, block);
  }
}

void penalty_gradient_f32(const float* w, float* g, index_t size, float l1, float twice_l2) {
  const PenaltySlope slope{set1(l1), set1(twice_l2)};
  for (index_t i = 0; i < size; i += kLanes) {
    store(g + i, load(g + i, size - i) + slope(load(w + i, size - i)), size - i);
  }
}

void moving_average_f32(float* average, float* w, index_t size, float momentum,
                        float one_minus_momentum, bool overwrites) {
  const F32 kept = set1(momentum);
  const F32 rest = set1(one_minus_momentum);
  for (index_t i = 0; i < size; i += kLanes) {
    const F32 mean = fma(kept, load(average + i, size - i), rest * load(w + i, size - i));
    store(average + i, mean, size - i);
    if (overwrites) store(w + i, mean, size - i);
  }
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
