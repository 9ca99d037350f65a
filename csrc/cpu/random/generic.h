// SPDX-License-Identifier: Apache-2.0
// No fma() in this file: levels with and without it must give the same bits.
#include "csrc/cpu/random/random.h"
#include "csrc/cpu/simd/philox.h"

namespace fastdnn::cpu {
namespace {

// Calls f(offset, words) for each kLanes blocks of the part; word w of them belongs to the elements
// offset + 16 w + (0 ... kLanes - 1).
template <typename F>
void for_blocks(const RandomPart& part, F f) {
  std::uint64_t block = static_cast<std::uint64_t>(part.first_group) * kPhiloxLanes;
  for (index_t begin = 0; begin < part.count; begin += kRandomGroup, block += kPhiloxLanes) {
    const I32 high = set1_i32(static_cast<std::int32_t>(block >> 32));
    for (index_t lane = 0; lane < kPhiloxLanes; lane += kLanes) {
      const std::uint32_t low =
          static_cast<std::uint32_t>(block) + static_cast<std::uint32_t>(lane);
      I32 words[4];
      philox(part.key, set1_i32(static_cast<std::int32_t>(low)) + lane_index(), high, words);
      f(begin + lane, words);
    }
  }
}

// Replaces the words by float32 values with map(words, values) and stores those.
template <typename Map>
void fill(const RandomPart& part, float* y, Map map) {
  for_blocks(part, [&](index_t offset, const I32(&words)[4]) {
    F32 values[4];
    map(words, values);
    for (int w = 0; w < 4; ++w) {
      const index_t at = offset + w * kPhiloxLanes;
      store(y + at, values[w], part.count - at);
    }
  });
}

// Horner's scheme, unfused.
template <int kCount>
inline F32 polynomial(F32 x, const float (&coefficients)[kCount]) {
  F32 p = set1(coefficients[0]);
  for (int i = 1; i < kCount; ++i) p = p * x + set1(coefficients[i]);
  return p;
}

// ln(u) of a normal u > 0 within 2 ulp. Polynomial of Cephes' logf (Moshier).
inline F32 log_unfused(F32 u) {
  static constexpr float kLog[] = {7.0376836292e-2f,  -1.1514610310e-1f, 1.1676998740e-1f,
                                   -1.2420140846e-1f, 1.4249322787e-1f,  -1.6668057665e-1f,
                                   2.0000714765e-1f,  -2.4999993993e-1f, 3.3333331174e-1f};
  // u = m 2^e with m in [sqrt(1/2), sqrt(2))
  const I32 bits = bitcast_i32(u);
  const I32 e = shift_right_arithmetic<23>(bits - set1_i32(0x3F3504F3));
  const F32 f = bitcast_f32(bits - shift_left<23>(e)) - set1(1.0f);
  const F32 exponent = convert_f32(e);
  const F32 square = f * f;
  F32 y = f * (square * polynomial(f, kLog));
  y = y + exponent * set1(-2.12194440e-4f);  // ln 2 in two parts, the first one exact in products
  y = y - set1(0.5f) * square;
  return (f + y) + exponent * set1(0.693359375f);
}

// Box and Muller's pair of independent normals from two words.
inline void normal_pair(I32 radius_word, I32 angle_word, F32& a, F32& b) {
  static constexpr float kSin[] = {-1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f};
  static constexpr float kCos[] = {2.443315711809948e-5f, -1.388731625493765e-3f,
                                   4.166664568298827e-2f};
  const F32 word = convert_f32(shift_right_logical<16>(radius_word)) * set1(65536.0f) +
                   convert_f32(radius_word & set1_i32(0xFFFF));
  const F32 u = word * set1(0x1p-32f) + set1(0x1p-33f);  // (0, 1]
  const F32 radius = sqrt(log_unfused(u) * set1(-2.0f));

  // The angle is quadrant * pi/2 + x, |x| <= pi/4; the split is exact.
  const I32 quadrant = shift_right_logical<30>(angle_word + set1_i32(0x20000000));
  const F32 x = convert_f32(shift_left<2>(angle_word)) * set1(0x1.921fb6p-32f);  // pi/2 2^-32
  const F32 square = x * x;
  const F32 sine = x + x * (square * polynomial(square, kSin));
  const F32 cosine =
      (square * square * polynomial(square, kCos) - set1(0.5f) * square) + set1(1.0f);

  const Mask even = (quadrant & set1_i32(1)) == set1_i32(0);
  const I32 sign_a = shift_left<30>((quadrant + set1_i32(1)) & set1_i32(2));
  const I32 sign_b = shift_left<30>(quadrant & set1_i32(2));
  a = radius * bitcast_f32(bitcast_i32(select(even, cosine, sine)) ^ sign_a);
  b = radius * bitcast_f32(bitcast_i32(select(even, sine, cosine)) ^ sign_b);
}

// The inverse of the normal distribution cut at two deviations. Giles 2012, "Approximating the
// erfinv function": its central branch, which reaches to |x| = 0.9966.
inline F32 truncated_normal(I32 word) {
  static constexpr float kErfinv[] = {2.81022636e-08f,  3.43273939e-07f, -3.5233877e-06f,
                                      -4.39150654e-06f, 0.00021858087f,  -0.00125372503f,
                                      -0.00417768164f,  0.246640727f,    1.50140941f};
  const F32 one = set1(1.0f);
  const F32 x = convert_f32(word) * set1(0x1.e8b43p-32f);  // erf(sqrt 2) 2^-31
  const F32 w = zero() - log_unfused((one - x) * (one + x));
  const F32 z = polynomial(w - set1(2.5f), kErfinv) * (x * set1(0x1.6a09e6p+0f));
  return min(max(z, set1(-2.0f)), set1(2.0f));
}

// One row: `row` is its number in the noise.
inline void add_noise(const NoiseShape& shape, I32 row, const float* x, float* y) {
  for (index_t begin = 0; begin < shape.cols; begin += kRandomGroup) {
    const index_t first_block = begin / kRandomGroup * kPhiloxLanes;
    for (index_t lane = 0; lane < kPhiloxLanes; lane += kLanes) {
      I32 words[4];
      philox(shape.key, set1_i32(static_cast<std::int32_t>(first_block + lane)) + lane_index(), row,
             words);
      F32 z[4];
      normal_pair(words[0], words[1], z[0], z[1]);
      normal_pair(words[2], words[3], z[2], z[3]);
      for (int w = 0; w < 4; ++w) {
        const index_t j = begin + w * kPhiloxLanes + lane;
        const index_t count = shape.cols - j;
        if (count <= 0) break;
        store(y + j, load(x + j, count) + z[w] * set1(shape.stddev), count);
      }
    }
  }
}

}  // namespace

namespace FASTDNN_LEVEL {

void random_bits_i32(const RandomPart& part, std::int32_t* y) {
  for_blocks(part, [&](index_t offset, const I32(&words)[4]) {
    for (int w = 0; w < 4; ++w) {
      const index_t at = offset + w * kPhiloxLanes;
      const index_t count = part.count - at;
      if (count >= kLanes) {
        store_i32(y + at, words[w]);
      } else {
        std::int32_t last[kLanes];
        store_i32(last, words[w]);
        for (index_t i = 0; i < count; ++i) y[at + i] = last[i];
      }
    }
  });
}

void random_uniform_f32(const RandomPart& part, float low, float span, float last, float* y) {
  fill(part, y, [=](const I32(&words)[4], F32(&values)[4]) {
    for (int w = 0; w < 4; ++w) {
      const F32 u = convert_f32(shift_right_logical<8>(words[w])) * set1(0x1p-24f);
      values[w] = min(u * set1(span) + set1(low), set1(last));
    }
  });
}

void random_normal_f32(const RandomPart& part, float mean, float stddev, float* y) {
  fill(part, y, [=](const I32(&words)[4], F32(&values)[4]) {
    normal_pair(words[0], words[1], values[0], values[1]);
    normal_pair(words[2], words[3], values[2], values[3]);
    for (int w = 0; w < 4; ++w) values[w] = values[w] * set1(stddev) + set1(mean);
  });
}

void random_truncated_normal_f32(const RandomPart& part, float mean, float stddev, float* y) {
  fill(part, y, [=](const I32(&words)[4], F32(&values)[4]) {
    for (int w = 0; w < 4; ++w) values[w] = truncated_normal(words[w]) * set1(stddev) + set1(mean);
  });
}

void gaussian_noise_f32(const NoiseShape& shape, const float* x, index_t x_stride, float* y,
                        index_t y_stride) {
  for (index_t i = 0; i < shape.rows; ++i) {
    const I32 row = set1_i32(static_cast<std::int32_t>(shape.first_row + i));
    add_noise(shape, row, x + i * x_stride, y + i * y_stride);
  }
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
