// SPDX-License-Identifier: Apache-2.0
// What the metric kernel computes. Included by leaf files: plain types only, no STL.
#pragma once

#include <cstdint>

#include "csrc/core/metric.h"
#include "csrc/core/types.h"

namespace fastdnn::cpu {

// Row i of outputs o and targets t starts at [i * its stride] and has `cols` elements; what lies
// between columns and stride is not read. Labels lie in [0, cols).
//
//   sparse categorical accuracy        argmax(o) == labels[i]
//   categorical accuracy               argmax(o) == argmax(t)
//   binary accuracy                    mean_j (o_j > threshold) == t_j
//   sparse top-k categorical accuracy  fewer than top_k outputs exceed that of labels[i]; a NaN is
//                                      never among the top
//   top-k categorical accuracy         the same, of argmax(t)
//   mean squared error                 mean_j (o_j - t_j)^2
//   mean absolute error                mean_j |o_j - t_j|
//
// argmax as NumPy's: the first of several largest elements, or the first NaN.
struct MetricRows {
  Metric kind;
  float threshold;
  index_t top_k;
  index_t rows;
  index_t cols;
  const float* outputs;
  index_t output_stride;
  const std::int32_t* labels;
  const float* targets;
  index_t target_stride;
  float* row_values;
};

}  // namespace fastdnn::cpu
