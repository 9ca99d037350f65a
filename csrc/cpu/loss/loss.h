// SPDX-License-Identifier: Apache-2.0
// What the loss kernel computes. Included by leaf files: plain types only, no STL.
#pragma once

#include <cstdint>

#include "csrc/core/loss.h"
#include "csrc/core/types.h"

namespace fastdnn::cpu {

// Row i of outputs o, targets t and gradient starts at [i * its stride] and has `cols` elements;
// what lies between columns and stride is neither read nor written. For the sparse loss
// t = one_hot(labels[i]). `gradient` may be `outputs`, at the same stride, or null; `row_losses`
// and `sample_weight` may be null.
//
//   t = t (1 - s) + s / cols, s the label smoothing; binary: t (1 - s) + s / 2
//   categorical     from logits: p = softmax(o)     loss = -sum_j t_j log p_j
//                   else: p = clip(o / sum_j o_j)
//   binary          from logits: p = sigmoid(o)     loss = -mean_j t_j log p_j
//                   else: p = clip(o)                      + (1 - t_j) log(1 - p_j)
//   mean squared error                              loss = mean_j (o_j - t_j)^2
//   mean absolute error                             loss = mean_j |o_j - t_j|
//
// clip() keeps p in [1e-7, 1 - 1e-7]; the gradient is 0 where it changes anything. From logits, all
// is computed without overflow, and a logit of -Inf is a probability of 0.
//
//   row_losses[i] = loss
//   gradient(i, j) = sample_weight[i] scale d loss / d o(i, j)
struct LossRows {
  Loss kind;
  bool from_logits;
  float label_smoothing;
  float scale;
  index_t rows;
  index_t cols;
  const float* outputs;
  index_t output_stride;
  const std::int32_t* labels;
  const float* targets;
  index_t target_stride;
  const float* sample_weight;
  float* gradient;
  index_t gradient_stride;
  float* row_losses;
};

}  // namespace fastdnn::cpu
