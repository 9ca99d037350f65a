// SPDX-License-Identifier: Apache-2.0
#include <pybind11/stl.h>

#include <cmath>
#include <limits>
#include <optional>

#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/loss_options.h"
#include "csrc/bindings/metric_options.h"
#include "csrc/bindings/optimizer_options.h"
#include "csrc/bindings/register.h"
#include "csrc/ops/constraint.h"
#include "csrc/program/network.h"
#include "csrc/program/schedule.h"

namespace fastdnn::bindings {
namespace {

using namespace program;

const ParameterMemory& memory_of(const ParameterArena& arena, const Graph& graph, ParameterId id) {
  check(id >= 0 && id < static_cast<int>(graph.parameters().size()), "network",
        "received parameter ", id, "; this network has ", graph.parameters().size());
  return arena.memory(id);
}

// A view that keeps the memory alive and is written through.
py::array memory_array(const ParameterMemory& memory) {
  const py::object owner = py::cast(memory);
  const MatrixView& view = memory.view;
  const auto item = static_cast<py::ssize_t>(sizeof(float));
  if (memory.is_vector) return py::array_t<float>({view.cols}, {item}, view.data, owner);
  return py::array_t<float>({view.rows, view.cols}, {view.stride * item, item}, view.data, owner);
}

ElementType element_type(const char* op, const char* name, const py::array& array) {
  if (py::isinstance<py::array_t<float>>(array)) return ElementType::kFloat32;
  if (py::isinstance<py::array_t<std::uint8_t>>(array)) return ElementType::kUint8;
  // bfloat16 is what another package adds to NumPy's types: it has no number that is known here.
  const py::dtype dtype = array.dtype();
  const std::string type = py::str(dtype.attr("name"));
  const bool native = py::bool_(dtype.attr("isnative"));
  if (native && type == "float16") return ElementType::kFloat16;
  if (native && type == "bfloat16") return ElementType::kBfloat16;
  fail(op, name, ": received a ", describe(array),
       "; expected float32, float16, bfloat16 or uint8, in the machine's byte order");
}

Source source(const char* name, const py::array& array, index_t width, index_t rows) {
  const char* op = "network";
  check(array.ndim() == 2 && array.shape(0) == rows && array.shape(1) == width, op, name,
        ": received a ", describe(array), "; expected shape ", shape_text({rows, width}));
  const ElementType type = element_type(op, name, array);
  check_layout(op, name, array);
  return {.data = array.data(), .type = type, .width = width};
}

// An input: a matrix, or what has indptr, indices and data as a matrix of scipy in CSR form; data
// is None if all of it is 1.
using Input = py::object;

// A feed and the inputs that it points into.
struct KeptFeed : Feed {
  std::vector<py::array> kept;

