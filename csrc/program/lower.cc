// SPDX-License-Identifier: Apache-2.0
#include "csrc/program/lower.h"

#include <algorithm>
#include <memory>

#include "csrc/core/check.h"
#include "csrc/ops/activation.h"
#include "csrc/ops/batch_norm.h"
#include "csrc/ops/dropout.h"
#include "csrc/ops/gemm.h"
#include "csrc/ops/reduction.h"
#include "csrc/ops/softmax.h"

namespace fastdnn::program {
namespace {

using Resource = Program::Resource;

// A planned matrix of `capacity` rows and the number by which the schedule knows it.
struct Buffer {
  MatrixView view;
  Resource resource = -1;
  explicit operator bool() const { return resource >= 0; }
  // The part that a batch of this many rows uses.
  MatrixView of(index_t rows) const { return {view.data, rows, view.cols, view.stride}; }
};

template <typename T, typename Variant>
const T* as(const Variant& v) {
  return std::get_if<T>(&v);
}

class Lowering {
 public:
  Lowering(const Graph& graph, const TrainingSpec& spec, Storage storage, Mode mode,
           LoweredProgram& out)
      : graph_(graph), spec_(spec), storage_(storage), mode_(mode), out_(out) {
    find_live_nodes();
    const auto tensors = static_cast<std::size_t>(graph.tensor_count());
    values_.resize(tensors);
    gradients_.resize(tensors);
    through_activation_.resize(tensors);
    needs_gradient_.resize(tensors);
    fused_activation_.resize(tensors, nullptr);
    for (std::size_t i = 0; i < graph.parameters().size(); ++i) {
      weight_resources_.push_back(program().new_resource());
      gradient_resources_.push_back(program().new_resource());
      uses_left_.push_back(uses(static_cast<ParameterId>(i)));
      gradient_started_.push_back(false);
    }
    scratch_ = program().new_resource();
    totals_ = program().new_resource();
  }

  void run() {
    for (std::size_t i = 0; i < graph_.inputs().size(); ++i) gather_input(i);
    for (const Node* node : live_) find_gradient_path(*node);
    for (const Node* node : live_) forward(*node);
    if (mode_ == Mode::kPredict) {
      for (std::size_t i = 0; i < graph_.outputs().size(); ++i) scatter_output(i);
      return;
    }
    for (std::size_t i = 0; i < graph_.outputs().size(); ++i) lower_loss(i);
    if (!training()) return;
    for (auto node = live_.rbegin(); node != live_.rend(); ++node) backward(**node);
  }

 private:
  bool training() const { return mode_ == Mode::kTrain || mode_ == Mode::kGradients; }
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

  // Element-wise work of `cols` columns a row.
  void add_cost(index_t cols, double nanoseconds_per_element = 0.3) {
    out_.microseconds += 1e-3 * nanoseconds_per_element * static_cast<double>(cols * out_.capacity);
  }

  // --- The part of the graph that an output depends on ---

  void find_live_nodes() {
    std::vector<bool> wanted(static_cast<std::size_t>(graph_.tensor_count()));
    for (TensorId output : graph_.outputs()) wanted[static_cast<std::size_t>(output)] = true;
    for (auto node = graph_.nodes().rbegin(); node != graph_.nodes().rend(); ++node) {
      if (!wanted[static_cast<std::size_t>(node->output)]) continue;
      wanted[static_cast<std::size_t>(node->input)] = true;
      live_.insert(live_.begin(), &*node);
    }
  }

  // How many nodes and outputs read a tensor.
  int readers(TensorId tensor) const {
    const auto reads = [tensor](const Node* node) { return node->input == tensor; };
    const auto& outputs = graph_.outputs();
    return static_cast<int>(std::count_if(live_.begin(), live_.end(), reads) +
                            std::count(outputs.begin(), outputs.end(), tensor));
  }

  // How many nodes use a parameter.
  int uses(ParameterId parameter) const {
    int count = 0;
    for (const Node* node : live_) {
      for (ParameterId used : parameters_of(node->operation)) count += used == parameter;
    }
    return count;
  }

  // --- Inputs and outputs ---

  void gather_input(std::size_t i) {
    const TensorId input = graph_.inputs()[i];
    const Buffer to = value(input) = new_buffer(graph_.width(input));
    add_cost(graph_.width(input));
    LoweredProgram* out = &out_;
    program().append({}, {to.resource}, [=](const StepState& state, Context& context) {
      gather_rows(*out->feed, out->feed->inputs[i], state.begin, to.of(state.rows), *context.team);
    });
  }

