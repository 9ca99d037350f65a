// SPDX-License-Identifier: Apache-2.0
#include "csrc/program/lower.h"

#include <algorithm>
#include <memory>

#include "csrc/core/check.h"
#include "csrc/program/lowering.h"

namespace fastdnn::program {

Lowering::Lowering(const Graph& graph, const TrainingSpec& spec, Storage storage, Mode mode,
                   const std::vector<RowKind>& inputs, LoweredProgram& out)
    : graph_(graph), spec_(spec), storage_(storage), mode_(mode), out_(out) {
  for (std::size_t i = 0; i < graph.outputs().size(); ++i) {
    if (!has_losses() || spec.outputs[i].scored()) outputs_.push_back(i);
  }
  find_live_nodes();
  const auto tensors = static_cast<std::size_t>(graph.tensor_count());
  values_.resize(tensors);
  gradients_.resize(tensors);
  through_activation_.resize(tensors);
  needs_gradient_.resize(tensors);
  fused_activation_.resize(tensors, nullptr);
  sparse_inputs_.resize(tensors);
  representations_.resize(tensors);
  for (std::size_t i = 0; i < graph.parameters().size(); ++i) {
    weight_resources_.push_back(program().new_resource());
    gradient_resources_.push_back(program().new_resource());
    uses_left_.push_back(uses(static_cast<ParameterId>(i)));
    gradient_started_.push_back(false);
  }
  decision_ = program().new_resource();
  scratch_ = program().new_resource();
  totals_ = program().new_resource();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Representation& x = representations_[static_cast<std::size_t>(graph.inputs()[i])];
    if (inputs[i] == RowKind::kSparse) plan_sparse_input(i);
    if (inputs[i] == RowKind::kBfloat16) x.bfloat16 = true;
    if (inputs[i] == RowKind::kBytes) x = representation_of_bytes(graph.inputs()[i]);
  }
}

void Lowering::run() {
  if (mode_ == Mode::kApply) return append_updates();
  for (std::size_t i = 0; i < graph_.inputs().size(); ++i) gather_input(i);
  for (const Node* node : live_) find_gradient_path(*node);
  if (has_losses()) append_weight_penalties();
  for (const Node* node : live_) forward(*node);
  if (has_losses()) {
    if (asks_functions()) program().begin_part();
    lower_losses();
  } else {
    for (std::size_t i : outputs_) scatter_output(i);
  }
  if (!training()) return;
  append_moving_statistics();
  if (mode_ == Mode::kOwnLoop) {
    program().begin_part();
    for (std::size_t i : outputs_) gather_output_gradient(i);
  }
  for (auto node = live_.rbegin(); node != live_.rend(); ++node) backward(**node);
  finish_unused_gradients();
  append_clipped_updates();
  append_moving_averages();
  append_constraints();
}

void Lowering::find_live_nodes() {
  std::vector<bool> wanted(static_cast<std::size_t>(graph_.tensor_count()));
  for (std::size_t i : outputs_) {
    wanted[static_cast<std::size_t>(graph_.outputs()[i])] = true;
  }
  for (auto node = graph_.nodes().rbegin(); node != graph_.nodes().rend(); ++node) {
    // A penalty is part of the loss, whatever becomes of its tensor.
    const bool scored = mode_ != Mode::kPredict && as<ActivityPenalty>(node->operation) != nullptr;
    if (!scored && !wanted[static_cast<std::size_t>(node->output)]) continue;
    for (TensorId x : node->inputs) wanted[static_cast<std::size_t>(x)] = true;
    live_.insert(live_.begin(), &*node);
  }
}

int Lowering::readers(TensorId tensor) const {
  std::ptrdiff_t count = 0;
  for (const Node* node : live_) count += times_read(*node, tensor);
  for (std::size_t i : outputs_) count += graph_.outputs()[i] == tensor;
  return static_cast<int>(count);
}

int Lowering::uses(ParameterId parameter) const {
  int count = 0;
  for (const Node* node : live_) {
    for (ParameterId used : parameters_of(node->operation)) count += used == parameter;
  }
  return count;
}

Use Lowering::gathered(const Buffer& to) {
  return gathers_by_rows(to.view.cols) ? to.own_rows() : Use(to.resource);
}

void Lowering::gather_input(std::size_t i) {
  const TensorId input = graph_.inputs()[i];
  if (sparse_input(input) != nullptr) return gather_row_numbers(input);
  const Buffer to = value(input) = new_buffer(graph_.width(input));
  add_cost(graph_.width(input));
  const Bytes bytes = representation(input).bytes;
  LoweredProgram* out = &out_;
  program().append({}, {gathered(to)}, [=](const StepState& state, Context& context) {
    gather_rows(*out->feed, out->feed->inputs[i], state.begin, bytes, to.of(state.rows),
                *context.team);
  });
}

