// SPDX-License-Identifier: Apache-2.0
// Forward: which activations join the product before them, and what each node computes.
#include <algorithm>
#include <cmath>

#include "csrc/ops/activation.h"
#include "csrc/ops/dropout.h"
#include "csrc/ops/rescaling.h"
#include "csrc/ops/softmax.h"
#include "csrc/ops/sparse.h"
#include "csrc/program/lowering.h"

namespace fastdnn::program {

void Lowering::find_gradient_path(const Node& node) {
  const auto ids = parameters_of(node.operation);
  const bool trains =
      std::any_of(ids.begin(), ids.end(), [&](ParameterId id) { return parameter(id).trainable; });
  needs_gradient_[static_cast<std::size_t>(node.output)] =
      training() && (trains || std::any_of(node.inputs.begin(), node.inputs.end(),
                                           [&](TensorId x) { return needs_gradient(x); }));
}

TensorId Lowering::loss_input(std::size_t i) const {
  const TensorId output = graph_.outputs()[i];
  if (!has_losses() || readers(output) > 1) return output;
  const Node* last = graph_.producer(output);
  if (last == nullptr || !spec_.outputs[i].loss) return output;
  const Loss loss = spec_.outputs[i].loss->kind;
  if (loss_takes_softmax(loss) && as<Softmax>(last->operation)) return last->input();
  const auto* activation = as<Elementwise>(last->operation);
  const bool sigmoid = activation != nullptr && activation->kind == Activation::kSigmoid;
  if (loss_takes_sigmoids(loss) && sigmoid) return last->input();
  return output;
}

std::ptrdiff_t Lowering::output_fused_with(const Node& node) const {
  for (std::size_t i : outputs_) {
    if (graph_.outputs()[i] == node.output && loss_input(i) == node.input()) {
      return static_cast<std::ptrdiff_t>(i);
    }
  }
  return -1;
}

const Node* Lowering::activation_to_fuse(const Node& node) const {
  if (readers(node.output) != 1) return nullptr;
  for (const Node* candidate : live_) {
    const Node& next = *candidate;
    const auto* activation = as<Elementwise>(next.operation);
    if (activation == nullptr || next.input() != node.output || is_fused_into_loss(next)) continue;
    if (training() && activation_needs_input(activation->kind)) continue;
    return &next;
  }
  return nullptr;
}

void Lowering::forward(const Node& node) {
  if (value(node.output)) return;  // computed together with its input
  const std::ptrdiff_t scored = output_fused_with(node);
  if (scored >= 0 && spec_.outputs[static_cast<std::size_t>(scored)].metrics.empty()) return;
  std::visit([&](const auto& operation) { forward(node, operation); }, node.operation);
}

void Lowering::forward(const Node& node, const Dense& dense) {
  const Node* activation = activation_to_fuse(node);
  const TensorId result = activation != nullptr ? activation->output : node.output;
  fused_activation_[static_cast<std::size_t>(node.output)] = activation;
  const Buffer x = value(node.input()), y = value(result) = new_buffer(graph_.width(result));
  if (activation != nullptr) value(node.output) = y;
  if (sparse_input(node.input()) != nullptr) {
    return append_sparse_product(
        node, dense, y,
        activation != nullptr ? &std::get<Elementwise>(activation->operation) : nullptr);
  }
  GemmArgs args;
  args.a = x.view;
  args.b = storage_.weights->view(dense.kernel);
  args.c = y.view;
  args.alpha = representation(node.input()).scale;
  args.a_is_bfloat16 = representation(node.input()).bfloat16;
  std::vector<Use> reads{x.own_rows(), weight(dense.kernel)};
  if (dense.bias != kNone) {
    args.bias = storage_.weights->flat(dense.bias);
    reads.push_back(weight(dense.bias));
  }
  if (activation != nullptr) {
    args.activation = std::get<Elementwise>(activation->operation).kind;
    args.activation_alpha = std::get<Elementwise>(activation->operation).alpha;
  }
  append_product(std::move(reads), y.own_rows(), args,
                 [=](GemmArgs& a, const StepState&, Range rows) {
                   a.a = x.of(rows);
                   a.c = y.of(rows);
                 });
}

void Lowering::append_sparse_product(const Node& node, const Dense& dense, const Buffer& y,
                                     const Elementwise* activation) {
  CsrDenseArgs args;
  args.kernel = storage_.weights->view(dense.kernel);
  std::vector<Use> reads{value(node.input()).own_rows(), weight(dense.kernel)};
  if (dense.bias != kNone) {
    args.bias = storage_.weights->flat(dense.bias);
    reads.push_back(weight(dense.bias));
  }
  if (activation != nullptr) {
    args.activation = activation->kind;
    args.activation_alpha = activation->alpha;
  }
  out_.microseconds += sparse_cost(y.view.cols);
  LoweredProgram* out = &out_;
  const auto sparse = sparse_input(node.input());
  append_by_rows(reads, {y.own_rows()}, [=](const StepState&, const Own& own) {
    CsrDenseArgs now = args;
    now.x = out->feed->inputs[sparse->place].sparse;
    now.rows = sparse->rows.data() + own.rows.begin;
    now.y = y.of(own.rows);
    csr_dense(now, own.context);
  });
}

void Lowering::forward(const Node& node, const Elementwise& activation) {
  const Buffer x = value(node.input()), y = value(node.output) = new_buffer(x.view.cols);
  add_cost(x.view.cols);
  append_by_rows({x.own_rows()}, {y.own_rows()}, [=](const StepState&, const Own& own) {
    fastdnn::activation({activation.kind, activation.alpha, x.of(own.rows), y.of(own.rows)},
                        own.context);
  });
}

void Lowering::forward(const Node& node, const Softmax&) {
  const Buffer x = value(node.input()), y = value(node.output) = new_buffer(x.view.cols);
  add_cost(x.view.cols, 1.0);
  append_by_rows({x.own_rows()}, {y.own_rows()}, [=](const StepState&, const Own& own) {
    softmax({x.of(own.rows), y.of(own.rows)}, own.context);
  });
}

void Lowering::forward(const Node& node, const Dropout& dropout) {
  if (!training() || dropout.rate == 0.0f) {
    value(node.output) = value(node.input());
    return;
  }
  const Buffer x = value(node.input()), y = value(node.output) = new_buffer(x.view.cols);
  add_cost(x.view.cols, 0.5);
  append_by_rows({x.own_rows()}, {y.own_rows()}, [=](const StepState& state, const Own& own) {
    fastdnn::dropout({.x = x.of(own.rows),
                      .y = y.of(own.rows),
                      .rate = dropout.rate,
                      .key = {state.seed, dropout.stream, state.iteration},
                      .first_row = own.rows.begin},
                     own.context);
  });
}

void Lowering::forward(const Node& node, const Rescaling& rescaling) {
  const Buffer x = value(node.input());
  // Whole numbers times the products' other factors stay as far from the ends of float32 as these
  // are, and so do sums that are scaled by no more than that.
  constexpr float kMost = 0x1p20f, kLeast = 0x1p-20f;
  const float size = std::abs(rescaling.scale);
  if (representation(node.input()).bytes == Bytes::kWhole && rescaling.offset == 0.0f &&
      size >= kLeast && size <= kMost && only_read_by<Dense>(node.output)) {
    value(node.output) = x;
    representations_[static_cast<std::size_t>(node.output)] = {true, rescaling.scale,
                                                               Bytes::kWhole};
    return;
  }
  value(node.output) = new_buffer(x.view.cols);
  append_rescaling(x, value(node.output), rescaling.scale, rescaling.offset);
}

void Lowering::append_rescaling(Buffer from, Buffer to, float scale, float offset) {
  add_cost(to.view.cols, 0.1);
  append_by_rows({from.own_rows()}, {to.own_rows()}, [=](const StepState&, const Own& own) {
    fastdnn::rescaling({from.of(own.rows), to.of(own.rows), scale, offset}, own.context);
  });
}

void Lowering::append_product(std::vector<Use> reads, Use write, const GemmArgs& full,
                              SetExtents set) {
  out_.microseconds += gemm_cost(full);
  LoweredProgram* out = &out_;
  if (gemm_suits_rows(full)) {
    if (gemm_uses_scratch(full)) {
      const index_t size = round_up(gemm_scratch_size(full, 1), kRowPad);
      out_.own_scratch_size = std::max(out_.own_scratch_size, size);
    }
    append_by_rows(reads, {write}, [=](const StepState& state, const Own& own) {
      GemmArgs args = full;
      args.precision = state.precision;
      args.scratch = out->own_scratch.data() + own.rank * out->own_scratch_size;
      set(args, state, own.rows);
      gemm(args, own.context);
    });
    return;
  }
  out_.products.push_back(full);
  for (Use& use : reads) use.rows = Program::Rows::kAll;
  const bool ends = write.rows == Program::Rows::kOwn && gemm_suits_ending_by_rows(full);
  write.rows = ends ? Program::Rows::kOwnAtEnd : Program::Rows::kAll;
  std::vector<Use> writes{write};
  // Two products of one phase must not share scratch.
  if (gemm_uses_scratch(full)) writes.push_back(scratch_);
  program().append(reads, writes, [=](const StepState& state, Context& context) {
    GemmArgs args = full;
    args.ends_by_rows = ends;
    args.precision = state.precision;
    args.scratch = out->scratch.data();
    set(args, state, {0, state.rows});
    gemm(args, context);
  });
}

}  // namespace fastdnn::program
