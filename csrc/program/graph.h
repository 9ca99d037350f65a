// SPDX-License-Identifier: Apache-2.0
// What a network computes, as a directed acyclic graph of nodes over tensors. A tensor has one
// value per row of the batch and column of its width. Nodes are added in an order in which they can
// run. Several nodes may name the same parameter (shared weights) and the same input tensor.
#pragma once

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "csrc/core/activation.h"
#include "csrc/core/constraint.h"
#include "csrc/core/penalty.h"
#include "csrc/core/types.h"
#include "csrc/ops/image.h"

namespace fastdnn::program {

using TensorId = int;
using ParameterId = int;
inline constexpr int kNone = -1;

struct Parameter {
  std::string name;
  index_t rows = 1;
  index_t cols = 0;
  bool is_vector = false;  // one dimension for the outside; rows is 1
  bool trainable = true;
  // As in Keras, what is not trainable has neither.
  Penalty penalty;        // in the loss
  Constraint constraint;  // after every step
};

struct Dense {
  ParameterId kernel, bias;  // bias may be kNone
};
struct Elementwise {
  Activation kind;
  float alpha;
};
struct Softmax {};
struct BatchNormalization {
  ParameterId gamma, beta;  // each may be kNone
  ParameterId moving_mean, moving_variance;
  float momentum, epsilon;
  bool frozen;  // normalizes with the moving statistics, and leaves them, in training too
};
struct Dropout {
  float rate;
  std::uint32_t stream;
};
struct Rescaling {
  float scale, offset;
};
// Of every row by itself.
struct LayerNormalization {
  ParameterId gamma, beta;  // each may be kNone
  float epsilon;
};
struct AlphaDropout {
  float rate;
  std::uint32_t stream;
};
struct GaussianNoise {
  float stddev;
  std::uint32_t stream;
};
struct Prelu {
  ParameterId alpha;
};
// By fixed statistics of the columns, or back.
struct Normalization {
  ParameterId mean, variance;
  bool invert;
};
// Of codes, a row of `embeddings` for each, side by side.
struct Embedding {
  ParameterId embeddings;
};
// Of several tensors: element by element, or side by side.
struct Merge {
  enum class Kind { kSum, kProduct, kConcatenation };
  Kind kind;
};
// The identity; its tensor's penalty, divided by the batch's rows, is part of the loss.
struct ActivityPenalty {
  Penalty penalty;
};
// In training each row, an image, is changed as drawn for it; of the key, the stream counts.
struct RandomAffine {
  RandomAffineArgs args;
};
struct RandomLight {
  RandomLightArgs args;
};
using Operation =
    std::variant<Dense, Elementwise, Softmax, BatchNormalization, Dropout, Rescaling, Merge,
                 ActivityPenalty, LayerNormalization, AlphaDropout, GaussianNoise, Prelu,
                 Normalization, Embedding, RandomAffine, RandomLight>;

struct Node {
  Operation operation;
  std::vector<TensorId> inputs;
  TensorId output;
  // Of an operation with one input.
  TensorId input() const { return inputs.front(); }
};

// Every add_* throws InvalidArgument for unknown ids, wrong shapes and values out of range.
class Graph {
 public:
  ParameterId add_parameter(std::string name, std::vector<index_t> shape, bool trainable);
  void set_penalty(ParameterId parameter, const Penalty& penalty);
  void set_constraint(ParameterId parameter, const Constraint& constraint);
  TensorId add_input(index_t width);
  TensorId add_dense(TensorId x, ParameterId kernel, ParameterId bias);
  // An element-wise activation, or "softmax" over the width.
  TensorId add_activation(TensorId x, const std::string& name, float alpha);
  TensorId add_batch_normalization(TensorId x, const BatchNormalization& operation);
  TensorId add_dropout(TensorId x, float rate, std::uint32_t stream);
  // scale * x + offset. Takes the bytes of an input as whole numbers, as an embedding does; what
  // else reads them takes them divided by 255, and an input's bytes cannot go into both.
  TensorId add_rescaling(TensorId x, float scale, float offset);
  TensorId add_layer_normalization(TensorId x, const LayerNormalization& operation);
  TensorId add_alpha_dropout(TensorId x, float rate, std::uint32_t stream);
  // Of tensors below which nothing trains. The arguments must fit the tensor's width.
  TensorId add_random_affine(TensorId x, const RandomAffineArgs& args);
  TensorId add_random_light(TensorId x, const RandomLightArgs& args);
  TensorId add_gaussian_noise(TensorId x, float stddev, std::uint32_t stream);
  TensorId add_prelu(TensorId x, ParameterId alpha);
  // The statistics must not be trainable: they have no gradients.
  TensorId add_normalization(TensorId x, const Normalization& operation);
  // Of an input, which must hold whole numbers that are rows of `embeddings`.
  TensorId add_embedding(TensorId x, ParameterId embeddings);
  // "sum" or "product" of tensors of one width, or "concatenation" of any; at least two.
  TensorId add_merge(const std::string& name, const std::vector<TensorId>& xs);
  TensorId add_activity_penalty(TensorId x, const Penalty& penalty);
  void add_output(TensorId x);

  const std::vector<Parameter>& parameters() const { return parameters_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<TensorId>& inputs() const { return inputs_; }
  const std::vector<TensorId>& outputs() const { return outputs_; }
  int tensor_count() const { return static_cast<int>(widths_.size()); }
  index_t width(TensorId tensor) const { return widths_[static_cast<std::size_t>(tensor)]; }

  // The node that computes a tensor, or null for an input.
  const Node* producer(TensorId tensor) const;

 private:
  TensorId add_node(Operation operation, std::vector<TensorId> xs, index_t width);
  void check_tensor(const char* op, TensorId x) const;
  Parameter& checked(const char* op, ParameterId parameter);
  void check_vector(const char* op, const char* role, ParameterId parameter, index_t width) const;

  std::vector<Parameter> parameters_;
  std::vector<index_t> widths_;
  std::vector<Node> nodes_;
  std::vector<TensorId> inputs_, outputs_;
};

// How often a node reads a tensor.
std::ptrdiff_t times_read(const Node& node, TensorId tensor);

// The parameters that an operation reads, without kNone.
std::vector<ParameterId> parameters_of(const Operation& operation);

}  // namespace fastdnn::program
