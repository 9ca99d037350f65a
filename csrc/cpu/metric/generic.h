// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/metric/metric.h"
#include "csrc/cpu/simd/loop.h"
#include "csrc/cpu/simd/math.h"

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

// The share of a row's outputs that are on their target's side of the threshold.
float share_right(const float* o, const float* t, index_t cols, float threshold) {
  const F32 one = set1(1.0f);
  const double right = sum_row(cols, [=](index_t j, index_t count) {
    const F32 answer = select(load(o + j, count) > set1(threshold), one, zero());
    return keep_first(select(answer == load(t + j, count), one, zero()), count, zero());
  });
  return static_cast<float>(right / static_cast<double>(cols));
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
    case Metric::kBinaryAccuracy:
      return share_right(o, t, cols, batch.threshold);
  }
  return 0.0f;
}

// What lies above `level` is among the k largest of a row, and so are the first `ties` equal to it.
struct TopK {
  float level;
  index_t ties;
};

// A round finds the largest number below the last round's: at most k rounds.
TopK find_top_k(const float* x, index_t cols, index_t k) {
  const F32 lowest = zero() - infinity();
  TopK top{0.0f, k};
  for (bool first = true;; first = false) {
    const F32 bound = set1(top.level);
    F32 highest = lowest;
    for_each_vector(cols, [&](index_t j, index_t count) {
      const F32 a = load_row(x, j, count);
      // NaN is neither.
      highest = max(highest, select(first ? a <= infinity() : a < bound, a, lowest));
    });
    top.level = reduce_max(highest);
    const F32 level = set1(top.level);
    const auto equals = static_cast<index_t>(sum_row(cols, [&](index_t j, index_t count) {
      return keep_first(select(load(x + j, count) == level, set1(1.0f), zero()), count, zero());
    }));
    if (equals >= top.ties || !(top.level > -__builtin_inff())) return top;
    top.ties -= equals;
  }
}

// The number of thresholds below p, which is no NaN.
index_t place_of(const ConfusionRows& batch, float p) {
  if (batch.evenly) {
    const auto last = static_cast<float>(batch.threshold_count - 1);
    const float steps = (p < 0.0f ? 0.0f : p > 1.0f ? 1.0f : p) * last;
    const auto whole = static_cast<index_t>(steps);
    const index_t place = static_cast<float>(whole) < steps ? whole + 1 : whole;
    return place < 1 ? 1 : place;
  }
  index_t begin = 0;
  index_t end = batch.threshold_count;
  while (begin < end) {
    const index_t middle = (begin + end) / 2;
    if (batch.thresholds[middle] < p) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

void count_row(const ConfusionRows& batch, index_t i) {
  const float* o = batch.outputs + i * batch.output_stride;
  const float* t = batch.targets + i * batch.target_stride;
  const double w = batch.weights == nullptr ? 1.0 : static_cast<double>(batch.weights[i]);
  const index_t places = batch.threshold_count + 1;
  const F32 highest = batch.row_maximum ? set1(o[argmax(o, batch.cols)]) : zero();
  TopK top{-__builtin_inff(), batch.cols};
  if (batch.top_k > 0) top = find_top_k(o, batch.cols, batch.top_k);
  // Equals before the columns that count take their places.
  for (index_t j = 0; batch.top_k > 0 && j < batch.first_column; ++j) top.ties -= o[j] == top.level;
  double* counts = batch.counts;
  const index_t end = batch.first_column + batch.columns;
  for (index_t begin = batch.first_column; begin < end; begin += kLanes) {
    const index_t count = end - begin < kLanes ? end - begin : kLanes;
    F32 a = load(o + begin, count);
    if (batch.from_logits) a = sigmoid(a);
    if (batch.row_maximum) {
      a = select((a >= highest) & (abs(a) > set1(1e-9f)), set1(1.0f), zero());
    }
    float p[kLanes];
    store(p, a);
    for (index_t lane = 0; lane < count; ++lane) {
      const index_t j = begin + lane;
      bool may_exceed = p[lane] == p[lane];
      if (batch.top_k > 0) {
        const bool tied = o[j] == top.level && top.ties-- > 0;
        may_exceed = may_exceed && (o[j] > top.level || tied);
      }
      const index_t place = may_exceed ? place_of(batch, p[lane]) : 0;
      const double share = batch.soft_targets ? static_cast<double>(t[j])
                           : t[j] != 0.0f     ? 1.0
                                              : 0.0;
      counts[place] += w * (1.0 - share);
      counts[places + place] += w * share;
      if (batch.per_column) counts += 2 * places;
    }
  }
}

}  // namespace

namespace FASTDNN_LEVEL {

void metric_rows_f32(const MetricRows& batch) {
  for (index_t i = 0; i < batch.rows; ++i) batch.row_values[i] = row_value(batch, i);
}

void confusion_counts_f32(const ConfusionRows& batch) {
  for (index_t i = 0; i < batch.rows; ++i) count_row(batch, i);
}

void regression_sums_f32(const RegressionRows& batch) {
  for (index_t i = 0; i < batch.rows; ++i) {
    const float* o = batch.outputs + i * batch.output_stride;
    const float* t = batch.targets + i * batch.target_stride;
    const double w = batch.weights == nullptr ? 1.0 : static_cast<double>(batch.weights[i]);
    batch.sums[0] += 1.0;
    if (w == 0.0) continue;
    const bool first = batch.sums[1] == 0.0;
    batch.sums[1] += 1.0;
    batch.sums[2] += w;
    for (index_t j = 0; j < batch.cols; ++j) {
      const double target = t[j];
      double* sums = batch.sums + 3 + 4 * j;
      if (first) sums[0] = target;
      const double distance = target - sums[0];
      const double error = target - o[j];
      sums[1] += w * distance;
      sums[2] += w * distance * distance;
      sums[3] += w * error * error;
    }
  }
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
