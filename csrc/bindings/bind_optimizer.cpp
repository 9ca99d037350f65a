// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/optimizer_options.h"
#include "csrc/bindings/register.h"
#include "csrc/core/arena.h"
#include "csrc/cpu/registry.h"
#include "csrc/ops/gemm.h"
#include "csrc/ops/optimizer.h"
#include "csrc/ops/precision.h"

namespace fastdnn::bindings {
namespace {

// Rough cost on one thread, for choosing the number of threads.
constexpr double kNanosecondsPerElement = 1.0;

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

struct NamedArray {
  std::string name;
  py::array array;
};

// Two arrays of the same size that share memory would make the result depend on the order of work.
void check_apart(const std::string& op, const NamedArray& a, const NamedArray& b) {
  const auto* p = static_cast<const char*>(a.array.data());
  const auto* q = static_cast<const char*>(b.array.data());
  const bool apart = a.array.size() == 0 || p + a.array.nbytes() <= q || q + b.array.nbytes() <= p;
  check(apart, op, "received ", a.name, " and ", b.name,
        " that share memory; expected arrays of their own");
}

// Checks everything before anything is changed. `slots` maps argument names to arrays, in the order
// of rule_slot_names().
void optimizer_update_arrays(const OptimizerConfig& config, const Array& weights,
                             const Array& gradient, const py::dict& slots, double learning_rate,
                             std::int64_t iteration) {
  const std::string op = std::string(optimizer_name(config.kind)) + "_update";
  const std::vector<std::string> wanted = rule_slot_names(config);
  std::vector<NamedArray> arrays = {{"weights", weights}, {"gradient", gradient}};
  std::vector<std::string> given;
  for (const auto& [key, value] : slots) {
    given.push_back(py::cast<std::string>(key));
    check(py::isinstance<py::array>(value), op, given.back(), ": received a ",
          std::string(py::str(py::type::of(value).attr("__name__"))), "; expected a NumPy array");
    arrays.push_back({given.back(), py::reinterpret_borrow<py::array>(value)});
  }
  check(given.size() == wanted.size(), op, "received the slot arrays ", joined(given),
        "; expected one for each of ", joined(wanted),
        ", which are the slots that these hyper-parameters need");

  OptimizerUpdateArgs args;
  args.step = prepare_step(config, learning_rate, iteration);
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    auto& [name, array] = arrays[i];
    check_layout<float>(op.c_str(), name.c_str(), array);
    check(shape_of(array) == shape_of(weights), op, name, ": received a ", describe(array),
          "; expected the shape of weights, ",
          std::string(py::str(py::tuple(py::cast(shape_of(weights))))));
    for (std::size_t j = 0; j < i; ++j) check_apart(op, arrays[j], arrays[i]);
    if (i == 1) continue;  // the gradient is only read
    float* data = writable_data<float>(op.c_str(), name.c_str(), array);
    (i == 0 ? args.weights : args.slots[i - 2]) = data;
  }
  args.gradient = static_cast<const float*>(gradient.data());
  args.size = weights.size();
  const GilRelease release;
  run_on_cpu(args.size * kNanosecondsPerElement * 1e-3,
             [&](Context& context) { optimizer_update(args, context); });
}

// An option of some optimizers: exactly one of `real`, `flag` and `count` is set.
struct Option {
  const char* name;
  double OptimizerConfig::* real;
  bool OptimizerConfig::* flag;
  std::vector<Optimizer> kinds;  // empty: all have it
  std::int64_t OptimizerConfig::* count = nullptr;
};

const std::vector<Option>& all_options() {
  using C = OptimizerConfig;
  using enum Optimizer;
  static const std::vector<Option> options = {
      {"momentum", &C::momentum, nullptr, {kSgd, kRmsprop}},
      {"nesterov", nullptr, &C::nesterov, {kSgd}},
      {"initial_accumulator_value", &C::initial_accumulator_value, nullptr, {kAdagrad, kFtrl}},
      {"epsilon", &C::epsilon, nullptr, {kAdagrad, kRmsprop, kAdam, kAdadelta, kNadam, kAdamax}},
      {"rho", &C::rho, nullptr, {kRmsprop, kAdadelta}},
      {"centered", nullptr, &C::centered, {kRmsprop}},
      {"beta_1", &C::beta_1, nullptr, {kAdam, kNadam, kAdamax, kLion}},
      {"beta_2", &C::beta_2, nullptr, {kAdam, kNadam, kAdamax, kLion}},
      {"amsgrad", nullptr, &C::amsgrad, {kAdam}},
      {"learning_rate_power", &C::learning_rate_power, nullptr, {kFtrl}},
      {"l1_regularization_strength", &C::l1_regularization_strength, nullptr, {kFtrl}},
      {"l2_regularization_strength", &C::l2_regularization_strength, nullptr, {kFtrl}},
      {"l2_shrinkage_regularization_strength",
       &C::l2_shrinkage_regularization_strength,
       nullptr,
       {kFtrl}},
      {"beta", &C::beta, nullptr, {kFtrl}},
      {"weight_decay", &C::weight_decay, nullptr, {}},
      {"clipnorm", &C::clipnorm, nullptr, {}},
      {"clipvalue", &C::clipvalue, nullptr, {}},
      {"global_clipnorm", &C::global_clipnorm, nullptr, {}},
      {"use_ema", nullptr, &C::use_ema, {}},
      {"ema_momentum", &C::ema_momentum, nullptr, {}},
      {"ema_overwrite_frequency", nullptr, nullptr, {}, &C::ema_overwrite_frequency},
      {"gradient_accumulation_steps", nullptr, nullptr, {}, &C::gradient_accumulation_steps},
  };
  return options;
}

std::vector<Option> options_for(Optimizer kind) {
  std::vector<Option> options;
  for (const Option& option : all_options()) {
    const auto& kinds = option.kinds;
    if (kinds.empty() || std::find(kinds.begin(), kinds.end(), kind) != kinds.end()) {
      options.push_back(option);
    }
  }
  return options;
}

py::dict options_of(const OptimizerConfig& config) {
  py::dict values;
  for (const Option& o : options_for(config.kind)) {
    if (o.flag != nullptr) {
      values[o.name] = config.*o.flag;
    } else if (o.count != nullptr) {
      values[o.name] = config.*o.count;
    } else {
      values[o.name] = config.*o.real;
    }
  }
  return values;
}

float checked_slot_initial_value(const OptimizerConfig& config, int slot) {
  const int count = static_cast<int>(slot_names(config).size());
  check(slot >= 0 && slot < count, optimizer_name(config.kind), "received slot ", slot,
        "; expected a number from 0 to ", count - 1);
  return slot_initial_value(config, slot);
}

// The kernel as the weight-gradient GEMM calls it: on the first `cols` columns of padded rows.
void optimizer_update_block(const OptimizerConfig& config, py::array_t<float>& weights,
                            const py::array_t<float>& gradient,
                            std::vector<py::array_t<float>> slots, index_t cols,
                            double learning_rate, std::int64_t iteration, float penalty_l1,
                            float penalty_l2) {
  float* data[kMaxOptimizerSlots] = {};
  for (std::size_t s = 0; s < rule_slot_names(config).size(); ++s)
    data[s] = slots.at(s).mutable_data();
  OptimizerStep step = prepare_step(config, learning_rate, iteration);
  step.penalty_l1 = penalty_l1;
  step.penalty_twice_l2 = 2.0f * penalty_l2;
  cpu::kernels().optimizer_update_f32(step, weights.mutable_data(), data, weights.shape(1),
                                      gradient.data(), gradient.shape(1), weights.shape(0), cols);
}

// Works on flat arrays of the same size, as a step program does.
void penalty_gradient_arrays(const py::array_t<float>& weights, py::array_t<float>& gradient,
                             float l1, float l2) {
  const PenaltyGradientArgs args{{l1, l2}, weights.data(), gradient.mutable_data(), weights.size()};
  check(weights.size() == gradient.size(), "testing", "received arrays that do not fit");
  const GilRelease release;
  run_on_cpu(args.size * kNanosecondsPerElement * 1e-3,
             [&](Context& context) { penalty_gradient(args, context); });
}

// The same.
void moving_average_arrays(py::array_t<float>& average, py::array_t<float>& weights,
                           double momentum, bool overwrites) {
  const MovingAverageArgs args{average.mutable_data(), weights.mutable_data(), weights.size(),
                               momentum, overwrites};
  check(average.size() == weights.size(), "testing", "received arrays that do not fit");
  const GilRelease release;
  run_on_cpu(args.size * kNanosecondsPerElement * 1e-3,
             [&](Context& context) { moving_average(args, context); });
}

// A product a^T b that is used up by an update of `weights`, as a step program does it.
void optimizer_update_product(const OptimizerConfig& config, const Array& a, const Array& b,
                              py::array_t<float>& weights, std::vector<py::array_t<float>> slots,
                              double learning_rate, std::int64_t iteration) {
  GemmArgs args;
  args.a = matrix("testing", "a", a);
  args.transpose_a = true;
  args.b = matrix("testing", "b", b);
  args.precision = matmul_precision();
  args.update.weights = writable_rows("testing", "weights", weights);
  args.update.step = prepare_step(config, learning_rate, iteration);
  for (std::size_t s = 0; s < rule_slot_names(config).size(); ++s) {
    args.update.slots[s] = slots.at(s).mutable_data();
  }
  const MatrixView& w = args.update.weights;
  check(args.a.cols == w.rows && args.b.cols == w.cols && args.a.rows == args.b.rows, "testing",
        "received matrices that do not fit");
  AlignedBuffer<float> gradient(w.size());
  args.c = {gradient.data(), w.rows, w.cols, w.cols};
  const GilRelease release;
  const int threads = ThreadPool::instance().threads_for(gemm_cost(args));
  AlignedBuffer<float> scratch(gemm_scratch_size(args, threads));
  args.scratch = scratch.data();
  run_on_threads(threads, [&](Context& context) { gemm(args, context); });
}

}  // namespace

