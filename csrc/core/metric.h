// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace fastdnn {

// Formulas: csrc/cpu/metric/metric.h.
enum class Metric : int {
  kSparseCategoricalAccuracy,
  kCategoricalAccuracy,
  kBinaryAccuracy,
  kSparseTopKCategoricalAccuracy,
  kTopKCategoricalAccuracy,
};

}  // namespace fastdnn
