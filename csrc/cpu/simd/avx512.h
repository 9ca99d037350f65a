// SPDX-License-Identifier: Apache-2.0
// Sixteen lanes of float32 (AVX-512 F, BW, DQ, VL). See scalar.h for what each name means.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "csrc/core/types.h"

#define FASTDNN_LEVEL avx512

namespace fastdnn::cpu {
namespace {

inline constexpr index_t kLanes = 16;

struct F32 {
  __m512 v;
};
struct I32 {
  __m512i v;
};
struct Mask {
  __mmask16 v;
};

inline __mmask16 count_mask(index_t count) {
  if (count >= 16) return static_cast<__mmask16>(0xFFFF);
  return static_cast<__mmask16>(count <= 0 ? 0u : (1u << count) - 1u);
}

inline void prefetch(const float* p) { __builtin_prefetch(p); }
inline void prefetch_second_cache(const float* p) { __builtin_prefetch(p, 0, 2); }
inline void prefetch_to_write(const float* p) { __builtin_prefetch(p, 1); }

inline F32 set1(float x) { return {_mm512_set1_ps(x)}; }
inline I32 set1_i32(std::int32_t x) { return {_mm512_set1_epi32(x)}; }
inline F32 zero() { return {_mm512_setzero_ps()}; }
inline F32 load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline F32 load(const float* p, index_t count) {
  return {_mm512_maskz_loadu_ps(count_mask(count), p)};
}
inline void store(float* p, F32 a) { _mm512_storeu_ps(p, a.v); }
inline void store(float* p, F32 a, index_t count) {
  _mm512_mask_storeu_ps(p, count_mask(count), a.v);
}
struct Tail {
  __mmask16 v;
};
inline Tail tail(index_t count) { return {count_mask(count)}; }
inline F32 load(const float* p, Tail t) { return {_mm512_maskz_loadu_ps(t.v, p)}; }
inline void store(float* p, F32 a, Tail t) { _mm512_mask_storeu_ps(p, t.v, a.v); }
inline I32 load_i32(const std::int32_t* p) { return {_mm512_loadu_si512(p)}; }
inline __m256i load_u16(const std::uint16_t* p, index_t count) {
  return _mm256_maskz_loadu_epi16(count_mask(count), p);
}
inline F32 load_f16(const std::uint16_t* p, index_t count) {
  return {_mm512_cvtph_ps(load_u16(p, count))};
}
inline F32 load_bf16(const std::uint16_t* p, index_t count) {
  const __m512i wide = _mm512_cvtepu16_epi32(load_u16(p, count));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
}
inline void store_i32(std::int32_t* p, I32 a) { _mm512_storeu_si512(p, a.v); }

inline F32 operator+(F32 a, F32 b) { return {_mm512_add_ps(a.v, b.v)}; }
inline F32 operator-(F32 a, F32 b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline F32 operator*(F32 a, F32 b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline F32 operator/(F32 a, F32 b) { return {_mm512_div_ps(a.v, b.v)}; }
inline F32 fma(F32 a, F32 b, F32 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline F32 fnma(F32 a, F32 b, F32 c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
inline F32 product_error(F32 a, F32 b, F32 p) { return {_mm512_fmsub_ps(a.v, b.v, p.v)}; }
inline F32 min(F32 a, F32 b) { return {_mm512_min_ps(a.v, b.v)}; }
inline F32 max(F32 a, F32 b) { return {_mm512_max_ps(a.v, b.v)}; }
inline F32 sqrt(F32 a) { return {_mm512_sqrt_ps(a.v)}; }
// Of 14 bits at first and then of one Newton step: several times as fast as the exact instructions.
// The step would make NaN of 0 and infinity, whose first values are right.
inline __mmask16 takes_newton_step(F32 a) {
  constexpr int kZeroOrInfinite = 0x1E;
  return static_cast<__mmask16>(~_mm512_fpclass_ps_mask(a.v, kZeroOrInfinite));
}
inline F32 quick_inverse_sqrt(F32 a) {
  const F32 y{_mm512_rsqrt14_ps(a.v)};
  const F32 error = fnma(a * y, y, set1(1.0f));
  return {_mm512_mask3_fmadd_ps((set1(0.5f) * y).v, error.v, y.v, takes_newton_step(a))};
}
inline F32 quick_sqrt(F32 a) {
  const F32 y{_mm512_rsqrt14_ps(a.v)};
  const F32 root = a * y;
  const F32 better = fma(set1(0.5f) * y, fnma(root, root, a), root);
  return {_mm512_mask_mov_ps(a.v, takes_newton_step(a), better.v)};
}
inline F32 quick_inverse(F32 a) {
  const F32 y{_mm512_rcp14_ps(a.v)};
  const F32 error = fnma(a, y, set1(1.0f));
  return {_mm512_mask3_fmadd_ps(y.v, error.v, y.v, takes_newton_step(a))};
}
inline F32 abs(F32 a) { return {_mm512_abs_ps(a.v)}; }
inline F32 round(F32 a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

inline Mask operator<(F32 a, F32 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
inline Mask operator<=(F32 a, F32 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)}; }
inline Mask operator>(F32 a, F32 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_GT_OQ)}; }
inline Mask operator>=(F32 a, F32 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ)}; }
inline Mask operator==(F32 a, F32 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)}; }
inline Mask is_nan(F32 a) { return {_mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q)}; }
inline Mask operator&(Mask a, Mask b) { return {static_cast<__mmask16>(a.v & b.v)}; }
inline Mask operator|(Mask a, Mask b) { return {static_cast<__mmask16>(a.v | b.v)}; }
inline Mask operator!(Mask a) { return {static_cast<__mmask16>(~a.v)}; }
inline F32 select(Mask m, F32 a, F32 b) { return {_mm512_mask_blend_ps(m.v, b.v, a.v)}; }
inline I32 select(Mask m, I32 a, I32 b) { return {_mm512_mask_blend_epi32(m.v, b.v, a.v)}; }

