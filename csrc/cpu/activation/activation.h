// SPDX-License-Identifier: Apache-2.0
// What the activation kernels compute. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/activation.h"
#include "csrc/core/types.h"

namespace fastdnn::cpu {

// Element (i, j) of x, y, dy and dx is at [i * stride + j]. An output may be one of its inputs, at
// the same stride. Elements between columns and stride are neither read nor written.
//
//                y = f(x)                                  dx / dy
//   linear       x                                         1
//   relu         max(x, 0)                                 y > 0
//   leaky_relu   x > 0 ? x : alpha x                       y > 0 ? 1 : alpha
//   elu          x > 0 ? x : alpha (e^x - 1)               y > 0 ? 1 : y + alpha
//   selu         s elu(x), alpha and s of the paper        y > 0 ? s : y + s alpha
//   sigmoid      1 / (1 + e^-x)                            y (1 - y)
//   tanh         tanh(x)                                   (1 - y) (1 + y)
//   softplus     log(1 + e^x)                              1 - e^-y
//   softsign     x / (1 + |x|)                             (1 - |y|)^2
//   hard_sigmoid min(max(x + 3, 0), 6) / 6                 0 < y < 1 ? 1 / 6 : 0
//   hard_tanh    min(max(x, -1), 1)                        -1 < y < 1
//   relu6        min(max(x, 0), 6)                         0 < y < 6
//   exponential  e^x                                       y
// and from x rather than y, with P the normal distribution and p its density:
//   gelu         x P(x)                                    P(x) + x p(x)
//   gelu_tanh    x sigmoid(u), u = 2 sqrt(2 / pi) (x + 0.044715 x^3)
//   silu         x sigmoid(x)                              s + x s (1 - s), s = sigmoid(x)
//   mish         x tanh(softplus(x))                       t + x (1 - t^2) sigmoid(x)
//
// y is within 2 units in the last place of f(x) for every float32 x (gelu_tanh: relative error
// below 2^-22 (1 + |u|)). dx is off by at most 2^-20 |dy| (1 + |f'|). At +-Inf y and dx are limits;
// NaN gives NaN, but in dx of those that are made of straight pieces.
struct ActivationShape {
  Activation kind;
  float alpha;  // of leaky_relu and elu, at least 0
  index_t rows;
  index_t cols;
};

}  // namespace fastdnn::cpu
