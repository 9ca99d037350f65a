// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/loss/loss.h"
#include "csrc/cpu/simd/loop.h"
#include "csrc/cpu/simd/math.h"

namespace fastdnn::cpu {
namespace {

// Keras's epsilon.
constexpr float kLowestProbability = 1e-7f;
constexpr float kHighestProbability = 1.0f - 1e-7f;

// Keeps NaN.
inline F32 clip_probability(F32 p) {
  return max(set1(kLowestProbability), min(set1(kHighestProbability), p));
}

inline Mask is_inside(F32 p) {
  return (p >= set1(kLowestProbability)) & (p <= set1(kHighestProbability));
}

// Losses are written once, for two layouts of what they read and write. `each(body)` calls
// body(j, count) for the places j; `output`, `target`, `gradient` and `set_gradient` are about the
// vector at a place, of which `count` lanes matter, and `keep(a, count, other)` fills the others.
// `sum`, `total` and `highest` have the result in every lane that belongs to the row. The gradient
// at a place may go where the outputs of that place came from.

// Targets, smoothed: t * keep + add.
struct Smoothing {
  F32 keep, add;
};

// One row: a place is a vector of its columns.
template <bool kLabels>
class WideRow {
 public:
  WideRow(const LossRows& batch, const Smoothing& smoothing, index_t i)
      : cols(batch.cols),
        wants_gradient(batch.gradient != nullptr),
        factor(
            set1((batch.sample_weight == nullptr ? 1.0f : batch.sample_weight[i]) * batch.scale)),
        outputs_(batch.outputs + i * batch.output_stride),
        targets_(kLabels ? nullptr : batch.targets + i * batch.target_stride),
        gradient_(wants_gradient ? batch.gradient + i * batch.gradient_stride : nullptr),
        label_(kLabels ? batch.labels[i] : 0),
        smoothing_(smoothing) {}

  template <typename Body>
  void each(const Body& body) const {
    for_each_vector(cols, body);
  }
  F32 output(index_t j, index_t count) const { return load(outputs_ + j, count); }
  // 0 past the row's end.
  F32 target(index_t j, index_t count) const {
    F32 t;
    if constexpr (kLabels) {
      const Mask here = lane_index() == set1_i32(label_ - static_cast<std::int32_t>(j));
      t = select(here, smoothing_.keep + smoothing_.add, smoothing_.add);
    } else {
      t = fma(load(targets_ + j, count), smoothing_.keep, smoothing_.add);
    }
    return keep_first(t, count, zero());
  }
  F32 gradient(index_t j, index_t count) const { return load(gradient_ + j, count); }
  void set_gradient(index_t j, index_t count, F32 g) { store(gradient_ + j, g, count); }
  F32 keep(F32 a, index_t count, F32 other) const { return keep_first(a, count, other); }
  template <typename Term>
  F32 sum(const Term& term) const {
    return set1(static_cast<float>(sum_row(cols, term)));
  }
  F32 total(F32 a) const { return set1(reduce_add(a)); }
  F32 highest(F32 a) const { return set1(reduce_max(a)); }

  const index_t cols;
  const bool wants_gradient;
  const F32 factor;  // of the gradient

 private:
  const float* outputs_;
  const float* targets_;
  float* gradient_;
  std::int32_t label_;
  const Smoothing& smoothing_;
};

// As many rows as a vector has lanes, or `rows`: a place is a column of them. Few columns would
// leave most lanes of a WideRow empty. All rows are read before any is written.
template <bool kLabels>
class NarrowRows {
 public:
  NarrowRows(const LossRows& batch, const Smoothing& smoothing, index_t i, index_t rows)
      : cols(batch.cols),
        wants_gradient(batch.gradient != nullptr),
        factor((batch.sample_weight == nullptr ? set1(1.0f) : load(batch.sample_weight + i, rows)) *
               set1(batch.scale)),
        rows_(rows),
        smoothing_(smoothing) {
    for (F32& column : gradient_) column = zero();
    read(batch.outputs + i * batch.output_stride, batch.output_stride, outputs_);
    if constexpr (kLabels) {
      std::int32_t labels[kLanes] = {};
      for (index_t row = 0; row < rows; ++row) labels[row] = batch.labels[i + row];
      labels_ = load_i32(labels);
    } else {
      read(batch.targets + i * batch.target_stride, batch.target_stride, targets_);
    }
  }

