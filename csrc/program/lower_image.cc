// SPDX-License-Identifier: Apache-2.0
// Changes of images that are made in training and not otherwise.
#include "csrc/core/check.h"
#include "csrc/ops/image.h"
#include "csrc/program/lowering.h"

namespace fastdnn::program {
namespace {

template <typename Args>
Args for_rows(Args args, const Buffer& x, const Buffer& y, Range rows, const StepState& state) {
  args.x = x.of(rows);
  args.y = y.of(rows);
  args.key.seed = state.seed;
  args.key.step = state.iteration;
  args.first_row = rows.begin;
  return args;
}

}  // namespace

void Lowering::forward(const Node& node, const RandomAffine& affine) {
  if (!training()) {
    value(node.output) = value(node.input());
    return;
  }
  const Buffer x = value(node.input()), y = value(node.output) = new_buffer(x.view.cols);
  add_cost(x.view.cols, 4.0);
  append_by_rows({x.own_rows()}, {y.own_rows()}, [=](const StepState& state, const Own& own) {
    random_affine(for_rows(affine.args, x, y, own.rows, state), own.context);
  });
}

void Lowering::forward(const Node& node, const RandomLight& light) {
  if (!training()) {
    value(node.output) = value(node.input());
    return;
  }
  const Buffer x = value(node.input()), y = value(node.output) = new_buffer(x.view.cols);
  add_cost(x.view.cols, 2.0);
  append_by_rows({x.own_rows()}, {y.own_rows()}, [=](const StepState& state, const Own& own) {
    random_light(for_rows(light.args, x, y, own.rows, state), own.context);
  });
}

void Lowering::backward(const Node& node, const RandomAffine&) { refuse_training_below(node); }
void Lowering::backward(const Node& node, const RandomLight&) { refuse_training_below(node); }

void Lowering::refuse_training_below(const Node& node) const {
  check(!needs_gradient(node.input()), "augment",
        "received a layer below that changes images, which trains; expected images from an Input; "
        "move it above, or freeze it");
}

}  // namespace fastdnn::program