  void scatter_output(std::size_t i) {
    const Buffer from = value(graph_.outputs()[i]);
    add_cost(from.view.cols);
    LoweredProgram* out = &out_;
    program().append({from.resource}, {}, [=](const StepState& state, Context& context) {
      const MatrixView& to = out->feed->outputs[i];
      const Range mine = context.team->share(state.rows);
      for (index_t row = mine.begin; row < mine.end; ++row) {
        std::copy_n(from.view.row(row), from.view.cols, to.row(state.begin + row));
      }
    });
  }

  // --- Forward ---

  void find_gradient_path(const Node& node) {
    const auto ids = parameters_of(node.operation);
    const bool trains = std::any_of(ids.begin(), ids.end(),
                                    [&](ParameterId id) { return parameter(id).trainable; });
    needs_gradient_[static_cast<std::size_t>(node.output)] =
        training() && (trains || needs_gradient_[static_cast<std::size_t>(node.input)]);
  }
  bool needs_gradient(TensorId t) const { return needs_gradient_[static_cast<std::size_t>(t)]; }

  // The tensor that the loss of an output is computed from: the logits when a softmax or sigmoid
  // under its cross-entropy is differentiated together with it, else the output itself.
  TensorId loss_input(TensorId output) const {
    if (mode_ == Mode::kPredict || readers(output) > 1) return output;
    const Node* last = graph_.producer(output);
    if (last == nullptr) return output;
    const bool softmax_loss = spec_.loss.kind == Loss::kSparseCategoricalCrossentropy ||
                              spec_.loss.kind == Loss::kCategoricalCrossentropy;
    if (softmax_loss && as<Softmax>(last->operation)) return last->input;
    const auto* activation = as<Elementwise>(last->operation);
    const bool sigmoid = activation != nullptr && activation->kind == Activation::kSigmoid;
    if (spec_.loss.kind == Loss::kBinaryCrossentropy && sigmoid) return last->input;
    return output;
  }

  bool is_fused_into_loss(const Node& node) const {
    const auto& outputs = graph_.outputs();
    return std::find(outputs.begin(), outputs.end(), node.output) != outputs.end() &&
           loss_input(node.output) == node.input;
  }

  // Largest logit and largest probability are in the same place; other metrics need the output.
  bool metrics_need_outputs() const {
    return std::any_of(spec_.metrics.begin(), spec_.metrics.end(), [](Metric metric) {
      return metric != Metric::kSparseCategoricalAccuracy && metric != Metric::kCategoricalAccuracy;
    });
  }

  // The activation that can be applied while a product of `node` is still in the cache.
  const Node* activation_to_fuse(const Node& node) const {
    if (readers(node.output) != 1) return nullptr;
    for (const Node* candidate : live_) {
      const Node& next = *candidate;
      const auto* activation = as<Elementwise>(next.operation);
      if (next.input != node.output || activation == nullptr || is_fused_into_loss(next)) continue;
      if (training() && activation_needs_input(activation->kind)) continue;
      return &next;
    }
    return nullptr;
  }

  void forward(const Node& node) {
    if (value(node.output)) return;  // computed together with its input
    if (is_fused_into_loss(node) && !metrics_need_outputs()) return;
    std::visit([&](const auto& operation) { forward(node, operation); }, node.operation);
  }

  void forward(const Node& node, const Dense& dense) {
    const Node* activation = activation_to_fuse(node);
    const TensorId result = activation != nullptr ? activation->output : node.output;
    fused_activation_[static_cast<std::size_t>(node.output)] = activation;
    const Buffer x = value(node.input), y = value(result) = new_buffer(graph_.width(result));
    if (activation != nullptr) value(node.output) = y;
    GemmArgs args;
    args.a = x.view;
    args.b = storage_.weights->view(dense.kernel);
    args.c = y.view;
    std::vector<Resource> reads{x.resource, weight(dense.kernel)};
    if (dense.bias != kNone) {
      args.bias = storage_.weights->flat(dense.bias);
      reads.push_back(weight(dense.bias));
    }
    if (activation != nullptr) {
      args.activation = std::get<Elementwise>(activation->operation).kind;
      args.activation_alpha = std::get<Elementwise>(activation->operation).alpha;
    }
    append_product(std::move(reads), {y.resource}, args, [=](GemmArgs& a, const StepState& state) {
      a.a = x.of(state.rows);
      a.c = y.of(state.rows);
    });
  }

