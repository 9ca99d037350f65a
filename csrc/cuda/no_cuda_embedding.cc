// SPDX-License-Identifier: Apache-2.0
#include "csrc/cuda/no_cuda.h"
#include "csrc/ops/embedding.h"

namespace fastdnn::cuda {

void embedding(const EmbeddingArgs&, Stream&) { no_cuda("embedding"); }
void embedding_gradient(const EmbeddingGradientArgs&, Stream&) { no_cuda("embedding_gradient"); }

}  // namespace fastdnn::cuda
