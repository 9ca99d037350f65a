// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/loss/categorical.h"
#include "csrc/cpu/loss/elementwise.h"
#include "csrc/cpu/loss/loss.h"
#include "csrc/cpu/loss/rows.h"

namespace fastdnn::cpu {
namespace {

Smoothing smoothing_of(const LossSpec& spec, index_t cols) {
  const float s = spec.label_smoothing;
  switch (spec.kind) {
    case Loss::kSparseCategoricalCrossentropy:
    case Loss::kCategoricalCrossentropy:
    case Loss::kCategoricalFocalCrossentropy:
      return {set1(1.0f - s), set1(s / static_cast<float>(cols))};
    case Loss::kBinaryCrossentropy:
    case Loss::kBinaryFocalCrossentropy:
      return {set1(1.0f - s), set1(0.5f * s)};
    default:
      return {set1(1.0f), zero()};
  }
}

template <typename Rows>
F32 categorical_crossentropy(const LossSpec& spec, Rows& rows) {
  return spec.from_logits ? softmax_crossentropy(rows)
                          : probability_crossentropy(rows, CategoricalCrossentropy{});
}

template <typename Rows>
F32 categorical_focal_crossentropy(const LossSpec& spec, Rows& rows) {
  const F32 alpha = set1(spec.alpha);
  const Focus focus{set1(spec.gamma)};
  return spec.from_logits
             ? softmax_focal_crossentropy(rows, alpha, focus)
             : probability_crossentropy(rows, CategoricalFocalCrossentropy{alpha, focus});
}

template <typename Rows>
F32 binary_focal_crossentropy(const LossSpec& spec, Rows& rows) {
  const bool balanced = spec.apply_class_balancing;
  const BinaryFocus focus{set1(balanced ? spec.alpha : 1.0f),
                          set1(balanced ? 1.0f - spec.alpha : 1.0f),
                          {set1(spec.gamma)}};
  return spec.from_logits ? mean_over_columns(rows, SigmoidFocalCrossentropy{focus})
                          : mean_over_columns(rows, BinaryFocalCrossentropy{focus});
}

template <typename Rows>
F32 loss_of_targets(const LossSpec& spec, Rows& rows) {
  switch (spec.kind) {
    case Loss::kSparseCategoricalCrossentropy:
      break;  // has labels
    case Loss::kCategoricalCrossentropy:
      return categorical_crossentropy(spec, rows);
    case Loss::kCategoricalFocalCrossentropy:
      return categorical_focal_crossentropy(spec, rows);
    case Loss::kBinaryCrossentropy:
      return spec.from_logits ? mean_over_columns(rows, SigmoidCrossentropy{})
                              : mean_over_columns(rows, BinaryCrossentropy{});
    case Loss::kBinaryFocalCrossentropy:
      return binary_focal_crossentropy(spec, rows);
    case Loss::kKlDivergence:
      return sum_over_columns(rows, KlDivergence{}, 1.0f);
    case Loss::kMeanSquaredError:
      return mean_over_columns(rows, SquaredError{});
    case Loss::kMeanAbsoluteError:
      return mean_over_columns(rows, AbsoluteError{});
    case Loss::kMeanAbsolutePercentageError:
      return mean_over_columns(rows, AbsolutePercentageError{});
    case Loss::kMeanSquaredLogarithmicError:
      return mean_over_columns(rows, SquaredLogarithmicError{});
    case Loss::kHuber:
      return mean_over_columns(rows, Huber{set1(spec.delta)});
    case Loss::kLogCosh:
      return mean_over_columns(rows, LogCosh{});
    case Loss::kPoisson:
      return mean_over_columns(rows, Poisson{});
    case Loss::kQuantile:
      return mean_over_columns(rows, Quantile{set1(spec.quantile)});
    case Loss::kHinge:
      return mean_over_columns(rows, Hinge{});
    case Loss::kSquaredHinge:
      return mean_over_columns(rows, SquaredHinge{});
    case Loss::kCategoricalHinge:
      return categorical_hinge(rows);
  }
  return zero();
}

template <bool kLabels, typename Rows>
F32 loss_of(const LossSpec& spec, Rows& rows) {
  if constexpr (kLabels) {
    return categorical_crossentropy(spec, rows);
  } else {
    return loss_of_targets(spec, rows);
  }
}

template <bool kLabels>
void wide_rows(const LossRows& batch) {
  const Smoothing smoothing = smoothing_of(batch.spec, batch.cols);
  for (index_t i = 0; i < batch.rows; ++i) {
    WideRow<kLabels> row(batch, smoothing, i);
    const F32 loss = loss_of<kLabels>(batch.spec, row);
    if (batch.row_losses != nullptr) store(batch.row_losses + i, loss, 1);
  }
}

template <bool kLabels>
void narrow_rows(const LossRows& batch) {
  const Smoothing smoothing = smoothing_of(batch.spec, batch.cols);
  for (index_t i = 0; i < batch.rows; i += kLanes) {
    const index_t count = batch.rows - i < kLanes ? batch.rows - i : kLanes;
    NarrowRows<kLabels> rows(batch, smoothing, i, count);
    const F32 loss = loss_of<kLabels>(batch.spec, rows);
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
  const bool labels = batch.spec.kind == Loss::kSparseCategoricalCrossentropy;
  if (batch.cols <= kLanes) {
    labels ? narrow_rows<true>(batch) : narrow_rows<false>(batch);
  } else {
    labels ? wide_rows<true>(batch) : wide_rows<false>(batch);
  }
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
