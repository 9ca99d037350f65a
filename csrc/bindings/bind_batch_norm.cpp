// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <functional>

#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/register.h"
#include "csrc/ops/batch_norm.h"
#include "csrc/ops/optimizer.h"

namespace fastdnn::bindings {
namespace {

// Rough costs on one thread, for choosing the number of threads.
constexpr double kTrainingNanosecondsPerElement = 0.5;
constexpr double kInferenceNanosecondsPerElement = 0.2;

ConstMatrixView batch(const char* op, const char* name, const Array& array) {
  const ConstMatrixView view = rows_of(op, name, array);
  check(array.ndim() >= 2, op, name, ": received a ", describe(array),
        "; expected at least two dimensions (..., columns)");
  return view;
}

float* writable_per_column(const char* op, const char* name, OptionalArray& array, index_t cols) {
  if (!array) return nullptr;
  vector(op, name, *array, cols);
  return writable_data<float>(op, name, *array);
}

void check_epsilon(const char* op, float epsilon) {
  check(epsilon > 0 && std::isfinite(epsilon), op, "epsilon: received ", epsilon,
        "; expected a positive number");
}

// The backward pass needs x as it was.
void check_apart(const char* op, const char* name, ConstMatrixView x, ConstMatrixView out) {
  const std::less<const float*> before;
  const bool apart = x.size() == 0 || !before(x.data, out.data + out.size()) ||
                     !before(out.data, x.data + x.size());
  check(apart, op, "out: received memory of ", name, ", which the backward pass reads; ",
        "expected an array of its own");
}

py::tuple batch_norm_arrays(const Array& x, const OptionalArray& gamma, const OptionalArray& beta,
                            OptionalArray moving_mean, OptionalArray moving_variance,
                            double momentum, float epsilon, const py::object& out) {
  const char* op = "batch_normalization";
  BatchNormArgs args;
  args.x = batch(op, "x", x);
  const index_t cols = args.x.cols;
  args.gamma = per_column(op, "gamma", gamma, cols);
  args.beta = per_column(op, "beta", beta, cols);
  float* const means = writable_per_column(op, "moving_mean", moving_mean, cols);
  float* const variances = writable_per_column(op, "moving_var", moving_variance, cols);
  check(momentum >= 0 && momentum <= 1, op, "momentum: received ", momentum,
        "; expected the share to keep, from 0 to 1");
  check_epsilon(op, epsilon);
  args.epsilon = epsilon;
  py::array y = output(op, out, shape_of(x));
  args.y = writable_rows(op, "out", y);
  check_apart(op, "x", args.x, args.y);
  check_no_overlap(op, y,
                   {pointer(gamma), pointer(beta), pointer(moving_mean), pointer(moving_variance)});
  for (const OptionalArray* moving : {&moving_mean, &moving_variance}) {
    if (*moving) check_no_overlap(op, **moving, {&x, pointer(gamma), pointer(beta)});
  }
  if (moving_mean) check_no_overlap(op, *moving_mean, {pointer(moving_variance)});
  py::array_t<float> mean(cols), inv_std(cols), variance(cols);
  args.mean = mean.mutable_data();
  args.inv_std = inv_std.mutable_data();
  if (variances != nullptr) args.variance = variance.mutable_data();
  {
    const GilRelease release;
    run_on_cpu(args.x.size() * kTrainingNanosecondsPerElement * 1e-3,
               [&](Context& context) { batch_norm(args, context); });
    if (args.x.rows > 0) {  // else there are no statistics
      run_on_cpu(0.0, [&](Context& context) {
        if (means != nullptr) moving_average({means, args.mean, cols, momentum}, context);
        if (variances != nullptr) {
          moving_average({variances, args.variance, cols, momentum}, context);
        }
      });
    }
  }
  return py::make_tuple(y, mean, inv_std);
}

py::tuple batch_norm_inference_arrays(const Array& x, const OptionalArray& gamma,
                                      const OptionalArray& beta, const Array& moving_mean,
                                      const Array& moving_variance, float epsilon,
                                      const py::object& out) {
  const char* op = "batch_normalization";
  BatchNormInferenceArgs args;
  args.x = batch(op, "x", x);
  const index_t cols = args.x.cols;
  args.gamma = per_column(op, "gamma", gamma, cols);
  args.beta = per_column(op, "beta", beta, cols);
  args.moving_mean = vector(op, "moving_mean", moving_mean, cols).data;
  args.moving_variance = vector(op, "moving_var", moving_variance, cols).data;
  check_epsilon(op, epsilon);
  args.epsilon = epsilon;
  py::array y = output(op, out, shape_of(x));
  args.y = writable_rows(op, "out", y);
  check_same_or_apart(op, y, {&x});
  check_no_overlap(op, y, {&moving_mean, &moving_variance, pointer(gamma), pointer(beta)});
  py::array_t<float> inv_std(cols);
  args.inv_std = inv_std.mutable_data();
  {
    const GilRelease release;
    run_on_cpu(args.x.size() * kInferenceNanosecondsPerElement * 1e-3,
               [&](Context& context) { batch_norm_inference(args, context); });
  }
  return py::make_tuple(y, inv_std);
}

py::tuple batch_norm_backward_arrays(const Array& dy, const Array& x, const OptionalArray& gamma,
                                     const Array& mean, const Array& inv_std, bool training,
                                     const py::object& out, const py::object& out_gamma,
                                     const py::object& out_beta, bool accumulate) {
  const char* op = "batch_normalization_backward";
  BatchNormBackwardArgs args;
  args.x = batch(op, "x", x);
  args.dy = batch(op, "dy", dy);
  check(shape_of(x) == shape_of(dy), op, "dy: received a ", describe(dy),
        "; expected the shape of x, a ", describe(x));
  const index_t cols = args.x.cols;
  args.gamma = per_column(op, "gamma", gamma, cols);
  args.mean = vector(op, "mean", mean, cols).data;
  args.inv_std = vector(op, "inv_std", inv_std, cols).data;
  args.training = training;
  py::array dx = output(op, out, shape_of(x));
  args.dx = writable_rows(op, "out", dx);
  check_apart(op, "x", args.x, args.dx);
  check_same_or_apart(op, dx, {&dy});
  check_no_overlap(op, dx, {&mean, &inv_std, pointer(gamma)});
  check(!accumulate || !(out_gamma.is_none() || out_beta.is_none()), op,
        "accumulate: expected dgamma and dbeta to add to");
  py::array dgamma = output(op, out_gamma, {cols}), dbeta = output(op, out_beta, {cols});
  args.dgamma = writable_data<float>(op, "dgamma", dgamma);
  args.dbeta = writable_data<float>(op, "dbeta", dbeta);
  for (const py::array* sums : {&dgamma, &dbeta}) {
    check_no_overlap(op, *sums, {&x, &dy, &dx, &mean, &inv_std, pointer(gamma)});
  }
  check_no_overlap(op, dgamma, {&dbeta});
  args.accumulate = accumulate;
  {
    const GilRelease release;
    run_on_cpu(args.x.size() * kTrainingNanosecondsPerElement * 1e-3,
               [&](Context& context) { batch_norm_backward(args, context); });
  }
  return py::make_tuple(dx, dgamma, dbeta);
}

}  // namespace

void register_batch_norm(py::module_& m) {
  using py::arg;
  m.def("batch_norm", &batch_norm_arrays, arg("x"), arg("gamma"), arg("beta"), arg("moving_mean"),
        arg("moving_var"), arg("momentum"), arg("epsilon"), arg("out") = py::none());
  m.def("batch_norm_inference", &batch_norm_inference_arrays, arg("x"), arg("gamma"), arg("beta"),
        arg("moving_mean"), arg("moving_var"), arg("epsilon"), arg("out") = py::none());
  m.def("batch_norm_backward", &batch_norm_backward_arrays, arg("dy"), arg("x"), arg("gamma"),
        arg("mean"), arg("inv_std"), arg("training"), arg("out") = py::none(),
        arg("dgamma") = py::none(), arg("dbeta") = py::none(), arg("accumulate") = false);
}

}  // namespace fastdnn::bindings
