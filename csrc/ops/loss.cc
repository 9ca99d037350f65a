// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/loss.h"

#include <cmath>

#include "csrc/core/check.h"
#include "csrc/ops/named_kinds.h"

namespace fastdnn {
namespace {

struct Entry {
  Loss kind;
  const char* name;
};

constexpr Entry kLosses[] = {
    {Loss::kSparseCategoricalCrossentropy, "sparse_categorical_crossentropy"},
    {Loss::kCategoricalCrossentropy, "categorical_crossentropy"},
    {Loss::kBinaryCrossentropy, "binary_crossentropy"},
    {Loss::kMeanSquaredError, "mean_squared_error"},
    {Loss::kMeanAbsoluteError, "mean_absolute_error"},
    {Loss::kCategoricalFocalCrossentropy, "categorical_focal_crossentropy"},
    {Loss::kBinaryFocalCrossentropy, "binary_focal_crossentropy"},
    {Loss::kKlDivergence, "kl_divergence"},
    {Loss::kMeanAbsolutePercentageError, "mean_absolute_percentage_error"},
    {Loss::kMeanSquaredLogarithmicError, "mean_squared_logarithmic_error"},
    {Loss::kHuber, "huber"},
    {Loss::kLogCosh, "log_cosh"},
    {Loss::kPoisson, "poisson"},
    {Loss::kQuantile, "quantile"},
    {Loss::kHinge, "hinge"},
    {Loss::kSquaredHinge, "squared_hinge"},
    {Loss::kCategoricalHinge, "categorical_hinge"},
};

}  // namespace

const char* loss_name(Loss kind) { return entry_of("loss", kLosses, kind).name; }

Loss parse_loss(const std::string& name) { return parse_kind("loss", kLosses, name); }

bool loss_takes_softmax(Loss kind) {
  return kind == Loss::kSparseCategoricalCrossentropy || kind == Loss::kCategoricalCrossentropy ||
         kind == Loss::kCategoricalFocalCrossentropy;
}

bool loss_takes_sigmoids(Loss kind) {
  return kind == Loss::kBinaryCrossentropy || kind == Loss::kBinaryFocalCrossentropy;
}

// The options that a kind does not read have their defaults, which are in range.
void check_loss(const char* op, const LossSpec& spec) {
  const float s = spec.label_smoothing;
  check(s >= 0.0f && s <= 1.0f, op, "received label_smoothing=", s,
        "; expected a number from 0 to 1");
  check(spec.gamma >= 0.0f && std::isfinite(spec.gamma), op, "received gamma=", spec.gamma,
        "; expected a finite number of at least 0");
  check(spec.alpha >= 0.0f && std::isfinite(spec.alpha), op, "received alpha=", spec.alpha,
        "; expected a finite number of at least 0");
  check(spec.kind != Loss::kBinaryFocalCrossentropy || spec.alpha <= 1.0f, op,
        "received alpha=", spec.alpha, "; expected a number from 0 to 1, the weight of ones");
  check(spec.delta > 0.0f && std::isfinite(spec.delta), op, "received delta=", spec.delta,
        "; expected a finite number above 0");
  check(spec.quantile > 0.0f && spec.quantile < 1.0f, op, "received quantile=", spec.quantile,
        "; expected a number above 0 and below 1");
}

void check_labels(const char* op, const std::int32_t* labels, index_t rows, index_t classes) {
  for (index_t i = 0; i < rows; ++i) {
    check(labels[i] >= 0 && labels[i] < classes, op, "labels: received ", labels[i], " in row ", i,
          "; expected whole numbers from 0 to ", classes - 1, ", one less than the ", classes,
          " columns of the outputs");
  }
}

void loss(const LossArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::loss(args, *context.stream);
  cpu::loss(args, *context.team);
}

}  // namespace fastdnn
