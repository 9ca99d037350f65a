// SPDX-License-Identifier: Apache-2.0
// Eight lanes of float32 (AVX2, FMA, F16C). See scalar.h for what each name means.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "csrc/core/types.h"

#define FASTDNN_LEVEL avx2

namespace fastdnn::cpu {
namespace {

inline constexpr index_t kLanes = 8;

struct F32 {
  __m256 v;
};
struct I32 {
  __m256i v;
};
struct Mask {
  __m256 v;
};

inline __m256i count_mask(index_t count) {
  const std::int32_t n = static_cast<std::int32_t>(count < 0 ? 0 : (count > 8 ? 8 : count));
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

inline void prefetch(const float* p) { __builtin_prefetch(p); }
inline void prefetch_second_cache(const float* p) { __builtin_prefetch(p, 0, 2); }
inline void prefetch_to_write(const float* p) { __builtin_prefetch(p, 1); }

inline F32 set1(float x) { return {_mm256_set1_ps(x)}; }
inline I32 set1_i32(std::int32_t x) { return {_mm256_set1_epi32(x)}; }
inline F32 zero() { return {_mm256_setzero_ps()}; }
inline F32 load(const float* p) { return {_mm256_loadu_ps(p)}; }
inline F32 load(const float* p, index_t count) {
  if (count >= kLanes) return load(p);
  return {_mm256_maskload_ps(p, count_mask(count))};
}
inline void store(float* p, F32 a) { _mm256_storeu_ps(p, a.v); }
inline void store(float* p, F32 a, index_t count) {
  if (count >= kLanes) return store(p, a);
  _mm256_maskstore_ps(p, count_mask(count), a.v);
}
struct Tail {
  __m256i v;
};
inline Tail tail(index_t count) { return {count_mask(count)}; }
inline F32 load(const float* p, Tail t) { return {_mm256_maskload_ps(p, t.v)}; }
inline void store(float* p, F32 a, Tail t) { _mm256_maskstore_ps(p, t.v, a.v); }
inline I32 load_i32(const std::int32_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
}
inline __m128i load_u16(const std::uint16_t* p, index_t count) {
  if (count >= kLanes) return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  alignas(16) std::uint16_t lanes[kLanes] = {};
  for (index_t i = 0; i < count; ++i) lanes[i] = p[i];
  return _mm_load_si128(reinterpret_cast<const __m128i*>(lanes));
}
inline F32 load_f16(const std::uint16_t* p, index_t count) {
  return {_mm256_cvtph_ps(load_u16(p, count))};
}
inline F32 load_bf16(const std::uint16_t* p, index_t count) {
  const __m256i wide = _mm256_cvtepu16_epi32(load_u16(p, count));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(wide, 16))};
}
inline void store_i32(std::int32_t* p, I32 a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a.v);
}

inline F32 operator+(F32 a, F32 b) { return {_mm256_add_ps(a.v, b.v)}; }
inline F32 operator-(F32 a, F32 b) { return {_mm256_sub_ps(a.v, b.v)}; }
inline F32 operator*(F32 a, F32 b) { return {_mm256_mul_ps(a.v, b.v)}; }
inline F32 operator/(F32 a, F32 b) { return {_mm256_div_ps(a.v, b.v)}; }
inline F32 fma(F32 a, F32 b, F32 c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
inline F32 fnma(F32 a, F32 b, F32 c) { return {_mm256_fnmadd_ps(a.v, b.v, c.v)}; }
inline F32 product_error(F32 a, F32 b, F32 p) { return {_mm256_fmsub_ps(a.v, b.v, p.v)}; }
inline F32 min(F32 a, F32 b) { return {_mm256_min_ps(a.v, b.v)}; }
inline F32 max(F32 a, F32 b) { return {_mm256_max_ps(a.v, b.v)}; }
inline F32 sqrt(F32 a) { return {_mm256_sqrt_ps(a.v)}; }
inline F32 quick_sqrt(F32 a) { return sqrt(a); }
inline F32 quick_inverse_sqrt(F32 a) { return set1(1.0f) / sqrt(a); }
inline F32 quick_inverse(F32 a) { return set1(1.0f) / a; }
inline F32 abs(F32 a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
inline F32 round(F32 a) {
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

inline Mask operator<(F32 a, F32 b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
inline Mask operator<=(F32 a, F32 b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LE_OQ)}; }
inline Mask operator>(F32 a, F32 b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_GT_OQ)}; }
inline Mask operator>=(F32 a, F32 b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_GE_OQ)}; }
inline Mask operator==(F32 a, F32 b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_EQ_OQ)}; }
inline Mask is_nan(F32 a) { return {_mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q)}; }
inline Mask operator&(Mask a, Mask b) { return {_mm256_and_ps(a.v, b.v)}; }
inline Mask operator|(Mask a, Mask b) { return {_mm256_or_ps(a.v, b.v)}; }
inline Mask operator!(Mask a) {
  return {_mm256_xor_ps(a.v, _mm256_castsi256_ps(_mm256_set1_epi32(-1)))};
}
inline F32 select(Mask m, F32 a, F32 b) { return {_mm256_blendv_ps(b.v, a.v, m.v)}; }
inline I32 select(Mask m, I32 a, I32 b) {
  return {_mm256_blendv_epi8(b.v, a.v, _mm256_castps_si256(m.v))};
}

