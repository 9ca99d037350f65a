// SPDX-License-Identifier: Apache-2.0
// What the metric kernels compute. Included by leaf files: plain types only, no STL.
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

// Adds up, row by row in float64, how targets t and predictions p meet. Of the columns that count,
// `columns` from `first_column` on:
//
//   p = o, or sigmoid(o) if from_logits
//   p = 1 where o is the largest of its row and |o| > 1e-9, else 0, if row_maximum
//   place = the number of thresholds, which ascend, that are below p; 0 if p is NaN, or not among
//           the top_k largest of its row, the first ones of equals, where top_k is not 0
//   evenly: the thresholds are 0, 1 / (n - 1), .., 1, the outer two shifted so that any p lies
//           between them: place = max(1, ceil(p (n - 1))) of p in [0, 1], in float32
//   share = t if soft_targets, else 1 where t is not 0, else 0
//
//   counts[group][0][place] += w (1 - share), counts[group][1][place] += w share
//
// with w = weights[i], or 1 if null. A group is a column if per_column, else there is one for all;
// places are 0 .. threshold_count. Threshold by threshold, sums over these give true and false
// positives and negatives, and a row costs the same for two thresholds as for hundreds.
struct ConfusionRows {
  bool from_logits;
  bool row_maximum;
  bool evenly;
  bool soft_targets;
  bool per_column;
  index_t top_k;
  const float* thresholds;
  index_t threshold_count;
  index_t rows;
  index_t cols;
  index_t first_column;
  index_t columns;
  const float* outputs;
  index_t output_stride;
  const float* targets;
  index_t target_stride;
  const float* weights;
  double* counts;
};

// Adds up in float64, row by row and for every column j:
//
//   sums[0] += 1
//   sums[1] += 1, sums[2] += w            unless w is 0
//   sums[3 + 4 j] = t                     in the first row with another weight than 0: the shift s
//   sums[4 + 4 j .. 6 + 4 j] += w (t - s), w (t - s)^2, w (t - o)^2
//
// with w = weights[i], or 1 if null. Sums of t and t^2 would lose the digits of targets far from 0
// (Chan, Golub, LeVeque 1983, "Algorithms for computing the sample variance": shifted data).
struct RegressionRows {
  index_t rows;
  index_t cols;
  const float* outputs;
  index_t output_stride;
  const float* targets;
  index_t target_stride;
  const float* weights;
  double* sums;
};

}  // namespace fastdnn::cpu