  void forward(const Node& node, const Elementwise& activation) {
    const Buffer x = value(node.input), y = value(node.output) = new_buffer(x.view.cols);
    add_cost(x.view.cols);
    program().append({x.resource}, {y.resource}, [=](const StepState& state, Context& context) {
      fastdnn::activation({activation.kind, activation.alpha, x.of(state.rows), y.of(state.rows)},
                          context);
    });
  }

  void forward(const Node& node, const Softmax&) {
    const Buffer x = value(node.input), y = value(node.output) = new_buffer(x.view.cols);
    add_cost(x.view.cols, 1.0);
    program().append({x.resource}, {y.resource}, [=](const StepState& state, Context& context) {
      softmax({x.of(state.rows), y.of(state.rows)}, context);
    });
  }

  void forward(const Node& node, const BatchNormalization& norm) {
    const Buffer x = value(node.input), y = value(node.output) = new_buffer(x.view.cols);
    add_cost(x.view.cols, 0.6);
    const ParameterArena& weights = *storage_.weights;
    const auto data = [&](ParameterId id) { return id == kNone ? nullptr : weights.flat(id); };
    float* const gamma = data(norm.gamma);
    float* const beta = data(norm.beta);
    float* const moving_mean = data(norm.moving_mean);
    float* const moving_variance = data(norm.moving_variance);
    std::vector<Resource> reads{x.resource};
    for (ParameterId id : {norm.gamma, norm.beta}) {
      if (id != kNone) reads.push_back(weight(id));
    }
    if (!training()) {
      reads.push_back(weight(norm.moving_mean));
      reads.push_back(weight(norm.moving_variance));
      program().append(reads, {y.resource}, [=](const StepState& state, Context& context) {
        batch_norm_inference({.x = x.of(state.rows),
                              .y = y.of(state.rows),
                              .gamma = gamma,
                              .beta = beta,
                              .moving_mean = moving_mean,
                              .moving_variance = moving_variance,
                              .epsilon = norm.epsilon},
                             context);
      });
      return;
    }
    const Buffer statistics = new_buffer(x.view.cols, 2);  // mean, inv_std
    statistics_.push_back({node.output, statistics});
    // Gradients alone must not move the statistics.
    const bool moves = mode_ == Mode::kTrain;
    std::vector<Resource> writes{y.resource, statistics.resource};
    if (moves) {
      writes.push_back(weight(norm.moving_mean));
      writes.push_back(weight(norm.moving_variance));
    }
    program().append(reads, writes, [=](const StepState& state, Context& context) {
      batch_norm({.x = x.of(state.rows),
                  .y = y.of(state.rows),
                  .gamma = gamma,
                  .beta = beta,
                  .mean = statistics.view.row(0),
                  .inv_std = statistics.view.row(1),
                  .moving_mean = moves ? moving_mean : nullptr,
                  .moving_variance = moves ? moving_variance : nullptr,
                  .momentum = norm.momentum,
                  .epsilon = norm.epsilon},
                 context);
    });
  }

  void forward(const Node& node, const Dropout& dropout) {
    if (!training() || dropout.rate == 0.0f) {
      value(node.output) = value(node.input);
      return;
    }
    const Buffer x = value(node.input), y = value(node.output) = new_buffer(x.view.cols);
    add_cost(x.view.cols, 0.5);
    program().append({x.resource}, {y.resource}, [=](const StepState& state, Context& context) {
      fastdnn::dropout({.x = x.of(state.rows),
                        .y = y.of(state.rows),
                        .rate = dropout.rate,
                        .key = {state.seed, dropout.stream, state.iteration}},
                       context);
    });
  }

  // --- Products ---

  // `set` puts a step's extents into the arguments. Scratch is bound here.
  template <typename Set>
  void append_product(std::vector<Resource> reads, std::vector<Resource> writes,
                      const GemmArgs& full, Set set) {
    out_.products.push_back(full);
    out_.microseconds += gemm_cost(full);
    // Two products of one phase must not share scratch.
    if (gemm_uses_scratch(full)) writes.push_back(scratch_);
    LoweredProgram* out = &out_;
    program().append(std::move(reads), std::move(writes),
                     [=](const StepState& state, Context& context) {
                       GemmArgs args = full;
                       args.scratch = out->scratch.data();
                       set(args, state);
                       gemm(args, context);
                     });
  }

