// SPDX-License-Identifier: Apache-2.0
#include "csrc/program/graph.h"

#include <algorithm>
#include <cmath>

#include "csrc/core/check.h"
#include "csrc/ops/activation.h"
#include "csrc/ops/dropout.h"
#include "csrc/ops/embedding.h"
#include "csrc/ops/named_kinds.h"

namespace fastdnn::program {
namespace {

void check_epsilon(const char* op, float epsilon) {
  check(epsilon > 0.0f && std::isfinite(epsilon), op, "received epsilon ", epsilon,
        "; expected a positive number");
}

void check_penalty(const Penalty& penalty) {
  check(std::isfinite(penalty.l1) && std::isfinite(penalty.l2), "penalty",
        "received l1=", penalty.l1, " and l2=", penalty.l2, "; expected finite numbers");
}

}  // namespace

ParameterId Graph::add_parameter(std::string name, std::vector<index_t> shape, bool trainable) {
  const bool good = (shape.size() == 1 || shape.size() == 2) &&
                    std::all_of(shape.begin(), shape.end(), [](index_t n) { return n >= 1; });
  check(good, "graph", "parameter '", name, "': expected one or two extents of at least 1");
  // A bound far above any memory, so that no size computed from it overflows.
  constexpr index_t kMostElements = index_t{1} << 40;
  check(shape[0] <= kMostElements / (shape.back() + 2 * kRowPad), "graph", "parameter '", name,
        "': received extents of more than 2^40 elements");
  for (const Parameter& p : parameters_) {
    check(p.name != name, "graph", "received the parameter '", name,
          "' twice; expected distinct names; give the layers different names");
  }
  const bool is_vector = shape.size() == 1;
  parameters_.push_back(
      {std::move(name), is_vector ? 1 : shape[0], shape.back(), is_vector, trainable, {}, {}});
  return static_cast<ParameterId>(parameters_.size()) - 1;
}

void Graph::set_penalty(ParameterId parameter, const Penalty& penalty) {
  check_penalty(penalty);
  checked("penalty", parameter).penalty = penalty;
}

void Graph::set_constraint(ParameterId parameter, const Constraint& constraint) {
  checked("constraint", parameter).constraint = constraint;
}

TensorId Graph::add_input(index_t width) {
  check(width >= 1, "graph", "received an input of width ", width, "; expected at least 1");
  widths_.push_back(width);
  inputs_.push_back(tensor_count() - 1);
  return inputs_.back();
}

TensorId Graph::add_dense(TensorId x, ParameterId kernel, ParameterId bias) {
  check_tensor("dense", x);
  check(kernel >= 0 && kernel < static_cast<int>(parameters_.size()), "dense",
        "received the kernel ", kernel, "; expected a parameter of this graph");
  const Parameter& k = parameters_[static_cast<std::size_t>(kernel)];
  check(!k.is_vector && k.rows == width(x), "dense", "received the kernel '", k.name, "' of shape ",
        k.is_vector ? shape_text({k.cols}) : shape_text({k.rows, k.cols}), "; expected (", width(x),
        ", units)");
  if (bias != kNone) check_vector("dense", "bias", bias, k.cols);
  return add_node(Dense{kernel, bias}, {x}, k.cols);
}

TensorId Graph::add_activation(TensorId x, const std::string& name, float alpha) {
  check_tensor("activation", x);
  if (name == "softmax") return add_node(Softmax{}, {x}, width(x));
  return add_node(Elementwise{parse_activation(name), alpha}, {x}, width(x));
}

TensorId Graph::add_batch_normalization(TensorId x, const BatchNormalization& operation) {
  const char* op = "batch_normalization";
  check_tensor(op, x);
  if (operation.gamma != kNone) check_vector(op, "gamma", operation.gamma, width(x));
  if (operation.beta != kNone) check_vector(op, "beta", operation.beta, width(x));
  check_vector(op, "moving_mean", operation.moving_mean, width(x));
  check_vector(op, "moving_variance", operation.moving_variance, width(x));
  check(operation.momentum >= 0.0f && operation.momentum <= 1.0f, op, "received momentum ",
        operation.momentum, "; expected 0 to 1");
  check_epsilon(op, operation.epsilon);
  return add_node(operation, {x}, width(x));
}

TensorId Graph::add_dropout(TensorId x, float rate, std::uint32_t stream) {
  check_tensor("dropout", x);
  check_dropout_rate("dropout", rate);
  return add_node(Dropout{rate, stream}, {x}, width(x));
}

TensorId Graph::add_rescaling(TensorId x, float scale, float offset) {
  check_tensor("rescaling", x);
  check(std::isfinite(scale) && std::isfinite(offset), "rescaling", "received scale ", scale,
        " and offset ", offset, "; expected finite numbers");
  return add_node(Rescaling{scale, offset}, {x}, width(x));
}

TensorId Graph::add_layer_normalization(TensorId x, const LayerNormalization& operation) {
  const char* op = "layer_normalization";
  check_tensor(op, x);
  if (operation.gamma != kNone) check_vector(op, "gamma", operation.gamma, width(x));
  if (operation.beta != kNone) check_vector(op, "beta", operation.beta, width(x));
  check_epsilon(op, operation.epsilon);
  return add_node(operation, {x}, width(x));
}

TensorId Graph::add_alpha_dropout(TensorId x, float rate, std::uint32_t stream) {
  check_tensor("alpha_dropout", x);
  check_dropout_rate("alpha_dropout", rate);
  return add_node(AlphaDropout{rate, stream}, {x}, width(x));
}

TensorId Graph::add_gaussian_noise(TensorId x, float stddev, std::uint32_t stream) {
  check_tensor("gaussian_noise", x);
  check(stddev >= 0.0f && std::isfinite(stddev), "gaussian_noise", "received stddev ", stddev,
        "; expected a finite number of at least 0");
  return add_node(GaussianNoise{stddev, stream}, {x}, width(x));
}

TensorId Graph::add_random_affine(TensorId x, const RandomAffineArgs& args) {
  check_tensor("random_affine", x);
  return add_node(RandomAffine{args}, {x}, width(x));
}

TensorId Graph::add_random_light(TensorId x, const RandomLightArgs& args) {
  check_tensor("random_light", x);
  return add_node(RandomLight{args}, {x}, width(x));
}

TensorId Graph::add_prelu(TensorId x, ParameterId alpha) {
  check_tensor("prelu", x);
  check_vector("prelu", "alpha", alpha, width(x));
  return add_node(Prelu{alpha}, {x}, width(x));
}

TensorId Graph::add_normalization(TensorId x, const Normalization& operation) {
  const char* op = "normalization";
  check_tensor(op, x);
  check_vector(op, "mean", operation.mean, width(x));
  check_vector(op, "variance", operation.variance, width(x));
  for (ParameterId id : {operation.mean, operation.variance}) {
    const Parameter& p = parameters_[static_cast<std::size_t>(id)];
    check(!p.trainable, op, "received the trainable parameter '", p.name,
          "'; expected statistics that are not");
  }
  return add_node(operation, {x}, width(x));
}

TensorId Graph::add_embedding(TensorId x, ParameterId embeddings) {
  const char* op = "embedding";
  check_tensor(op, x);
  const Parameter& p = checked(op, embeddings);
  check(!p.is_vector && p.rows <= kMostCodes, op, "received '", p.name, "' of shape ",
        p.is_vector ? shape_text({p.cols}) : shape_text({p.rows, p.cols}),
        "; expected (codes, width) with at most 2^24 codes");
  check(producer(x) == nullptr, op, "'", p.name,
        "': received what another layer computes; expected codes, as they come from an Input; "
        "call the layer on an Input, if need be in another shape");
  constexpr index_t kMost = (index_t{1} << 31) - 1;
  check(p.cols <= kMost / width(x), op, "'", p.name, "': received ", width(x),
        " codes a row; expected at most 2^31 columns of ", p.cols, " for each");
  return add_node(Embedding{embeddings}, {x}, width(x) * p.cols);
}

TensorId Graph::add_merge(const std::string& name, const std::vector<TensorId>& xs) {
  struct Entry {
    Merge::Kind kind;
    const char* name;
  };
  constexpr Entry kMerges[] = {{Merge::Kind::kSum, "sum"},
                               {Merge::Kind::kProduct, "product"},
                               {Merge::Kind::kConcatenation, "concatenation"}};
  const Merge merge{parse_kind("merge", kMerges, name)};
  check(xs.size() >= 2, "merge", "received ", xs.size(), " tensors; expected at least 2");
  index_t width = 0;
  for (TensorId x : xs) {
    check_tensor("merge", x);
    const bool side_by_side = merge.kind == Merge::Kind::kConcatenation;
    check(side_by_side || x == xs[0] || this->width(x) == this->width(xs[0]), "merge",
          "received tensors of ", this->width(xs[0]), " and ", this->width(x),
          " columns; expected equal widths");
    width = side_by_side ? width + this->width(x) : this->width(x);
  }
  check(width < (index_t{1} << 31), "merge", "received ", width, " columns; expected at most 2^31");
  return add_node(merge, xs, width);
}

TensorId Graph::add_activity_penalty(TensorId x, const Penalty& penalty) {
  check_tensor("activity_penalty", x);
  check_penalty(penalty);
  return add_node(ActivityPenalty{penalty}, {x}, width(x));
}

void Graph::add_output(TensorId x) {
  check_tensor("graph", x);
  outputs_.push_back(x);
}

const Node* Graph::producer(TensorId tensor) const {
  for (const Node& node : nodes_) {
    if (node.output == tensor) return &node;
  }
  return nullptr;
}

TensorId Graph::add_node(Operation operation, std::vector<TensorId> xs, index_t width) {
  widths_.push_back(width);
  nodes_.push_back({std::move(operation), std::move(xs), tensor_count() - 1});
  return nodes_.back().output;
}

void Graph::check_tensor(const char* op, TensorId x) const {
  check(x >= 0 && x < tensor_count(), op, "received the tensor ", x, "; this graph has ",
        tensor_count());
}

Parameter& Graph::checked(const char* op, ParameterId parameter) {
  check(parameter >= 0 && parameter < static_cast<int>(parameters_.size()), op,
        "received the parameter ", parameter, "; expected one of this graph");
  return parameters_[static_cast<std::size_t>(parameter)];
}

void Graph::check_vector(const char* op, const char* role, ParameterId parameter,
                         index_t width) const {
  check(parameter >= 0 && parameter < static_cast<int>(parameters_.size()), op, "received the ",
        role, " ", parameter, "; expected a parameter of this graph");
  const Parameter& p = parameters_[static_cast<std::size_t>(parameter)];
  check(p.is_vector && p.cols == width, op, role, ": received '", p.name, "' of shape ",
        p.is_vector ? shape_text({p.cols}) : shape_text({p.rows, p.cols}), "; expected ",
        shape_text({width}));
}

std::ptrdiff_t times_read(const Node& node, TensorId tensor) {
  return std::count(node.inputs.begin(), node.inputs.end(), tensor);
}

std::vector<ParameterId> parameters_of(const Operation& operation) {
  std::vector<ParameterId> ids;
  if (const auto* dense = std::get_if<Dense>(&operation)) {
    ids = {dense->kernel, dense->bias};
  } else if (const auto* norm = std::get_if<BatchNormalization>(&operation)) {
    ids = {norm->gamma, norm->beta, norm->moving_mean, norm->moving_variance};
  } else if (const auto* layer_norm = std::get_if<LayerNormalization>(&operation)) {
    ids = {layer_norm->gamma, layer_norm->beta};
  } else if (const auto* prelu = std::get_if<Prelu>(&operation)) {
    ids = {prelu->alpha};
  } else if (const auto* normalization = std::get_if<Normalization>(&operation)) {
    ids = {normalization->mean, normalization->variance};
  } else if (const auto* embedding = std::get_if<Embedding>(&operation)) {
    ids = {embedding->embeddings};
  }
  std::erase(ids, kNone);
  return ids;
}

}  // namespace fastdnn::program
