// SPDX-License-Identifier: Apache-2.0
#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/register.h"
#include "csrc/ops/normalization.h"

namespace fastdnn::bindings {
namespace {

// Rough cost on one thread, for choosing the number of threads.
constexpr double kNanosecondsPerElement = 0.1;

py::array normalization_array(const Array& x, const OptionalArray& mean, const Array& variance,
                              bool invert, const py::object& out) {
  const char* op = "normalization";
  NormalizationArgs args;
  args.x = rows_of(op, "x", x);
  args.mean = per_column(op, "mean", mean, args.x.cols);
  args.variance = vector(op, "variance", variance, args.x.cols).data;
  args.invert = invert;
  py::array y = output(op, out, shape_of(x));
  check_same_or_apart(op, y, {&x});
  check_no_overlap(op, y, {&variance});
  if (mean) check_no_overlap(op, y, {&*mean});
  args.y = writable_rows(op, "out", y);
  {
    const GilRelease release;
    run_on_cpu(args.x.size() * kNanosecondsPerElement * 1e-3,
               [&](Context& context) { normalization(args, context); });
  }
  return y;
}

}  // namespace

void register_normalization(py::module_& m) {
  using py::arg;
  m.def("normalization", &normalization_array, arg("x"), arg("mean"), arg("variance"),
        arg("invert") = false, arg("out") = py::none());
}

}  // namespace fastdnn::bindings
