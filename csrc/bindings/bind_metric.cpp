// SPDX-License-Identifier: Apache-2.0
#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/metric_options.h"
#include "csrc/bindings/register.h"
#include "csrc/ops/loss.h"
#include "csrc/ops/metric.h"

namespace fastdnn::bindings {
namespace {

// Rough cost on one thread, for choosing the number of threads.
constexpr double kNanosecondsPerElement = 0.5;

py::array metric_rows(const std::string& op_name, const std::string& name, const Array& y_true,
                      const Array& y_pred, float threshold, index_t k, const py::object& out) {
  const char* op = op_name.c_str();
  MetricArgs args;
  args.kind = parse_metric(name);
  args.threshold = threshold;
  args.top_k = k;
  check(k >= 1, op, "received k=", k, "; expected at least 1");
  args.outputs = matrix(op, "y_pred", y_pred);
  const auto [rows, cols] = std::pair(args.outputs.rows, args.outputs.cols);
  check(cols > 0, op, "y_pred: received a ", describe(y_pred), "; expected at least one column");
  if (metric_takes_labels(args.kind)) {
    args.labels = vector<std::int32_t>(op, "labels", y_true, rows).data;
    check_labels(op, args.labels, rows, cols);
  } else {
    args.targets = matrix(op, "y_true", y_true);
    check(args.targets.rows == rows && args.targets.cols == cols, op, "y_true: received a ",
          describe(y_true), "; expected the shape of the outputs, ", shape_text({rows, cols}));
  }
  py::array values = output(op, out, {rows});
  args.row_values = writable_data<float>(op, "out", values);
  check_no_overlap(op, values, {&y_true, &y_pred});
  {
    const GilRelease release;
    run_on_cpu(static_cast<double>(args.outputs.size()) * kNanosecondsPerElement * 1e-3,
               [&](Context& context) { metric(args, context); });
  }
  return values;
}

// The op as a program calls it: on the first `cols` columns of padded rows.
py::array metric_padded(const std::string& name, const Array& y_true, const Array& y_pred,
                        index_t cols) {
  MetricArgs args;
  args.kind = parse_metric(name);
  args.outputs = rows_of("metric_padded", "y_pred", y_pred);
  args.outputs.cols = cols;
  if (metric_takes_labels(args.kind)) {
    args.labels = static_cast<const std::int32_t*>(y_true.data());
  } else {
    args.targets = rows_of("metric_padded", "y_true", y_true);
    args.targets.cols = cols;
  }
  py::array_t<float> values(args.outputs.rows);
  args.row_values = values.mutable_data();
  run_on_cpu(0.0, [&](Context& context) { metric(args, context); });
  return values;
}

// What the ops that sum up targets and outputs read; `args` is of one of them.
template <typename Args>
void read_batch(const char* op, const Array& y_true, const Array& y_pred,
                const std::optional<Array>& sample_weight, Args& args) {
  args.outputs = matrix(op, "y_pred", y_pred);
  args.targets = matrix(op, "y_true", y_true);
  const auto [rows, cols] = std::pair(args.outputs.rows, args.outputs.cols);
  check(cols > 0, op, "y_pred: received a ", describe(y_pred), "; expected at least one column");
  check(args.targets.rows == rows && args.targets.cols == cols, op, "y_true: received a ",
        describe(y_true), "; expected the shape of the outputs, ", shape_text({rows, cols}));
  if (sample_weight) {
    args.sample_weight = vector(op, "sample_weight", *sample_weight, rows).data;
  }
}

// `out`, if it is apart from what is read, or a new array, filled with zeros.
py::array zeros(const char* op, const py::object& out, const std::vector<py::ssize_t>& shape,
                const Array& y_true, const Array& y_pred,
                const std::optional<Array>& sample_weight) {
  py::array sums = output<double>(op, out, shape);
  check_no_overlap(op, sums, {&y_true, &y_pred});
  if (sample_weight) check_no_overlap(op, sums, {&*sample_weight});
  auto* data = writable_data<double>(op, "out", sums);
  std::fill(data, data + sums.size(), 0.0);
  return sums;
}

py::array confusion_counts_array(const Array& y_true, const Array& y_pred, const py::dict& rule,
                                 const std::optional<Array>& sample_weight, const py::object& out) {
  const char* op = "confusion_counts";
  const ConfusionRule parsed = confusion_rule(op, rule);
  ConfusionArgs args;
  args.rule = &parsed;
  read_batch(op, y_true, y_pred, sample_weight, args);
  const index_t cols = args.outputs.cols;
  check_rule(op, parsed, cols);
  const auto places = static_cast<py::ssize_t>(parsed.thresholds.size() + 1);
  py::array counts =
      zeros(op, out, {confusion_groups(parsed, cols), 2, places}, y_true, y_pred, sample_weight);
  args.counts = writable_data<double>(op, "out", counts);
  {
    const GilRelease release;
    run_on_cpu(0.0, [&](Context& context) { confusion_counts(args, context); });
  }
  return counts;
}

py::array regression_sums_array(const Array& y_true, const Array& y_pred,
                                const std::optional<Array>& sample_weight, const py::object& out) {
  const char* op = "regression_sums";
  RegressionArgs args;
  read_batch(op, y_true, y_pred, sample_weight, args);
  py::array sums =
      zeros(op, out, {regression_size(args.outputs.cols)}, y_true, y_pred, sample_weight);
  args.sums = writable_data<double>(op, "out", sums);
  {
    const GilRelease release;
    run_on_cpu(0.0, [&](Context& context) { regression_sums(args, context); });
  }
  return sums;
}

// As a program calls them: on the first `cols` columns of padded rows.
py::array confusion_counts_padded(const Array& y_true, const Array& y_pred, const py::dict& rule,
                                  index_t cols) {
  const ConfusionRule parsed = confusion_rule("confusion_counts_padded", rule);
  py::array_t<double> counts(confusion_size(parsed, cols));
  std::fill(counts.mutable_data(), counts.mutable_data() + counts.size(), 0.0);
  ConfusionArgs args;
  args.rule = &parsed;
  args.outputs = rows_of("confusion_counts_padded", "y_pred", y_pred);
  args.targets = rows_of("confusion_counts_padded", "y_true", y_true);
  args.outputs.cols = args.targets.cols = cols;
  args.counts = counts.mutable_data();
  run_on_cpu(0.0, [&](Context& context) { confusion_counts(args, context); });
  return counts;
}

}  // namespace

ConfusionRule confusion_rule(const char* op, const py::dict& options) {
  ConfusionRule rule;
  for (const auto& [key, value] : options) {
    const auto option = py::cast<std::string>(key);
    try {
      if (option == "thresholds")
        rule.thresholds = py::cast<std::vector<float>>(value);
      else if (option == "evenly")
        rule.evenly = py::cast<bool>(value);
      else if (option == "top_k")
        rule.top_k = py::cast<index_t>(value);
      else if (option == "class_id")
        rule.class_id = py::cast<index_t>(value);
      else if (option == "per_class")
        rule.per_class = py::cast<bool>(value);
      else if (option == "soft_targets")
        rule.soft_targets = py::cast<bool>(value);
      else if (option == "row_maximum")
        rule.row_maximum = py::cast<bool>(value);
      else if (option == "from_logits")
        rule.from_logits = py::cast<bool>(value);
      else
        fail(op, "received the option '", option, "', which is unknown");
    } catch (const py::cast_error&) {
      fail(op, option, ": received ", py::repr(value).cast<std::string>(),
           "; expected a value of another type");
    }
  }
  return rule;
}

void register_metric(py::module_& m) {
  using py::arg;
  m.def("metric_rows", &metric_rows, arg("op"), arg("name"), arg("y_true"), arg("y_pred"),
        arg("threshold") = 0.5f, arg("k") = 5, arg("out") = py::none());
  m.def("confusion_counts", &confusion_counts_array, arg("y_true"), arg("y_pred"), arg("rule"),
        arg("sample_weight") = py::none(), arg("out") = py::none());
  m.def("regression_sums", &regression_sums_array, arg("y_true"), arg("y_pred"),
        arg("sample_weight") = py::none(), arg("out") = py::none());
  m.def_submodule("testing")
      .def("metric_padded", &metric_padded, arg("name"), arg("y_true"), arg("y_pred"), arg("cols"))
      .def("confusion_counts_padded", &confusion_counts_padded, arg("y_true"), arg("y_pred"),
           arg("rule"), arg("cols"));
}

}  // namespace fastdnn::bindings
