// SPDX-License-Identifier: Apache-2.0
// Random numbers as pure functions of (seed, stream, step, position): the same on every level,
// device and number of threads. The first n elements of a longer draw are those of a draw of n. How
// elements are made from words of Philox: csrc/cpu/random/random.h.
#pragma once

#include <cstdint>

#include "csrc/core/random_key.h"
#include "csrc/core/tensor_view.h"
#include "csrc/core/types.h"
#include "csrc/ops/context.h"

namespace fastdnn {

// y[0 ... count - 1] = words uniform over all 32-bit integers.
struct RandomBitsArgs {
  RandomKey key;
  std::uint32_t* y = nullptr;
  index_t count = 0;
};

// Uniform over [low, high), or low everywhere if both are equal; low <= high, high - low finite.
// Steps of 2^-24 (high - low).
struct RandomUniformArgs {
  RandomKey key;
  float low = 0.0f;
  float high = 1.0f;
  float* y = nullptr;
  index_t count = 0;
};

// mean + stddev z. z is normal, |z| < 6.77 for want of more bits; for random_truncated_normal it
// follows the normal distribution cut to [-2, 2], whose deviation is 0.87962566.
struct RandomNormalArgs {
  RandomKey key;
  float mean = 0.0f;
  float stddev = 1.0f;
  float* y = nullptr;
  index_t count = 0;
};

// A permutation of 0 ... count - 1, all of them equally likely as far as the key's bits reach;
// count < 2^32. Work of one member of the team; the others return at once.
struct RandomPermutationArgs {
  RandomKey key;
  std::int64_t* y = nullptr;
  index_t count = 0;
};

// y = x + stddev z, z normal and, for each element, a pure function of (key, row, column); row i of
// x has row first_row + i of the noise. y may be x. rows, cols < 2^31.
struct GaussianNoiseArgs {
  ConstMatrixView x;
  MatrixView y;  // shape of x
  float stddev = 1.0f;
  RandomKey key;
  index_t first_row = 0;
};

void random_bits(const RandomBitsArgs& args, Context& context);
void random_uniform(const RandomUniformArgs& args, Context& context);
void random_normal(const RandomNormalArgs& args, Context& context);
void random_truncated_normal(const RandomNormalArgs& args, Context& context);
void random_permutation(const RandomPermutationArgs& args, Context& context);
void gaussian_noise(const GaussianNoiseArgs& args, Context& context);

namespace cpu {
void random_bits(const RandomBitsArgs& args, Team& team);
void random_uniform(const RandomUniformArgs& args, Team& team);
void random_normal(const RandomNormalArgs& args, Team& team);
void random_truncated_normal(const RandomNormalArgs& args, Team& team);
void random_permutation(const RandomPermutationArgs& args, Team& team);
void gaussian_noise(const GaussianNoiseArgs& args, Team& team);
}  // namespace cpu

namespace cuda {
void random_bits(const RandomBitsArgs& args, Stream& stream);
void random_uniform(const RandomUniformArgs& args, Stream& stream);
void random_normal(const RandomNormalArgs& args, Stream& stream);
void random_truncated_normal(const RandomNormalArgs& args, Stream& stream);
void random_permutation(const RandomPermutationArgs& args, Stream& stream);
void gaussian_noise(const GaussianNoiseArgs& args, Stream& stream);
}  // namespace cuda

}  // namespace fastdnn
