// SPDX-License-Identifier: Apache-2.0
#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/register.h"
#include "csrc/ops/softmax.h"

namespace fastdnn::bindings {
namespace {

// Rough cost on one thread, for choosing the number of threads.
constexpr double kNanosecondsPerElement = 1.0;

using SoftmaxOp = void (*)(const SoftmaxArgs&, Context&);

py::array apply(const char* op, SoftmaxOp run, const Array& x, const py::object& out) {
  check(x.ndim() >= 1, op, "x: received a ", describe(x), "; expected at least one dimension");
  SoftmaxArgs args{rows_of(op, "x", x), {}};
  py::array y = output(op, out, shape_of(x));
  check_same_or_apart(op, y, {&x});
  args.y = writable_rows(op, "out", y);
  {
    const GilRelease release;
    run_on_cpu(args.x.size() * kNanosecondsPerElement * 1e-3,
               [&](Context& context) { run(args, context); });
  }
  return y;
}

py::array softmax_array(const Array& x, const py::object& out) {
  return apply("softmax", &softmax, x, out);
}

py::array log_softmax_array(const Array& x, const py::object& out) {
  return apply("log_softmax", &log_softmax, x, out);
}

py::array softmax_backward_array(const Array& y, const Array& dy, const py::object& out) {
  const char* op = "softmax_backward";
  SoftmaxBackwardArgs args{rows_of(op, "y", y), rows_of(op, "dy", dy), {}};
  check(y.ndim() >= 1, op, "y: received a ", describe(y), "; expected at least one dimension");
  check(shape_of(y) == shape_of(dy), op, "received y, a ", describe(y), ", and dy, a ",
        describe(dy), "; expected equal shapes");
  py::array dx = output(op, out, shape_of(dy));
  check_same_or_apart(op, dx, {&y, &dy});
  args.dx = writable_rows(op, "out", dx);
  {
    const GilRelease release;
    run_on_cpu(args.dy.size() * kNanosecondsPerElement * 1e-3,
               [&](Context& context) { softmax_backward(args, context); });
  }
  return dx;
}

}  // namespace

void register_softmax(py::module_& m) {
  using py::arg;
  m.def("softmax", &softmax_array, arg("x"), arg("out") = py::none());
  m.def("log_softmax", &log_softmax_array, arg("x"), arg("out") = py::none());
  m.def("softmax_backward", &softmax_backward_array, arg("y"), arg("dy"), arg("out") = py::none());
}

}  // namespace fastdnn::bindings
