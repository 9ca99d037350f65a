// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/metric/metric.h"
#include "csrc/cpu/simd/loop.h"

namespace fastdnn::cpu {
namespace {

inline bool any(Mask m) { return reduce_max(select(m, set1(1.0f), zero())) > 0.0f; }

// A vector of row x from element j on. Lanes past the row's end repeat its first element, which
// changes no maximum.
inline F32 load_row(const float* x, index_t j, index_t count) {
  return keep_first(load(x + j, count), count, set1(x[0]));
}

// The first element that f holds of, for vectors and single floats alike, or cols.
template <typename F>
index_t find_first(const float* x, index_t cols, const F& f) {
  for (index_t j = 0; j < cols; j += kLanes) {
    if (!any(f(load_row(x, j, cols - j)))) continue;
    const index_t end = j + kLanes < cols ? j + kLanes : cols;
    for (index_t i = j; i < end; ++i) {
      if (any(f(set1(x[i])))) return i;
    }
  }
  return cols;
}

index_t argmax(const float* x, index_t cols) {
  F32 highest = set1(x[0]);
  F32 nans = zero();
  for_each_vector(cols, [&](index_t j, index_t count) {
    const F32 a = load_row(x, j, count);
    highest = max(highest, a);
    nans = select(is_nan(a), set1(1.0f), nans);
  });
  if (reduce_max(nans) > 0.0f) return find_first(x, cols, [](F32 a) { return is_nan(a); });
  const F32 m = set1(reduce_max(highest));
  return find_first(x, cols, [m](F32 a) { return a == m; });
}

bool is_in_top_k(const float* x, index_t cols, index_t label, index_t k) {
  const F32 own = set1(x[label]);
  if (any(is_nan(own))) return false;
  const double above = sum_row(cols, [=](index_t j, index_t count) {
    return keep_first(select(load(x + j, count) > own, set1(1.0f), zero()), count, zero());
  });
  return above < static_cast<double>(k);
}

// The mean of f(o, t) over a row.
template <typename F>
float mean_of(const float* o, const float* t, index_t cols, const F& f) {
  const double sum = sum_row(cols, [&](index_t j, index_t count) {
    return keep_first(f(load(o + j, count), load(t + j, count)), count, zero());
  });
  return static_cast<float>(sum / static_cast<double>(cols));
}

float row_value(const MetricRows& batch, index_t i) {
  const float* o = batch.outputs + i * batch.output_stride;
  const float* t = batch.targets + i * batch.target_stride;
  const index_t cols = batch.cols;
  switch (batch.kind) {
    case Metric::kSparseCategoricalAccuracy:
      return argmax(o, cols) == batch.labels[i] ? 1.0f : 0.0f;
    case Metric::kCategoricalAccuracy:
      return argmax(o, cols) == argmax(t, cols) ? 1.0f : 0.0f;
    case Metric::kSparseTopKCategoricalAccuracy:
      return is_in_top_k(o, cols, batch.labels[i], batch.top_k) ? 1.0f : 0.0f;
    case Metric::kTopKCategoricalAccuracy:
      return is_in_top_k(o, cols, argmax(t, cols), batch.top_k) ? 1.0f : 0.0f;
    case Metric::kBinaryAccuracy: {
      const F32 threshold = set1(batch.threshold);
      const F32 one = set1(1.0f);
      return mean_of(o, t, cols, [=](F32 a, F32 b) {
        return select(select(a > threshold, one, zero()) == b, one, zero());
      });
    }
    case Metric::kMeanSquaredError:
      return mean_of(o, t, cols, [](F32 a, F32 b) { return (a - b) * (a - b); });
    case Metric::kMeanAbsoluteError:
      return mean_of(o, t, cols, [](F32 a, F32 b) { return abs(a - b); });
  }
  return 0.0f;
}

}  // namespace

namespace FASTDNN_LEVEL {

void metric_rows_f32(const MetricRows& batch) {
  for (index_t i = 0; i < batch.rows; ++i) batch.row_values[i] = row_value(batch, i);
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
