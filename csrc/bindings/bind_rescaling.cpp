// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/register.h"
#include "csrc/ops/rescaling.h"

namespace fastdnn::bindings {
namespace {

// Rough cost on one thread, for choosing the number of threads.
constexpr double kNanosecondsPerElement = 0.1;

py::array rescaling_array(const Array& x, float scale, float offset, const py::object& out) {
  const char* op = "rescaling";
  check(std::isfinite(scale) && std::isfinite(offset), op, "received scale ", scale, " and offset ",
        offset, "; expected finite numbers");
  RescalingArgs args{rows_of(op, "x", x), {}, scale, offset};
  py::array y = output(op, out, shape_of(x));
  check_same_or_apart(op, y, {&x});
  args.y = writable_rows(op, "out", y);
  {
    const GilRelease release;
    run_on_cpu(args.x.size() * kNanosecondsPerElement * 1e-3,
               [&](Context& context) { rescaling(args, context); });
  }
  return y;
}

}  // namespace

void register_rescaling(py::module_& m) {
  using py::arg;
  m.def("rescaling", &rescaling_array, arg("x"), arg("scale"), arg("offset"),
        arg("out") = py::none());
}

}  // namespace fastdnn::bindings