OptimizerConfig optimizer_config(const std::string& name, const py::dict& given) {
  OptimizerConfig config = default_config(parse_optimizer(name));
  const std::vector<Option> options = options_for(config.kind);
  for (const auto& [key, value] : given) {
    const auto wanted = py::cast<std::string>(key);
    const auto option = std::find_if(options.begin(), options.end(),
                                     [&](const Option& o) { return wanted == o.name; });
    if (option == options.end()) {
      std::vector<std::string> names;
      for (const Option& o : options) names.emplace_back(o.name);
      fail(name, "received the option '", wanted, "'; expected some of ", joined(names));
    }
    try {
      if (option->flag != nullptr) {
        config.*option->flag = py::cast<bool>(value);
      } else if (option->count != nullptr) {
        config.*option->count = py::cast<std::int64_t>(value);
      } else {
        config.*option->real = py::cast<double>(value);
      }
    } catch (const py::cast_error&) {
      fail(name, wanted, ": received ", py::repr(value).cast<std::string>(), "; expected a ",
           option->flag != nullptr    ? "bool"
           : option->count != nullptr ? "whole number"
                                      : "number");
    }
  }
  check_optimizer(config);
  return config;
}

void register_optimizer(py::module_& m) {
  using py::arg;
  py::class_<OptimizerConfig>(m, "OptimizerConfig",
                              "An optimizer's name and hyper-parameters, checked.")
      .def(py::init([](const std::string& name, const py::kwargs& options) {
             return optimizer_config(name, options);
           }),
           arg("name"))
      .def_property_readonly(
          "name", [](const OptimizerConfig& c) { return std::string(optimizer_name(c.kind)); })
      .def("options", &options_of)
      .def("slot_names", &slot_names)
      .def("slot_initial_value", &checked_slot_initial_value, arg("slot"));
  m.def("optimizer_update", &optimizer_update_arrays, arg("config"), arg("weights"),
        arg("gradient"), arg("slots"), arg("learning_rate"), arg("iteration"));
  m.def_submodule("testing")
      .def("optimizer_update_block", &optimizer_update_block, arg("config"),
           arg("weights").noconvert(), arg("gradient").noconvert(), arg("slots"), arg("cols"),
           arg("learning_rate"), arg("iteration"), arg("penalty_l1") = 0.0f,
           arg("penalty_l2") = 0.0f)
      .def("penalty_gradient", &penalty_gradient_arrays, arg("weights").noconvert(),
           arg("gradient").noconvert(), arg("l1"), arg("l2"))
      .def("moving_average", &moving_average_arrays, arg("average").noconvert(),
           arg("weights").noconvert(), arg("momentum"), arg("overwrites"))
      .def("optimizer_update_product", &optimizer_update_product, arg("config"), arg("a"), arg("b"),
           arg("weights").noconvert(), arg("slots"), arg("learning_rate"), arg("iteration"));
}

}  // namespace fastdnn::bindings