  // --- Loss ---

  void lower_loss(std::size_t i) {
    const TensorId output = graph_.outputs()[i];
    const TensorId scored = loss_input(output);
    const Buffer prediction = value(scored);
    const Buffer result = value(output) ? value(output) : prediction;
    const bool sparse = spec_.loss.kind == Loss::kSparseCategoricalCrossentropy;
    const Buffer row_losses = new_buffer(out_.capacity, 1);
    const Buffer row_weights = new_buffer(out_.capacity, 1);
    const Buffer targets = sparse ? Buffer{} : new_buffer(graph_.width(output));
    const Resource labels_resource = program().new_resource();
    auto labels = std::make_shared<std::vector<std::int32_t>>(sparse ? out_.capacity : 0);
    add_cost(graph_.width(output), 2.0);
    LoweredProgram* out = &out_;

    const auto last_label = static_cast<std::int32_t>(graph_.width(output) - 1);
    std::vector<Resource> target_writes{labels_resource, row_weights.resource};
    if (targets) target_writes.push_back(targets.resource);
    program().append({}, target_writes, [=](const StepState& state, Context& context) {
      const Feed& feed = *out->feed;
      const Range mine = context.team->share(state.rows);
      for (index_t row = mine.begin; row < mine.end; ++row) {
        const index_t from = feed.row(state.begin + row);
        row_weights.view.data[row] =
            feed.sample_weight != nullptr ? feed.sample_weight[from] : 1.0f;
        if (sparse) {
          // Checked before, and in range even if somebody changes them meanwhile.
          (*labels)[static_cast<std::size_t>(row)] =
              std::clamp(feed.labels[i][from], 0, last_label);
        }
      }
      if (targets)
        gather_rows(feed, feed.targets[i], state.begin, targets.of(state.rows), *context.team);
    });

    LossArgs loss;
    loss.kind = spec_.loss.kind;
    loss.from_logits = spec_.loss.from_logits || scored != output;
    loss.label_smoothing = spec_.loss.label_smoothing;
    loss.labels = sparse ? labels->data() : nullptr;
    loss.row_losses = row_losses.view.data;
    std::vector<Resource> reads{prediction.resource, labels_resource, row_weights.resource};
    if (targets) reads.push_back(targets.resource);
    std::vector<Resource> writes{row_losses.resource};
    const bool first_gradient = !gradient(scored);
    Buffer dy;
    if (training() && needs_gradient(scored)) {
      dy = first_gradient ? gradient(scored) = new_buffer(graph_.width(scored))
                          : new_buffer(graph_.width(scored));
      writes.push_back(dy.resource);
    }
    program().append(reads, writes, [=](const StepState& state, Context& context) {
      LossArgs args = loss;
      args.outputs = prediction.of(state.rows);
      if (targets) args.targets = targets.of(state.rows);
      args.sample_weight = row_weights.view.data;
      args.scale = 1.0f / static_cast<float>(state.rows);
      if (dy) args.gradient = dy.of(state.rows);
      fastdnn::loss(args, context);
    });
    if (dy && !first_gradient) append_sum(dy, gradient(scored));

    std::vector<Buffer> metric_rows;
    for (const Metric metric : spec_.metrics) {
      const Buffer rows = new_buffer(out_.capacity, 1);
      metric_rows.push_back(rows);
      MetricArgs args;
      args.kind = metric;
      args.labels = loss.labels;
      args.row_values = rows.view.data;
      std::vector<Resource> needs{result.resource, labels_resource};
      if (targets) needs.push_back(targets.resource);
      program().append(needs, {rows.resource}, [=](const StepState& state, Context& context) {
        MetricArgs now = args;
        now.outputs = result.of(state.rows);
        if (targets) now.targets = targets.of(state.rows);
        fastdnn::metric(now, context);
      });
    }
    append_totals(i, row_losses, row_weights, metric_rows);
  }

