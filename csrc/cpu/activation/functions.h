// SPDX-License-Identifier: Apache-2.0
// One struct per activation: forward(x) is f(x), backward(saved, dy) is dy f', where saved is y,
// or x for those whose comment says so. Included after a simd header. NaN must come through:
// min and max return their second operand when either is NaN.
#pragma once

#include "csrc/cpu/simd/math.h"

namespace fastdnn::cpu {
namespace {

// a + b and what its rounding left out, whichever is larger.
inline Pair add(F32 a, F32 b) {
  const F32 sum = a + b;
  const F32 part = sum - a;
  return {sum, (a - (sum - part)) + (b - part)};
}

struct Linear {
  F32 forward(F32 x) const { return x; }
  F32 backward(F32, F32 dy) const { return dy; }
};

struct Relu {
  F32 forward(F32 x) const { return max(zero(), x); }
  F32 backward(F32 y, F32 dy) const { return select(y > zero(), dy, zero()); }
};

struct LeakyRelu {
  F32 alpha;
  F32 forward(F32 x) const { return select(x > zero(), x, alpha * x); }
  F32 backward(F32 y, F32 dy) const { return select(y > zero(), dy, alpha * dy); }
};

// (scale + scale_low) (e^x - 1), rounded little more than once.
inline F32 scaled_expm1(F32 x, F32 scale, F32 scale_low) {
  const Pair half = half_expm1(x);
  const F32 twice = scale + scale;
  const F32 product = twice * half.high;
  const F32 low = fma(scale_low, half.high + half.high, twice * half.low);
  const F32 y = product + (product_error(twice, half.high, product) + low);
  return select(abs(x) < set1(0x1p-25f), scale * x, y);
}

struct Elu {
  F32 alpha;
  F32 forward(F32 x) const { return select(x > zero(), x, scaled_expm1(x, alpha, zero())); }
  F32 backward(F32 y, F32 dy) const { return select(y > zero(), dy, dy * (y + alpha)); }
};

// Klambauer et al. 2017, "Self-normalizing neural networks".
struct Selu {
  static constexpr double kScale = 1.0507009873554804934193349852946;
  static constexpr double kAlpha = 1.6732632423543772848170429916717;
  static constexpr float kSlope = static_cast<float>(kScale);
  static constexpr float kProduct = static_cast<float>(kScale * kAlpha);
  static constexpr float kProductLow = static_cast<float>(kScale * kAlpha - kProduct);
  F32 forward(F32 x) const {
    return select(x > zero(), set1(kSlope) * x, scaled_expm1(x, set1(kProduct), set1(kProductLow)));
  }
  F32 backward(F32 y, F32 dy) const {
    return dy * select(y > zero(), set1(kSlope), y + set1(kProduct));
  }
};

struct Sigmoid {
  F32 forward(F32 x) const { return sigmoid(x); }
  F32 backward(F32 y, F32 dy) const { return dy * (y * (set1(1.0f) - y)); }
};

struct Tanh {
  F32 forward(F32 x) const { return tanh(x); }
  F32 backward(F32 y, F32 dy) const { return dy * ((set1(1.0f) - y) * (set1(1.0f) + y)); }
};

struct Softplus {
  F32 forward(F32 x) const { return softplus(x); }
  F32 backward(F32 y, F32 dy) const { return dy * (zero() - expm1(zero() - y)); }
};

struct Softsign {
  F32 forward(F32 x) const {
    const F32 largest = set1(__FLT_MAX__);
    const F32 finite = max(zero() - largest, min(largest, x));
    return finite / (set1(1.0f) + abs(finite));
  }
  F32 backward(F32 y, F32 dy) const {
    const F32 root = set1(1.0f) - abs(y);
    return dy * (root * root);
  }
};

struct HardSigmoid {
  static constexpr float kSlope = 1.0f / 6.0f;
  F32 forward(F32 x) const { return min(set1(6.0f), max(zero(), x + set1(3.0f))) * set1(kSlope); }
  F32 backward(F32 y, F32 dy) const {
    return select((y > zero()) & (y < set1(1.0f)), dy * set1(kSlope), zero());
  }
};

struct HardTanh {
  F32 forward(F32 x) const { return min(set1(1.0f), max(set1(-1.0f), x)); }
  F32 backward(F32 y, F32 dy) const { return select(abs(y) < set1(1.0f), dy, zero()); }
};

struct Relu6 {
  F32 forward(F32 x) const { return min(set1(6.0f), max(zero(), x)); }
  F32 backward(F32 y, F32 dy) const { return select((y > zero()) & (y < set1(6.0f)), dy, zero()); }
};

struct Exponential {
  F32 forward(F32 x) const { return exp(x); }
  F32 backward(F32 y, F32 dy) const { return dy * y; }
};

// The functions below read x in backward. They are 0 or x, to float32, beyond this bound, which
// keeps products such as Inf * 0 away.
inline F32 clamp_to(F32 x, float bound) { return max(set1(-bound), min(set1(bound), x)); }

// x sigmoid(u), scaled last so that it stays accurate where sigmoid(u) alone is a denormal.
inline F32 times_sigmoid(F32 x, F32 u) {
  const DecayParts s = sigmoid_parts(u);
  const F32 finite = max(set1(-125.0f), x);
  const F32 product = finite * s.high;
  const F32 low = fma(finite, s.low, product_error(finite, s.high, product));
  return select(x > set1(30.0f), x, scale_by_power(product + low, s.n));
}

// sigmoid(x) and 1 - sigmoid(x), neither by cancellation.
struct SigmoidPair {
  F32 value;
  F32 complement;
};
inline SigmoidPair sigmoid_pair(F32 x) {
  const F32 decay = exp(zero() - abs(x));
  const F32 larger = set1(1.0f) / (set1(1.0f) + decay);
  const F32 smaller = decay * larger;
  const Mask negative = x < zero();
  return {select(negative, smaller, larger), select(negative, larger, smaller)};
}

struct Silu {
  F32 forward(F32 x) const { return times_sigmoid(x, x); }
  F32 backward(F32 x, F32 dy) const {
    const SigmoidPair s = sigmoid_pair(x);
    return dy * (s.value * fma(clamp_to(x, 125.0f), s.complement, set1(1.0f)));
  }
};

// Hendrycks, Gimpel 2016, "Gaussian error linear units", its approximation by tanh.
struct GeluTanh {
  static constexpr float kLinear = 1.5957691216057308f;
  static constexpr float kCubic = 1.5957691216057308 * 0.044715;
  F32 forward(F32 x) const { return times_sigmoid(x, x * fma(x * x, set1(kCubic), set1(kLinear))); }
  F32 backward(F32 x, F32 dy) const {
    const F32 a = clamp_to(x, 10.0f);
    const F32 z = a * a;
    const SigmoidPair s = sigmoid_pair(a * fma(z, set1(kCubic), set1(kLinear)));
    const F32 slope = fma(z, set1(3.0f * kCubic), set1(kLinear));
    return dy * (s.value * fma(a * slope, s.complement, set1(1.0f)));
  }
};

// With Q = 1 - P the upper tail: near 0, P(x) = 1/2 + x c(x^2); elsewhere
// |x| Q(|x|) = e^(-x^2 / 2) S(1 / (|x| + 3.5)), so the left tail keeps its relative precision.
struct Gelu {
  static constexpr float kCentre = 0.67f;
  static constexpr float kDensityAtZero = 0.3989422804014327f;

