// SPDX-License-Identifier: Apache-2.0
// Elementary functions of float32 vectors, written once over the names that scalar.h, avx2.h and
// avx512.h share. A leaf file includes it after one of those.
//
// Every function is within 2 units in the last place of the exact result for all float32 inputs,
// at every level; denormals are kept. tests/test_math.py checks this for each of the 2^32 inputs.
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

// e^x = 2^n (1 + t) with |t| < 0.42.
struct ExpParts {
  F32 n;
  F32 t;
};

inline ExpParts exp_parts(F32 x) {
  const F32 n = round(x * set1(0x1.715476p+0f));
  const F32 r = fnma(n, set1(kLog2Low), fnma(n, set1(kLog2High), x));
  const F32 q = polynomial(r, 0x1.6a524ep-10f, 0x1.12396ep-7f, 0x1.5558aap-5f, 0x1.555492p-3f,
                           0x1.fffffcp-2f);
  return {n, fma(r * r, q, r)};
}

// Keeps x where 2^n is meant to overflow or vanish but n stays small; NaN stays NaN.
inline F32 clamp_exponent(F32 x) { return max(set1(-104.0f), min(set1(89.0f), x)); }

inline F32 exp(F32 x) {
  const ExpParts p = exp_parts(clamp_exponent(x));
  return scale_by_power(set1(1.0f) + p.t, p.n);
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

}  // namespace
}  // namespace fastdnn::cpu