  // One member adds up the rows, in their order.
  void append_totals(std::size_t i, Buffer losses, Buffer weights, std::vector<Buffer> metrics) {
    std::vector<Resource> reads{losses.resource, weights.resource};
    for (const Buffer& rows : metrics) reads.push_back(rows.resource);
    LoweredProgram* out = &out_;
    program().append(reads, {totals_}, [=](const StepState& state, Context& context) {
      if (context.team->rank() != 0) return;
      Totals& totals = *out->totals;
      const float* w = weights.view.data;
      for (index_t row = 0; row < state.rows; ++row) {
        if (i == 0) {
          totals[0] += 1.0;
          totals[1] += w[row];
        }
        totals[2] += static_cast<double>(w[row]) * losses.view.data[row];
      }
      double* sums = totals.data() + 3 + 2 * metrics.size() * i;
      for (const Buffer& values : metrics) {
        for (index_t row = 0; row < state.rows; ++row) {
          sums[0] += values.view.data[row];
          sums[1] += static_cast<double>(w[row]) * values.view.data[row];
        }
        sums += 2;
      }
    });
  }

  // --- Backward ---

  void backward(const Node& node) {
    if (!needs_gradient(node.output)) return;
    if (is_fused_into_loss(node)) return;  // the loss wrote the gradient of its input
    std::visit([&](const auto& operation) { backward(node, operation); }, node.operation);
  }

  // Where the gradient of a node's input goes: over the gradient of its output if nobody else needs
  // either, else a buffer of its own.
  Buffer gradient_of_input(const Node& node, const Buffer& dy) {
    if (readers(node.input) == 1) return gradient(node.input) = dy;
    return new_buffer(graph_.width(node.input));
  }
  // Adds it to what other readers of the input contributed.
  void deliver_gradient(const Node& node, const Buffer& dx) {
    if (readers(node.input) == 1) return;
    if (!gradient(node.input)) {
      gradient(node.input) = dx;
    } else {
      append_sum(dx, gradient(node.input));
    }
  }

  void append_sum(Buffer from, Buffer to) {
    add_cost(to.view.cols);
    program().append({from.resource, to.resource}, {to.resource},
                     [=](const StepState& state, Context& context) {
                       const Range mine = context.team->share(state.rows);
                       for (index_t row = mine.begin; row < mine.end; ++row) {
                         const float* x = from.view.row(row);
                         float* y = to.view.row(row);
                         for (index_t j = 0; j < to.view.cols; ++j) y[j] += x[j];
                       }
                     });
  }

  void backward(const Node& node, const Elementwise& activation) {
    const Node* before = graph_.producer(node.input);
    if (before != nullptr && fused_activation_[static_cast<std::size_t>(before->output)] == &node) {
      // Belongs to the product before it, whose backward pass sees the gradient of this output.
      gradient(node.input) = gradient(node.output);
      if (through_activation_[static_cast<std::size_t>(node.output)]) return;
    }
    if (!needs_gradient(node.input)) return;
    const Buffer saved =
        activation_needs_input(activation.kind) ? value(node.input) : value(node.output);
    const Buffer dy = gradient(node.output), dx = gradient_of_input(node, dy);
    add_cost(dy.view.cols);
    program().append({saved.resource, dy.resource}, {dx.resource},
                     [=](const StepState& state, Context& context) {
                       activation_backward({activation.kind, activation.alpha, saved.of(state.rows),
                                            dy.of(state.rows), dx.of(state.rows)},
                                           context);
                     });
    deliver_gradient(node, dx);
  }

  void backward(const Node& node, const Softmax&) {
    if (!needs_gradient(node.input)) return;
    const Buffer y = value(node.output), dy = gradient(node.output),
                 dx = gradient_of_input(node, dy);
    add_cost(dy.view.cols);
    program().append(
        {y.resource, dy.resource}, {dx.resource}, [=](const StepState& state, Context& context) {
          softmax_backward({y.of(state.rows), dy.of(state.rows), dx.of(state.rows)}, context);
        });
    deliver_gradient(node, dx);
  }

  void backward(const Node& node, const Dropout& dropout) {
    if (!needs_gradient(node.input)) return;
    const Buffer dy = gradient(node.output), dx = gradient_of_input(node, dy);
    add_cost(dy.view.cols, 0.5);
    program().append({dy.resource}, {dx.resource}, [=](const StepState& state, Context& context) {
      dropout_backward({.dy = dy.of(state.rows),
                        .dx = dx.of(state.rows),
                        .rate = dropout.rate,
                        .key = {state.seed, dropout.stream, state.iteration}},
                       context);
    });
    deliver_gradient(node, dx);
  }

