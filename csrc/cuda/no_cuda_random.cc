// SPDX-License-Identifier: Apache-2.0
#include "csrc/cuda/no_cuda.h"
#include "csrc/ops/random.h"

namespace fastdnn::cuda {

void random_bits(const RandomBitsArgs&, Stream&) { no_cuda("random_bits"); }
void random_uniform(const RandomUniformArgs&, Stream&) { no_cuda("random_uniform"); }
void random_normal(const RandomNormalArgs&, Stream&) { no_cuda("random_normal"); }
void random_truncated_normal(const RandomNormalArgs&, Stream&) {
  no_cuda("random_truncated_normal");
}
void random_permutation(const RandomPermutationArgs&, Stream&) { no_cuda("random_permutation"); }
void gaussian_noise(const GaussianNoiseArgs&, Stream&) { no_cuda("gaussian_noise"); }

}  // namespace fastdnn::cuda