  static F32 centre(F32 x) {
    const F32 c = polynomial(x * x, 0x1.cc2de6p-14f, -0x1.378422p-10f, 0x1.46dacep-7f,
                             -0x1.105878p-4f, 0x1.988454p-2f);
    return fma(x, c, set1(0.5f));
  }
  // a >= 0, at most 15, where both vanish: a Q(a) and e^(-a^2 / 2).
  struct Tail {
    F32 product;
    F32 decay;
  };
  static Tail tail(F32 a) {
    const F32 square = a * a;
    const F32 half_low = product_error(a, a, square) * set1(0.5f);
    const ExpParts e = exp_parts(square * set1(-0.5f));
    const F32 high = set1(1.0f) + e.r;
    const F32 low = (e.r - (high - set1(1.0f))) + fnma(half_low, high + e.w, e.w);
    // 1 / (a + 3.5) less the middle of its range, with one Newton step: S is steep near 0.
    const F32 d = set1(3.5f) + a;
    const F32 d_low = a - (d - set1(3.5f));
    const F32 w = set1(1.0f) / d;
    const F32 w_low = w * (zero() - product_error(w, d, set1(1.0f)) - w * d_low);
    const F32 middle = w - set1(0x1.328a36p-3f);
    const F32 v = middle + w_low;
    const F32 v_low = w_low - (v - middle);
    const F32 p = polynomial(v, -0x1.1819ecp+13f, -0x1.f062e6p+8f, 0x1.6ed05cp+10f, 0x1.082194p+8f,
                             -0x1.7e8d18p+7f, -0x1.f473b6p+6f, -0x1.2c1fdap+5f, -0x1.b725aap+2f,
                             -0x1.6dd474p-1f);
    const F32 s_at_middle = set1(0x1.787736p-2f);
    const F32 pv = p * v;
    const F32 s = s_at_middle + pv;
    // Where v_low is not 0, S' is about 2 p.
    const F32 s_low = (pv - (s - s_at_middle)) + fma(p + p, v_low, product_error(p, v, pv));
    const F32 product = s * high;
    const F32 rest = fma(s, low, fma(s_low, high, product_error(s, high, product)));
    return {scale_by_power(product + rest, e.n), scale_by_power(high + low, e.n)};
  }
  F32 forward(F32 x) const {
    const F32 a = abs(x);
    const F32 product = tail(min(set1(15.0f), a)).product;
    const F32 outer = select(x > zero(), x, set1(-0.0f)) - product;
    return select(a < set1(kCentre), x * centre(x), outer);
  }
  F32 backward(F32 x, F32 dy) const {
    const F32 clamped = clamp_to(x, 15.0f);
    const F32 a = abs(clamped);
    const Tail t = tail(a);
    const F32 q = t.product / a;
    const F32 outer = select(x > zero(), set1(1.0f) - q, q);
    const F32 p = select(a < set1(kCentre), centre(x), outer);
    return dy * fma(clamped * set1(kDensityAtZero), t.decay, p);
  }
};

// Misra 2019, "Mish". In w = e^-|x|, with k and l either side of 0 as below,
//   x < 0: f = x w (w + 2) / (w^2 + 2 w + 2)     x >= 0: f = x - x w^2 / (w^2 + w + 1 / 2)
struct Mish {
  F32 forward(F32 x) const {
    const F32 one = set1(1.0f);
    const Mask negative = x < zero();
    const DecayParts e = decay_parts(x);
    const F32 w = scale_by_power(e.high, e.n);
    const F32 w_low = scale_by_power(e.low, e.n);
    // w + k, w (w + k) and w (w + k) + l, each with what its rounding left out.
    const F32 k = select(negative, set1(2.0f), one);
    const F32 l = select(negative, set1(2.0f), set1(0.5f));
    const F32 a = k + w;
    const F32 a_low = w - (a - k);
    const F32 b = w * a;
    const F32 b_low = product_error(w, a, b) + fma(w, a_low, w_low * (a + w));
    const Pair d = add(b, l);
    // The quotient with one Newton step.
    const F32 square = w * w;
    const F32 numerator = select(negative, a, square);
    const F32 numerator_low =
        select(negative, a_low + w_low, fma(w + w, w_low, product_error(w, w, square)));
    const F32 reciprocal = one / d.high;
    const F32 q = numerator * reciprocal;
    const F32 residual = numerator_low - product_error(q, d.high, numerator);
    const F32 q_low = fnma(q, d.low + b_low, residual) * reciprocal;
    // The factor of x: q e^x, scaled last, or 1 - q.
    const F32 product = q * e.high;
    const F32 product_low = product_error(q, e.high, product) + fma(q, e.low, q_low * e.high);
    const F32 rest = one - q;
    const F32 rest_low = ((one - rest) - q) - q_low;
    const F32 factor = select(negative, product, rest);
    const F32 factor_low = select(negative, product_low, rest_low);
    const F32 finite = max(set1(-125.0f), x);
    const F32 y = finite * factor;
    const F32 y_low = fma(finite, factor_low, product_error(finite, factor, y));
    return select(x > set1(30.0f), x, scale_by_power(y + y_low, select(negative, e.n, zero())));
  }
  F32 backward(F32 x, F32 dy) const {
    const F32 one = set1(1.0f);
    const F32 w = exp(zero() - abs(x));
    const F32 square = w * w;
    const F32 twice = w + w;
    const Mask negative = x < zero();
    const F32 n = select(negative, square + twice, one + twice);
    const F32 reciprocal = one / (n + select(negative, set1(2.0f), square + square));
    const F32 slope = set1(4.0f) * select(negative, w, square) * (one + w) * reciprocal;
    return dy * (reciprocal * fma(clamp_to(x, 125.0f), slope, n));
  }
};

}  // namespace
}  // namespace fastdnn::cpu
