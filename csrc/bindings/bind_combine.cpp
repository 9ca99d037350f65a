// SPDX-License-Identifier: Apache-2.0
#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/register.h"
#include "csrc/ops/combine.h"

namespace fastdnn::bindings {
namespace {

// Rough cost on one thread, for choosing the number of threads.
constexpr double kNanosecondsPerElement = 0.1;

template <Combination kind>
py::array combined(const Array& x, const Array& y, const py::object& out) {
  const char* op = kind == Combination::kSum ? "add" : "multiply";
  CombineArgs args{kind, rows_of(op, "x", x), rows_of(op, "y", y), {}};
  check(shape_of(x) == shape_of(y), op, "received a ", describe(x), " and a ", describe(y),
        "; expected equal shapes");
  py::array z = output(op, out, shape_of(x));
  check_same_or_apart(op, z, {&x, &y});
  args.z = writable_rows(op, "out", z);
  {
    const GilRelease release;
    run_on_cpu(args.z.size() * kNanosecondsPerElement * 1e-3,
               [&](Context& context) { combine(args, context); });
  }
  return z;
}

}  // namespace

void register_combine(py::module_& m) {
  using py::arg;
  m.def("add", &combined<Combination::kSum>, arg("x"), arg("y"), arg("out") = py::none());
  m.def("multiply", &combined<Combination::kProduct>, arg("x"), arg("y"), arg("out") = py::none());
}

}  // namespace fastdnn::bindings
