// SPDX-License-Identifier: Apache-2.0
// The lowering at work: what it knows of the graph, and what it has planned so far. One instance
// makes one program; lower.h has the function that does.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "csrc/ops/combine.h"
#include "csrc/ops/sparse.h"
#include "csrc/program/lower.h"

namespace fastdnn::program {

using Resource = Program::Resource;
using Use = Program::Use;

// A planned matrix of `capacity` rows and the number by which the schedule knows it.
struct Buffer {
  MatrixView view;
  Resource resource = -1;
  explicit operator bool() const { return resource >= 0; }
  // The part that a batch of this many rows uses.
  MatrixView of(index_t rows) const { return {view.data, rows, view.cols, view.stride}; }
  MatrixView of(Range rows) const {
    return {view.row(rows.begin), rows.size(), view.cols, view.stride};
  }
  Use own_rows() const { return {resource, Program::Rows::kOwn}; }
};

// A step's scalars for a parameter with this rule and penalty.
inline OptimizerStep update_step(const StepState& state, std::size_t rule, const Penalty& penalty) {
  OptimizerStep step = state.rules[rule].step;
  step.penalty_l1 = penalty.l1;
  step.penalty_twice_l2 = 2.0f * penalty.l2;
  return step;
}

template <typename T, typename Variant>
const T* as(const Variant& v) {
  return std::get_if<T>(&v);
}

class Lowering {
 public:
  Lowering(const Graph& graph, const TrainingSpec& spec, Storage storage, Mode mode,
           const std::vector<RowKind>& inputs, LoweredProgram& out);

  void run();

 private:
  bool training() const {
    return mode_ == Mode::kTrain || mode_ == Mode::kGradients || mode_ == Mode::kOwnLoop;
  }
  bool changes_weights() const { return mode_ == Mode::kTrain || mode_ == Mode::kApply; }
  bool has_losses() const {
    return mode_ == Mode::kTrain || mode_ == Mode::kGradients || mode_ == Mode::kEvaluate;
  }
  Program& program() { return out_.program; }
  const Parameter& parameter(ParameterId id) const {
    return graph_.parameters()[static_cast<std::size_t>(id)];
  }
  Resource weight(ParameterId id) const { return weight_resources_[static_cast<std::size_t>(id)]; }
  Resource gradient_of(ParameterId id) const {
    return gradient_resources_[static_cast<std::size_t>(id)];
  }
  Buffer& value(TensorId t) { return values_[static_cast<std::size_t>(t)]; }
  Buffer& gradient(TensorId t) { return gradients_[static_cast<std::size_t>(t)]; }
  Buffer new_buffer(index_t cols, index_t rows) {
    const index_t stride = row_stride(cols);
    out_.buffers.emplace_back(rows * stride);
    return {{out_.buffers.back().data(), rows, cols, stride}, program().new_resource()};
  }
  Buffer new_buffer(index_t cols) { return new_buffer(cols, out_.capacity); }
  // What a member runs alone on its own rows, if it has any: a row gets the same bits whatever rows
  // come with it.
  struct Own {
    Range rows;
    int rank;
    Context& context;  // of a team of one
  };
  using RowsAction = std::function<void(const StepState&, const Own& own)>;
  std::size_t append_by_rows(const std::vector<Use>& reads, const std::vector<Use>& writes,
                             RowsAction action);
  // Element-wise work of `cols` columns a row.
  void add_cost(index_t cols, double nanoseconds_per_element = 0.3) {
    out_.microseconds += 1e-3 * nanoseconds_per_element * static_cast<double>(cols * out_.capacity);
  }

  // Sparse rows are taken to have so many numbers each.
  double sparse_cost(index_t units) const {
    return csr_dense_cost(100.0 * static_cast<double>(out_.capacity), units);
  }

  // --- The part of the graph that the outputs wanted depend on ---

  void find_live_nodes();
  // How many nodes and outputs read a tensor.
  int readers(TensorId tensor) const;
  // How many nodes use a parameter.
  int uses(ParameterId parameter) const;

  // --- Inputs and outputs ---

