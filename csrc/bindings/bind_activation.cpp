// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/register.h"
#include "csrc/ops/activation.h"

namespace fastdnn::bindings {
namespace {

// Rough cost on one thread, for choosing the number of threads.
constexpr double kNanosecondsPerElement = 0.5;

py::array activation_array(const Array& x, const std::string& name, std::optional<float> alpha,
                           const py::object& out) {
  const char* op = "activation";
  const Activation kind = parse_activation(name);
  ActivationArgs args{kind, activation_alpha(kind, alpha), rows_of(op, "x", x), {}};
  py::array y = output(op, out, shape_of(x));
  check_same_or_apart(op, y, {&x});
  args.y = writable_rows(op, "out", y);
  {
    const GilRelease release;
    run_on_cpu(args.x.size() * kNanosecondsPerElement * 1e-3,
               [&](Context& context) { activation(args, context); });
  }
  return y;
}

py::array activation_backward_array(const Array& saved, const Array& dy, const std::string& name,
                                    std::optional<float> alpha, const py::object& out) {
  const char* op = "activation_backward";
  const Activation kind = parse_activation(name);
  ActivationBackwardArgs args{
      kind, activation_alpha(kind, alpha), rows_of(op, "y_or_x", saved), rows_of(op, "dy", dy), {}};
  check(shape_of(saved) == shape_of(dy), op, "received y_or_x, a ", describe(saved), ", and dy, a ",
        describe(dy), "; expected equal shapes");
  py::array dx = output(op, out, shape_of(dy));
  check_same_or_apart(op, dx, {&saved, &dy});
  args.dx = writable_rows(op, "out", dx);
  {
    const GilRelease release;
    run_on_cpu(args.dy.size() * kNanosecondsPerElement * 1e-3,
               [&](Context& context) { activation_backward(args, context); });
  }
  return dx;
}

}  // namespace

void register_activation(py::module_& m) {
  using py::arg;
  m.def("activation", &activation_array, arg("x"), arg("name"), arg("alpha") = py::none(),
        arg("out") = py::none());
  m.def("activation_backward", &activation_backward_array, arg("y_or_x"), arg("dy"), arg("name"),
        arg("alpha") = py::none(), arg("out") = py::none());
  m.def(
      "activation_default_alpha",
      [](const std::string& name) { return activation_default_alpha(parse_activation(name)); },
      arg("name"));
  m.def("activation_needs_input",
        [](const std::string& name) { return activation_needs_input(parse_activation(name)); });
}

}  // namespace fastdnn::bindings
