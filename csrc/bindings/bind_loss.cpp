// SPDX-License-Identifier: Apache-2.0
#include "csrc/bindings/loss_options.h"

#include <pybind11/stl.h>

#include <algorithm>

#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/register.h"
#include "csrc/ops/loss.h"

namespace fastdnn::bindings {
namespace {

// Rough cost on one thread, for choosing the number of threads.
constexpr double kNanosecondsPerElement = 1.5;

// An option of some losses: exactly one of `real` and `flag` is set.
struct Option {
  const char* name;
  float LossSpec::* real;
  bool LossSpec::* flag;
  std::vector<Loss> kinds;
};

const std::vector<Option>& all_options() {
  using S = LossSpec;
  using enum Loss;
  static const std::vector<Loss> focal = {kCategoricalFocalCrossentropy, kBinaryFocalCrossentropy};
  static const std::vector<Loss> crossentropies = {
      kSparseCategoricalCrossentropy, kCategoricalCrossentropy, kBinaryCrossentropy,
      kCategoricalFocalCrossentropy, kBinaryFocalCrossentropy};
  static const std::vector<Option> options = {
      {"from_logits", nullptr, &S::from_logits, crossentropies},
      {"label_smoothing", &S::label_smoothing, nullptr, crossentropies},
      {"apply_class_balancing", nullptr, &S::apply_class_balancing, {kBinaryFocalCrossentropy}},
      {"alpha", &S::alpha, nullptr, focal},
      {"gamma", &S::gamma, nullptr, focal},
      {"delta", &S::delta, nullptr, {kHuber}},
      {"quantile", &S::quantile, nullptr, {kQuantile}},
  };
  return options;
}

bool has(Loss kind, const Option& option) {
  return std::find(option.kinds.begin(), option.kinds.end(), kind) != option.kinds.end();
}

std::string option_names(Loss kind) {
  std::string names;
  for (const Option& option : all_options()) {
    if (has(kind, option)) names += (names.empty() ? "some of " : ", ") + std::string(option.name);
  }
  return names.empty() ? "none" : names;
}

// Labels for the sparse loss, else targets of the outputs' shape.
void set_truth(const char* op, const Array& y_true, LossArgs& args) {
  const auto [rows, cols] = std::pair(args.outputs.rows, args.outputs.cols);
  if (args.spec.kind == Loss::kSparseCategoricalCrossentropy) {
    args.labels = vector<std::int32_t>(op, "labels", y_true, rows).data;
    return check_labels(op, args.labels, rows, cols);
  }
  args.targets = matrix(op, "y_true", y_true);
  check(args.targets.rows == rows && args.targets.cols == cols, op, "y_true: received a ",
        describe(y_true), "; expected the shape of the outputs, ", shape_text({rows, cols}));
}

// Loss and gradient arrays: new ones, or those in the tuple `out`.
py::tuple loss_arrays(const std::string& op_name, const std::string& name, const Array& y_true,
                      const Array& y_pred, const LossOptions& options, float scale,
                      const py::object& sample_weight, const py::object& out) {
  const char* op = op_name.c_str();
  LossArgs args;
  args.spec = loss_spec(op, name, options);
  args.scale = scale;
  args.outputs = matrix(op, "y_pred", y_pred);
  check(args.outputs.cols > 0, op, "y_pred: received a ", describe(y_pred),
        "; expected at least one column");
  set_truth(op, y_true, args);
  py::array weight = y_true;  // any input, where there are no weights
  if (!sample_weight.is_none()) {
    check(py::isinstance<py::array>(sample_weight), op, "sample_weight: expected a NumPy array");
    weight = py::reinterpret_borrow<py::array>(sample_weight);
    args.sample_weight = vector(op, "sample_weight", weight, args.outputs.rows).data;
  }

  const bool given = !out.is_none();
  check(!given || (py::isinstance<py::tuple>(out) && py::len(out) == 2), op,
        "out: expected a tuple of two arrays, for the loss and for the gradient");
  const py::object none = py::none();
  const py::tuple outs = given ? py::tuple(out) : py::make_tuple(none, none);
  py::array loss_out = output(op, outs[0], {args.outputs.rows});
  py::array gradient_out = output(op, outs[1], shape_of(y_pred));
  check_no_overlap(op, loss_out, {&y_true, &y_pred, &weight, &gradient_out});
  check_no_overlap(op, gradient_out, {&y_true, &weight});
  check_same_or_apart(op, gradient_out, {&y_pred});
  args.row_losses = writable_data<float>(op, "out", loss_out);
  args.gradient = writable_rows(op, "out", gradient_out);
  {
    const GilRelease release;
    run_on_cpu(static_cast<double>(args.outputs.size()) * kNanosecondsPerElement * 1e-3,
               [&](Context& context) { loss(args, context); });
  }
  return py::make_tuple(loss_out, gradient_out);
}

// The op as a program calls it: on the first `cols` columns of padded rows, in place.
void loss_padded(const std::string& name, const Array& y_true, py::array_t<float>& outputs,
                 index_t cols, const LossOptions& options) {
  LossArgs args;
  args.spec = loss_spec("loss_padded", name, options);
  args.gradient = writable_rows("loss_padded", "outputs", outputs);
  args.gradient.cols = cols;
  args.outputs = args.gradient;
  if (args.spec.kind == Loss::kSparseCategoricalCrossentropy) {
    args.labels = static_cast<const std::int32_t*>(y_true.data());
  } else {
    args.targets = rows_of("loss_padded", "y_true", y_true);
    args.targets.cols = cols;
  }
  run_on_cpu(0.0, [&](Context& context) { loss(args, context); });
}

}  // namespace

LossSpec loss_spec(const char* op, const std::string& name, const LossOptions& options) {
  LossSpec spec;
  spec.kind = parse_loss(name);
  for (const auto& [wanted, value] : options) {
    const auto option = std::find_if(
        all_options().begin(), all_options().end(),
        [&, &name = wanted](const Option& o) { return name == o.name && has(spec.kind, o); });
    check(option != all_options().end(), op, "received the option '", wanted, "' for ", name,
          "; expected ", option_names(spec.kind));
    if (option->flag != nullptr) {
      spec.*option->flag = value != 0.0;
    } else {
      spec.*option->real = static_cast<float>(value);
    }
  }
  check_loss(op, spec);
  return spec;
}

void register_loss(py::module_& m) {
  using py::arg;
  m.def("loss", &loss_arrays, arg("op"), arg("name"), arg("y_true"), arg("y_pred"),
        arg("options") = LossOptions{}, arg("scale") = 1.0f, arg("sample_weight") = py::none(),
        arg("out") = py::none());
  m.def_submodule("testing").def("loss_padded", &loss_padded, arg("name"), arg("y_true"),
                                 arg("outputs").noconvert(), arg("cols"), arg("options"));
}

}  // namespace fastdnn::bindings