inline I32 bitcast_i32(F32 a) { return {_mm512_castps_si512(a.v)}; }
inline F32 bitcast_f32(I32 a) { return {_mm512_castsi512_ps(a.v)}; }
inline I32 truncate_i32(F32 a) { return {_mm512_cvttps_epi32(a.v)}; }
inline F32 convert_f32(I32 a) { return {_mm512_cvtepi32_ps(a.v)}; }
inline F32 scale_by_power(F32 a, F32 n) { return {_mm512_scalef_ps(a.v, n.v)}; }
inline I32 operator+(I32 a, I32 b) { return {_mm512_add_epi32(a.v, b.v)}; }
inline I32 operator-(I32 a, I32 b) { return {_mm512_sub_epi32(a.v, b.v)}; }
inline I32 operator&(I32 a, I32 b) { return {_mm512_and_si512(a.v, b.v)}; }
inline I32 operator|(I32 a, I32 b) { return {_mm512_or_si512(a.v, b.v)}; }
inline I32 operator^(I32 a, I32 b) { return {_mm512_xor_si512(a.v, b.v)}; }
inline Mask operator==(I32 a, I32 b) { return {_mm512_cmpeq_epi32_mask(a.v, b.v)}; }
inline Mask operator>(I32 a, I32 b) { return {_mm512_cmpgt_epi32_mask(a.v, b.v)}; }
inline I32 max(I32 a, I32 b) { return {_mm512_max_epi32(a.v, b.v)}; }
template <int kBits>
inline I32 shift_left(I32 a) {
  return {_mm512_slli_epi32(a.v, kBits)};
}
template <int kBits>
inline I32 shift_right_logical(I32 a) {
  return {_mm512_srli_epi32(a.v, kBits)};
}
template <int kBits>
inline I32 shift_right_arithmetic(I32 a) {
  return {_mm512_srai_epi32(a.v, kBits)};
}
inline I32 pair_upper_halves(F32 low, F32 high) {
  const __m512i shifted = _mm512_srli_epi32(_mm512_castps_si512(low.v), 16);
  return {_mm512_mask_blend_epi16(0xAAAAAAAA, shifted, _mm512_castps_si512(high.v))};
}
inline I32 max_of_halves(I32 a, I32 b) { return {_mm512_max_epu16(a.v, b.v)}; }
inline void multiply_wide(I32 a, I32 b, I32& high, I32& low) {
  const __m512i even = _mm512_mul_epu32(a.v, b.v);
  const __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(a.v, 32), _mm512_srli_epi64(b.v, 32));
  high = {_mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 32), odd)};
  low = {_mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(odd, 32))};
}
inline I32 lane_index() {
  return {_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)};
}
inline Mask first_lanes(index_t count) { return {count_mask(count)}; }

