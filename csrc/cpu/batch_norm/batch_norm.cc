// SPDX-License-Identifier: Apache-2.0
// Splits batch normalization over a team by columns: members neither share sums nor wait.
#include "csrc/ops/batch_norm.h"

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {
void batch_norm(const BatchNormArgs& args, Team& team) {
  const auto [begin, end] = team.share_columns(args.x.cols);
  if (begin >= end) return;
  kernels().batch_norm_training_f32({.rows = args.x.rows,
                                     .cols = end - begin,
                                     .x = args.x.data + begin,
                                     .x_stride = args.x.stride,
                                     .y = args.y.data + begin,
                                     .y_stride = args.y.stride,
                                     .gamma = offset(args.gamma, begin),
                                     .beta = offset(args.beta, begin),
                                     .mean = args.mean + begin,
                                     .inv_std = args.inv_std + begin,
                                     .variance = offset(args.variance, begin),
                                     .epsilon = args.epsilon});
}

void batch_norm_inference(const BatchNormInferenceArgs& args, Team& team) {
  const auto [begin, end] = team.share_columns(args.x.cols);
  if (begin >= end) return;
  kernels().batch_norm_inference_f32({.rows = args.x.rows,
                                      .cols = end - begin,
                                      .x = args.x.data + begin,
                                      .x_stride = args.x.stride,
                                      .y = args.y.data + begin,
                                      .y_stride = args.y.stride,
                                      .gamma = offset(args.gamma, begin),
                                      .beta = offset(args.beta, begin),
                                      .mean = args.moving_mean + begin,
                                      .variance = args.moving_variance + begin,
                                      .inv_std = offset(args.inv_std, begin),
                                      .epsilon = args.epsilon});
}

void batch_norm_backward(const BatchNormBackwardArgs& args, Team& team) {
  const auto [begin, end] = team.share_columns(args.x.cols);
  if (begin >= end) return;
  kernels().batch_norm_backward_f32({.rows = args.x.rows,
                                     .cols = end - begin,
                                     .x = args.x.data + begin,
                                     .x_stride = args.x.stride,
                                     .dy = args.dy.data + begin,
                                     .dy_stride = args.dy.stride,
                                     .dx = offset(args.dx.data, begin),
                                     .dx_stride = args.dx.stride,
                                     .gamma = offset(args.gamma, begin),
                                     .mean = args.mean + begin,
                                     .inv_std = args.inv_std + begin,
                                     .dgamma = offset(args.dgamma, begin),
                                     .dbeta = offset(args.dbeta, begin),
                                     .training = args.training,
                                     .accumulate = args.accumulate});
}

}  // namespace fastdnn::cpu