  const py::array& keep(const py::object& object) {
    check(py::isinstance<py::array>(object), "network", "input: received a ",
          std::string(py::str(py::type::of(object).attr("__name__"))), "; expected NumPy arrays");
    return kept.emplace_back(py::reinterpret_borrow<py::array>(object));
  }
};

Source sparse_source(KeptFeed& feed, const Input& input, index_t width) {
  Source source{.width = width};
  const py::array indptr = feed.keep(input.attr("indptr"));
  const py::array indices = feed.keep(input.attr("indices"));
  const py::object data = input.attr("data");
  source.sparse =
      csr("network", indptr, indices, data.is_none() ? nullptr : &feed.keep(data), width);
  return source;
}

void add_inputs(KeptFeed& feed, const Graph& graph, const std::vector<Input>& inputs) {
  check(inputs.size() == graph.inputs().size(), "network", "received ", inputs.size(),
        " inputs; expected ", graph.inputs().size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const index_t width = graph.width(graph.inputs()[i]);
    if (py::hasattr(inputs[i], "indptr")) {
      feed.inputs.push_back(sparse_source(feed, inputs[i], width));
      const index_t rows = feed.inputs.back().sparse.rows;
      if (i == 0) feed.rows = rows;
      check(rows == feed.rows, "network", "input: received ", rows, " sparse rows; expected ",
            feed.rows);
      continue;
    }
    const py::array& array = feed.keep(inputs[i]);
    check(array.ndim() == 2, "network", "input: received a ", describe(array),
          "; expected two dimensions");
    if (i == 0) feed.rows = array.shape(0);
    feed.inputs.push_back(source("input", array, width, feed.rows));
  }
}

// Only the labels that this call uses.
void check_labels_of(const Feed& feed, const std::int32_t* labels, index_t classes,
                     const Slice& slice) {
  const index_t end = std::min(feed.rows, slice.first + slice.batches * slice.batch_size);
  for (index_t i = slice.first; i < end; ++i) {
    const index_t row = feed.row(i);
    check(labels[row] >= 0 && labels[row] < classes, "network", "received the label ", labels[row],
          " in row ", row, "; expected 0 to ", classes - 1);
  }
}

// An array for each output; None for outputs without loss, and for weights that are all 1.
using PerOutput = std::vector<std::optional<py::array>>;

void add_targets(Feed& feed, const Network& network, const PerOutput& targets, const Slice& slice) {
  const Graph& graph = network.graph();
  check(targets.size() == graph.outputs().size(), "network", "received ", targets.size(),
        " targets; expected ", graph.outputs().size());
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const index_t width = graph.width(graph.outputs()[i]);
    const OutputSpec& output = network.spec().outputs[i];
    feed.labels.push_back(nullptr);
    feed.targets.push_back({});
    if (!output.takes_labels() && !output.takes_targets()) continue;
    check(targets[i].has_value(), "network", "received no target for output ", i,
          ", which has a loss");
    if (output.takes_labels()) {
      feed.labels[i] = vector<std::int32_t>("network", "target", *targets[i], feed.rows).data;
      check_labels_of(feed, feed.labels[i], width, slice);
    } else {
      check_layout<float>("network", "target", *targets[i]);
      feed.targets[i] = source("target", *targets[i], width, feed.rows);
    }
  }
}

void add_sample_weights(Feed& feed, const Graph& graph, const PerOutput& weights) {
  check(weights.size() == graph.outputs().size(), "network", "received ", weights.size(),
        " sample weights; expected ", graph.outputs().size());
  for (const auto& weight : weights) {
    feed.sample_weights.push_back(
        weight ? vector("network", "sample_weight", *weight, feed.rows).data : nullptr);
  }
}

void add_order(Feed& feed, const std::optional<py::array>& order, const Slice& slice) {
  if (!order) return;
  feed.order = vector<std::int64_t>("network", "order", *order, feed.rows).data;
  const index_t end = std::min(feed.rows, slice.first + slice.batches * slice.batch_size);
  for (index_t i = slice.first; i < end; ++i) {
    check(feed.order[i] >= 0 && feed.order[i] < feed.rows, "network", "order: received row ",
          feed.order[i], "; expected 0 to ", feed.rows - 1);
  }
}

Slice make_slice(index_t first, index_t batches, index_t batch_size, double max_seconds) {
  check(first >= 0, "network", "received first=", first, "; expected at least 0");
  check(batches >= 0 && batches < (index_t{1} << 40), "network", "received batches=", batches,
        "; expected 0 to 2^40");
  check(batch_size >= 1 && batch_size < (index_t{1} << 22), "network",
        "received batch_size=", batch_size, "; expected 1 to 4194303");
  return {first, batches, batch_size, max_seconds};
}

// The network for this caller alone. Waits without the GIL, so that who has it can go on.
std::unique_lock<std::mutex> lock(Network& network) {
  const GilRelease release;
  return network.lock();
}

using Result = std::pair<index_t, py::array_t<double>>;

// Asks a Python function, which takes the number of an output, its rows' numbers, what is predicted
// for them and whether derivatives are wanted, and returns the losses, the derivatives and a list
// of metrics' values, None for what the output does not ask for.
void ask(const py::object& function, const Feed& feed, const std::vector<Asked>& all, index_t begin,
         index_t rows) {
  const py::gil_scoped_acquire acquired;
  py::array_t<std::int64_t> numbers(rows);
  for (index_t i = 0; i < rows; ++i) numbers.mutable_data()[i] = feed.row(begin + i);
  for (const Asked& asked : all) {
    const index_t cols = asked.prediction.cols;
    py::array_t<float> prediction({rows, cols});
    for (index_t row = 0; row < rows; ++row)
      std::copy_n(asked.prediction.row(row), cols, prediction.mutable_data(row));
    const bool derives = asked.gradient.data != nullptr;
    const py::tuple answer = function(asked.output, numbers, prediction, derives);
    const auto copy_rows = [rows](const py::handle& from, float* to) {
      const auto values = py::cast<py::array>(from);
      std::copy_n(vector<float>("network", "values", values, rows).data, rows, to);
    };
    if (asked.losses != nullptr) copy_rows(answer[0], asked.losses);
    if (derives) {
      const auto gradient = py::cast<py::array>(answer[1]);
      const auto from = matrix<float>("network", "gradient", gradient);
      check(from.rows == rows && from.cols == cols, "network", "gradient: received a ",
            describe(gradient), "; expected shape ", shape_text({rows, cols}));
      for (index_t row = 0; row < rows; ++row)
        std::copy_n(from.row(row), cols, asked.gradient.row(row));
    }
    const auto values = py::cast<py::list>(answer[2]);
    check(values.size() == asked.metrics.size(), "network", "received values of ", values.size(),
          " metrics; expected ", asked.metrics.size());
    for (std::size_t i = 0; i < values.size(); ++i) copy_rows(values[i], asked.metrics[i]);
  }
}

Result run_scored(Network& network, Mode mode, const std::vector<Input>& inputs,
                  const PerOutput& targets, const PerOutput& sample_weights,
                  const std::optional<py::array>& order, const Slice& slice,
                  const py::object& functions) {
  const auto locked = lock(network);
  const auto& chosen = network.spec().outputs;
  check(network.compiled() && std::any_of(chosen.begin(), chosen.end(),
                                          [](const auto& output) { return output.scored(); }),
        "network", "expected compile() with a loss before training or evaluation");
  KeptFeed feed;
  add_inputs(feed, network.graph(), inputs);
  add_order(feed, order, slice);
  add_targets(feed, network, targets, slice);
  add_sample_weights(feed, network.graph(), sample_weights);
  const bool asks = std::any_of(chosen.begin(), chosen.end(),
                                [](const auto& output) { return output.asks_functions(); });
  check(!asks || !functions.is_none(), "network",
        "received no functions; expected them for what compile() was told to ask for");
  feed.functions = [&](const std::vector<Asked>& asked, index_t begin, index_t rows) {
    ask(functions, feed, asked, begin, rows);
  };
  Totals totals(totals_size(network.graph(), network.spec()), 0.0);
  index_t done = 0;
  {
    const GilRelease release;
    done = network.run(mode, feed, slice, &totals);
  }
  return {done, py::array_t<double>(static_cast<py::ssize_t>(totals.size()), totals.data())};
}

// One matrix for every output.
std::vector<MatrixView> output_matrices(const Network& network, std::vector<py::array>& arrays,
                                        const char* name, index_t rows) {
  const auto& tensors = network.graph().outputs();
  check(arrays.size() == tensors.size(), "network", "received ", arrays.size(), " arrays for ",
        tensors.size(), " outputs");
  std::vector<MatrixView> matrices;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const index_t width = network.graph().width(tensors[i]);
    check_layout<float>("network", name, arrays[i]);
    check(shape_of(arrays[i]) == std::vector<py::ssize_t>{rows, width}, "network", name,
          ": received a ", describe(arrays[i]), "; expected shape ", shape_text({rows, width}));
    matrices.push_back({writable_data<float>("network", name, arrays[i]), rows, width, width});
  }
  return matrices;
}

