// SPDX-License-Identifier: Apache-2.0
// Several tensors into one: sums, products, concatenations, and what their gradients become.
#include <algorithm>

#include "csrc/program/lowering.h"

namespace fastdnn::program {

void Lowering::append_copy(const Buffer& from, const Buffer& to) {
  add_cost(to.view.cols);
  append_by_rows({from.own_rows()}, {to.own_rows()}, [=](const StepState&, const Own& own) {
    for (index_t row = own.rows.begin; row < own.rows.end; ++row) {
      std::copy_n(from.view.row(row), to.view.cols, to.view.row(row));
    }
  });
}

void Lowering::append_combination(Combination kind, const Buffer& x, const Buffer& y,
                                  const Buffer& to) {
  add_cost(to.view.cols);
  append_by_rows({x.own_rows(), y.own_rows()}, {to.own_rows()},
                 [=](const StepState&, const Own& own) {
                   combine({kind, x.of(own.rows), y.of(own.rows), to.of(own.rows)}, own.context);
                 });
}

Buffer Lowering::columns_of(const Buffer& buffer, index_t first, index_t count) {
  const MatrixView& all = buffer.view;
  return {{all.data + first, all.rows, count, all.stride}, buffer.resource};
}

void Lowering::forward(const Node& node, const Merge& merge) {
  const Buffer y = value(node.output) = new_buffer(graph_.width(node.output));
  if (merge.kind == Merge::Kind::kConcatenation) {
    index_t first = 0;
    for (TensorId x : node.inputs) {
      append_copy(value(x), columns_of(y, first, graph_.width(x)));
      first += graph_.width(x);
    }
    return;
  }
  const auto kind = merge.kind == Merge::Kind::kSum ? Combination::kSum : Combination::kProduct;
  if (node.inputs.size() == 1) return append_copy(value(node.input()), y);
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    append_combination(kind, i == 1 ? value(node.input()) : y, value(node.inputs[i]), y);
  }
}

void Lowering::backward(const Node& node, const Merge& merge) {
  const Buffer dy = gradient(node.output);
  index_t first = 0;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const TensorId x = node.inputs[i];
    const index_t begin = first, width = graph_.width(x);
    first += width;
    if (!needs_gradient(x)) continue;
    const Buffer dx = new_buffer(width);
    const bool beside = merge.kind == Merge::Kind::kConcatenation;
    Buffer factor = beside ? columns_of(dy, begin, width) : dy;
    if (merge.kind == Merge::Kind::kProduct) {
      for (std::size_t j = 0; j < node.inputs.size(); ++j) {
        if (j == i) continue;
        append_combination(Combination::kProduct, factor, value(node.inputs[j]), dx);
        factor = dx;
      }
    }
    if (factor.resource != dx.resource) append_copy(factor, dx);
    deliver_gradient(x, dx);
  }
}

}  // namespace fastdnn::program
