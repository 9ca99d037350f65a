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
// Cross-entropies, with s the label smoothing, p and u as below and t log p = 0 where t = 0:
//
//   categorical     t = t (1 - s) + s / cols        loss = -sum_j t_j log p_j
//     focal                                         loss = -sum_j alpha u_j^gamma t_j log p_j
//   binary          t = t (1 - s) + s / 2           loss = mean_j f_j
//     focal                                         loss = mean_j w_j u_j^gamma f_j
//
//   categorical     from logits: p = softmax(o), else p = clip(o / sum_j o_j); u = 1 - p
//   binary          from logits: p = sigmoid(o), else p = clip(o); u = t (1 - p) + (1 - t) p
//                   f = -t log p - (1 - t) log(1 - p)
//                   w = t alpha + (1 - t) (1 - alpha) to balance classes, else 1
//
// clip() keeps p in [1e-7, 1 - 1e-7]; the gradient is 0 where it changes anything. From logits, all
// is computed without overflow, and a logit of -Inf is a probability of 0. Keras clips under focal
// losses from logits, too.
//
// Other losses, with d = o - t, and clip() to [1e-7, 1] for the divergence:
//
//   mean squared error               mean_j d_j^2
//   mean absolute error              mean_j |d_j|
//   mean absolute percentage error   mean_j 100 |d_j| / max(|t_j|, 1e-7)
//   mean squared logarithmic error   mean_j (log(1 + max(o_j, 1e-7)) - log(1 + max(t_j, 1e-7)))^2
//   Huber                            mean_j a_j (|d_j| - a_j / 2), a = min(|d|, delta)
//   log cosh                         mean_j log cosh d_j
//   Poisson                          mean_j o_j - t_j log(o_j + 1e-7)
//   quantile                         mean_j max(-quantile d_j, (1 - quantile) d_j)
//   KL divergence                    sum_j clip(t_j) log(clip(t_j) / clip(o_j))
//   hinge, squared hinge             mean_j h_j, mean_j h_j^2, h = max(1 - t o, 0), t = -1 if 0
//   categorical hinge                max(max_j (1 - t_j) o_j - sum_j t_j o_j + 1, 0)
//
// Slopes at kinks are 0; outputs that share a maximum share its slope. Keras takes 0 for -1 under
// hinges only if a batch has no targets but 0 and 1: that is the same for targets of two values,
// and else would make the loss of a row depend on the others.
//
//   row_losses[i] = loss
//   gradient(i, j) = sample_weight[i] scale d loss / d o(i, j)
struct LossRows {
  LossSpec spec;
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
