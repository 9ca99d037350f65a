// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/batch_norm/batch_norm.h"
#include "csrc/cpu/simd/columns.h"

namespace fastdnn::cpu {
namespace {

// Of means over the rows. Without rows all sums, and so all means, are 0.
inline F32 divisor(index_t rows) { return set1(static_cast<float>(rows > 0 ? rows : 1)); }

// y = (x - mean) * scale + shift
template <typename Task, int kVectors>
inline void normalize(const Task& t, index_t j, Columns<kVectors> columns,
                      const F32 (&mean)[kVectors], const F32 (&scale)[kVectors],
                      const F32 (&shift)[kVectors]) {
  const float* x = t.x + j;
  float* y = t.y + j;
  for (index_t i = 0; i < t.rows; ++i) {
    for (int v = 0; v < kVectors; ++v) {
      const F32 d = columns.read(x + i * t.x_stride, v) - mean[v];
      columns.write(y + i * t.y_stride, v, fma(d, scale[v], shift[v]));
    }
  }
}

template <int kVectors>
void train(const BatchNormTraining& t, index_t j, Columns<kVectors> columns) {
  const float* x = t.x + j;
  const F32 rows = divisor(t.rows);

  // The first mean only has to be near: what it misses is found with the squares, whose sum then
  // cancels nothing (Chan, Golub, LeVeque 1983, "Algorithms for computing the sample variance").
  Total first[kVectors];
  sum_rows<1, kVectors>(t.rows, first, [&](index_t i, int v, F32(&sum)[1]) {
    sum[0] = sum[0] + columns.read(x + i * t.x_stride, v);
  });
  F32 near[kVectors];
  for (int v = 0; v < kVectors; ++v) near[v] = first[v].value() / rows;
  Total second[2 * kVectors];
  sum_rows<2, kVectors>(t.rows, second, [&](index_t i, int v, F32(&sums)[2]) {
    const F32 d = columns.read(x + i * t.x_stride, v) - near[v];
    sums[0] = sums[0] + d;
    sums[1] = fma(d, d, sums[1]);
  });

  F32 mean[kVectors], scale[kVectors], shift[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    const F32 missing = second[v].value() / rows;
    const F32 variance = max(zero(), fnma(missing, missing, second[kVectors + v].value() / rows));
    const F32 inv_std = set1(1.0f) / sqrt(variance + set1(t.epsilon));
    mean[v] = near[v] + missing;
    // float32 cannot hold the mean of a column far from zero; the rest goes into the shift.
    const F32 rest = (near[v] - mean[v]) + missing;
    scale[v] = columns.read_or(t.gamma, j, v, 1.0f) * inv_std;
    shift[v] = fnma(rest, scale[v], columns.read_or(t.beta, j, v, 0.0f));
    columns.write(t.mean + j, v, mean[v]);
    columns.write(t.inv_std + j, v, inv_std);
    if (t.variance != nullptr) columns.write(t.variance + j, v, variance);
  }
  normalize(t, j, columns, mean, scale, shift);
}

template <int kVectors>
void infer(const BatchNormInference& t, index_t j, Columns<kVectors> columns) {
  F32 mean[kVectors], scale[kVectors], shift[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    mean[v] = columns.read(t.mean + j, v);
    const F32 inv_std = set1(1.0f) / sqrt(columns.read(t.variance + j, v) + set1(t.epsilon));
    scale[v] = columns.read_or(t.gamma, j, v, 1.0f) * inv_std;
    shift[v] = columns.read_or(t.beta, j, v, 0.0f);
    if (t.inv_std != nullptr) columns.write(t.inv_std + j, v, inv_std);
  }
  normalize(t, j, columns, mean, scale, shift);
}

template <int kVectors>
void differentiate(const BatchNormGradient& t, index_t j, Columns<kVectors> columns) {
  const float* x = t.x + j;
  const float* dy = t.dy + j;
  const F32 rows = divisor(t.rows);
  F32 mean[kVectors];
  for (int v = 0; v < kVectors; ++v) mean[v] = columns.read(t.mean + j, v);

  Total totals[3 * kVectors];
  sum_rows<3, kVectors>(t.rows, totals, [&](index_t i, int v, F32(&sums)[3]) {
    const F32 g = columns.read(dy + i * t.dy_stride, v);
    const F32 d = columns.read(x + i * t.x_stride, v) - mean[v];
    sums[0] = sums[0] + g;
    sums[1] = fma(g, d, sums[1]);
    sums[2] = sums[2] + d;
  });

  // dx = scale * (dy - offset - slope * (x - mean))
  F32 scale[kVectors], offset[kVectors], slope[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    const F32 inv_std = columns.read(t.inv_std + j, v);
    const F32 dbeta = totals[v].value();
    F32 product = totals[kVectors + v].value();
    offset[v] = slope[v] = zero();
    if (t.training) {
      // The mean of x - mean is what rounding the mean to float32 has lost.
      const F32 rest = totals[2 * kVectors + v].value() / rows;
      product = fnma(rest, dbeta, product);
      slope[v] = (product * inv_std) * inv_std / rows;
      offset[v] = fnma(rest, slope[v], dbeta / rows);
    }
    scale[v] = columns.read_or(t.gamma, j, v, 1.0f) * inv_std;
    write_or_add(columns, t.dgamma, j, v, product * inv_std, t.accumulate);
    write_or_add(columns, t.dbeta, j, v, dbeta, t.accumulate);
  }
  if (t.dx == nullptr) return;
  float* dx = t.dx + j;
  for (index_t i = 0; i < t.rows; ++i) {
    for (int v = 0; v < kVectors; ++v) {
      const F32 g = columns.read(dy + i * t.dy_stride, v) - offset[v];
      const F32 d = columns.read(x + i * t.x_stride, v) - mean[v];
      columns.write(dx + i * t.dx_stride, v, scale[v] * fnma(slope[v], d, g));
    }
  }
}

}  // namespace

namespace FASTDNN_LEVEL {

void batch_norm_training_f32(const BatchNormTraining& task) {
  for_columns(task.cols, [&](index_t j, auto columns) { train(task, j, columns); });
}

void batch_norm_inference_f32(const BatchNormInference& task) {
  for_columns(task.cols, [&](index_t j, auto columns) { infer(task, j, columns); });
}

void batch_norm_backward_f32(const BatchNormGradient& task) {
  for_columns(task.cols, [&](index_t j, auto columns) { differentiate(task, j, columns); });
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
