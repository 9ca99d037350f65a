// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/prelu/prelu.h"
#include "csrc/cpu/simd/columns.h"
#include "csrc/cpu/simd/loop.h"

namespace fastdnn::cpu {
namespace {

template <int kVectors>
void sum_slopes(const PreluSlopeTask& t, index_t j, Columns<kVectors> columns) {
  Total totals[kVectors];
  sum_rows<1, kVectors>(t.rows, totals, [&](index_t i, int v, F32(&sum)[1]) {
    const F32 x = columns.read(t.x + i * t.x_stride + j, v);
    const F32 product = x * columns.read(t.dy + i * t.dy_stride + j, v);
    sum[0] = sum[0] + select(x > zero(), zero(), product);
  });
  for (int v = 0; v < kVectors; ++v) {
    write_or_add(columns, t.dalpha, j, v, totals[v].value(), t.accumulate);
  }
}

}  // namespace

namespace FASTDNN_LEVEL {

void prelu_f32(const PreluTask& task) {
  for (index_t i = 0; i < task.rows; ++i) {
    const float* x = task.x + i * task.x_stride;
    const float* from = task.dy == nullptr ? x : task.dy + i * task.dy_stride;
    float* y = task.y + i * task.y_stride;
    for_each_vector(task.cols, [=, alpha = task.alpha](index_t j, index_t count) {
      const F32 a = load(from + j, count);
      store(y + j, select(load(x + j, count) > zero(), a, load(alpha + j, count) * a), count);
    });
  }
}

void prelu_slope_f32(const PreluSlopeTask& task) {
  for_columns(task.cols, [&](index_t j, auto columns) { sum_slopes(task, j, columns); });
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