  // How gather_rows writes a matrix.
  static Use gathered(const Buffer& to);
  void gather_input(std::size_t i);
  void scatter_output(std::size_t i);
  void gather_output_gradient(std::size_t i);
  // Whether a tensor goes into such operations and nowhere else.
  template <typename... T>
  bool only_read_by(TensorId tensor) const;
  // What a tensor's buffer holds: the tensor is it times `scale`, which is 1 unless only dense
  // layers read the tensor.
  struct Representation {
    bool bfloat16 = false;  // whether that holds all numbers of the buffer
    float scale = 1.0f;
    Bytes bytes = Bytes::kUnit;  // how they were gathered
  };
  Representation representation(TensorId t) const {
    return representations_[static_cast<std::size_t>(t)];
  }
  Representation representation_of_bytes(TensorId input) const;
  // An input whose rows stay where they are: a step knows their numbers.
  struct SparseInput {
    std::size_t place;  // among the feed's inputs
    std::vector<std::int64_t> rows;
  };
  // Null for any other tensor.
  std::shared_ptr<SparseInput> sparse_input(TensorId t) const {
    return sparse_inputs_[static_cast<std::size_t>(t)];
  }
  void plan_sparse_input(std::size_t i);
  void gather_row_numbers(TensorId input);

  // --- Forward ---

  void find_gradient_path(const Node& node);
  bool needs_gradient(TensorId t) const { return needs_gradient_[static_cast<std::size_t>(t)]; }
  // The tensor that the loss of an output is computed from: the logits when a softmax or sigmoid
  // under its cross-entropy is differentiated together with it, else the output itself. As in
  // Keras, probabilities are clipped to 1e-7 .. 1 - 1e-7 and logits are not.
  TensorId loss_input(std::size_t i) const;
  bool is_fused_into_loss(const Node& node) const { return output_fused_with(node) >= 0; }
  // The number of the output in whose loss the node's derivative is, or -1. Without metrics its
  // predictions are not computed then.
  std::ptrdiff_t output_fused_with(const Node& node) const;
  // The activation that can be applied while a product of `node` is still in the cache.
  const Node* activation_to_fuse(const Node& node) const;
  void forward(const Node& node);
  void forward(const Node& node, const Dense& dense);
  void append_sparse_product(const Node& node, const Dense& dense, const Buffer& y,
                             const Elementwise* activation);
  void forward(const Node& node, const Elementwise& activation);
  void forward(const Node& node, const Softmax&);
  void forward(const Node& node, const BatchNormalization& norm);
  // Moves those of batch normalization by the batch's, once its losses are known to be finite.
  void append_moving_statistics();
  void forward(const Node& node, const Dropout& dropout);
  void forward(const Node& node, const Rescaling& rescaling);
  void forward(const Node& node, const Merge& merge);
  void forward(const Node& node, const ActivityPenalty& activity);
  void forward(const Node& node, const LayerNormalization& norm);
  void forward(const Node& node, const AlphaDropout& dropout);
  void forward(const Node& node, const GaussianNoise& noise);
  void forward(const Node& node, const Prelu& prelu);
  void forward(const Node& node, const Normalization& normalization);
  void forward(const Node& node, const Embedding& embedding);
  void forward(const Node& node, const RandomAffine& affine);
  void forward(const Node& node, const RandomLight& light);
  void append_rescaling(Buffer from, Buffer to, float scale, float offset);

  // --- Products ---

  using SetExtents = std::function<void(GemmArgs&, const StepState&, Range rows)>;
  // `set` puts a step's extents into the arguments, those of some rows of the batch. Scratch is
  // bound here. Uses of own rows stand for all rows where members do not compute their own.
  void append_product(std::vector<Use> reads, Use write, const GemmArgs& full, SetExtents set);

  // --- Loss ---