void forward(Network& network, const std::vector<Input>& inputs, std::vector<py::array> outputs) {
  const auto locked = lock(network);
  KeptFeed feed;
  add_inputs(feed, network.graph(), inputs);
  feed.outputs = output_matrices(network, outputs, "output", feed.rows);
  const GilRelease release;
  network.forward(feed);
}

void backward(Network& network, const std::vector<Input>& inputs,
              std::vector<py::array> gradients) {
  const auto locked = lock(network);
  KeptFeed feed;
  add_inputs(feed, network.graph(), inputs);
  feed.output_gradients = output_matrices(network, gradients, "gradient", feed.rows);
  const GilRelease release;
  network.backward(feed);
}

void apply_gradients(Network& network) {
  const auto locked = lock(network);
  check(network.compiled(), "network", "expected compile() before apply_gradients()");
  const GilRelease release;
  network.apply_gradients();
}

index_t predict(Network& network, const std::vector<Input>& inputs, std::vector<py::array> outputs,
                const Slice& slice) {
  const auto locked = lock(network);
  KeptFeed feed;
  add_inputs(feed, network.graph(), inputs);
  feed.outputs = output_matrices(network, outputs, "output", feed.rows);
  const GilRelease release;
  return network.run(Mode::kPredict, feed, slice, nullptr);
}

