// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/register.h"
#include "csrc/ops/constraint.h"

namespace fastdnn::bindings {
namespace {

// Rough cost on one thread, for choosing the number of threads.
constexpr double kNanosecondsPerElement = 0.3;

py::array constrained(const char* op, const Constraint& constraint, const Array& x,
                      const py::object& out) {
  const ConstMatrixView from = rows_of(op, "x", x);
  py::array y = output(op, out, shape_of(x));
  check_same_or_apart(op, y, {&x});
  const ConstrainArgs args{constraint, writable_rows(op, "out", y)};
  const GilRelease release;
  if (args.weights.data != from.data) std::copy_n(from.data, from.size(), args.weights.data);
  run_on_cpu(from.size() * kNanosecondsPerElement * 1e-3,
             [&](Context& context) { constrain(args, context); });
  return y;
}

py::array constrain_norms(const Array& x, double least, double most, double rate, int axis,
                          const py::object& out) {
  const char* op = "constrain_norms";
  check(x.ndim() == 1 || x.ndim() == 2, op, "x: received a ", describe(x),
        "; expected one or two dimensions");
  const auto dimensions = static_cast<int>(x.ndim());
  return constrained(op, norm_constraint(least, most, rate, axis, dimensions), x, out);
}

}  // namespace

void register_constraint(py::module_& m) {
  using py::arg;
  m.def("constrain_norms", &constrain_norms, arg("x"), arg("least"), arg("most"), arg("rate"),
        arg("axis"), arg("out") = py::none());
  m.def(
      "non_negative",
      [](const Array& x, const py::object& out) {
        return constrained("non_negative", {.kind = Constraint::Kind::kNonNegative}, x, out);
      },
      arg("x"), arg("out") = py::none());
}

}  // namespace fastdnn::bindings
