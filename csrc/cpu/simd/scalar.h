// SPDX-License-Identifier: Apache-2.0
// One lane of float32: the specification that the wider levels are tested against. A file includes
// exactly one of the headers in this folder; all of them offer the same names.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "csrc/core/types.h"

#define FASTDNN_LEVEL scalar

namespace fastdnn::cpu {
namespace {

inline constexpr index_t kLanes = 1;

struct F32 {
  float v;
};
struct I32 {
  std::int32_t v;
};
struct Mask {
  bool v;
};

// Asks for the cache line at p, to be read or written soon.
inline void prefetch(const float* p) { __builtin_prefetch(p); }
inline void prefetch_second_cache(const float* p) { __builtin_prefetch(p, 0, 2); }
inline void prefetch_to_write(const float* p) { __builtin_prefetch(p, 1); }

inline F32 set1(float x) { return {x}; }
inline I32 set1_i32(std::int32_t x) { return {x}; }
inline F32 zero() { return {0.0f}; }
inline F32 load(const float* p) { return {*p}; }
inline F32 load(const float* p, index_t count) { return {count > 0 ? *p : 0.0f}; }
inline void store(float* p, F32 a) { *p = a.v; }
inline void store(float* p, F32 a, index_t count) {
  if (count > 0) *p = a.v;
}
// A count of lanes prepared once for a loop of counted loads or stores.
struct Tail {
  bool v;
};
inline Tail tail(index_t count) { return {count > 0}; }
inline F32 load(const float* p, Tail t) { return {t.v ? *p : 0.0f}; }
inline void store(float* p, F32 a, Tail t) {
  if (t.v) *p = a.v;
}
inline I32 load_i32(const std::int32_t* p) { return {*p}; }
inline void store_i32(std::int32_t* p, I32 a) { *p = a.v; }

inline F32 operator+(F32 a, F32 b) { return {a.v + b.v}; }
inline F32 operator-(F32 a, F32 b) { return {a.v - b.v}; }
inline F32 operator*(F32 a, F32 b) { return {a.v * b.v}; }
inline F32 operator/(F32 a, F32 b) { return {a.v / b.v}; }
// a * b + c; one rounding on levels with FMA, two here.
inline F32 fma(F32 a, F32 b, F32 c) { return {a.v * b.v + c.v}; }
// c - a * b
inline F32 fnma(F32 a, F32 b, F32 c) { return {c.v - a.v * b.v}; }
// a * b - p, rounded once at every level: what the rounded product or quotient p leaves out.
inline F32 product_error(F32 a, F32 b, F32 p) {
  return {static_cast<float>(static_cast<double>(a.v) * static_cast<double>(b.v) -
                             static_cast<double>(p.v))};
}
// Where either operand is NaN the second one is returned, as the x86 instructions do.
inline F32 min(F32 a, F32 b) { return {a.v < b.v ? a.v : b.v}; }
inline F32 max(F32 a, F32 b) { return {a.v > b.v ? a.v : b.v}; }
inline F32 sqrt(F32 a) { return {std::sqrt(a.v)}; }
// Within 2 units in the last place, of normal numbers; exact for 0 and infinity.
inline F32 quick_sqrt(F32 a) { return sqrt(a); }
inline F32 quick_inverse_sqrt(F32 a) { return set1(1.0f) / sqrt(a); }
inline F32 quick_inverse(F32 a) { return set1(1.0f) / a; }
inline F32 abs(F32 a) { return {std::fabs(a.v)}; }
// To the nearest integer, ties to even.
inline F32 round(F32 a) { return {std::nearbyintf(a.v)}; }

inline Mask operator<(F32 a, F32 b) { return {a.v < b.v}; }
inline Mask operator<=(F32 a, F32 b) { return {a.v <= b.v}; }
inline Mask operator>(F32 a, F32 b) { return {a.v > b.v}; }
inline Mask operator>=(F32 a, F32 b) { return {a.v >= b.v}; }
inline Mask operator==(F32 a, F32 b) { return {a.v == b.v}; }
inline Mask is_nan(F32 a) { return {a.v != a.v}; }
inline Mask operator&(Mask a, Mask b) { return {a.v && b.v}; }
inline Mask operator|(Mask a, Mask b) { return {a.v || b.v}; }
inline Mask operator!(Mask a) { return {!a.v}; }
// mask ? a : b
inline F32 select(Mask m, F32 a, F32 b) { return m.v ? a : b; }
inline I32 select(Mask m, I32 a, I32 b) { return m.v ? a : b; }

inline I32 bitcast_i32(F32 a) {
  I32 r;
  std::memcpy(&r.v, &a.v, sizeof r.v);
  return r;
}
inline F32 bitcast_f32(I32 a) {
  F32 r;
  std::memcpy(&r.v, &a.v, sizeof r.v);
  return r;
}
// Truncation towards zero; out of range and NaN give INT32_MIN, as the x86 instructions do.
inline I32 truncate_i32(F32 a) {
  return {a.v >= -2147483648.0f && a.v < 2147483648.0f ? static_cast<std::int32_t>(a.v)
                                                       : INT32_MIN};
}
inline F32 convert_f32(I32 a) { return {static_cast<float>(a.v)}; }
inline I32 operator+(I32 a, I32 b) {
  return {
      static_cast<std::int32_t>(static_cast<std::uint32_t>(a.v) + static_cast<std::uint32_t>(b.v))};
}
inline I32 operator-(I32 a, I32 b) {
  return {
      static_cast<std::int32_t>(static_cast<std::uint32_t>(a.v) - static_cast<std::uint32_t>(b.v))};
}
inline I32 operator&(I32 a, I32 b) { return {a.v & b.v}; }
inline I32 operator|(I32 a, I32 b) { return {a.v | b.v}; }
inline I32 operator^(I32 a, I32 b) { return {a.v ^ b.v}; }
inline Mask operator==(I32 a, I32 b) { return {a.v == b.v}; }
inline Mask operator>(I32 a, I32 b) { return {a.v > b.v}; }
inline I32 max(I32 a, I32 b) { return {a.v > b.v ? a.v : b.v}; }
template <int kBits>
inline I32 shift_left(I32 a) {
  return {static_cast<std::int32_t>(static_cast<std::uint32_t>(a.v) << kBits)};
}
template <int kBits>
inline I32 shift_right_logical(I32 a) {
  return {static_cast<std::int32_t>(static_cast<std::uint32_t>(a.v) >> kBits)};
}
template <int kBits>
inline I32 shift_right_arithmetic(I32 a) {
  return {a.v >> kBits};
}
// Numbers of 16 bits, given as their bits, in float32; exact, but for the payload of NaN.
// Subnormals of float16 become normal numbers, also while arithmetic takes subnormal ones for zero.
inline F32 load_f16(const std::uint16_t* p, index_t count) {
  if (count <= 0) return zero();
  const std::int32_t exponent = (*p >> 10) & 0x1F, fraction = *p & 0x3FF;
  const std::int32_t wide = exponent == 0x1F ? 0xFF : exponent + 127 - 15;
  const F32 magnitude = exponent == 0 ? F32{static_cast<float>(fraction) * 0x1p-24f}
                                      : bitcast_f32({wide << 23 | fraction << 13});
  return *p >> 15 != 0 ? F32{-magnitude.v} : magnitude;
}
inline F32 load_bf16(const std::uint16_t* p, index_t count) {
  return count > 0 ? bitcast_f32(shift_left<16>(I32{*p})) : zero();
}
// The upper half of `low` below the upper half of `high`.
inline I32 pair_upper_halves(F32 low, F32 high) {
  return shift_right_logical<16>(bitcast_i32(low)) |
         I32{bitcast_i32(high).v & static_cast<std::int32_t>(0xFFFF0000)};
}
// The greater of each two unsigned 16-bit halves.
inline I32 max_of_halves(I32 a, I32 b) {
  const auto x = static_cast<std::uint32_t>(a.v), y = static_cast<std::uint32_t>(b.v);
  const std::uint32_t high = (x >> 16) > (y >> 16) ? x >> 16 : y >> 16;
  const std::uint32_t low = (x & 0xFFFF) > (y & 0xFFFF) ? x & 0xFFFF : y & 0xFFFF;
  return {static_cast<std::int32_t>((high << 16) | low)};
}
// a * 2^n for a whole n in [-252, 254], rounded once.
inline F32 scale_by_power(F32 a, F32 n) {
  // In two steps, because 2^n itself may be out of range; only the second one rounds.
  const I32 exponent = truncate_i32(n);
  const I32 half = shift_right_arithmetic<1>(exponent);
  const I32 bias = set1_i32(127);
  return a * bitcast_f32(shift_left<23>(half + bias)) *
         bitcast_f32(shift_left<23>(exponent - half + bias));
}
// The high and low 32 bits of the unsigned 32x32-bit products.
inline void multiply_wide(I32 a, I32 b, I32& high, I32& low) {
  const std::uint64_t product =
      static_cast<std::uint64_t>(static_cast<std::uint32_t>(a.v)) * static_cast<std::uint32_t>(b.v);
  high = {static_cast<std::int32_t>(static_cast<std::uint32_t>(product >> 32))};
  low = {static_cast<std::int32_t>(static_cast<std::uint32_t>(product))};
}
// 0, 1, 2, ... kLanes - 1
inline I32 lane_index() { return {0}; }
// The lanes below `count`.
inline Mask first_lanes(index_t count) { return {count > 0}; }

// Sum and maximum over the lanes, in a fixed order.
inline float reduce_add(F32 a) { return a.v; }
inline float reduce_max(F32 a) { return a.v; }
inline std::int32_t reduce_max(I32 a) { return a.v; }

// Transposes a square of kLanes vectors in place.
inline void transpose(F32 (&)[kLanes]) {}

// Adds the lanes, widened, to `sum`.
inline void accumulate(double& sum, F32 a) { sum += static_cast<double>(a.v); }
// Adds the squares of the lanes, widened first, to `sum`.
inline void accumulate_squares(double& sum, F32 a) {
  sum += static_cast<double>(a.v) * static_cast<double>(a.v);
}

}  // namespace
}  // namespace fastdnn::cpu
