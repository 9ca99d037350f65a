// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/layer_norm/layer_norm.h"
#include "csrc/cpu/simd/columns.h"
#include "csrc/cpu/simd/loop.h"

namespace fastdnn::cpu {
namespace {

inline F32 load_or(const float* p, index_t j, index_t count, float otherwise) {
  return p == nullptr ? set1(otherwise) : load(p + j, count);
}

// x normalized: xhat = ((x - mean) - rest) inv_std.
struct Normal {
  F32 mean, rest, inv_std;

  explicit Normal(const float* statistics)
      : mean(set1(statistics[kMean])),
        rest(set1(statistics[kRest])),
        inv_std(set1(statistics[kInvStd])) {}
  F32 operator()(F32 x) const { return ((x - mean) - rest) * inv_std; }
};

// Sums over a row of a and b, vectors that term(offset, count, a, b) sets and that are zero beyond
// count. Partial sums of 64 vectors go to doubles, so that the error does not grow with the row.
template <typename Term>
inline void sum_row_of_two(index_t cols, double (&sums)[2], Term term) {
  constexpr index_t kBlock = 64 * kLanes;
  sums[0] = sums[1] = 0.0;
  for (index_t begin = 0; begin < cols; begin += kBlock) {
    const index_t size = cols - begin < kBlock ? cols - begin : kBlock;
    F32 partial[2] = {zero(), zero()};
    for_each_vector(size, [&](index_t j, index_t count) {
      F32 a, b;
      term(begin + j, count, a, b);
      partial[0] = partial[0] + a;
      partial[1] = partial[1] + b;
    });
    accumulate(sums[0], partial[0]);
    accumulate(sums[1], partial[1]);
  }
}

// The first mean only has to be near: what it misses is found with the squares, whose sum then
// cancels nothing (Chan, Golub, LeVeque 1983, "Algorithms for computing the sample variance").
// NaN stays NaN.
inline void row_statistics(const float* x, index_t cols, float epsilon,
                           float (&statistics)[kLayerNormStatistics]) {
  const double count_of_all = static_cast<double>(cols);
  const double sum = sum_row(cols, [=](index_t j, index_t count) { return load(x + j, count); });
  const float near = static_cast<float>(sum / count_of_all);
  double sums[2];
  sum_row_of_two(cols, sums, [=](index_t j, index_t count, F32& d, F32& square) {
    d = keep_first(load(x + j, count) - set1(near), count, zero());
    square = d * d;
  });
  const double rest = sums[0] / count_of_all;
  const double variance = sums[1] / count_of_all - rest * rest;
  const float shifted =
      static_cast<float>((variance < 0.0 ? 0.0 : variance) + static_cast<double>(epsilon));
  float inv_std[kLanes];
  store(inv_std, set1(1.0f) / sqrt(set1(shifted)));
  statistics[kMean] = near;
  statistics[kRest] = static_cast<float>(rest);
  statistics[kInvStd] = inv_std[0];
}

inline void normalize_row(const LayerNormForward& t, const float* x, float* y, float* kept) {
  float statistics[kLayerNormStatistics];
  row_statistics(x, t.cols, t.epsilon, statistics);
  const Normal normal(statistics);
  for_each_vector(t.cols, [=](index_t j, index_t count) {
    const F32 xhat = normal(load(x + j, count));
    store(y + j, fma(xhat, load_or(t.gamma, j, count, 1.0f), load_or(t.beta, j, count, 0.0f)),
          count);
  });
  if (kept == nullptr) return;
  for (int s = 0; s < kLayerNormStatistics; ++s) kept[s] = statistics[s];
}

inline void differentiate_row(const LayerNormGradient& t, const Normal& normal, const float* x,
                              const float* dy, float* dx) {
  double sums[2];
  sum_row_of_two(t.cols, sums, [=](index_t j, index_t count, F32& g, F32& product) {
    g = load(dy + j, count) * load_or(t.gamma, j, count, 1.0f);
    product = g * normal(load(x + j, count));
  });
  const F32 offset = set1(static_cast<float>(sums[0] / static_cast<double>(t.cols)));
  const F32 slope = set1(static_cast<float>(sums[1] / static_cast<double>(t.cols)));
  for_each_vector(t.cols, [=](index_t j, index_t count) {
    const F32 g = load(dy + j, count) * load_or(t.gamma, j, count, 1.0f);
    const F32 xhat = normal(load(x + j, count));
    store(dx + j, normal.inv_std * fnma(slope, xhat, g - offset), count);
  });
}

template <int kVectors>
void sum_parameters(const LayerNormParameterGradient& t, index_t j, Columns<kVectors> columns) {
  Total totals[2 * kVectors];
  sum_rows<2, kVectors>(t.rows, totals, [&](index_t i, int v, F32(&sums)[2]) {
    const Normal normal(t.statistics + i * t.statistics_stride);
    const F32 g = columns.read(t.dy + i * t.dy_stride + j, v);
    sums[0] = fma(g, normal(columns.read(t.x + i * t.x_stride + j, v)), sums[0]);
    sums[1] = sums[1] + g;
  });
  for (int v = 0; v < kVectors; ++v) {
    write_or_add(columns, t.dgamma, j, v, totals[v].value(), t.accumulate_gamma);
    write_or_add(columns, t.dbeta, j, v, totals[kVectors + v].value(), t.accumulate_beta);
  }
}

}  // namespace

namespace FASTDNN_LEVEL {

void layer_norm_f32(const LayerNormForward& task) {
  for (index_t i = 0; i < task.rows; ++i) {
    float* kept =
        task.statistics == nullptr ? nullptr : task.statistics + i * task.statistics_stride;
    normalize_row(task, task.x + i * task.x_stride, task.y + i * task.y_stride, kept);
  }
}

void layer_norm_backward_f32(const LayerNormGradient& task) {
  for (index_t i = 0; i < task.rows; ++i) {
    differentiate_row(task, Normal(task.statistics + i * task.statistics_stride),
                      task.x + i * task.x_stride, task.dy + i * task.dy_stride,
                      task.dx + i * task.dx_stride);
  }
}

void layer_norm_parameters_f32(const LayerNormParameterGradient& task) {
  for_columns(task.cols, [&](index_t j, auto columns) { sum_parameters(task, j, columns); });
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
