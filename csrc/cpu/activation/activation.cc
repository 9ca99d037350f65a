// SPDX-License-Identifier: Apache-2.0
// Splits element-wise work over a team: by rows, or where there is one row (any array without
// padding is one) by units of kRowPad elements.
#include "csrc/ops/activation.h"

#include <algorithm>

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {
namespace {

template <typename T>
Matrix<T> as_one_row(const Matrix<T>& m) {
  return {m.data, 1, m.size(), m.size()};
}

template <typename T>
bool is_dense(const Matrix<T>& m) {
  return m.stride == m.cols || m.rows <= 1;
}

// A member's part of a matrix: rows by columns from an element on.
struct Part {
  index_t row = 0;
  index_t col = 0;
  index_t rows = 0;
  index_t cols = 0;

  template <typename T>
  T* of(const Matrix<T>& m) const {
    return m.row(row) + col;
  }
};

Part part_of(index_t rows, index_t cols, const Team& team) {
  if (rows == 1) {
    const Range columns = team.share_columns(cols);
    return {0, columns.begin, 1, std::max<index_t>(columns.size(), 0)};
  }
  const Range share = team.share(rows);
  return {share.begin, 0, share.end - share.begin, cols};
}

}  // namespace

void activation(const ActivationArgs& args, Team& team) {
  const bool dense = is_dense(args.x) && is_dense(args.y);
  const ConstMatrixView x = dense ? as_one_row(args.x) : args.x;
  const MatrixView y = dense ? as_one_row(args.y) : args.y;
  const Part part = part_of(x.rows, x.cols, team);
  const ActivationShape shape{args.kind, args.alpha, part.rows, part.cols};
  kernels().activation_f32(shape, part.of(x), x.stride, part.of(y), y.stride);
}

void activation_backward(const ActivationBackwardArgs& args, Team& team) {
  const bool dense = is_dense(args.saved) && is_dense(args.dy) && is_dense(args.dx);
  const ConstMatrixView saved = dense ? as_one_row(args.saved) : args.saved;
  const ConstMatrixView dy = dense ? as_one_row(args.dy) : args.dy;
  const MatrixView dx = dense ? as_one_row(args.dx) : args.dx;
  const Part part = part_of(dy.rows, dy.cols, team);
  const ActivationShape shape{args.kind, args.alpha, part.rows, part.cols};
  kernels().activation_backward_f32(shape, part.of(saved), saved.stride, part.of(dy), dy.stride,
                                    part.of(dx), dx.stride);
}

}  // namespace fastdnn::cpu
