// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/loss.h"

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
};

}  // namespace

const char* loss_name(Loss kind) { return entry_of("loss", kLosses, kind).name; }

Loss parse_loss(const std::string& name) { return parse_kind("loss", kLosses, name); }

bool loss_is_crossentropy(Loss kind) {
  return kind != Loss::kMeanSquaredError && kind != Loss::kMeanAbsoluteError;
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
