// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/loss/loss.h"
#include "csrc/cpu/simd/loop.h"
#include "csrc/cpu/simd/math.h"

namespace fastdnn::cpu {
namespace {

// Keras's epsilon.
constexpr float kLowestProbability = 1e-7f;
constexpr float kHighestProbability = 1.0f - 1e-7f;

// One row of a batch. `factor` multiplies its gradient.
struct Row {
  const float* outputs;
  float* gradient;
  index_t cols;
  float factor;
};

// Keeps NaN.
inline F32 clip_probability(F32 p) {
  return max(set1(kLowestProbability), min(set1(kHighestProbability), p));
}

inline Mask is_inside(F32 p) {
  return (p >= set1(kLowestProbability)) & (p <= set1(kHighestProbability));
}

// Targets of a row, smoothed: t * keep + add. Lanes past the row's end are 0.
struct DenseTargets {
  const float* t;
  F32 keep;
  F32 add;
  F32 operator()(index_t j, index_t count) const {
    return keep_first(fma(load(t + j, count), keep, add), count, zero());
  }
};

struct LabelTargets {
  std::int32_t label;
  F32 keep;
  F32 add;
  F32 operator()(index_t j, index_t count) const {
    const Mask here = lane_index() == set1_i32(label - static_cast<std::int32_t>(j));
    return keep_first(select(here, keep + add, add), count, zero());
  }
};

// loss = sum_j t_j (log sum_k e^(o_k - m) - (o_j - m)), m the largest logit.
template <typename Targets>
float softmax_crossentropy(const Row& row, const Targets& targets) {
  const F32 lowest = zero() - infinity();
  const F32 one = set1(1.0f);
  F32 highest = lowest;
  for_each_vector(row.cols, [&](index_t j, index_t count) {
    highest = max(highest, keep_first(load(row.outputs + j, count), count, lowest));
  });
  const F32 m = set1(reduce_max(highest));

  // Each maximum is left out of the sum, which then stays exact when it is small, and counted.
  F32 maxima = zero();
  F32 target_sum = zero();
  F32 product = zero();
  const double others = sum_row(row.cols, [&](index_t j, index_t count) {
    const F32 t = targets(j, count);
    const F32 d = keep_first(load(row.outputs + j, count) - m, count, lowest);
    const F32 e = exp(d);
    const F32 is_max = select(d == zero(), one, zero());
    maxima = maxima + is_max;
    target_sum = target_sum + t;
    product = product + select(t == zero(), zero(), t * d);  // 0 times -Inf is 0 here
    if (row.gradient != nullptr) store(row.gradient + j, e, count);
    return e - is_max;
  });
  const double rest = others + (static_cast<double>(reduce_add(maxima)) - 1.0);
  const float targets_total = reduce_add(target_sum);

  if (row.gradient != nullptr) {
    const F32 factor = set1(row.factor);
    const F32 scale = set1(static_cast<float>(static_cast<double>(targets_total) / (1.0 + rest)));
    for_each_vector(row.cols, [&](index_t j, index_t count) {
      const F32 p = load(row.gradient + j, count) * scale;
      store(row.gradient + j, (p - targets(j, count)) * factor, count);
    });
  }
  const float log_sum = reduce_max(log1p(set1(static_cast<float>(rest))));
  return targets_total * log_sum - reduce_add(product);
}

// With q = o / sum(o), c = clip(q) and T the sum of t_j over the q_j that clip leaves alone:
// d loss / d o_j = (T - [q_j left alone] t_j / c_j) / sum(o)
template <typename Targets>
float probability_crossentropy(const Row& row, const Targets& targets) {
  const F32 total = set1(static_cast<float>(
      sum_row(row.cols, [&](index_t j, index_t count) { return load(row.outputs + j, count); })));
  F32 inside = zero();
  const double gain = sum_row(row.cols, [&](index_t j, index_t count) {
    const F32 t = targets(j, count);
    const F32 q = load(row.outputs + j, count) / total;
    inside = inside + select(is_inside(q), t, zero());
    return keep_first(t * log(clip_probability(q)), count, zero());
  });
  if (row.gradient != nullptr) {
    const F32 targets_inside = set1(reduce_add(inside));
    const F32 scale = set1(row.factor) / total;
    for_each_vector(row.cols, [&](index_t j, index_t count) {
      const F32 q = load(row.outputs + j, count) / total;
      const F32 own = select(is_inside(q), targets(j, count) / q, zero());
      store(row.gradient + j, (targets_inside - own) * scale, count);
    });
  }
  return static_cast<float>(-gain);
}

template <typename Targets>
float categorical_crossentropy(const Row& row, bool from_logits, const Targets& targets) {
  return from_logits ? softmax_crossentropy(row, targets) : probability_crossentropy(row, targets);
}

struct LossAndSlope {
  F32 loss;
  F32 slope;  // d loss / d o
};

// The losses that average what f(o, t) says of each element.
template <typename F>
float mean_over_columns(const Row& row, const DenseTargets& targets, const F& f) {
  const F32 factor = set1(row.factor / static_cast<float>(row.cols));
  const double sum = sum_row(row.cols, [&](index_t j, index_t count) {
    const LossAndSlope at = f(load(row.outputs + j, count), targets(j, count));
    if (row.gradient != nullptr) store(row.gradient + j, at.slope * factor, count);
    return keep_first(at.loss, count, zero());
  });
  return static_cast<float>(sum / static_cast<double>(row.cols));
}

// With e = e^-|o|, and a = 1 and b = e for o >= 0, else the other way round: sigmoid(o) is
// a / (1 + e) and 1 - sigmoid(o) is b / (1 + e), both to full precision.
inline LossAndSlope sigmoid_crossentropy(F32 o, F32 t) {
  const F32 one = set1(1.0f);
  const F32 e = exp(zero() - abs(o));
  const Mask negative = o < zero();
  const F32 a = select(negative, e, one);
  const F32 b = select(negative, one, e);
  const F32 rest = one - t;
  const F32 straight = fma(rest, max(zero(), o), t * max(zero(), zero() - o));
  return {log1p(e) + straight, fnma(t, b, a * rest) / (one + e)};
}

inline LossAndSlope probability_binary_crossentropy(F32 o, F32 t) {
  const F32 one = set1(1.0f);
  const F32 c = clip_probability(o);
  const F32 rest = one - c;
  const F32 loss = zero() - fma(one - t, log(rest), t * log(c));
  // NaN is neither inside nor outside.
  const F32 slope = select(is_inside(o), (c - t) / (c * rest), select(is_nan(o), o, zero()));
  return {loss, slope};
}

inline LossAndSlope squared_error(F32 o, F32 t) {
  const F32 d = o - t;
  return {d * d, d + d};
}

inline LossAndSlope absolute_error(F32 o, F32 t) {
  const F32 d = o - t;
  const F32 one = set1(1.0f);
  // The slope at 0 is 0; NaN stays NaN.
  return {abs(d), select(d > zero(), one, select(d < zero(), zero() - one, d))};
}

float row_loss(const LossRows& batch, index_t i, const Row& row) {
  const float s = batch.label_smoothing;
  const F32 keep = set1(1.0f - s);
  const F32 add_to_class = set1(s / static_cast<float>(row.cols));
  const float* t = batch.targets + i * batch.target_stride;
  switch (batch.kind) {
    case Loss::kSparseCategoricalCrossentropy:
      return categorical_crossentropy(row, batch.from_logits,
                                      LabelTargets{batch.labels[i], keep, add_to_class});
    case Loss::kCategoricalCrossentropy:
      return categorical_crossentropy(row, batch.from_logits, DenseTargets{t, keep, add_to_class});
    case Loss::kBinaryCrossentropy: {
      const DenseTargets targets{t, keep, set1(0.5f * s)};
      if (batch.from_logits) return mean_over_columns(row, targets, sigmoid_crossentropy);
      return mean_over_columns(row, targets, probability_binary_crossentropy);
    }
    case Loss::kMeanSquaredError:
      return mean_over_columns(row, DenseTargets{t, set1(1.0f), zero()}, squared_error);
    case Loss::kMeanAbsoluteError:
      return mean_over_columns(row, DenseTargets{t, set1(1.0f), zero()}, absolute_error);
  }
  return 0.0f;
}

}  // namespace

namespace FASTDNN_LEVEL {

void loss_rows_f32(const LossRows& batch) {
  for (index_t i = 0; i < batch.rows; ++i) {
    const float weight = batch.sample_weight == nullptr ? 1.0f : batch.sample_weight[i];
    float* gradient =
        batch.gradient == nullptr ? nullptr : batch.gradient + i * batch.gradient_stride;
    const Row row{batch.outputs + i * batch.output_stride, gradient, batch.cols,
                  weight * batch.scale};
    const float loss = row_loss(batch, i, row);
    if (batch.row_losses != nullptr) batch.row_losses[i] = loss;
  }
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
