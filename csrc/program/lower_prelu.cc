// SPDX-License-Identifier: Apache-2.0
// PReLU: an activation with weights of its own.
#include "csrc/ops/prelu.h"
#include "csrc/program/lowering.h"

namespace fastdnn::program {

void Lowering::forward(const Node& node, const Prelu& prelu) {
  const Buffer x = value(node.input()), y = value(node.output) = new_buffer(x.view.cols);
  const float* const alpha = storage_.weights->flat(prelu.alpha);
  add_cost(x.view.cols, 0.2);
  append_by_rows({x.own_rows(), weight(prelu.alpha)}, {y.own_rows()},
                 [=](const StepState&, const Own& own) {
                   fastdnn::prelu({x.of(own.rows), y.of(own.rows), alpha}, own.context);
                 });
}

void Lowering::backward(const Node& node, const Prelu& prelu) {
  const Buffer x = value(node.input()), dy = gradient(node.output);
  // Before dx, which may lie where dy does.
  if (parameter(prelu.alpha).trainable) {
    float* const dalpha = storage_.gradients->flat(prelu.alpha);
    const bool accumulate = start_gradient(prelu.alpha);
    add_cost(dy.view.cols, 0.2);
    program().append({x.resource, dy.resource}, {gradient_of(prelu.alpha)},
                     [=](const StepState& state, Context& context) {
                       prelu_slope({.x = x.of(state.rows),
                                    .dy = dy.of(state.rows),
                                    .dalpha = dalpha,
                                    .accumulate = accumulate || state.adds},
                                   context);
                     });
  }
  if (needs_gradient(node.input())) {
    const Buffer dx = gradient_of_input(node, dy);
    const float* const alpha = storage_.weights->flat(prelu.alpha);
    add_cost(dy.view.cols, 0.2);
    append_by_rows({x.own_rows(), dy.own_rows(), weight(prelu.alpha)}, {dx.own_rows()},
                   [=](const StepState&, const Own& own) {
                     prelu_backward({x.of(own.rows), dy.of(own.rows), dx.of(own.rows), alpha},
                                    own.context);
                   });
    deliver_gradient(node.input(), dx);
  }
  finish_gradient(prelu.alpha);
}

}  // namespace fastdnn::program