inline float reduce_add(F32 a) {
  const __m256 s8 = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  s = _mm_add_ss(s, _mm_movehdup_ps(s));
  return _mm_cvtss_f32(s);
}
inline float reduce_max(F32 a) {
  const __m256 s8 = _mm256_max_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  s = _mm_max_ss(s, _mm_movehdup_ps(s));
  return _mm_cvtss_f32(s);
}
inline std::int32_t reduce_max(I32 a) {
  const __m256i m8 =
      _mm256_max_epi32(_mm512_castsi512_si256(a.v), _mm512_extracti32x8_epi32(a.v, 1));
  __m128i m = _mm_max_epi32(_mm256_castsi256_si128(m8), _mm256_extracti128_si256(m8, 1));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4E));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xB1));
  return _mm_cvtsi128_si32(m);
}
inline void transpose(F32 (&r)[kLanes]) {
  __m512 a[16], b[16];
  // Within 128-bit quarters: 4x4 squares.
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    a[2 * i] = _mm512_unpacklo_ps(r[2 * i].v, r[2 * i + 1].v);
    a[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i].v, r[2 * i + 1].v);
  }
#pragma GCC unroll 4
  for (int h = 0; h < 4; ++h) {
    const __m512* q = a + 4 * h;
    b[4 * h + 0] = _mm512_shuffle_ps(q[0], q[2], 0x44);
    b[4 * h + 1] = _mm512_shuffle_ps(q[0], q[2], 0xEE);
    b[4 * h + 2] = _mm512_shuffle_ps(q[1], q[3], 0x44);
    b[4 * h + 3] = _mm512_shuffle_ps(q[1], q[3], 0xEE);
  }
  // b[4h + i] holds columns i, i + 4, i + 8, i + 12 of rows 4h .. 4h + 3: transpose the quarters.
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512 t0 = _mm512_shuffle_f32x4(b[i], b[i + 4], 0x44);
    const __m512 t1 = _mm512_shuffle_f32x4(b[i], b[i + 4], 0xEE);
    const __m512 t2 = _mm512_shuffle_f32x4(b[i + 8], b[i + 12], 0x44);
    const __m512 t3 = _mm512_shuffle_f32x4(b[i + 8], b[i + 12], 0xEE);
    r[i].v = _mm512_shuffle_f32x4(t0, t2, 0x88);
    r[i + 4].v = _mm512_shuffle_f32x4(t0, t2, 0xDD);
    r[i + 8].v = _mm512_shuffle_f32x4(t1, t3, 0x88);
    r[i + 12].v = _mm512_shuffle_f32x4(t1, t3, 0xDD);
  }
}
inline void accumulate(double& sum, F32 a) {
  const __m512d wide = _mm512_add_pd(_mm512_cvtps_pd(_mm512_castps512_ps256(a.v)),
                                     _mm512_cvtps_pd(_mm512_extractf32x8_ps(a.v, 1)));
  const __m256d s4 = _mm256_add_pd(_mm512_castpd512_pd256(wide), _mm512_extractf64x4_pd(wide, 1));
  __m128d s = _mm_add_pd(_mm256_castpd256_pd128(s4), _mm256_extractf128_pd(s4, 1));
  s = _mm_add_sd(s, _mm_unpackhi_pd(s, s));
  sum += _mm_cvtsd_f64(s);
}
inline void accumulate_squares(double& sum, F32 a) {
  const __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(a.v));
  const __m512d high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(a.v, 1));
  const __m512d wide = _mm512_fmadd_pd(low, low, _mm512_mul_pd(high, high));
  const __m256d s4 = _mm256_add_pd(_mm512_castpd512_pd256(wide), _mm512_extractf64x4_pd(wide, 1));
  __m128d s = _mm_add_pd(_mm256_castpd256_pd128(s4), _mm256_extractf128_pd(s4, 1));
  s = _mm_add_sd(s, _mm_unpackhi_pd(s, s));
  sum += _mm_cvtsd_f64(s);
}

}  // namespace
}  // namespace fastdnn::cpu