inline I32 bitcast_i32(F32 a) { return {_mm256_castps_si256(a.v)}; }
inline F32 bitcast_f32(I32 a) { return {_mm256_castsi256_ps(a.v)}; }
inline I32 truncate_i32(F32 a) { return {_mm256_cvttps_epi32(a.v)}; }
inline F32 convert_f32(I32 a) { return {_mm256_cvtepi32_ps(a.v)}; }
inline I32 operator+(I32 a, I32 b) { return {_mm256_add_epi32(a.v, b.v)}; }
inline I32 operator-(I32 a, I32 b) { return {_mm256_sub_epi32(a.v, b.v)}; }
inline I32 operator&(I32 a, I32 b) { return {_mm256_and_si256(a.v, b.v)}; }
inline I32 operator|(I32 a, I32 b) { return {_mm256_or_si256(a.v, b.v)}; }
inline I32 operator^(I32 a, I32 b) { return {_mm256_xor_si256(a.v, b.v)}; }
inline Mask operator==(I32 a, I32 b) { return {_mm256_castsi256_ps(_mm256_cmpeq_epi32(a.v, b.v))}; }
inline Mask operator>(I32 a, I32 b) { return {_mm256_castsi256_ps(_mm256_cmpgt_epi32(a.v, b.v))}; }
inline I32 max(I32 a, I32 b) { return {_mm256_max_epi32(a.v, b.v)}; }
template <int kBits>
inline I32 shift_left(I32 a) {
  return {_mm256_slli_epi32(a.v, kBits)};
}
template <int kBits>
inline I32 shift_right_logical(I32 a) {
  return {_mm256_srli_epi32(a.v, kBits)};
}
template <int kBits>
inline I32 shift_right_arithmetic(I32 a) {
  return {_mm256_srai_epi32(a.v, kBits)};
}
inline F32 scale_by_power(F32 a, F32 n) {
  // In two steps, because 2^n itself may be out of range; only the second one rounds.
  const I32 exponent = truncate_i32(n);
  const I32 half = shift_right_arithmetic<1>(exponent);
  const I32 bias = set1_i32(127);
  return a * bitcast_f32(shift_left<23>(half + bias)) *
         bitcast_f32(shift_left<23>(exponent - half + bias));
}
inline I32 pair_upper_halves(F32 low, F32 high) {
  const __m256i shifted = _mm256_srli_epi32(_mm256_castps_si256(low.v), 16);
  return {_mm256_blend_epi16(shifted, _mm256_castps_si256(high.v), 0xAA)};
}
inline I32 max_of_halves(I32 a, I32 b) { return {_mm256_max_epu16(a.v, b.v)}; }
inline void multiply_wide(I32 a, I32 b, I32& high, I32& low) {
  const __m256i even = _mm256_mul_epu32(a.v, b.v);
  const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(a.v, 32), _mm256_srli_epi64(b.v, 32));
  high = {_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA)};
  low = {_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA)};
}
inline I32 lane_index() { return {_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)}; }
inline Mask first_lanes(index_t count) { return {_mm256_castsi256_ps(count_mask(count))}; }

inline float reduce_add(F32 a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  s = _mm_add_ss(s, _mm_movehdup_ps(s));
  return _mm_cvtss_f32(s);
}
inline float reduce_max(F32 a) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  s = _mm_max_ss(s, _mm_movehdup_ps(s));
  return _mm_cvtss_f32(s);
}
inline std::int32_t reduce_max(I32 a) {
  __m128i m = _mm_max_epi32(_mm256_castsi256_si128(a.v), _mm256_extracti128_si256(a.v, 1));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4E));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xB1));
  return _mm_cvtsi128_si32(m);
}
inline void transpose(F32 (&r)[kLanes]) {
  __m256 a[8];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    a[2 * i] = _mm256_unpacklo_ps(r[2 * i].v, r[2 * i + 1].v);
    a[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i].v, r[2 * i + 1].v);
  }
  __m256 b[8];
#pragma GCC unroll 2
  for (int h = 0; h < 2; ++h) {
    const __m256* q = a + 4 * h;
    b[4 * h + 0] = _mm256_shuffle_ps(q[0], q[2], 0x44);
    b[4 * h + 1] = _mm256_shuffle_ps(q[0], q[2], 0xEE);
    b[4 * h + 2] = _mm256_shuffle_ps(q[1], q[3], 0x44);
    b[4 * h + 3] = _mm256_shuffle_ps(q[1], q[3], 0xEE);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    r[i].v = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
    r[i + 4].v = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
  }
}
inline void accumulate(double& sum, F32 a) {
  const __m256d wide = _mm256_add_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(a.v)),
                                     _mm256_cvtps_pd(_mm256_extractf128_ps(a.v, 1)));
  __m128d s = _mm_add_pd(_mm256_castpd256_pd128(wide), _mm256_extractf128_pd(wide, 1));
  s = _mm_add_sd(s, _mm_unpackhi_pd(s, s));
  sum += _mm_cvtsd_f64(s);
}
inline void accumulate_squares(double& sum, F32 a) {
  const __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(a.v));
  const __m256d high = _mm256_cvtps_pd(_mm256_extractf128_ps(a.v, 1));
  const __m256d wide = _mm256_fmadd_pd(low, low, _mm256_mul_pd(high, high));
  __m128d s = _mm_add_pd(_mm256_castpd256_pd128(wide), _mm256_extractf128_pd(wide, 1));
  s = _mm_add_sd(s, _mm_unpackhi_pd(s, s));
  sum += _mm_cvtsd_f64(s);
}

}  // namespace
}  // namespace fastdnn::cpu
