// SPDX-License-Identifier: Apache-2.0
// What is random in training and nothing otherwise, besides dropout.
#include "csrc/ops/dropout.h"
#include "csrc/ops/random.h"
#include "csrc/program/lowering.h"

namespace fastdnn::program {

void Lowering::forward(const Node& node, const AlphaDropout& dropout) {
  if (!training() || dropout.rate == 0.0f) {
    value(node.output) = value(node.input());
    return;
  }
  const Buffer x = value(node.input()), y = value(node.output) = new_buffer(x.view.cols);
  add_cost(x.view.cols, 0.5);
  append_by_rows({x.own_rows()}, {y.own_rows()}, [=](const StepState& state, const Own& own) {
    alpha_dropout({.x = x.of(own.rows),
                   .y = y.of(own.rows),
                   .rate = dropout.rate,
                   .key = {state.seed, dropout.stream, state.iteration},
                   .first_row = own.rows.begin},
                  own.context);
  });
}

void Lowering::backward(const Node& node, const AlphaDropout& dropout) {
  if (!needs_gradient(node.input())) return;
  const Buffer dy = gradient(node.output), dx = gradient_of_input(node, dy);
  add_cost(dy.view.cols, 0.5);
  append_by_rows({dy.own_rows()}, {dx.own_rows()}, [=](const StepState& state, const Own& own) {
    alpha_dropout_backward({.dy = dy.of(own.rows),
                            .dx = dx.of(own.rows),
                            .rate = dropout.rate,
                            .key = {state.seed, dropout.stream, state.iteration},
                            .first_row = own.rows.begin},
                           own.context);
  });
  deliver_gradient(node.input(), dx);
}

void Lowering::forward(const Node& node, const GaussianNoise& noise) {
  if (!training() || noise.stddev == 0.0f) {
    value(node.output) = value(node.input());
    return;
  }
  const Buffer x = value(node.input()), y = value(node.output) = new_buffer(x.view.cols);
  add_cost(x.view.cols, 1.5);
  append_by_rows({x.own_rows()}, {y.own_rows()}, [=](const StepState& state, const Own& own) {
    gaussian_noise({.x = x.of(own.rows),
                    .y = y.of(own.rows),
                    .stddev = noise.stddev,
                    .key = {state.seed, noise.stream, state.iteration},
                    .first_row = own.rows.begin},
                   own.context);
  });
}

void Lowering::backward(const Node& node, const GaussianNoise&) {
  if (!needs_gradient(node.input())) return;
  const Buffer dy = gradient(node.output), dx = gradient_of_input(node, dy);
  if (dx.resource != dy.resource) append_copy(dy, dx);
  deliver_gradient(node.input(), dx);
}

}  // namespace fastdnn::program
