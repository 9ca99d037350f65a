// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/embedding.h"

namespace fastdnn {

void embedding(const EmbeddingArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::embedding(args, *context.stream);
  cpu::embedding(args, *context.team);
}

void embedding_gradient(const EmbeddingGradientArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::embedding_gradient(args, *context.stream);
  cpu::embedding_gradient(args, *context.team);
}

}  // namespace fastdnn
