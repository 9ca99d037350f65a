// SPDX-License-Identifier: Apache-2.0
#include "csrc/cuda/no_cuda.h"
#include "csrc/ops/normalization.h"

namespace fastdnn::cuda {

void normalization(const NormalizationArgs&, Stream&) { no_cuda("normalization"); }

}  // namespace fastdnn::cuda
