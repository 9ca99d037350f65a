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
};

}  // namespace fastdnn