  void backward(const Node& node, const BatchNormalization& norm) {
    const auto found = std::find_if(statistics_.begin(), statistics_.end(),
                                    [&](const auto& s) { return s.first == node.output; });
    const Buffer statistics = found->second;
    const Buffer x = value(node.input), dy = gradient(node.output);
    const bool wants_dx = needs_gradient(node.input);
    const Buffer dx = wants_dx ? gradient_of_input(node, dy) : Buffer{};
    add_cost(dy.view.cols, 0.8);
    std::vector<Resource> reads{x.resource, dy.resource, statistics.resource}, writes;
    if (dx) writes.push_back(dx.resource);
    const float* gamma = nullptr;
    if (norm.gamma != kNone) {
      gamma = storage_.weights->flat(norm.gamma);
      reads.push_back(weight(norm.gamma));
    }
    bool accumulate = false;
    const auto target = [&](ParameterId id) -> float* {
      if (id == kNone || !parameter(id).trainable) return nullptr;
      accumulate = start_gradient(id);
      writes.push_back(gradient_of(id));
      return storage_.gradients->flat(id);
    };
    if (norm.gamma != kNone && norm.beta != kNone && parameter(norm.gamma).trainable &&
        parameter(norm.beta).trainable) {
      check(gradient_started_[static_cast<std::size_t>(norm.gamma)] ==
                gradient_started_[static_cast<std::size_t>(norm.beta)],
            "batch_normalization",
            "received gamma or beta shared without the other; expected both");
    }
    float* const dgamma = target(norm.gamma);
    float* const dbeta = target(norm.beta);
    program().append(reads, writes, [=](const StepState& state, Context& context) {
      batch_norm_backward({.x = x.of(state.rows),
                           .dy = dy.of(state.rows),
                           .dx = dx ? dx.of(state.rows) : MatrixView{},
                           .gamma = gamma,
                           .mean = statistics.view.row(0),
                           .inv_std = statistics.view.row(1),
                           .dgamma = dgamma,
                           .dbeta = dbeta,
                           .accumulate = accumulate},
                          context);
    });
    if (dx) deliver_gradient(node, dx);
    finish_gradient(norm.gamma);
    finish_gradient(norm.beta);
  }

  void backward(const Node& node, const Dense& dense) {
    // The gradient of the input comes first: it reads the kernel that the update then changes.
    const Buffer dz = gradient(node.output);
    if (needs_gradient(node.input)) lower_input_gradient(node, dense, dz);
    if (parameter(dense.kernel).trainable) lower_kernel_gradient(node, dense, dz);
    if (dense.bias != kNone && parameter(dense.bias).trainable) lower_bias_gradient(dense, dz);
  }

  // dx = dz W^T, multiplied by the derivative of the activation that made x where nobody else reads
  // x.
  void lower_input_gradient(const Node& node, const Dense& dense, const Buffer& dz) {
    const bool shared = readers(node.input) > 1;
    const bool first = !gradient(node.input);
    if (first) gradient(node.input) = new_buffer(graph_.width(node.input));
    const Buffer dx = gradient(node.input);
    GemmArgs args;
    args.a = dz.view;
    args.b = storage_.weights->view(dense.kernel);
    args.transpose_b = true;
    args.c = dx.view;
    args.beta = first ? 0.0f : 1.0f;
    std::vector<Resource> reads{dz.resource, weight(dense.kernel)};
    if (!first) reads.push_back(dx.resource);
    Buffer saved;
    const Node* before = graph_.producer(node.input);
    const auto* activation = before != nullptr ? as<Elementwise>(before->operation) : nullptr;
    if (activation != nullptr && !shared && !activation_needs_input(activation->kind)) {
      const Node* product = graph_.producer(before->input);
      if (product != nullptr &&
          fused_activation_[static_cast<std::size_t>(product->output)] == before) {
        saved = value(node.input);
        args.activation = activation->kind;
        args.activation_alpha = activation->alpha;
        args.saved = saved.view;
        reads.push_back(saved.resource);
        through_activation_[static_cast<std::size_t>(node.input)] = true;
      }
    }
    append_product(std::move(reads), {dx.resource}, args, [=](GemmArgs& a, const StepState& state) {
      a.a = dz.of(state.rows);
      a.c = dx.of(state.rows);
      if (saved) a.saved = saved.of(state.rows);
    });
  }

