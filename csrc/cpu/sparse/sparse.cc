// SPDX-License-Identifier: Apache-2.0
// Splits sparse rows over a team.
#include "csrc/ops/sparse.h"

#include <algorithm>

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {
namespace {

// Columns are cut into parts that cost about the same, as far as so many rows of the batch tell, at
// one of so many places: batches of the same data are then mostly cut in the same place, and
// members find their part of an optimizer's state where they left it. A column costs as much as so
// many numbers for each array that is gone through: the gradient, and in an update weights and
// slots.
constexpr index_t kAsked = 16, kPlaces = 256;
constexpr double kColumnCost = 2.3;
// Floats of a gradient that exist at a time: they wait in a second cache of 1 MiB or more until
// they are used up.
constexpr index_t kPieceFloats = index_t{1} << 17;

// The column where part `part` of `parts` begins. Whoever computes it gets the same one.
index_t part_begin(const CsrView& x, const std::int64_t* rows, index_t count, int arrays, int part,
                   int parts) {
  if (part <= 0 || part >= parts) return part <= 0 ? 0 : x.cols;
  const index_t step = std::max<index_t>(1, count / kAsked);
  // Of all rows, as far as those that are asked tell.
  const auto numbers_below = [&](index_t column) {
    index_t below = 0;
    for (index_t i = 0; i < count; i += step) {
      const index_t begin = x.offsets[rows[i]], end = x.offsets[rows[i] + 1];
      if (begin < 0 || begin >= end || end > x.size) continue;
      below += std::lower_bound(x.columns + begin, x.columns + end, column) - (x.columns + begin);
    }
    return static_cast<double>(below * step);
  };
  const auto cost_below = [&](index_t column) {
    return numbers_below(column) + kColumnCost * arrays * static_cast<double>(column);
  };
  const double wanted = cost_below(x.cols) * part / parts;
  const auto place = [&](index_t i) { return share(x.cols, i, kPlaces).begin; };
  index_t low = 0, high = kPlaces;
  while (low < high) {
    const index_t middle = (low + high) / 2;
    if (cost_below(place(middle)) < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return place(low);
}

Range columns_of(const CsrView& x, const std::int64_t* rows, index_t count, int arrays,
                 const Team& team) {
  const auto begin = [&](int part) {
    return part_begin(x, rows, count, arrays, part, team.size());
  };
  return {begin(team.rank()), begin(team.rank() + 1)};
}

void add_gradient(const CsrBatch& batch, Range columns, std::int64_t* done,
                  const ConstMatrixView& dz, float* to, index_t to_row) {
  kernels().csr_dense_gradient_f32({.batch = batch,
                                    .first = columns.begin,
                                    .last = columns.end,
                                    .done = done,
                                    .dz = dz.data,
                                    .dz_row = dz.stride,
                                    .n = dz.cols,
                                    .dkernel = to,
                                    .dkernel_row = to_row});
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
  const Range columns = columns_of(args.x, args.rows, args.dz.rows, 1, team);
  if (columns.empty() || args.dz.cols == 0) return;
  for (index_t k = columns.begin; k < columns.end && !args.accumulate; ++k) {
    std::fill_n(args.dkernel.row(k), args.dz.cols, 0.0f);
  }
  add_gradient({args.x, args.rows, args.dz.rows}, columns, nullptr, args.dz,
               args.dkernel.row(columns.begin), args.dkernel.stride);
}

index_t csr_dense_update_scratch_size(index_t kernel_row, index_t rows) {
  return round_up(std::max(kPieceFloats, kernel_row), kRowPad) + 2 * round_up(rows, kRowPad);
}

void csr_dense_update(const CsrDenseUpdateArgs& args, Team& team) {
  int arrays = 2;  // gradient and weights
  for (const float* slot : args.update.slots) arrays += slot != nullptr ? 1 : 0;
  const Range columns = columns_of(args.x, args.rows, args.dz.rows, arrays, team);
  const index_t row = args.kernel_row, most = std::max<index_t>(1, kPieceFloats / row);
  const CsrBatch batch{args.x, args.rows, args.dz.rows};
  auto* const done = reinterpret_cast<std::int64_t*>(args.scratch);
  float* const gradient = args.scratch + 2 * round_up(batch.count, kRowPad);
  kernels().csr_count_below(batch, columns.begin, done);
  for (Range piece{columns.begin, columns.begin}; piece.end < columns.end;
       piece.begin = piece.end) {
    piece.end = std::min(piece.begin + most, columns.end);
    const index_t count = piece.size() * row, offset = piece.begin * row;
    std::fill_n(gradient, count, 0.0f);
    add_gradient(batch, piece, done, args.dz, gradient, row);
    float* slots[kMaxOptimizerSlots];
    offset_slots(args.update.slots, offset, slots);
    kernels().optimizer_update_f32(args.update.step, args.update.weights + offset, slots, count,
                                   gradient, count, 1, count);
  }
}

}  // namespace fastdnn::cpu
