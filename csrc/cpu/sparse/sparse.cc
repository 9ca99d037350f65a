// SPDX-License-Identifier: Apache-2.0
// Splits sparse rows over a team.
#include "csrc/ops/sparse.h"

#include <algorithm>

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {
namespace {

// Rows of the batch that are asked where they may be cut.
constexpr index_t kAsked = 64;

// The column where part `part` of `parts` begins: all parts have about as many numbers. Whoever
// computes it gets the same one.
index_t part_begin(const CsrView& x, const std::int64_t* rows, index_t count, int part, int parts) {
  if (part <= 0 || part >= parts) return part <= 0 ? 0 : x.cols;
  double sum = 0.0;
  index_t asked = 0;
  for (index_t i = 0; i < count; i += std::max<index_t>(1, count / kAsked)) {
    const index_t row = std::clamp<index_t>(rows[i], 0, x.rows - 1);
    const index_t begin = x.offsets[row], end = x.offsets[row + 1];
    if (begin < 0 || begin >= end || end > x.size) continue;
    sum += x.columns[begin + (end - begin) * part / parts];
    ++asked;
  }
  const double mean = asked > 0 ? sum / static_cast<double>(asked) : 0.0;
  return std::clamp<index_t>(static_cast<index_t>(mean), 0, x.cols);
}

}  // namespace

void csr_dense(const CsrDenseArgs& args, Team& team) {
  const Range rows = team.share(args.y.rows);
  if (rows.empty() || args.y.cols == 0) return;
  const MatrixView y{args.y.row(rows.begin), rows.size(), args.y.cols, args.y.stride};
  kernels().csr_dense_f32({.batch = {args.x, args.rows + rows.begin, rows.size()},
                           .kernel = args.kernel.data,
                           .kernel_row = args.kernel.stride,
                           .n = y.cols,
                           .bias = args.bias,
                           .y = y.data,
                           .y_row = y.stride});
  if (args.activation == Activation::kLinear) return;
  kernels().activation_f32({args.activation, args.activation_alpha, y.rows, y.cols}, y.data,
                           y.stride, y.data, y.stride);
}

void csr_dense_backward(const CsrDenseBackwardArgs& args, Team& team) {
  const index_t count = args.dz.rows;
  const auto begin_of = [&](int part) {
    return part_begin(args.x, args.rows, count, part, team.size());
  };
  const Range columns{begin_of(team.rank()), begin_of(team.rank() + 1)};
  if (columns.empty() || args.dz.cols == 0) return;
  if (!args.accumulate) {
    for (index_t k = columns.begin; k < columns.end; ++k) {
      std::fill_n(args.dkernel.row(k), args.dz.cols, 0.0f);
    }
  }
  kernels().csr_dense_gradient_f32({.batch = {args.x, args.rows, count},
                                    .first = columns.begin,
                                    .last = columns.end,
                                    .dz = args.dz.data,
                                    .dz_row = args.dz.stride,
                                    .n = args.dz.cols,
                                    .dkernel = args.dkernel.data,
                                    .dkernel_row = args.dkernel.stride});
}

}  // namespace fastdnn::cpu
