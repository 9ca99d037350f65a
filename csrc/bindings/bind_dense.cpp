// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/register.h"
#include "csrc/core/thread_pool.h"
#include "csrc/ops/activation.h"
#include "csrc/ops/dense.h"
#include "csrc/ops/precision.h"
#include "csrc/ops/scratch.h"

namespace fastdnn::bindings {
namespace {

// dz, dx, dkernel and dbias of a dense layer; see csrc/ops/dense.h.
py::tuple dense_backward_arrays(const Array& x, const Array& kernel, const Array& saved,
                                const Array& dy, const std::string& activation,
                                std::optional<float> alpha) {
  const char* op = "dense_backward";
  DenseBackwardArgs args;
  args.precision = matmul_precision();
  args.x = matrix(op, "x", x);
  args.kernel = matrix(op, "kernel", kernel);
  args.saved = matrix(op, "y", saved);
  args.dy = matrix(op, "dy", dy);
  args.activation = parse_activation(activation);
  args.activation_alpha = activation_alpha(args.activation, alpha);
  const index_t rows = x.shape(0), in = x.shape(1), out = kernel.shape(1);
  check(kernel.shape(0) == in, op, "received x, a ", describe(x), ", and kernel, a ",
        describe(kernel), "; expected a kernel of shape (", in, ", units)");
  for (const py::array* array : {&saved, &dy}) {
    check(array->shape(0) == rows && array->shape(1) == out, op, array == &dy ? "dy" : "y",
          ": received a ", describe(*array), "; expected shape ", shape_text({rows, out}));
  }
  py::array_t<float> dz({rows, out}), dx({rows, in}), dkernel({in, out}), dbias(out);
  args.dz = {dz.mutable_data(), rows, out, out};
  args.dx = {dx.mutable_data(), rows, in, in};
  args.dkernel = {dkernel.mutable_data(), in, out, out};
  args.dbias = dbias.mutable_data();
  {
    const GilRelease release;
    const int threads = ThreadPool::instance().threads_for(dense_backward_cost(args));
    args.scratch = thread_scratch(dense_backward_scratch_size(args, threads));
    run_on_threads(threads, [&](Context& context) { dense_backward(args, context); });
  }
  return py::make_tuple(dx, dkernel, dbias);
}

}  // namespace

void register_dense(py::module_& m) {
  using py::arg;
  m.def("dense_backward", &dense_backward_arrays, arg("x"), arg("kernel"), arg("y_or_z"), arg("dy"),
        arg("activation"), arg("alpha"));
}

}  // namespace fastdnn::bindings