  // dW = x^T dz. Plain SGD goes straight into the weights, W -= lr x^T dz: no gradient is stored.
  void lower_kernel_gradient(const Node& node, const Dense& dense, const Buffer& dz) {
    const Buffer x = value(node.input);
    const OptimizerConfig& optimizer = spec_.optimizer;
    const bool straight = mode_ == Mode::kTrain && optimizer.kind == Optimizer::kSgd &&
                          optimizer.momentum == 0.0 && uses(dense.kernel) == 1;
    GemmArgs args;
    args.a = x.view;
    args.transpose_a = true;
    args.b = dz.view;
    std::vector<Resource> reads{x.resource, dz.resource}, writes;
    if (straight) {
      args.c = storage_.weights->view(dense.kernel);
      args.beta = 1.0f;
      writes.push_back(weight(dense.kernel));
    } else {
      args.c = storage_.gradients->view(dense.kernel);
      args.beta = start_gradient(dense.kernel) ? 1.0f : 0.0f;
      writes.push_back(gradient_of(dense.kernel));
    }
    append_product(std::move(reads), std::move(writes), args,
                   [=](GemmArgs& a, const StepState& state) {
                     a.a = x.of(state.rows);
                     a.b = dz.of(state.rows);
                     if (straight) a.alpha = -state.optimizer.learning_rate;
                   });
    if (!straight) finish_gradient(dense.kernel);
  }

  void lower_bias_gradient(const Dense& dense, const Buffer& dz) {
    float* const db = storage_.gradients->flat(dense.bias);
    const bool accumulate = start_gradient(dense.bias);
    add_cost(dz.view.cols, 0.1);
    program().append(
        {dz.resource}, {gradient_of(dense.bias)}, [=](const StepState& state, Context& context) {
          column_sums({.x = dz.of(state.rows), .sums = db, .accumulate = accumulate}, context);
        });
    finish_gradient(dense.bias);
  }

  // Whether an earlier node has written part of this gradient already.
  bool start_gradient(ParameterId id) {
    const bool started = gradient_started_[static_cast<std::size_t>(id)];
    gradient_started_[static_cast<std::size_t>(id)] = true;
    return started;
  }

  // Updates the parameter once all of its nodes have contributed.
  void finish_gradient(ParameterId id) {
    if (id == kNone || !parameter(id).trainable) return;
    if (--uses_left_[static_cast<std::size_t>(id)] > 0 || mode_ != Mode::kTrain) return;
    OptimizerUpdateArgs args;
    args.weights = storage_.weights->flat(id);
    args.gradient = storage_.gradients->flat(id);
    args.size = storage_.weights->flat_size(id);
    for (std::size_t i = 0; i < storage_.slots->size(); ++i)
      args.slots[i] = (*storage_.slots)[i].flat(id);
    out_.microseconds += 0.4e-3 * static_cast<double>(args.size);
    program().append({gradient_of(id)}, {weight(id)},
                     [=](const StepState& state, Context& context) {
                       OptimizerUpdateArgs now = args;
                       now.step = state.optimizer;
                       optimizer_update(now, context);
                     });
  }

  const Graph& graph_;
  const TrainingSpec& spec_;
  const Storage storage_;
  const Mode mode_;
  LoweredProgram& out_;

  std::vector<const Node*> live_;  // in the graph's order
  // By tensor.
  std::vector<Buffer> values_, gradients_;
  std::vector<bool> needs_gradient_;
  std::vector<bool> through_activation_;       // the gradient is already that before the activation
  std::vector<const Node*> fused_activation_;  // of the product that made the tensor
  std::vector<std::pair<TensorId, Buffer>> statistics_;  // of batch normalization, by output
  // By parameter.
  std::vector<Resource> weight_resources_, gradient_resources_;
  std::vector<int> uses_left_;
  std::vector<bool> gradient_started_;

  Resource scratch_, totals_;
};

}  // namespace

void LoweredProgram::prepare(int threads) {
  index_t wanted = 0;
  for (const GemmArgs& args : products) {
    if (gemm_uses_scratch(args)) wanted = std::max(wanted, gemm_scratch_size(args, threads));
  }
  if (wanted > scratch.size()) scratch = AlignedBuffer<float>(wanted);
}

std::unique_ptr<LoweredProgram> lower(const Graph& graph, const TrainingSpec& spec, Storage storage,
                                      Mode mode, index_t capacity) {
  auto out = std::make_unique<LoweredProgram>();
  out->capacity = capacity;
  Lowering(graph, spec, storage, mode, *out).run();
  return out;
}

}  // namespace fastdnn::program
