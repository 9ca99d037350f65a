// SPDX-License-Identifier: Apache-2.0
// What the optimizer kernels compute. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/optimizer.h"
#include "csrc/core/types.h"

namespace fastdnn::cpu {

// One step on a (rows, cols) block of weights w, gradient g and slots, in place. Element (i, j) of
// w and of every slot is at [i * stride + j], of g at [i * g_stride + j]. No two of them overlap.
// Elements between cols and stride are neither read nor written. Any alignment. First of all
//
//   g = clip(gradient_scale g + l1 sign(w) + 2 l2 w, -clip, clip);  w -= decay w
//
// unless that changes nothing, and then
//
//   SGD       w -= lr g
//             with momentum            slots: momentum m
//               m = momentum m - lr g;  w += m            nesterov: w += momentum m - lr g
//   Adagrad                            slots: accumulator a
//               a += g^2;  w -= lr g / sqrt(a + epsilon)
//   RMSprop                            slots: velocity v [, momentum m] [, average_gradient s]
//               v = rho v + (1 - rho) g^2              centered: s = rho s + (1 - rho) g
//               d = lr g / sqrt(v [- s^2] + epsilon);  w -= d    momentum: m = momentum m + d;
//                                                                          w -= m
//   Adam                               slots: momentum m, velocity v [, velocity_hat h]
//               m += (1 - beta_1)(g - m);  v += (1 - beta_2)(g^2 - v);  amsgrad: h = max(h, v)
//               w -= lr_t m / (sqrt(v or h) + epsilon)
//   Ftrl                               slots: accumulator n, linear z
//               n' = n + g^2;  z += g + 2 shrinkage w - (n'^power - n^power) / lr w;  n = n'
//               w = (clip(z, -l1, l1) - z) / (n'^power / lr + 2 l2 + beta / lr)
//   Adadelta                           slots: accumulated_grad a, accumulated_delta_var d
//               a = rho a + (1 - rho) g^2;  s = g sqrt(d + epsilon) / sqrt(a + epsilon)
//               d = rho d + (1 - rho) s^2;  w -= lr s
//   Nadam                              slots: momentum m, velocity v
//               m, v as Adam's;  w -= (momentum_rate m + gradient_rate g) / (sqrt(v) + epsilon)
//   Adamax                             slots: momentum m, norm u
//               m as Adam's;  u = max(beta_2 u, |g|);  w -= lr_t m / (u + epsilon)
//   Lion                               slots: momentum m
//               w -= lr sign(beta_1 m + (1 - beta_1) g);  m = beta_2 m + (1 - beta_2) g
//
// Roots and quotients of all but Ftrl are within 2 units in the last place, and what is divided by
// counts as 2^-126 if it is less.
//
// A NaN in g makes NaN of its own weight and slots and of nothing else.
//
//   penalty_gradient_f32  g += l1 sign(w) + 2 l2 w, element by element of flat arrays; sign(0) = 0
//
//   moving_average_f32  average = momentum average + (1 - momentum) w, element by element of flat
//                       arrays, and then w = average if it `overwrites` the weights

}  // namespace fastdnn::cpu
