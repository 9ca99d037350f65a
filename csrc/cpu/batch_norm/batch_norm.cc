// SPDX-License-Identifier: Apache-2.0
// Splits batch normalization over a team by columns: members neither share sums nor wait.
#include "csrc/ops/batch_norm.h"

#include <algorithm>

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {
namespace {

// This member's columns, whole cache lines of an aligned row.
Range share_columns(index_t cols, const Team& team) {
  const Range lines = team.share(ceil_div(cols, kRowPad));
  return {lines.begin * kRowPad, std::min(lines.end * kRowPad, cols)};
}

template <typename T>
T* at(T* vector, index_t column) {
  return vector == nullptr ? nullptr : vector + column;
}

}  // namespace

void batch_norm(const BatchNormArgs& args, Team& team) {
  const auto [begin, end] = share_columns(args.x.cols, team);
  if (begin >= end) return;
  const bool moves = args.x.rows > 0;
  kernels().batch_norm_training_f32(
      {.rows = args.x.rows,
       .cols = end - begin,
       .x = args.x.data + begin,
       .x_stride = args.x.stride,
       .y = args.y.data + begin,
       .y_stride = args.y.stride,
       .gamma = at(args.gamma, begin),
       .beta = at(args.beta, begin),
       .mean = args.mean + begin,
       .inv_std = args.inv_std + begin,
       .moving_mean = moves ? at(args.moving_mean, begin) : nullptr,
       .moving_variance = moves ? at(args.moving_variance, begin) : nullptr,
       .momentum = static_cast<float>(args.momentum),
       .update = static_cast<float>(1.0 - args.momentum),
       .epsilon = args.epsilon});
}

void batch_norm_inference(const BatchNormInferenceArgs& args, Team& team) {
  const auto [begin, end] = share_columns(args.x.cols, team);
  if (begin >= end) return;
  kernels().batch_norm_inference_f32({.rows = args.x.rows,
                                      .cols = end - begin,
                                      .x = args.x.data + begin,
                                      .x_stride = args.x.stride,
                                      .y = args.y.data + begin,
                                      .y_stride = args.y.stride,
                                      .gamma = at(args.gamma, begin),
                                      .beta = at(args.beta, begin),
                                      .mean = args.moving_mean + begin,
                                      .variance = args.moving_variance + begin,
                                      .inv_std = at(args.inv_std, begin),
                                      .epsilon = args.epsilon});
}

void batch_norm_backward(const BatchNormBackwardArgs& args, Team& team) {
  const auto [begin, end] = share_columns(args.x.cols, team);
  if (begin >= end) return;
  kernels().batch_norm_backward_f32({.rows = args.x.rows,
                                     .cols = end - begin,
                                     .x = args.x.data + begin,
                                     .x_stride = args.x.stride,
                                     .dy = args.dy.data + begin,
                                     .dy_stride = args.dy.stride,
                                     .dx = at(args.dx.data, begin),
                                     .dx_stride = args.dx.stride,
                                     .gamma = at(args.gamma, begin),
                                     .mean = args.mean + begin,
                                     .inv_std = args.inv_std + begin,
                                     .dgamma = at(args.dgamma, begin),
                                     .dbeta = at(args.dbeta, begin),
                                     .training = args.training,
                                     .accumulate = args.accumulate});
}

}  // namespace fastdnn::cpu
