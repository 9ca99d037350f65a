// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/normalization.h"

namespace fastdnn {

void normalization(const NormalizationArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::normalization(args, *context.stream);
  cpu::normalization(args, *context.team);
}

}  // namespace fastdnn
