// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace fastdnn {

// Formulas: csrc/cpu/loss/loss.h.
enum class Loss : int {
  kSparseCategoricalCrossentropy,
  kCategoricalCrossentropy,
  kBinaryCrossentropy,
  kMeanSquaredError,
  kMeanAbsoluteError,
  kCategoricalFocalCrossentropy,
  kBinaryFocalCrossentropy,
  kKlDivergence,
  kMeanAbsolutePercentageError,
  kMeanSquaredLogarithmicError,
  kHuber,
  kLogCosh,
  kPoisson,
  kQuantile,
  kHinge,
  kSquaredHinge,
  kCategoricalHinge,
};

// A loss with its options; each option is read by the kinds that its comment names. Defaults are
// Keras's.
struct LossSpec {
  Loss kind = Loss::kMeanSquaredError;
  bool from_logits = false;            // cross-entropies: outputs are logits, not probabilities
  float label_smoothing = 0.0f;        // cross-entropies: in [0, 1]
  bool apply_class_balancing = false;  // binary focal: whether alpha counts
  float alpha = 0.25f;                 // focal: at least 0; binary: in [0, 1]
  float gamma = 2.0f;                  // focal: at least 0
  float delta = 1.0f;                  // Huber: above 0
  float quantile = 0.5f;               // quantile: in (0, 1)
};

}  // namespace fastdnn
