// SPDX-License-Identifier: Apache-2.0
// Elementary functions of float32 vectors, written once over the names that scalar.h, avx2.h and
// avx512.h share. A leaf file includes it after one of those.
//
// Every function is within 2 units in the last place of the exact result for all float32 inputs,
// at every level: exp, log, log1p and sigmoid within 1, the others within 1.3. Denormals, NaN and
// the signs of zeros are kept. tests/test_math.py checks this for each of the 2^32 inputs.
// Polynomials are minimax fits of relative error below 2^-27, coefficients rounded one by one.
#pragma once

namespace fastdnn::cpu {
namespace {

inline F32 infinity() { return set1(__builtin_inff()); }
inline F32 quiet_nan() { return set1(__builtin_nanf("")); }

// Coefficients from the highest power down.
template <typename... Lower>
inline F32 polynomial(F32 x, float highest, Lower... lower) {
  F32 y = set1(highest);
  ((y = fma(y, x, set1(lower))), ...);
  return y;
}

// log(2) in two parts; whole multiples of the first up to 2^9 are exact.
inline constexpr float kLog2High = 0x1.62e4p-1f;
inline constexpr float kLog2Low = 0x1.7f7d1cp-20f;

// e^x = 2^n (1 + r + w), where |r| < 0.35 and w, of the order of r^2, is the rest.
struct ExpParts {
  F32 n;
  F32 r;
  F32 w;
};

inline ExpParts exp_parts(F32 x) {
  const F32 n = round(x * set1(0x1.715476p+0f));
  const F32 r = fnma(n, set1(kLog2Low), fnma(n, set1(kLog2High), x));
  const F32 q = polynomial(r, 0x1.6a524ep-10f, 0x1.12396ep-7f, 0x1.5558aap-5f, 0x1.555492p-3f,
                           0x1.fffffcp-2f);
  return {n, r, r * r * q};
}

// Keeps n in range and the results 0 and Inf where they belong. NaN stays NaN.
inline F32 clamp_exponent(F32 x) { return max(set1(-104.0f), min(set1(89.0f), x)); }

inline F32 exp(F32 x) {
  const ExpParts e = exp_parts(clamp_exponent(x));
  return scale_by_power(set1(1.0f) + (e.r + e.w), e.n);
}

// A number as high + low, where |low| is far below |high|.
struct Pair {
  F32 high;
  F32 low;
};

// (e^x - 1) / 2 = s r + s w + (s - 1 / 2) for s = 2^n / 2, which is finite.
inline Pair half_expm1(F32 x) {
  const ExpParts e = exp_parts(clamp_exponent(x));
  const F32 s = scale_by_power(set1(0.5f), e.n);
  const F32 base = s - set1(0.5f);
  const F32 high = fma(s, e.r, base);
  return {high, fma(s, e.r, base - high) + s * e.w};
}

inline F32 expm1(F32 x) {
  const Pair half = half_expm1(x);
  const F32 y = half.high + half.low;
  return select(abs(x) < set1(0x1p-25f), x, y + y);
}

// e^-|x| = 2^n (high + low), to nearly twice the precision of a float.
struct DecayParts {
  F32 n;
  F32 high;
  F32 low;
};

inline DecayParts decay_parts(F32 x) {
  const ExpParts e = exp_parts(max(set1(-125.0f), zero() - abs(x)));
  const F32 high = set1(1.0f) + e.r;
  const F32 low = (e.r - (high - set1(1.0f))) + e.w;
  const F32 sum = high + low;
  return {e.n, sum, low - (sum - high)};
}

// log(2^e (1 + f + f_low)) for f in [-1/3, 1/3] and |f_low| far below |f|.
inline F32 log_of_parts(F32 e, F32 f, F32 f_low) {
  const F32 p = polynomial(f, -0x1.07c48cp-3f, 0x1.1e6ccap-3f, -0x1.f332b8p-4f, 0x1.1ed562p-3f,
                           -0x1.559c66p-3f, 0x1.99d050p-3f, -0x1.fffefap-3f, 0x1.555506p-2f);
  const F32 tail = fma(f * f, fma(f, p, set1(-0.5f)), fma(e, set1(kLog2Low), f_low));
  const F32 high = e * set1(kLog2High);
  const F32 sum = high + f;
  const F32 lost = f - (sum - high);
  return sum + (tail + lost);
}

// x = 2^e m for a positive normal x, with m in [2/3, 4/3).
inline void split_exponent(F32 x, F32& e, F32& m) {
  const I32 bits = bitcast_i32(x);
  const I32 exponent = shift_right_arithmetic<23>(bits - set1_i32(0x3f2aaaab));
  e = convert_f32(exponent);
  m = bitcast_f32(bits - shift_left<23>(exponent));
}

// The logarithm of a number whose regular value is y: -Inf at 0, NaN below, Inf at Inf.
inline F32 log_special_cases(F32 x, F32 y) {
  y = select(x == infinity(), x, y);
  y = select(x == zero(), zero() - infinity(), y);
  return select(x >= zero(), y, quiet_nan());
}

inline F32 log(F32 x) {
  const Mask small = x < set1(0x1p-126f);
  F32 e, m;
  split_exponent(select(small, x * set1(0x1p23f), x), e, m);
  e = e - select(small, set1(23.0f), zero());
  return log_special_cases(x, log_of_parts(e, m - set1(1.0f), zero()));
}

inline F32 log1p(F32 x) {
  const F32 one = set1(1.0f);
  const F32 z = one + x;
  // What the sum left out, relative to the power of two that is split off.
  const F32 lost = select(abs(x) < one, x - (z - one), one - (z - x));
  F32 e, m;
  split_exponent(z, e, m);
  const F32 c = scale_by_power(lost, zero() - e);
  const F32 f = m - one;
  const F32 sum = f + c;
  const F32 y = log_special_cases(z, log_of_parts(e, sum, c - (sum - f)));
  return select(abs(x) < set1(0x1p-25f), x, y);
}

// log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)
inline F32 softplus(F32 x) {
  const F32 one = set1(1.0f);
  const DecayParts u = decay_parts(x);
  const F32 high = scale_by_power(u.high, u.n);
  const F32 z = one + high;
  const F32 lost = (high - (z - one)) + scale_by_power(u.low, u.n);
  const Mask upper = z >= set1(4.0f / 3.0f);
  const F32 half = select(upper, set1(0.5f), one);
  const F32 f = fma(z, half, set1(-1.0f));
  const F32 c = lost * half;
  const F32 sum = f + c;
  return max(zero(), x) + log_of_parts(select(upper, one, zero()), sum, c - (sum - f));
}

// 1 / (1 + e^-x) = 2^n (high + low)
inline DecayParts sigmoid_parts(F32 x) {
  const F32 one = set1(1.0f);
  const DecayParts e = decay_parts(x);
  const F32 decay = scale_by_power(e.high, e.n);
  const F32 d = one + decay;
  const F32 d_low = decay - (d - one);
  const Mask negative = x < zero();
  const F32 numerator = select(negative, e.high, one);
  const F32 numerator_low = select(negative, e.low, zero());
  const F32 reciprocal = one / d;
  const F32 q = numerator * reciprocal;
  const F32 residual = fnma(q, d_low, numerator_low - product_error(q, d, numerator));
  return {select(negative, e.n, zero()), q, residual * reciprocal};
}

inline F32 sigmoid(F32 x) {
  const DecayParts s = sigmoid_parts(x);
  return scale_by_power(s.high + s.low, s.n);
}

inline F32 copy_sign(F32 magnitude, F32 sign) {
  return bitcast_f32(bitcast_i32(magnitude) | (bitcast_i32(sign) & set1_i32(INT32_MIN)));
}

inline F32 tanh(F32 x) {
  const F32 a = abs(x);
  const F32 z = a * a;
  const F32 p = polynomial(z, -0x1.750ce2p-8f, 0x1.51f8cep-6f, -0x1.b835a4p-5f, 0x1.1106f6p-3f,
                           -0x1.555532p-2f);
  const F32 small = fma(a * z, p, a);
  const ExpParts e = exp_parts(min(set1(20.0f), a + a));
  const F32 power = scale_by_power(set1(1.0f) + (e.r + e.w), e.n);
  const F32 large = set1(1.0f) - set1(2.0f) / (power + set1(1.0f));
  return copy_sign(select(a < set1(0.625f), small, large), x);
}

}  // namespace
}  // namespace fastdnn::cpu