Lowering::Representation Lowering::representation_of_bytes(TensorId input) const {
  if (only_read_by<Dense>(input)) return {true, 1.0f / 255.0f, Bytes::kWhole};
  if (only_read_by<Rescaling, Embedding>(input)) return {true, 1.0f, Bytes::kWhole};
  for (const Node* node : live_) {
    const bool whole = as<Rescaling>(node->operation) || as<Embedding>(node->operation);
    check(times_read(*node, input) == 0 || !whole, "network",
          "received bytes for an input that goes into an Embedding or Rescaling layer, which take "
          "them as they are, and into another one, which takes them divided by 255; expected one "
          "or the other, or float32 rows");
  }
  return {};
}

void Lowering::plan_sparse_input(std::size_t i) {
  const TensorId input = graph_.inputs()[i];
  for (const Node* node : live_) {
    check(times_read(*node, input) == 0 || as<Dense>(node->operation), "network",
          "received sparse rows for a model whose first layer is not Dense; expected Dense, or "
          "rows as x.toarray() makes them");
  }
  const auto& outputs = graph_.outputs();
  check(std::find(outputs.begin(), outputs.end(), input) == outputs.end(), "network",
        "received sparse rows for a model without layers; expected a dense array");
  sparse_inputs_[static_cast<std::size_t>(input)] =
      std::make_shared<SparseInput>(SparseInput{i, std::vector<std::int64_t>(out_.capacity)});
}

void Lowering::gather_row_numbers(TensorId input) {
  const auto sparse = sparse_input(input);
  value(input) = {{nullptr, out_.capacity, graph_.width(input), 0}, program().new_resource()};
  LoweredProgram* out = &out_;
  append_by_rows({}, {value(input).own_rows()}, [=](const StepState& state, const Own& own) {
    for (index_t row = own.rows.begin; row < own.rows.end; ++row) {
      sparse->rows[static_cast<std::size_t>(row)] = out->feed->row(state.begin + row);
    }
  });
}

void Lowering::scatter_output(std::size_t i) {
  const Buffer from = value(graph_.outputs()[i]);
  add_cost(from.view.cols);
  LoweredProgram* out = &out_;
  append_by_rows({from.own_rows()}, {}, [=](const StepState& state, const Own& own) {
    const MatrixView& to = out->feed->outputs[i];
    for (index_t row = own.rows.begin; row < own.rows.end; ++row) {
      std::copy_n(from.view.row(row), from.view.cols, to.row(state.begin + row));
    }
  });
}

void Lowering::gather_output_gradient(std::size_t i) {
  const TensorId output = graph_.outputs()[i];
  if (!needs_gradient(output)) return;
  const Buffer to = new_buffer(graph_.width(output));
  LoweredProgram* out = &out_;
  append_by_rows({}, {to.own_rows()}, [=](const StepState&, const Own& own) {
    const MatrixView& from = out->feed->output_gradients[i];
    for (index_t row = own.rows.begin; row < own.rows.end; ++row) {
      std::copy_n(from.row(row), to.view.cols, to.view.row(row));
    }
  });
  deliver_gradient(output, to);
}

std::size_t Lowering::append_by_rows(const std::vector<Use>& reads, const std::vector<Use>& writes,
                                     RowsAction action) {
  return program().append(reads, writes,
                          [action = std::move(action)](const StepState& state, Context& context) {
                            const Range rows = context.team->share(state.rows);
                            if (rows.empty()) return;
                            Team team = Team::alone();
                            Context alone = context;
                            alone.team = &team;
                            action(state, {rows, context.team->rank(), alone});
                          });
}

void LoweredProgram::prepare(int threads) {
  index_t wanted = 0;
  for (const GemmArgs& args : products) {
    if (gemm_uses_scratch(args)) wanted = std::max(wanted, gemm_scratch_size(args, threads));
  }
  if (wanted > scratch.size()) scratch = AlignedBuffer<float>(wanted);
  if (threads * own_scratch_size > own_scratch.size()) {
    own_scratch = AlignedBuffer<float>(threads * own_scratch_size);
  }
}

std::unique_ptr<LoweredProgram> lower(const Graph& graph, const TrainingSpec& spec, Storage storage,
                                      Mode mode, index_t capacity,
                                      const std::vector<RowKind>& inputs) {
  auto out = std::make_unique<LoweredProgram>();
  out->capacity = capacity;
  Lowering(graph, spec, storage, mode, inputs, *out).run();
  return out;
}

}  // namespace fastdnn::program
