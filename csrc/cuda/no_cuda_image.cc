// SPDX-License-Identifier: Apache-2.0
#include "csrc/cuda/no_cuda.h"
#include "csrc/ops/image.h"

namespace fastdnn::cuda {

void random_affine(const RandomAffineArgs&, Stream&) { no_cuda("random_affine"); }
void random_light(const RandomLightArgs&, Stream&) { no_cuda("random_light"); }

}  // namespace fastdnn::cuda