// What compile() takes for an output: the loss and its options, the loss's weight, the metrics and
// theirs.
using OutputChoice =
    std::tuple<std::string, LossOptions, double, std::vector<std::pair<std::string, py::dict>>>;

// Values of rows, losses of rows, or what an op sums up.
MetricSpec metric_spec(const std::string& name, const py::dict& options) {
  if (name == "function") return FunctionMetric{};
  if (name == "confusion_counts") return confusion_rule("compile", options);
  if (name == "regression_sums") return RegressionSums{};
  if (!is_metric(name)) return loss_spec("compile", name, options.cast<LossOptions>());
  RowMetric metric;
  metric.kind = parse_metric(name);
  for (const auto& [key, value] : options) {
    const auto option = py::cast<std::string>(key);
    if (option == "threshold")
      metric.threshold = py::cast<float>(value);
    else if (option == "k")
      metric.top_k = py::cast<index_t>(value);
    else
      fail("compile", "received the option '", option, "' of '", name, "', which is unknown");
  }
  return metric;
}

// An optimizer's name and its hyper-parameters.
using RuleChoice = std::pair<std::string, py::dict>;

void compile(Network& network, const std::vector<std::optional<OutputChoice>>& outputs,
             const std::vector<RuleChoice>& rules, const std::vector<std::size_t>& rule_of) {
  TrainingSpec spec;
  spec.rules.clear();
  spec.rule_of = rule_of;
  for (const auto& choice : outputs) {
    OutputSpec& output = spec.outputs.emplace_back();
    if (!choice) continue;
    const auto& [loss, options, weight, metrics] = *choice;
    output.function_loss = loss == "function";
    if (!output.function_loss) output.loss = loss_spec("compile", loss, options);
    output.loss_weight = static_cast<float>(weight);
    for (const auto& [name, given] : metrics) output.metrics.push_back(metric_spec(name, given));
  }
  std::vector<double> rates;
  for (const auto& [optimizer, hyper] : rules) {
    py::dict options_only(hyper.attr("copy")());
    check(hyper.contains("learning_rate"), "compile",
          "expected a learning_rate among the hyper-parameters");
    rates.push_back(py::float_(options_only.attr("pop")("learning_rate")));
    spec.rules.push_back(optimizer_config(optimizer, options_only));
  }
  const auto locked = lock(network);
  network.compile(spec, rates);
}

// A copy that is checked here: a step that threw would end the process.
std::vector<double> rates_of_steps(const Network& network, const py::array& rates, index_t steps) {
  const std::vector<OptimizerConfig>& rules = network.spec().rules;
  const auto count = steps * static_cast<index_t>(rules.size());
  const double* given = vector<double>("network", "learning_rates", rates, count).data;
  std::vector<double> values(given, given + count);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double rate = values[i];
    if (!(rate > 0.0 && std::isfinite(rate))) prepare_step(rules[i % rules.size()], rate, 1);
  }
  return values;
}

void constrain_norms(Graph& graph, ParameterId id, double least, double most, double rate,
                     int axis) {
  check(id >= 0 && id < static_cast<int>(graph.parameters().size()), "constraint",
        "received the parameter ", id, "; expected one of this graph");
  const bool is_vector = graph.parameters()[static_cast<std::size_t>(id)].is_vector;
  graph.set_constraint(id, norm_constraint(least, most, rate, axis, is_vector ? 1 : 2));
}

