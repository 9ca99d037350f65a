// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/embedding/embedding.h"
#include "csrc/cpu/simd/columns.h"
#include "csrc/cpu/simd/loop.h"

namespace fastdnn::cpu {
namespace {

// At least 0 and less than `count`, for NaN too.
inline index_t code_in(float code, index_t count) {
  if (!(code >= 0.0f)) return 0;
  return code < static_cast<float>(count) ? static_cast<index_t>(code) : count - 1;
}

// Chains what is to add to each own code, in its order. Links lead onwards only: whatever codes
// become meanwhile, a chain ends.
void chain_uses(const EmbeddingGradientTask& task) {
  const CodeBatch& batch = task.batch;
  for (index_t code = task.first; code < task.last; ++code) task.first_uses[code] = -1;
  index_t use = batch.rows * batch.cols;
  for (index_t i = batch.rows - 1; i >= 0; --i) {
    const float* codes = batch.codes + i * batch.stride;
    for (index_t c = batch.cols - 1; c >= 0; --c) {
      --use;
      const index_t code = code_in(codes[c], batch.count);
      if (code < task.first || code >= task.last) continue;
      task.next_uses[use] = task.first_uses[code];
      task.first_uses[code] = use;
    }
  }
}

// The sums of the columns from j on over the chain that begins with `use`.
template <int kVectors>
void add_uses(const EmbeddingGradientTask& task, index_t use, float* to, index_t j,
              Columns<kVectors> columns) {
  const index_t cols = task.batch.cols;
  Total totals[kVectors];
  while (use >= 0) {
    F32 block[kVectors];
    for (int v = 0; v < kVectors; ++v) block[v] = zero();
    for (index_t n = 0; n < kRowBlock && use >= 0; ++n, use = task.next_uses[use]) {
      const index_t i = cols == 1 ? use : use / cols;
      const float* dy = task.dy + i * task.dy_stride + (use - i * cols) * task.width + j;
      for (int v = 0; v < kVectors; ++v) block[v] = block[v] + columns.read(dy, v);
    }
    for (int v = 0; v < kVectors; ++v) totals[v].add(block[v]);
  }
  for (int v = 0; v < kVectors; ++v) {
    write_or_add(columns, to, j, v, totals[v].value(), task.accumulate);
  }
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
  chain_uses(task);
  for (index_t code = task.first; code < task.last; ++code) {
    const index_t use = task.first_uses[code];
    if (use < 0 && task.accumulate) continue;
    float* to = task.dembeddings + code * task.dembeddings_stride;
    for_columns(task.width, [&](index_t j, auto columns) { add_uses(task, use, to, j, columns); });
  }
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
