// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/random.h"

namespace fastdnn {

void random_bits(const RandomBitsArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::random_bits(args, *context.stream);
  cpu::random_bits(args, *context.team);
}

void random_uniform(const RandomUniformArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::random_uniform(args, *context.stream);
  cpu::random_uniform(args, *context.team);
}

void random_normal(const RandomNormalArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::random_normal(args, *context.stream);
  cpu::random_normal(args, *context.team);
}

void random_truncated_normal(const RandomNormalArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::random_truncated_normal(args, *context.stream);
  cpu::random_truncated_normal(args, *context.team);
}

void random_permutation(const RandomPermutationArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::random_permutation(args, *context.stream);
  cpu::random_permutation(args, *context.team);
}

void gaussian_noise(const GaussianNoiseArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::gaussian_noise(args, *context.stream);
  cpu::gaussian_noise(args, *context.team);
}

}  // namespace fastdnn
