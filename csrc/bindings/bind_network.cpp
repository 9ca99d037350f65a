// SPDX-License-Identifier: Apache-2.0
#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/loss_options.h"
#include "csrc/bindings/metric_options.h"
#include "csrc/bindings/network_feed.h"
#include "csrc/bindings/optimizer_options.h"
#include "csrc/bindings/register.h"
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

using Sums = py::array_t<double, py::array::c_style>;
using Result = std::pair<index_t, Sums>;

Result run_scored(Network& network, Mode mode, const std::vector<Input>& inputs,
                  const PerOutput& targets, const PerOutput& sample_weights,
                  const OptionalArray& order, Slice slice, const OptionalArray& learning_rates,
                  const py::object& functions, const std::optional<Sums>& before) {
  const auto locked = lock(network);
  std::vector<double> rates;  // of the rules there are now that nobody can change them
  if (learning_rates) {
    rates = rates_of_steps(network, *learning_rates, slice.batches);
    slice.learning_rates = rates.data();
  }
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
  // Rows are added one after the other, into however many calls they are divided.
  Totals totals(totals_size(network.graph(), network.spec()), 0.0);
  if (before) {
    check(before->ndim() == 1 && before->shape(0) == static_cast<py::ssize_t>(totals.size()),
          "network", "totals: received a ", describe(*before), "; expected shape ",
          shape_text({static_cast<index_t>(totals.size())}));
    std::copy_n(before->data(), totals.size(), totals.begin());
  }
  index_t done = 0;
  {
    const GilRelease release;
    done = network.run(mode, feed, slice, &totals);
  }
  return {done, Sums(static_cast<py::ssize_t>(totals.size()), totals.data())};
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

// A metric, its options, and whether rows count by their weights: in one way, or both.
using MetricChoice = std::tuple<std::string, py::dict, std::vector<bool>>;
// What compile() takes for an output: the loss and its options, the loss's weight, the metrics.
using OutputChoice = std::tuple<std::string, LossOptions, double, std::vector<MetricChoice>>;

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
    for (const auto& [name, given, weighted] : metrics) {
      output.metrics.push_back({metric_spec(name, given), weighted});
    }
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

}  // namespace

void register_network(py::module_& m) {
  using py::arg;
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
             const PerOutput& sample_weights, const OptionalArray& order, index_t first,
             index_t batches, index_t batch_size, double max_seconds, bool update,
             const OptionalArray& learning_rates, const py::object& functions,
             const std::optional<Sums>& totals) {
            return run_scored(n, update ? Mode::kTrain : Mode::kGradients, inputs, targets,
                              sample_weights, order,
                              make_slice(first, batches, batch_size, max_seconds), learning_rates,
                              functions, totals);
          },
          arg("inputs"), arg("targets"), arg("sample_weights"), arg("order"), arg("first"),
          arg("batches"), arg("batch_size"), arg("max_seconds"), arg("update") = true,
          arg("learning_rates") = std::nullopt, arg("functions") = py::none(),
          arg("totals") = std::nullopt)
      .def(
          "evaluate",
          [](Network& n, const std::vector<Input>& inputs, const PerOutput& targets,
             const PerOutput& sample_weights, index_t first, index_t batches, index_t batch_size,
             double max_seconds, const py::object& functions, const std::optional<Sums>& totals) {
            return run_scored(n, Mode::kEvaluate, inputs, targets, sample_weights, std::nullopt,
                              make_slice(first, batches, batch_size, max_seconds), std::nullopt,
                              functions, totals);
          },
          arg("inputs"), arg("targets"), arg("sample_weights"), arg("first"), arg("batches"),
          arg("batch_size"), arg("max_seconds"), arg("functions") = py::none(),
          arg("totals") = std::nullopt)
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
