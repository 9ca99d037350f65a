// SPDX-License-Identifier: Apache-2.0
// Splits layer normalization over a team: by rows, but by columns for what is summed over rows.
#include "csrc/cpu/layer_norm/layer_norm.h"

#include "csrc/cpu/registry.h"
#include "csrc/ops/layer_norm.h"

namespace fastdnn::cpu {

static_assert(kLayerNormStatisticCount == kLayerNormStatistics);

void layer_norm(const LayerNormArgs& args, Team& team) {
  const Range rows = team.share(args.x.rows);
  if (rows.empty()) return;
  kernels().layer_norm_f32(
      {.rows = rows.size(),
       .cols = args.x.cols,
       .x = args.x.row(rows.begin),
       .x_stride = args.x.stride,
       .y = args.y.row(rows.begin),
       .y_stride = args.y.stride,
       .gamma = args.gamma,
       .beta = args.beta,
       .statistics = args.statistics.empty() ? nullptr : args.statistics.row(rows.begin),
       .statistics_stride = args.statistics.stride,
       .epsilon = args.epsilon});
}

void layer_norm_backward(const LayerNormBackwardArgs& args, Team& team) {
  const Range rows = team.share(args.x.rows);
  if (rows.empty()) return;
  kernels().layer_norm_backward_f32({.rows = rows.size(),
                                     .cols = args.x.cols,
                                     .x = args.x.row(rows.begin),
                                     .x_stride = args.x.stride,
                                     .dy = args.dy.row(rows.begin),
                                     .dy_stride = args.dy.stride,
                                     .dx = args.dx.row(rows.begin),
                                     .dx_stride = args.dx.stride,
                                     .gamma = args.gamma,
                                     .statistics = args.statistics.row(rows.begin),
                                     .statistics_stride = args.statistics.stride});
}

void layer_norm_parameters(const LayerNormParametersArgs& args, Team& team) {
  const auto [begin, end] = team.share_columns(args.x.cols);
  if (begin >= end) return;
  kernels().layer_norm_parameters_f32({.rows = args.x.rows,
                                       .cols = end - begin,
                                       .x = args.x.data + begin,
                                       .x_stride = args.x.stride,
                                       .dy = args.dy.data + begin,
                                       .dy_stride = args.dy.stride,
                                       .statistics = args.statistics.data,
                                       .statistics_stride = args.statistics.stride,
                                       .dgamma = offset(args.dgamma, begin),
                                       .dbeta = offset(args.dbeta, begin),
                                       .accumulate_gamma = args.accumulate_gamma,
                                       .accumulate_beta = args.accumulate_beta});
}

}  // namespace fastdnn::cpu
