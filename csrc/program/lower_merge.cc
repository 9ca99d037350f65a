// SPDX-License-Identifier: Apache-2.0
// Several tensors into one: sums, products, concatenations, and what their gradients become.
#include <algorithm>

#include "csrc/program/lowering.h"

namespace fastdnn::program {
namespace {

using Merging = void (*)(float* y, const float* x, index_t cols);

void copy(float* y, const float* x, index_t cols) { std::copy_n(x, cols, y); }

void add(float* y, const float* x, index_t cols) {
  for (index_t j = 0; j < cols; ++j) y[j] += x[j];
}

void multiply(float* y, const float* x, index_t cols) {
  for (index_t j = 0; j < cols; ++j) y[j] *= x[j];
}

}  // namespace

void Lowering::append_merging(const Buffer& from, const Buffer& to, Merging merge) {
  add_cost(to.view.cols);
  append_by_rows({from.own_rows(), to.own_rows()}, {to.own_rows()},
                 [=](const StepState&, const Own& own) {
                   for (index_t row = own.rows.begin; row < own.rows.end; ++row) {
                     merge(to.view.row(row), from.view.row(row), to.view.cols);
                   }
                 });
}

void Lowering::append_copy(const Buffer& from, const Buffer& to) { append_merging(from, to, copy); }

void Lowering::append_sum(const Buffer& from, const Buffer& to) { append_merging(from, to, add); }

void Lowering::append_product_by(const Buffer& from, const Buffer& to) {
  append_merging(from, to, multiply);
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
  append_copy(value(node.input()), y);
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    const Buffer x = value(node.inputs[i]);
    merge.kind == Merge::Kind::kSum ? append_sum(x, y) : append_product_by(x, y);
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
    append_copy(beside ? columns_of(dy, begin, width) : dy, dx);
    if (merge.kind == Merge::Kind::kProduct) {
      for (std::size_t j = 0; j < node.inputs.size(); ++j) {
        if (j != i) append_product_by(value(node.inputs[j]), dx);
      }
    }
    deliver_gradient(x, dx);
  }
}

}  // namespace fastdnn::program