  template <typename Body>
  void each(const Body& body) const {
    for (index_t j = 0; j < cols; ++j) body(j, kLanes);
  }
  F32 output(index_t j, index_t) const { return outputs_[j]; }
  F32 target(index_t j, index_t) const {
    if constexpr (kLabels) {
      const Mask here = labels_ == set1_i32(static_cast<std::int32_t>(j));
      return select(here, smoothing_.keep + smoothing_.add, smoothing_.add);
    } else {
      return fma(targets_[j], smoothing_.keep, smoothing_.add);
    }
  }
  F32 gradient(index_t j, index_t) const { return gradient_[j]; }
  void set_gradient(index_t j, index_t, F32 g) { gradient_[j] = g; }
  F32 keep(F32 a, index_t, F32) const { return a; }
  template <typename Term>
  F32 sum(const Term& term) const {
    F32 sum = zero();
    for (index_t j = 0; j < cols; ++j) sum = sum + term(j, kLanes);
    return sum;
  }
  F32 total(F32 a) const { return a; }
  F32 highest(F32 a) const { return a; }

  void write_gradient(float* to, index_t stride) {
    transpose(gradient_);
    for (index_t row = 0; row < rows_; ++row) store(to + row * stride, gradient_[row], cols);
  }

  const index_t cols;
  const bool wants_gradient;
  const F32 factor;

 private:
  // Missing rows repeat the first.
  void read(const float* from, index_t stride, F32 (&columns)[kLanes]) const {
    for (index_t row = 0; row < kLanes; ++row) {
      columns[row] = load(from + (row < rows_ ? row : 0) * stride, cols);
    }
    transpose(columns);
  }

