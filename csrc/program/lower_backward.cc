// SPDX-License-Identifier: Apache-2.0
// Backward: how gradients travel.
#include <algorithm>

#include "csrc/ops/activation.h"
#include "csrc/ops/dropout.h"
#include "csrc/ops/reduction.h"
#include "csrc/ops/softmax.h"
#include "csrc/ops/sparse.h"
#include "csrc/program/lowering.h"

namespace fastdnn::program {

void Lowering::backward(const Node& node) {
  if (!needs_gradient(node.output)) return;
  if (is_fused_into_loss(node)) return;  // the loss wrote the gradient of its input
  std::visit([&](const auto& operation) { backward(node, operation); }, node.operation);
}

Buffer Lowering::gradient_of_input(const Node& node, const Buffer& dy) {
  if (readers(node.input()) == 1) return gradient(node.input()) = dy;
  return new_buffer(graph_.width(node.input()));
}

void Lowering::deliver_gradient(TensorId x, const Buffer& dx) {
  if (!gradient(x)) {
    gradient(x) = dx;
  } else if (gradient(x).resource != dx.resource) {
    append_combination(Combination::kSum, gradient(x), dx, gradient(x));
  }
}

void Lowering::backward(const Node& node, const Elementwise& activation) {
  const Node* before = graph_.producer(node.input());
  if (before != nullptr && fused_activation_[static_cast<std::size_t>(before->output)] == &node) {
    // Belongs to the product before it, whose backward pass sees the gradient of this output.
    gradient(node.input()) = gradient(node.output);
    if (through_activation_[static_cast<std::size_t>(node.output)]) return;
  }
  if (!needs_gradient(node.input())) return;
  const Buffer saved =
      activation_needs_input(activation.kind) ? value(node.input()) : value(node.output);
  const Buffer dy = gradient(node.output), dx = gradient_of_input(node, dy);
  add_cost(dy.view.cols);
  append_by_rows({saved.own_rows(), dy.own_rows()}, {dx.own_rows()},
                 [=](const StepState&, const Own& own) {
                   activation_backward({activation.kind, activation.alpha, saved.of(own.rows),
                                        dy.of(own.rows), dx.of(own.rows)},
                                       own.context);
                 });
  deliver_gradient(node.input(), dx);
}

void Lowering::backward(const Node& node, const Softmax&) {
  if (!needs_gradient(node.input())) return;
  const Buffer y = value(node.output), dy = gradient(node.output), dx = gradient_of_input(node, dy);
  add_cost(dy.view.cols);
  append_by_rows(
      {y.own_rows(), dy.own_rows()}, {dx.own_rows()}, [=](const StepState&, const Own& own) {
        softmax_backward({y.of(own.rows), dy.of(own.rows), dx.of(own.rows)}, own.context);
      });
  deliver_gradient(node.input(), dx);
}

void Lowering::backward(const Node& node, const Dropout& dropout) {
  if (!needs_gradient(node.input())) return;
  if (through_activation_[static_cast<std::size_t>(node.input())]) {
    gradient(node.input()) = gradient(node.output);
    return;
  }
  const Buffer dy = gradient(node.output), dx = gradient_of_input(node, dy);
  add_cost(dy.view.cols, 0.5);
  append_by_rows({dy.own_rows()}, {dx.own_rows()}, [=](const StepState& state, const Own& own) {
    dropout_backward({.dy = dy.of(own.rows),
                      .dx = dx.of(own.rows),
                      .rate = dropout.rate,
                      .key = {state.seed, dropout.stream, state.iteration},
                      .first_row = own.rows.begin},
                     own.context);
  });
  deliver_gradient(node.input(), dx);
}

void Lowering::backward(const Node& node, const Rescaling& rescaling) {
  if (!needs_gradient(node.input())) return;
  const Buffer dy = gradient(node.output), dx = gradient_of_input(node, dy);
  append_rescaling(dy, dx, rescaling.scale, 0.0f);
  deliver_gradient(node.input(), dx);
}

void Lowering::backward(const Node& node, const Dense& dense) {
  // The gradient of the input comes first: it reads the kernel that the update then changes.
  const Buffer dz = gradient(node.output);
  if (needs_gradient(node.input())) lower_input_gradient(node, dense, dz);
  if (parameter(dense.kernel).trainable) lower_kernel_gradient(node, dense, dz);
  if (dense.bias != kNone && parameter(dense.bias).trainable) lower_bias_gradient(dense, dz);
}

const Node* Lowering::activation_passed_back(TensorId tensor, float* scale) const {
  if (readers(tensor) > 1) return nullptr;
  const Node* node = graph_.producer(tensor);
  const auto* dropout = node != nullptr ? as<Dropout>(node->operation) : nullptr;
  if (dropout != nullptr) {
    if (readers(node->input()) > 1) return nullptr;
    node = graph_.producer(node->input());
  }
  const auto* activation = node != nullptr ? as<Elementwise>(node->operation) : nullptr;
  if (activation == nullptr || activation_needs_input(activation->kind)) return nullptr;
  // What ReLU stopped is 0, and so is what was dropped: nobody needs to know which.
  if (dropout != nullptr && activation->kind != Activation::kRelu) return nullptr;
  const Node* product = graph_.producer(node->input());
  if (product == nullptr || fused_activation_[static_cast<std::size_t>(product->output)] != node) {
    return nullptr;
  }
  if (dropout != nullptr) *scale = dropout_scale(dropout->rate);
  return node;
}

void Lowering::lower_input_gradient(const Node& node, const Dense& dense, const Buffer& dz) {
  const bool first = !gradient(node.input());
  if (first) gradient(node.input()) = new_buffer(graph_.width(node.input()));
  const Buffer dx = gradient(node.input());
  GemmArgs args;
  args.a = dz.view;
  args.b = storage_.weights->view(dense.kernel);
  args.transpose_b = true;
  args.c = dx.view;
  args.beta = first ? 0.0f : 1.0f;
  std::vector<Use> reads{dz.own_rows(), weight(dense.kernel)};
  if (!first) reads.push_back(dx.own_rows());
  Buffer saved;
  float scale = 1.0f;
  if (const Node* before = activation_passed_back(node.input(), &scale)) {
    const auto& activation = std::get<Elementwise>(before->operation);
    saved = value(node.input());
    args.alpha = scale;
    args.activation = activation.kind;
    args.activation_alpha = activation.alpha;
    args.saved = saved.view;
    reads.push_back(saved.own_rows());
    through_activation_[static_cast<std::size_t>(before->output)] = true;
  }
  append_product(std::move(reads), dx.own_rows(), args,
                 [=](GemmArgs& a, const StepState&, Range rows) {
                   a.a = dz.of(rows);
                   a.c = dx.of(rows);
                   if (saved) a.saved = saved.of(rows);
                 });
}

void Lowering::lower_kernel_gradient(const Node& node, const Dense& dense, const Buffer& dz) {
  if (sparse_input(node.input()) != nullptr) return lower_sparse_kernel_gradient(node, dense, dz);
  const Buffer x = value(node.input());
  const OptimizerConfig& optimizer = spec_.optimizer(dense.kernel);
  const std::size_t rule = spec_.rule(dense.kernel);
  const Penalty penalty = update_penalty(dense.kernel);
  const bool updates = updates_at_once(dense.kernel);
  const bool straight = updates && optimizer.kind == Optimizer::kSgd && optimizer.momentum == 0.0 &&
                        optimizer.weight_decay == 0.0 && optimizer.clipvalue == 0.0 && !penalty;
  const bool started = !updates && start_gradient(dense.kernel);
  GemmArgs args;
  const float scale = representation(node.input()).scale;
  args.a = x.view;
  args.transpose_a = true;
  args.b = dz.view;
  args.alpha = scale;
  args.a_is_bfloat16 = representation(node.input()).bfloat16;
  if (straight) {
    args.c = storage_.weights->view(dense.kernel);
    args.beta = 1.0f;
  } else if (updates) {
    args.c = storage_.gradients->view(dense.kernel);
    args.update.weights = storage_.weights->view(dense.kernel);
    offset_slots(update_of(dense.kernel).slots, 0, args.update.slots);
    add_update_cost(dense.kernel);
  } else {
    args.c = storage_.gradients->view(dense.kernel);
    args.beta = started ? 1.0f : 0.0f;
  }
  append_product({x.resource, dz.resource, decision_},
                 updates ? weight(dense.kernel) : gradient_of(dense.kernel), args,
                 [=](GemmArgs& a, const StepState& state, Range rows) {
                   a.a = x.of(rows);
                   a.b = dz.of(rows);
                   if (straight) a.alpha = -state.rules[rule].step.learning_rate * scale;
                   if (!updates) a.beta = started || state.adds ? 1.0f : 0.0f;
                   a.update.step = update_step(state, rule, penalty);
                 });
  if (!updates) finish_gradient(dense.kernel);
}

void Lowering::lower_sparse_kernel_gradient(const Node& node, const Dense& dense,
                                            const Buffer& dz) {
  out_.microseconds += sparse_cost(dz.view.cols);
  LoweredProgram* out = &out_;
  const auto sparse = sparse_input(node.input());
  if (updates_at_once(dense.kernel)) {
    CsrDenseUpdateArgs args;
    args.kernel_row = storage_.weights->view(dense.kernel).stride;
    args.update = update_of(dense.kernel);
    add_update_cost(dense.kernel);
    const Penalty penalty = update_penalty(dense.kernel);
    const std::size_t rule = spec_.rule(dense.kernel);
    const index_t scratch = csr_dense_update_scratch_size(args.kernel_row, out_.capacity);
    out_.own_scratch_size = std::max(out_.own_scratch_size, scratch);
    program().append({value(node.input()).resource, dz.resource, decision_}, {weight(dense.kernel)},
                     [=](const StepState& state, Context& context) {
                       CsrDenseUpdateArgs now = args;
                       now.x = out->feed->inputs[sparse->place].sparse;
                       now.rows = sparse->rows.data();
                       now.dz = dz.of(state.rows);
                       now.update.step = update_step(state, rule, penalty);
                       now.scratch =
                           out->own_scratch.data() + context.team->rank() * out->own_scratch_size;
                       csr_dense_update(now, context);
                     });
    return;
  }
  CsrDenseBackwardArgs args;
  args.dkernel = storage_.gradients->view(dense.kernel);
  args.accumulate = start_gradient(dense.kernel);
  program().append({value(node.input()).resource, dz.resource}, {gradient_of(dense.kernel)},
                   [=](const StepState& state, Context& context) {
                     CsrDenseBackwardArgs now = args;
                     now.x = out->feed->inputs[sparse->place].sparse;
                     now.rows = sparse->rows.data();
                     now.dz = dz.of(state.rows);
                     now.accumulate = args.accumulate || state.adds;
                     csr_dense_backward(now, context);
                   });
  finish_gradient(dense.kernel);
}

void Lowering::lower_bias_gradient(const Dense& dense, const Buffer& dz) {
  float* const db = storage_.gradients->flat(dense.bias);
  const bool accumulate = start_gradient(dense.bias);
  add_cost(dz.view.cols, 0.1);
  program().append(
      {dz.resource}, {gradient_of(dense.bias)}, [=](const StepState& state, Context& context) {
        column_sums({.x = dz.of(state.rows), .sums = db, .accumulate = accumulate || state.adds},
                    context);
      });
  finish_gradient(dense.bias);
}

}  // namespace fastdnn::program
