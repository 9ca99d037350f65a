// SPDX-License-Identifier: Apache-2.0
#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/register.h"
#include "csrc/ops/loss.h"

namespace fastdnn::bindings {
namespace {

// Rough cost on one thread, for choosing the number of threads.
constexpr double kNanosecondsPerElement = 1.5;

struct LossOptions {
  bool from_logits;
  float label_smoothing;
  float scale;
};

void check_options(const char* op, const LossArgs& args) {
  const bool entropy = loss_is_crossentropy(args.kind);
  check(entropy || !args.from_logits, op, "received from_logits=True; expected False, as ",
        loss_name(args.kind), " compares the outputs themselves");
  check(entropy || args.label_smoothing == 0.0f, op,
        "received label_smoothing=", args.label_smoothing, "; expected 0, as ",
        loss_name(args.kind), " has no classes");
  check(args.label_smoothing >= 0.0f && args.label_smoothing <= 1.0f, op,
        "received label_smoothing=", args.label_smoothing, "; expected a number from 0 to 1");
}

// Labels for the sparse loss, else targets of the outputs' shape.
void set_truth(const char* op, const Array& y_true, LossArgs& args) {
  const auto [rows, cols] = std::pair(args.outputs.rows, args.outputs.cols);
  if (args.kind == Loss::kSparseCategoricalCrossentropy) {
    args.labels = vector<std::int32_t>(op, "labels", y_true, rows).data;
    return check_labels(op, args.labels, rows, cols);
  }
  args.targets = matrix(op, "y_true", y_true);
  check(args.targets.rows == rows && args.targets.cols == cols, op, "y_true: received a ",
        describe(y_true), "; expected the shape of the outputs, ", shape_text({rows, cols}));
}

// Loss and gradient arrays: new ones, or those in the tuple `out`.
py::tuple loss_arrays(const std::string& op_name, const std::string& name, const Array& y_true,
                      const Array& y_pred, const LossOptions& options,
                      const py::object& sample_weight, const py::object& out) {
  const char* op = op_name.c_str();
  LossArgs args;
  args.kind = parse_loss(name);
  args.from_logits = options.from_logits;
  args.label_smoothing = options.label_smoothing;
  args.scale = options.scale;
  check_options(op, args);
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
  // In place is fine, half on top of each other is not.
  if (gradient_out.data() != y_pred.data()) check_no_overlap(op, gradient_out, {&y_pred});
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
                 index_t cols, bool from_logits) {
  LossArgs args;
  args.kind = parse_loss(name);
  args.from_logits = from_logits;
  args.gradient = writable_rows("loss_padded", "outputs", outputs);
  args.gradient.cols = cols;
  args.outputs = args.gradient;
  if (args.kind == Loss::kSparseCategoricalCrossentropy) {
    args.labels = static_cast<const std::int32_t*>(y_true.data());
  } else {
    args.targets = rows_of("loss_padded", "y_true", y_true);
    args.targets.cols = cols;
  }
  run_on_cpu(0.0, [&](Context& context) { loss(args, context); });
}

}  // namespace

void register_loss(py::module_& m) {
  using py::arg;
  m.def(
      "loss",
      [](const std::string& op, const std::string& name, const Array& y_true, const Array& y_pred,
         bool from_logits, float label_smoothing, const py::object& sample_weight, float scale,
         const py::object& out) {
        const LossOptions options{from_logits, label_smoothing, scale};
        return loss_arrays(op, name, y_true, y_pred, options, sample_weight, out);
      },
      arg("op"), arg("name"), arg("y_true"), arg("y_pred"), arg("from_logits") = false,
      arg("label_smoothing") = 0.0f, arg("sample_weight") = py::none(), arg("scale") = 1.0f,
      arg("out") = py::none());
  m.def_submodule("testing").def("loss_padded", &loss_padded, arg("name"), arg("y_true"),
                                 arg("outputs").noconvert(), arg("cols"), arg("from_logits"));
}

}  // namespace fastdnn::bindings