void register_graph(py::module_& m) {
  using py::arg;
  py::class_<Graph>(m, "Graph", "What a network computes; see csrc/program/graph.h.")
      .def(py::init<>())
      .def("add_input", &Graph::add_input, arg("width"))
      .def("add_parameter", &Graph::add_parameter, arg("name"), arg("shape"), arg("trainable"))
      .def(
          "add_dense",
          [](Graph& g, TensorId x, ParameterId kernel, std::optional<ParameterId> bias) {
            return g.add_dense(x, kernel, bias.value_or(kNone));
          },
          arg("x"), arg("kernel"), arg("bias"))
      .def("add_activation", &Graph::add_activation, arg("x"), arg("name"), arg("alpha"))
      .def(
          "add_batch_normalization",
          [](Graph& g, TensorId x, std::optional<ParameterId> gamma,
             std::optional<ParameterId> beta, ParameterId moving_mean, ParameterId moving_variance,
             float momentum, float epsilon, bool frozen) {
            return g.add_batch_normalization(
                x, {gamma.value_or(kNone), beta.value_or(kNone), moving_mean, moving_variance,
                    momentum, epsilon, frozen});
          },
          arg("x"), arg("gamma"), arg("beta"), arg("moving_mean"), arg("moving_variance"),
          arg("momentum"), arg("epsilon"), arg("frozen"))
      .def("add_dropout", &Graph::add_dropout, arg("x"), arg("rate"), arg("stream"))
      .def("add_rescaling", &Graph::add_rescaling, arg("x"), arg("scale"), arg("offset"))
      .def(
          "add_layer_normalization",
          [](Graph& g, TensorId x, std::optional<ParameterId> gamma,
             std::optional<ParameterId> beta, float epsilon) {
            return g.add_layer_normalization(
                x, {gamma.value_or(kNone), beta.value_or(kNone), epsilon});
          },
          arg("x"), arg("gamma"), arg("beta"), arg("epsilon"))
      .def("add_alpha_dropout", &Graph::add_alpha_dropout, arg("x"), arg("rate"), arg("stream"))
      .def("add_gaussian_noise", &Graph::add_gaussian_noise, arg("x"), arg("stddev"), arg("stream"))
      .def("add_embedding", &Graph::add_embedding, arg("x"), arg("embeddings"))
      .def("add_prelu", &Graph::add_prelu, arg("x"), arg("alpha"))
      .def(
          "add_normalization",
          [](Graph& g, TensorId x, ParameterId mean, ParameterId variance, bool invert) {
            return g.add_normalization(x, {mean, variance, invert});
          },
          arg("x"), arg("mean"), arg("variance"), arg("invert"))
      .def("add_merge", &Graph::add_merge, arg("name"), arg("xs"))
      .def(
          "add_activity_penalty",
          [](Graph& g, TensorId x, float l1, float l2) {
            return g.add_activity_penalty(x, {l1, l2});
          },
          arg("x"), arg("l1"), arg("l2"))
      .def(
          "set_penalty",
          [](Graph& g, ParameterId id, float l1, float l2) { g.set_penalty(id, {l1, l2}); },
          arg("parameter"), arg("l1"), arg("l2"))
      .def(
          "constrain_non_negative",
          [](Graph& g, ParameterId id) {
            g.set_constraint(id, {.kind = Constraint::Kind::kNonNegative});
          },
          arg("parameter"))
      .def("constrain_norms", &constrain_norms, arg("parameter"), arg("least"), arg("most"),
           arg("rate"), arg("axis"))
      .def("add_output", &Graph::add_output, arg("x"));
}

}  // namespace