  bool asks_functions() const {
    return std::any_of(outputs_.begin(), outputs_.end(),
                       [this](std::size_t i) { return spec_.outputs[i].asks_functions(); });
  }
  void lower_losses();
  // What the loss and the metrics of an output may read: what it is and should be, and the weights
  // of rows. Without labels `labels` is empty, else `targets` is.
  struct ScoredRows {
    Buffer result, weights, targets;
    std::shared_ptr<std::vector<std::int32_t>> labels;
    Use labels_by_rows;
    const std::int32_t* labels_from(index_t row) const {
      return labels->empty() ? nullptr : labels->data() + row;
    }
  };
  ScoredRows gather_scored(std::size_t i);
  // Return the losses of the rows.
  Buffer append_loss(std::size_t i, const ScoredRows& scored);
  Buffer append_function_loss(std::size_t i, const ScoredRows& scored);
  Asked& asked(std::size_t i);
  // Adds the sums of a batch of rows, in their order. Without weights all are 1.
  struct MetricSums {
    std::vector<Use> reads;
    std::function<void(index_t rows, const float* weights, double* sums, Context&)> add;
  };
  MetricSums lower_metric(std::size_t i, const MetricSpec& spec, const ScoredRows& scored);
  // The values of the rows.
  Buffer lower_row_metric(const MetricSpec& spec, const ScoredRows& scored);
  // One member adds up the rows, in their order.
  void append_totals(std::size_t i, Buffer losses, const ScoredRows& scored);

  // --- Penalties ---

  // A parameter's penalty, none if it is not trained.
  Penalty penalty_of(ParameterId id) const {
    return parameter(id).trainable ? parameter(id).penalty : Penalty{};
  }
  // Sums up a part of the weights each, before anything changes them.
  void append_weight_penalties();
  // One member adds up all parts, in their order.
  void append_penalty_total();

  // --- Several tensors ---

  // All of the width of `to`, which may be one of the others.
  void append_copy(const Buffer& from, const Buffer& to);
  void append_combination(Combination kind, const Buffer& x, const Buffer& y, const Buffer& to);
  static Buffer columns_of(const Buffer& buffer, index_t first, index_t count);

  // --- Backward ---

  // What a normalizing node has saved of its rows.
  Buffer statistics_of(const Node& node) const {
    return std::find_if(statistics_.begin(), statistics_.end(),
                        [&](const auto& s) { return s.first == node.output; })
        ->second;
  }
  void backward(const Node& node);
  // Where the gradient of a node's input goes: over the gradient of its output if nobody else needs
  // either, else a buffer of its own.
  Buffer gradient_of_input(const Node& node, const Buffer& dy);
  // Adds it to what other readers of the tensor contributed, unless it is in its place already.
  void deliver_gradient(TensorId x, const Buffer& dx);
  void backward(const Node& node, const Elementwise& activation);
  void backward(const Node& node, const Softmax&);
  void backward(const Node& node, const Dropout& dropout);
  void backward(const Node& node, const Rescaling& rescaling);
  void backward(const Node& node, const BatchNormalization& norm);
  void backward(const Node& node, const Merge& merge);
  void backward(const Node& node, const LayerNormalization& norm);
  // Sums over the rows; they are all there is to do where the input needs no gradient.
  void append_layer_norm_parameters(const Node& node, const LayerNormalization& norm,
                                    const Buffer& statistics);
  void backward(const Node& node, const AlphaDropout& dropout);
  void backward(const Node& node, const GaussianNoise&);
  void backward(const Node& node, const Prelu& prelu);
  void backward(const Node& node, const Normalization& normalization);
  void backward(const Node& node, const Embedding& embedding);
  void backward(const Node& node, const RandomAffine&);
  void backward(const Node& node, const RandomLight&);
  void refuse_training_below(const Node& node) const;
  void append_normalization(const Buffer& from, const Buffer& to, const Normalization& operation,
                            bool with_mean);
  void backward(const Node& node, const Dense& dense);
  void backward(const Node& node, const ActivityPenalty& activity);
  // The activation whose derivative a gradient of this tensor can be multiplied by at once, in the
  // product that computes it: it is in a product itself, and nobody else reads the tensor. Or null.
  // A dropout may come between, if that is ReLU's: `scale` becomes its factor.
  const Node* activation_passed_back(TensorId tensor, float* scale) const;
  // dx = dz W^T, or of what came before x's activation.
  void lower_input_gradient(const Node& node, const Dense& dense, const Buffer& dz);
  // dW = x^T dz. An update that needs no more than a part of dW at a time uses it up at once, and
  // plain SGD goes straight into the weights, W -= lr x^T dz: no gradient is stored.
  void lower_kernel_gradient(const Node& node, const Dense& dense, const Buffer& dz);
  void lower_sparse_kernel_gradient(const Node& node, const Dense& dense, const Buffer& dz);
  void lower_bias_gradient(const Dense& dense, const Buffer& dz);
  // Whether an earlier node has written part of this gradient already.
  bool start_gradient(ParameterId id);
  OptimizerUpdateArgs update_of(ParameterId id) const;
  bool updates_at_once(ParameterId kernel) const;
  // Whether the penalty's derivative has to be in the stored gradient: somebody reads that, or adds
  // those of several steps. Else updates add it.
  bool stores_penalty_gradients(ParameterId id) const {
    return mode_ == Mode::kGradients || spec_.optimizer(id).clips_norms() || spec_.accumulates();
  }
  // What updates of the parameter add to its gradient.
  Penalty update_penalty(ParameterId id) const {
    return stores_penalty_gradients(id) ? Penalty{} : penalty_of(id);
  }
  void add_update_cost(ParameterId id) {
    out_.microseconds += 0.4e-3 * static_cast<double>(storage_.weights->flat_size(id));
  }
  // Updates the parameter once all of its nodes have contributed, and if that waits for the norm of
  // all gradients, notes it for append_clipped_updates().
  void finish_gradient(ParameterId id);
  void update_by_gradient(ParameterId id);
  // Updates every parameter by the gradient that is there.
  void append_updates();
  // As in Keras, penalties train weights that no loss depends on.
  void finish_unused_gradients();
  void append_penalty_gradient(ParameterId id);
  // Where the gradient is that updates read, and penalties are added to where they are stored: the
  // network's, or a copy where that belongs to the caller.
  float* stored_gradient(ParameterId id) const;
  void append_own_gradient(ParameterId id);
  // The sum of a gradient's squares, which a step that updates the weights computes.
  struct Squares {
    double* sum;
    Resource resource;
  };
  Squares append_sum_of_squares(ParameterId id);
  // Clipped by the norm of the gradients with these squares, if there are any.
  void append_update(ParameterId id, const std::vector<Squares>& squares);
  void append_clipped_updates();
  void append_moving_averages();
  // As in Keras after every step, also after one that updates nothing.
  void append_constraints();

