// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/normalization/normalization.h"
#include "csrc/cpu/simd/columns.h"

namespace fastdnn::cpu {
namespace {

// y = (x - before) * scale + after, where one of `before` and `after` is 0. The difference comes
// first: a column far from zero would cancel in x * scale - mean * scale.
template <int kVectors>
void normalize(const NormalizationTask& t, index_t j, Columns<kVectors> columns) {
  F32 before[kVectors], scale[kVectors], after[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    // NaN comes through as the second operand.
    const F32 size = max(set1(1e-7f), sqrt(columns.read(t.variance + j, v)));
    const F32 mean = columns.read_or(t.mean, j, v, 0.0f);
    before[v] = t.invert ? zero() : mean;
    scale[v] = t.invert ? size : set1(1.0f) / size;
    after[v] = t.invert ? mean : zero();
  }
  for (index_t i = 0; i < t.rows; ++i) {
    for (int v = 0; v < kVectors; ++v) {
      const F32 d = columns.read(t.x + i * t.x_stride + j, v) - before[v];
      columns.write(t.y + i * t.y_stride + j, v, fma(d, scale[v], after[v]));
    }
  }
}

}  // namespace

namespace FASTDNN_LEVEL {

void normalization_f32(const NormalizationTask& task) {
  for_columns(task.cols, [&](index_t j, auto columns) { normalize(task, j, columns); });
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