void register_program(py::module_& m) {
  using py::arg;
  register_graph(m);
  py::class_<Schedule>(m, "Schedule", "Learning rates; see csrc/program/schedule.h.")
      .def(py::init<const std::string&, const Schedule::Numbers&>(), arg("name"), arg("numbers"))
      .def("rate", &Schedule::rate, arg("step"))
      .def(
          "rates",
          [](const Schedule& schedule, index_t first, index_t count) {
            py::array_t<double> rates(std::max<index_t>(count, 0));
            for (index_t i = 0; i < count; ++i) {
              rates.mutable_data()[i] = schedule.rate(static_cast<double>(first + i));
            }
            return rates;
          },
          arg("first"), arg("count"));
  py::class_<ParameterMemory>(m, "ParameterMemory", "Where the numbers of a parameter lie.")
      .def("array", &memory_array);
  py::class_<Network>(m, "Network", "A graph with its weights; see csrc/program/network.h.")
      .def(py::init<Graph>(), arg("graph"))
      .def(py::init<Graph, const std::vector<std::optional<ParameterMemory>>&>(), arg("graph"),
           arg("shared"))
      .def(
          "memory",
          [](const Network& n, ParameterId id) { return memory_of(n.weights(), n.graph(), id); },
          arg("id"))
      .def(
          "parameter",
          [](const Network& n, ParameterId id) {
            return memory_array(memory_of(n.weights(), n.graph(), id));
          },
          arg("id"))
      .def(
          "gradient",
          [](const Network& n, ParameterId id) {
            return memory_array(memory_of(n.gradients(), n.graph(), id));
          },
          arg("id"))
      .def(
          "slot_names",
          [](const Network& n, ParameterId id) {
            memory_of(n.weights(), n.graph(), id);
            return slot_names(n.spec().optimizer(id));
          },
          arg("parameter_id"))
      .def(
          "slot",
          [](const Network& n, const std::string& name, ParameterId id) {
            memory_of(n.weights(), n.graph(), id);
            const std::size_t index = n.spec().slot(id, name);
            check(n.compiled() && index < n.slots().size(), "network", "received the slot '", name,
                  "', which this optimizer does not have");
            // compile() replaces the slots: a view keeps those it belongs to.
            return memory_array(memory_of(n.slots()[index], n.graph(), id));
          },
          arg("name"), arg("parameter_id"))
      .def("compile", &compile, arg("outputs"), arg("rules"),
           arg("rule_of") = std::vector<std::size_t>())
      .def_property("learning_rates", &Network::learning_rates,
                    [](Network& n, const std::vector<double>& values) {
                      const auto locked = lock(n);
                      n.set_learning_rates(values);
                    })
      .def_property_readonly("stopped", &Network::stopped)
      .def_property("iterations", &Network::iterations,
                    [](Network& n, std::int64_t value) {
                      const auto locked = lock(n);
                      n.set_iterations(value);
                    })
      .def_property("seed", &Network::seed,
                    [](Network& n, std::uint64_t value) {
                      const auto locked = lock(n);
                      n.set_seed(value);
                    })
      .def(
          "train",
          [](Network& n, const std::vector<Input>& inputs, const PerOutput& targets,
             const PerOutput& sample_weights, const std::optional<py::array>& order, index_t first,
             index_t batches, index_t batch_size, double max_seconds, bool update,
             const std::optional<py::array>& learning_rates, const py::object& functions) {
            Slice slice = make_slice(first, batches, batch_size, max_seconds);
            std::vector<double> rates;
            if (learning_rates) {
              rates = rates_of_steps(n, *learning_rates, batches);
              slice.learning_rates = rates.data();
            }
            return run_scored(n, update ? Mode::kTrain : Mode::kGradients, inputs, targets,
                              sample_weights, order, slice, functions);
          },
          arg("inputs"), arg("targets"), arg("sample_weights"), arg("order"), arg("first"),
          arg("batches"), arg("batch_size"), arg("max_seconds"), arg("update") = true,
          arg("learning_rates") = std::nullopt, arg("functions") = py::none())
      .def(
          "evaluate",
          [](Network& n, const std::vector<Input>& inputs, const PerOutput& targets,
             const PerOutput& sample_weights, index_t first, index_t batches, index_t batch_size,
             double max_seconds, const py::object& functions) {
            return run_scored(n, Mode::kEvaluate, inputs, targets, sample_weights, std::nullopt,
                              make_slice(first, batches, batch_size, max_seconds), functions);
          },
          arg("inputs"), arg("targets"), arg("sample_weights"), arg("first"), arg("batches"),
          arg("batch_size"), arg("max_seconds"), arg("functions") = py::none())
      .def("forward", &forward, arg("inputs"), arg("outputs"))
      .def("backward", &backward, arg("inputs"), arg("gradients"))
      .def("apply_gradients", &apply_gradients)
      .def(
          "predict",
          [](Network& n, const std::vector<Input>& inputs, const std::vector<py::array>& outputs,
             index_t first, index_t batches, index_t batch_size, double max_seconds) {
            return predict(n, inputs, outputs, make_slice(first, batches, batch_size, max_seconds));
          },
          arg("inputs"), arg("outputs"), arg("first"), arg("batches"), arg("batch_size"),
          arg("max_seconds"));
}

}  // namespace fastdnn::bindings