  F32 outputs_[kLanes], targets_[kLanes], gradient_[kLanes];
  I32 labels_;
  index_t rows_;
  const Smoothing& smoothing_;
};

// loss = sum_j t_j (log sum_k e^(o_k - m) - (o_j - m)), m the largest logit.
template <typename Rows>
F32 softmax_crossentropy(Rows& rows) {
  const F32 lowest = zero() - infinity();
  const F32 one = set1(1.0f);
  F32 highest = lowest;
  rows.each([&](index_t j, index_t count) {
    highest = max(highest, rows.keep(rows.output(j, count), count, lowest));
  });
  const F32 m = rows.highest(highest);

  // Each maximum is left out of the sum, which then stays exact when it is small, and counted.
  F32 maxima = zero();
  F32 target_sum = zero();
  F32 product = zero();
  const F32 others = rows.sum([&](index_t j, index_t count) {
    const F32 t = rows.target(j, count);
    const F32 d = rows.keep(rows.output(j, count) - m, count, lowest);
    const F32 e = exp(d);
    const F32 is_max = select(d == zero(), one, zero());
    maxima = maxima + is_max;
    target_sum = target_sum + t;
    product = product + select(t == zero(), zero(), t * d);  // 0 times -Inf is 0 here
    if (rows.wants_gradient) rows.set_gradient(j, count, e);
    return e - is_max;
  });
  const F32 rest = others + (rows.total(maxima) - one);
  const F32 targets_total = rows.total(target_sum);

  if (rows.wants_gradient) {
    const F32 scale = targets_total / (one + rest);
    rows.each([&](index_t j, index_t count) {
      const F32 p = rows.gradient(j, count) * scale;
      rows.set_gradient(j, count, (p - rows.target(j, count)) * rows.factor);
    });
  }
  return targets_total * log1p(rest) - rows.total(product);
}

// With q = o / sum(o), c = clip(q) and T the sum of t_j over the q_j that clip leaves alone:
// d loss / d o_j = (T - [q_j left alone] t_j / c_j) / sum(o)
template <typename Rows>
F32 probability_crossentropy(Rows& rows) {
  const F32 total = rows.sum([&](index_t j, index_t count) { return rows.output(j, count); });
  F32 inside = zero();
  const F32 gain = rows.sum([&](index_t j, index_t count) {
    const F32 t = rows.target(j, count);
    const F32 q = rows.output(j, count) / total;
    inside = inside + select(is_inside(q), t, zero());
    return rows.keep(t * log(clip_probability(q)), count, zero());
  });
  if (rows.wants_gradient) {
    const F32 targets_inside = rows.total(inside);
    const F32 scale = rows.factor / total;
    rows.each([&](index_t j, index_t count) {
      const F32 q = rows.output(j, count) / total;
      const F32 own = select(is_inside(q), rows.target(j, count) / q, zero());
      rows.set_gradient(j, count, (targets_inside - own) * scale);
    });
  }
  return zero() - gain;
}

template <typename Rows>
F32 categorical_crossentropy(Rows& rows, bool from_logits) {
  return from_logits ? softmax_crossentropy(rows) : probability_crossentropy(rows);
}

struct LossAndSlope {
  F32 loss;
  F32 slope;  // d loss / d o
};

// The losses that average what f(o, t) says of each element.
template <typename Rows, typename F>
F32 mean_over_columns(Rows& rows, const F& f) {
  const auto cols = static_cast<float>(rows.cols);
  const F32 factor = rows.factor / set1(cols);
  // Sums of terms that are divided by a power of two do not overflow, and nothing is rounded.
  float power = 1.0f;
  while (power < cols) power *= 2.0f;
  const F32 part = set1(1.0f / power);
  const F32 sum = rows.sum([&](index_t j, index_t count) {
    const LossAndSlope at = f(rows.output(j, count), rows.target(j, count));
    if (rows.wants_gradient) rows.set_gradient(j, count, at.slope * factor);
    return rows.keep(at.loss * part, count, zero());
  });
  return sum * set1(power / cols);
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

Smoothing smoothing_of(const LossRows& batch) {
  const float s = batch.label_smoothing;
  switch (batch.kind) {
    case Loss::kSparseCategoricalCrossentropy:
    case Loss::kCategoricalCrossentropy:
      return {set1(1.0f - s), set1(s / static_cast<float>(batch.cols))};
    case Loss::kBinaryCrossentropy:
      return {set1(1.0f - s), set1(0.5f * s)};
    case Loss::kMeanSquaredError:
    case Loss::kMeanAbsoluteError:
      break;
  }
  return {set1(1.0f), zero()};
}

template <typename Rows>
F32 loss_of(const LossRows& batch, Rows& rows) {
  switch (batch.kind) {
    case Loss::kSparseCategoricalCrossentropy:
    case Loss::kCategoricalCrossentropy:
      return categorical_crossentropy(rows, batch.from_logits);
    case Loss::kBinaryCrossentropy:
      return batch.from_logits ? mean_over_columns(rows, sigmoid_crossentropy)
                               : mean_over_columns(rows, probability_binary_crossentropy);
    case Loss::kMeanSquaredError:
      return mean_over_columns(rows, squared_error);
    case Loss::kMeanAbsoluteError:
      return mean_over_columns(rows, absolute_error);
  }
  return zero();
}

template <bool kLabels>
void wide_rows(const LossRows& batch) {
  const Smoothing smoothing = smoothing_of(batch);
  for (index_t i = 0; i < batch.rows; ++i) {
    WideRow<kLabels> row(batch, smoothing, i);
    const F32 loss = loss_of(batch, row);
    if (batch.row_losses != nullptr) store(batch.row_losses + i, loss, 1);
  }
}

template <bool kLabels>
void narrow_rows(const LossRows& batch) {
  const Smoothing smoothing = smoothing_of(batch);
  for (index_t i = 0; i < batch.rows; i += kLanes) {
    const index_t count = batch.rows - i < kLanes ? batch.rows - i : kLanes;
    NarrowRows<kLabels> rows(batch, smoothing, i, count);
    const F32 loss = loss_of(batch, rows);
    if (batch.row_losses != nullptr) store(batch.row_losses + i, loss, count);
    if (rows.wants_gradient) {
      rows.write_gradient(batch.gradient + i * batch.gradient_stride, batch.gradient_stride);
    }
  }
}

}  // namespace

namespace FASTDNN_LEVEL {

// The layout depends on the columns alone, so that a row gets the same bits whatever rows come with
// it.
void loss_rows_f32(const LossRows& batch) {
  const bool labels = batch.kind == Loss::kSparseCategoricalCrossentropy;
  if (batch.cols <= kLanes) {
    labels ? narrow_rows<true>(batch) : narrow_rows<false>(batch);
  } else {
    labels ? wide_rows<true>(batch) : wide_rows<false>(batch);
  }
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
