// SPDX-License-Identifier: Apache-2.0
#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
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

}  // namespace

void register_metric(py::module_& m) {
  using py::arg;
  m.def("metric_rows", &metric_rows, arg("op"), arg("name"), arg("y_true"), arg("y_pred"),
        arg("threshold") = 0.5f, arg("k") = 5, arg("out") = py::none());
  m.def_submodule("testing").def("metric_padded", &metric_padded, arg("name"), arg("y_true"),
                                 arg("y_pred"), arg("cols"));
}

}  // namespace fastdnn::bindings
