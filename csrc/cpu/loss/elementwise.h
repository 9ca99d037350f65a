// SPDX-License-Identifier: Apache-2.0
// Losses that average, or add up, what they say of each element: one struct per loss, which takes
// an output and a target. Included after a simd header. NaN must come through: min and max return
// their second operand when either is NaN, and a comparison with NaN is false.
#pragma once

#include "csrc/cpu/loss/probability.h"

namespace fastdnn::cpu {
namespace {

struct LossAndSlope {
  F32 loss;
  F32 slope;  // d loss / d o
};

// The sum over a row's columns, divided by `divisor`.
template <typename Rows, typename F>
F32 sum_over_columns(Rows& rows, const F& f, float divisor) {
  const F32 factor = rows.factor / set1(divisor);
  // Sums of terms that are divided by a power of two do not overflow, and nothing is rounded.
  float power = 1.0f;
  while (power < divisor) power *= 2.0f;
  const F32 part = set1(1.0f / power);
  const F32 sum = rows.sum([&](index_t j, index_t count) {
    const LossAndSlope at = f(rows.output(j, count), rows.target(j, count));
    if (rows.wants_gradient) rows.set_gradient(j, count, at.slope * factor);
    return rows.keep(at.loss * part, count, zero());
  });
  return sum * set1(power / divisor);
}

template <typename Rows, typename F>
F32 mean_over_columns(Rows& rows, const F& f) {
  return sum_over_columns(rows, f, static_cast<float>(rows.cols));
}

// With e = e^-|o|, and a = 1 and b = e for o >= 0, else the other way round: sigmoid(o) is
// a / (1 + e) and 1 - sigmoid(o) is b / (1 + e), both to full precision.
struct SigmoidSides {
  F32 e, a, b;
};

inline SigmoidSides sigmoid_sides(F32 o) {
  const F32 one = set1(1.0f);
  const F32 e = exp(zero() - abs(o));
  const Mask negative = o < zero();
  return {e, select(negative, e, one), select(negative, one, e)};
}

struct SigmoidCrossentropy {
  LossAndSlope operator()(F32 o, F32 t) const {
    const F32 one = set1(1.0f);
    const auto [e, a, b] = sigmoid_sides(o);
    const F32 rest = one - t;
    const F32 straight = fma(rest, max(zero(), o), t * max(zero(), zero() - o));
    return {log1p(e) + straight, fnma(t, b, a * rest) / (one + e)};
  }
};

struct BinaryCrossentropy {
  LossAndSlope operator()(F32 o, F32 t) const {
    const F32 one = set1(1.0f);
    const F32 c = clip_probability(o);
    const F32 rest = one - c;
    const F32 loss = zero() - fma(one - t, log(rest), t * log(c));
    return {loss, select(is_inside(o), (c - t) / (c * rest), zero_or_nan(o))};
  }
};

// Lin et al. 2017, "Focal loss for dense object detection". u is the probability of what is not
// true, du its slope.
struct BinaryFocus {
  F32 ones, zeros;  // weights of the targets 1 and 0
  Focus focus;
  LossAndSlope operator()(LossAndSlope entropy, F32 t, F32 u, F32 du) const {
    const F32 weight = fma(t, ones, (set1(1.0f) - t) * zeros) * focus(u);
    const F32 pull = entropy.loss * (focus.gamma * du / u);
    return {weight * entropy.loss, weight * (entropy.slope + pull)};
  }
};

struct SigmoidFocalCrossentropy {
  BinaryFocus focus;
  LossAndSlope operator()(F32 o, F32 t) const {
    const F32 one = set1(1.0f);
    const auto [e, a, b] = sigmoid_sides(o);
    const F32 p = a / (one + e), q = b / (one + e);
    const F32 u = max(set1(Focus::kLowest), fma(t, q, (one - t) * p));
    return focus(SigmoidCrossentropy{}(o, t), t, u, (one - (t + t)) * (p * q));
  }
};

struct BinaryFocalCrossentropy {
  BinaryFocus focus;
  LossAndSlope operator()(F32 o, F32 t) const {
    const F32 one = set1(1.0f);
    const F32 c = clip_probability(o);
    const F32 u = fma(t, one - c, (one - t) * c);
    const F32 du = select(is_inside(o), one - (t + t), zero());
    return focus(BinaryCrossentropy{}(o, t), t, u, du);
  }
};

struct KlDivergence {
  LossAndSlope operator()(F32 o, F32 t) const {
    const F32 truth = clip(t, kEpsilon, 1.0f);
    const F32 ratio = truth / clip(o, kEpsilon, 1.0f);
    const Mask inside = is_inside(o, kEpsilon, 1.0f);
    return {truth * log(ratio), select(inside, zero() - ratio, zero_or_nan(o))};
  }
};

struct SquaredError {
  LossAndSlope operator()(F32 o, F32 t) const {
    const F32 d = o - t;
    return {d * d, d + d};
  }
};

// The slope of a loss with a kink at d = 0.
inline F32 slope_at(F32 d, F32 below, F32 above) {
  return select(d > zero(), above, select(d < zero(), below, d));
}

struct AbsoluteError {
  LossAndSlope operator()(F32 o, F32 t) const {
    const F32 d = o - t;
    return {abs(d), slope_at(d, set1(-1.0f), set1(1.0f))};
  }
};

struct AbsolutePercentageError {
  LossAndSlope operator()(F32 o, F32 t) const {
    const F32 d = o - t;
    const F32 slope = set1(100.0f) / max(set1(kEpsilon), abs(t));
    return {abs(d) * slope, slope_at(d, zero() - slope, slope)};
  }
};

struct SquaredLogarithmicError {
  LossAndSlope operator()(F32 o, F32 t) const {
    const F32 lowest = set1(kEpsilon);
    const F32 c = max(lowest, o);
    const F32 d = log1p(c) - log1p(max(lowest, t));
    return {d * d, select(o >= lowest, (d + d) / (set1(1.0f) + c), zero_or_nan(o))};
  }
};

// Huber 1964, "Robust estimation of a location parameter".
struct Huber {
  F32 delta;
  LossAndSlope operator()(F32 o, F32 t) const {
    const F32 d = o - t;
    const F32 a = min(delta, abs(d));
    return {a * fnma(set1(0.5f), a, abs(d)), max(zero() - delta, min(delta, d))};
  }
};

// With m = e^-|d| - 1, cosh d = 1 + m^2 / (2 (1 + m)) = e^(|d| - log 2) (1 + (1 + m)^2); the one is
// precise for small |d|, the other does not overflow.
struct LogCosh {
  LossAndSlope operator()(F32 o, F32 t) const {
    const F32 d = o - t;
    const F32 m = expm1(zero() - abs(d));
    const F32 e = set1(1.0f) + m;
    const Mask small = abs(d) < set1(1.0f);
    const F32 rest = log1p(select(small, set1(0.5f) * m * m / e, e * e));
    return {rest + select(small, zero(), abs(d) - set1(0x1.62e430p-1f)), tanh(d)};
  }
};

struct Poisson {
  LossAndSlope operator()(F32 o, F32 t) const {
    const F32 rate = o + set1(kEpsilon);
    return {fnma(t, log(rate), o), set1(1.0f) - t / rate};
  }
};

// Koenker and Bassett 1978, "Regression quantiles".
struct Quantile {
  F32 quantile;
  LossAndSlope operator()(F32 o, F32 t) const {
    const F32 d = o - t;
    const F32 slope = slope_at(d, zero() - quantile, set1(1.0f) - quantile);
    return {d * slope, slope};
  }
};

// max(1 - t o, 0), where a target of 0 stands for -1.
struct Hinge {
  LossAndSlope operator()(F32 o, F32 t) const {
    const F32 sign = select(t == zero(), set1(-1.0f), t);
    const F32 u = fnma(sign, o, set1(1.0f));
    return {max(zero(), u), select(u > zero(), zero() - sign, zero_or_nan(u))};
  }
};

struct SquaredHinge {
  LossAndSlope operator()(F32 o, F32 t) const {
    const auto [hinge, slope] = Hinge{}(o, t);
    return {hinge * hinge, (hinge + hinge) * slope};
  }
};

}  // namespace
}  // namespace fastdnn::cpu
