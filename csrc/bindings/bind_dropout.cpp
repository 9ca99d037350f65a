// SPDX-License-Identifier: Apache-2.0
#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/random_key.h"
#include "csrc/bindings/register.h"
#include "csrc/ops/dropout.h"

namespace fastdnn::bindings {
namespace {

// Rough cost on one thread, for choosing the number of threads.
constexpr double kNanosecondsPerElement = 0.4;

// The checks of both directions; `name` is the argument's.
template <typename Args>
py::array dropout_with(const char* op, const char* name, const Array& x, float rate,
                       const RandomKey& key, const py::object& out,
                       void (*apply)(const Args&, Context&)) {
  check_dropout_rate(op, rate);
  const ConstMatrixView view = rows_of(op, name, x);
  py::array y = output(op, out, shape_of(x));
  check_same_or_apart(op, y, {&x});
  const Args args{view, writable_rows(op, "out", y), rate, key, 0};
  {
    const GilRelease release;
    run_on_cpu(view.size() * kNanosecondsPerElement * 1e-3,
               [&](Context& context) { apply(args, context); });
  }
  return y;
}

py::array dropout_array(const Array& x, float rate, const py::object& seed,
                        const py::object& stream, const py::object& step, const py::object& out) {
  const char* op = "dropout";
  return dropout_with<DropoutArgs>(op, "x", x, rate, random_key(op, seed, stream, step), out,
                                   &dropout);
}

py::array dropout_backward_array(const Array& dy, float rate, const py::object& seed,
                                 const py::object& stream, const py::object& step,
                                 const py::object& out) {
  const char* op = "dropout_backward";
  return dropout_with<DropoutBackwardArgs>(op, "dy", dy, rate, random_key(op, seed, stream, step),
                                           out, &dropout_backward);
}

py::array alpha_dropout_array(const Array& x, float rate, const py::object& seed,
                              const py::object& stream, const py::object& step,
                              const py::object& out) {
  const char* op = "alpha_dropout";
  return dropout_with<AlphaDropoutArgs>(op, "x", x, rate, random_key(op, seed, stream, step), out,
                                        &alpha_dropout);
}

py::array alpha_dropout_backward_array(const Array& dy, float rate, const py::object& seed,
                                       const py::object& stream, const py::object& step,
                                       const py::object& out) {
  const char* op = "alpha_dropout_backward";
  return dropout_with<AlphaDropoutBackwardArgs>(
      op, "dy", dy, rate, random_key(op, seed, stream, step), out, &alpha_dropout_backward);
}

}  // namespace

void register_dropout(py::module_& m) {
  using py::arg;
  m.def("dropout", &dropout_array, arg("x"), arg("rate"), arg("seed"), arg("stream"), arg("step"),
        arg("out") = py::none());
  m.def("dropout_backward", &dropout_backward_array, arg("dy"), arg("rate"), arg("seed"),
        arg("stream"), arg("step"), arg("out") = py::none());
  m.def("alpha_dropout", &alpha_dropout_array, arg("x"), arg("rate"), arg("seed"), arg("stream"),
        arg("step"), arg("out") = py::none());
  m.def("alpha_dropout_backward", &alpha_dropout_backward_array, arg("dy"), arg("rate"),
        arg("seed"), arg("stream"), arg("step"), arg("out") = py::none());
}

}  // namespace fastdnn::bindings
