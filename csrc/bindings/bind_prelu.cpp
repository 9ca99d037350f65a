// SPDX-License-Identifier: Apache-2.0
#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/register.h"
#include "csrc/ops/prelu.h"

namespace fastdnn::bindings {
namespace {

// Rough cost on one thread, for choosing the number of threads.
constexpr double kNanosecondsPerElement = 0.2;

py::array prelu_array(const Array& x, const Array& alpha, const py::object& out) {
  const char* op = "prelu";
  PreluArgs args;
  args.x = rows_of(op, "x", x);
  args.alpha = vector(op, "alpha", alpha, args.x.cols).data;
  py::array y = output(op, out, shape_of(x));
  check_same_or_apart(op, y, {&x});
  check_no_overlap(op, y, {&alpha});
  args.y = writable_rows(op, "out", y);
  {
    const GilRelease release;
    run_on_cpu(args.x.size() * kNanosecondsPerElement * 1e-3,
               [&](Context& context) { prelu(args, context); });
  }
  return y;
}

py::tuple prelu_backward_arrays(const Array& x, const Array& dy, const Array& alpha,
                                const py::object& out) {
  const char* op = "prelu_backward";
  PreluBackwardArgs args;
  args.x = rows_of(op, "x", x);
  args.dy = rows_of(op, "dy", dy);
  check(shape_of(x) == shape_of(dy), op, "dy: received a ", describe(dy),
        "; expected the shape of x, a ", describe(x));
  args.alpha = vector(op, "alpha", alpha, args.x.cols).data;
  py::array dx = output(op, out, shape_of(x));
  check_same_or_apart(op, dx, {&dy});
  check_no_overlap(op, dx, {&x, &alpha});
  args.dx = writable_rows(op, "out", dx);
  py::array_t<float> dalpha(args.x.cols);
  const PreluSlopeArgs slope{.x = args.x, .dy = args.dy, .dalpha = dalpha.mutable_data()};
  {
    const GilRelease release;
    run_on_cpu(args.x.size() * kNanosecondsPerElement * 2e-3, [&](Context& context) {
      prelu_slope(slope, context);
      context.team->barrier();  // dx may lie where dy does
      prelu_backward(args, context);
    });
  }
  return py::make_tuple(dx, dalpha);
}

}  // namespace

void register_prelu(py::module_& m) {
  using py::arg;
  m.def("prelu", &prelu_array, arg("x"), arg("alpha"), arg("out") = py::none());
  m.def("prelu_backward", &prelu_backward_arrays, arg("x"), arg("dy"), arg("alpha"),
        arg("out") = py::none());
}

}  // namespace fastdnn::bindings