  const Graph& graph_;
  const TrainingSpec& spec_;
  const Storage storage_;
  const Mode mode_;
  LoweredProgram& out_;
  std::vector<std::size_t> outputs_;  // that are wanted: all, or those with a loss
  std::vector<const Node*> live_;     // in the graph's order
  // By tensor.
  std::vector<Buffer> values_, gradients_;
  std::vector<bool> needs_gradient_;
  std::vector<bool> through_activation_;       // the gradient is already that before the activation
  std::vector<const Node*> fused_activation_;  // of the product that made the tensor
  std::vector<std::shared_ptr<SparseInput>> sparse_inputs_;
  std::vector<Representation> representations_;
  std::vector<std::pair<TensorId, Buffer>> statistics_;  // of normalizing nodes, by output
  // By parameter.
  std::vector<Resource> weight_resources_, gradient_resources_;
  std::vector<int> uses_left_;
  std::vector<bool> gradient_started_;
  struct Finished {
    ParameterId id;
    Squares squares;
  };
  std::vector<Finished> finished_;  // gradients whose norms are needed
  std::map<ParameterId, float*> own_gradients_;
  // What is added to the loss: so many numbers, or one a row, times the rows if they are weights'.
  struct PenaltyParts {
    const double* parts;
    index_t count;
    bool by_rows;
    Use use;
  };
  std::vector<PenaltyParts> penalties_;
  // What all losses write, and updates and totals read: a step whose losses are not finite ends
  // before it changes a weight or counts.
  Resource decision_;
  Resource scratch_, totals_;
};

template <typename... T>
bool Lowering::only_read_by(TensorId tensor) const {
  const auto& outputs = graph_.outputs();
  return std::find(outputs.begin(), outputs.end(), tensor) == outputs.end() &&
         std::all_of(live_.begin(), live_.end(), [tensor](const Node* node) {
           return times_read(*node, tensor) == 0 || (as<T>(node->operation) || ...);
         });
}

}  // namespace fastdnn::program
