// SPDX-License-Identifier: Apache-2.0
#include "csrc/cuda/no_cuda.h"
#include "csrc/ops/constraint.h"

namespace fastdnn::cuda {

void constrain(const ConstrainArgs&, Stream&) { no_cuda("constrain"); }

}  // namespace fastdnn::cuda
