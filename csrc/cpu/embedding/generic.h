// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/embedding/embedding.h"
#include "csrc/cpu/simd/loop.h"

namespace fastdnn::cpu {
namespace {

// At least 0 and less than `count`, for NaN too.
inline index_t code_in(float code, index_t count) {
  if (!(code >= 0.0f)) return 0;
  return code < static_cast<float>(count) ? static_cast<index_t>(code) : count - 1;
}

}  // namespace

namespace FASTDNN_LEVEL {

void embedding_f32(const EmbeddingTask& task) {
  const CodeBatch& batch = task.batch;
  for (index_t i = 0; i < batch.rows; ++i) {
    const float* codes = batch.codes + i * batch.stride;
    float* y = task.y + i * task.y_stride;
    for (index_t c = 0; c < batch.cols; ++c, y += task.width) {
      const float* from = task.embeddings + code_in(codes[c], batch.count) * task.embeddings_stride;
      for_each_vector(task.width, [=](index_t j, index_t count) {
        store(y + j, load(from + j, count), count);
      });
    }
  }
}

void embedding_gradient_f32(const EmbeddingGradientTask& task) {
  const CodeBatch& batch = task.batch;
  for (index_t i = 0; i < batch.rows; ++i) {
    const float* codes = batch.codes + i * batch.stride;
    const float* dy = task.dy + i * task.dy_stride;
    for (index_t c = 0; c < batch.cols; ++c, dy += task.width) {
      const index_t code = code_in(codes[c], batch.count);
      if (code < task.first || code >= task.last) continue;
      float* to = task.dembeddings + code * task.dembeddings_stride;
      for_each_vector(task.width, [=](index_t j, index_t count) {
        store(to + j, load(to + j, count) + load(dy + j, count), count);
      });
    }
  }
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
