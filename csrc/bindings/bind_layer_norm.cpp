// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/register.h"
#include "csrc/ops/layer_norm.h"

namespace fastdnn::bindings {
namespace {

// Rough cost on one thread, for choosing the number of threads.
constexpr double kNanosecondsPerElement = 0.5;

py::tuple layer_norm_arrays(const Array& x, const OptionalArray& gamma, const OptionalArray& beta,
                            float epsilon, const py::object& out) {
  const char* op = "layer_normalization";
  LayerNormArgs args;
  args.x = rows_of(op, "x", x);
  args.gamma = per_column(op, "gamma", gamma, args.x.cols);
  args.beta = per_column(op, "beta", beta, args.x.cols);
  check(epsilon > 0 && std::isfinite(epsilon), op, "epsilon: received ", epsilon,
        "; expected a positive number");
  args.epsilon = epsilon;
  py::array y = output(op, out, shape_of(x));
  check_same_or_apart(op, y, {&x});
  check_no_overlap(op, y, {pointer(gamma), pointer(beta)});
  args.y = writable_rows(op, "out", y);
  py::array statistics = py::array_t<float>({args.x.rows, kLayerNormStatisticCount});
  args.statistics = writable_rows(op, "statistics", statistics);
  {
    const GilRelease release;
    run_on_cpu(args.x.size() * kNanosecondsPerElement * 1e-3,
               [&](Context& context) { layer_norm(args, context); });
  }
  return py::make_tuple(y, statistics);
}

py::tuple layer_norm_backward_arrays(const Array& dy, const Array& x, const OptionalArray& gamma,
                                     const Array& statistics, const py::object& out) {
  const char* op = "layer_normalization_backward";
  LayerNormBackwardArgs args;
  args.x = rows_of(op, "x", x);
  args.dy = rows_of(op, "dy", dy);
  check(shape_of(x) == shape_of(dy), op, "dy: received a ", describe(dy),
        "; expected the shape of x, a ", describe(x));
  args.gamma = per_column(op, "gamma", gamma, args.x.cols);
  args.statistics = matrix(op, "statistics", statistics);
  check(args.statistics.rows == args.x.rows && args.statistics.cols == kLayerNormStatisticCount, op,
        "statistics: received a ", describe(statistics), "; expected shape ",
        shape_text({args.x.rows, kLayerNormStatisticCount}));
  py::array dx = output(op, out, shape_of(x));
  check_same_or_apart(op, dx, {&dy});
  check_no_overlap(op, dx, {&x, &statistics});
  check_no_overlap(op, dx, {pointer(gamma)});
  args.dx = writable_rows(op, "out", dx);
  py::array_t<float> dgamma(args.x.cols), dbeta(args.x.cols);
  const LayerNormParametersArgs parameters{.x = args.x,
                                           .dy = args.dy,
                                           .statistics = args.statistics,
                                           .dgamma = dgamma.mutable_data(),
                                           .dbeta = dbeta.mutable_data()};
  {
    const GilRelease release;
    run_on_cpu(args.x.size() * kNanosecondsPerElement * 1e-3, [&](Context& context) {
      layer_norm_parameters(parameters, context);
      context.team->barrier();  // dx may lie where dy does
      layer_norm_backward(args, context);
    });
  }
  return py::make_tuple(dx, dgamma, dbeta);
}

}  // namespace

void register_layer_norm(py::module_& m) {
  using py::arg;
  m.def("layer_norm", &layer_norm_arrays, arg("x"), arg("gamma"), arg("beta"), arg("epsilon"),
        arg("out") = py::none());
  m.def("layer_norm_backward", &layer_norm_backward_arrays, arg("dy"), arg("x"), arg("gamma"),
        arg("statistics"), arg("out") = py::none());
}

}  // namespace fastdnn::bindings
