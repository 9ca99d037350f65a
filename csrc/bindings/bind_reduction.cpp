// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/register.h"
#include "csrc/ops/reduction.h"

namespace fastdnn::bindings {
namespace {

// Rough cost on one thread, for choosing the number of threads.
constexpr double kNanosecondsPerElement = 0.2;

double microseconds(index_t size) {
  return static_cast<double>(size) * kNanosecondsPerElement * 1e-3;
}

py::array column_sums_array(const Array& x, const py::object& out) {
  const char* op = "column_sums";
  ColumnSumsArgs args;
  args.x = matrix(op, "x", x);
  py::array sums = output(op, out, {args.x.cols});
  args.sums = writable_data<float>(op, "out", sums);
  check_no_overlap(op, sums, {&x});
  const GilRelease release;
  run_on_cpu(microseconds(args.x.size()), [&](Context& context) { column_sums(args, context); });
  return sums;
}

py::array row_sums_array(const Array& x, const py::object& out) {
  const char* op = "row_sums";
  RowSumsArgs args;
  args.x = matrix(op, "x", x);
  py::array sums = output(op, out, {args.x.rows});
  args.sums = writable_data<float>(op, "out", sums);
  check_no_overlap(op, sums, {&x});
  const GilRelease release;
  run_on_cpu(microseconds(args.x.size()), [&](Context& context) { row_sums(args, context); });
  return sums;
}

double reduced(const char* op, Reduction kind, const Array& x) {
  check_layout<float>(op, "x", x);
  const index_t size = x.size();
  double result = 0.0;
  std::vector<double> partials(static_cast<std::size_t>(reduce_partials(size)));
  const ReduceArgs args{kind, static_cast<const float*>(x.data()), size, partials.data(), &result};
  const GilRelease release;
  run_on_cpu(microseconds(size), [&](Context& context) { reduce(args, context); });
  return result;
}

}  // namespace

void register_reduction(py::module_& m) {
  using py::arg;
  m.def("column_sums", &column_sums_array, arg("x"), arg("out") = py::none());
  m.def("row_sums", &row_sums_array, arg("x"), arg("out") = py::none());
  m.def("sum", [](const Array& x) { return reduced("sum", Reduction::kSum, x); }, arg("x"));
  m.def(
      "mean",
      [](const Array& x) {
        check(x.size() > 0, "mean", "x: received a ", describe(x),
              "; expected at least one element");
        return reduced("mean", Reduction::kSum, x) / static_cast<double>(x.size());
      },
      arg("x"));
  m.def(
      "sum_of_squares",
      [](const Array& x) { return reduced("sum_of_squares", Reduction::kSumOfSquares, x); },
      arg("x"));
  m.def(
      "sum_abs", [](const Array& x) { return reduced("sum_abs", Reduction::kSumAbs, x); },
      arg("x"));
  m.def(
      "max_abs", [](const Array& x) { return reduced("max_abs", Reduction::kMaxAbs, x); },
      arg("x"));
  m.def(
      "first_nonfinite",
      [](const Array& x) {
        return static_cast<index_t>(reduced("first_nonfinite", Reduction::kFirstNonfinite, x));
      },
      arg("x"));
}

}  // namespace fastdnn::bindings
