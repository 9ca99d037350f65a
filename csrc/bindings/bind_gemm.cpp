// SPDX-License-Identifier: Apache-2.0
#include "csrc/bindings/arrays.h"
#include "csrc/bindings/register.h"
#include "csrc/core/thread_pool.h"
#include "csrc/ops/activation.h"
#include "csrc/ops/dense.h"
#include "csrc/ops/gemm.h"
#include "csrc/ops/scratch.h"

namespace fastdnn::bindings {
namespace {

void run(GemmArgs& args) {
  py::gil_scoped_release release;
  args.scratch = thread_scratch(gemm_scratch_size(args, ThreadPool::instance().num_threads()));
  run_on_cpu(gemm_cost(args), [&](Context& context) { gemm(args, context); });
}

py::array gemm_array(const py::array& a, const py::array& b, bool transpose_a, bool transpose_b,
                     float alpha, float beta, const py::object& bias, const std::string& activation,
                     float activation_alpha, const py::object& out) {
  const char* op = "gemm";
  GemmArgs args;
  args.a = matrix(op, "a", a);
  args.b = matrix(op, "b", b);
  args.transpose_a = transpose_a;
  args.transpose_b = transpose_b;
  args.alpha = alpha;
  args.beta = beta;
  args.activation = parse_activation(activation);
  args.activation_alpha = activation_alpha;
  const index_t m = transpose_a ? args.a.cols : args.a.rows;
  const index_t k = args.k();
  const index_t b_k = transpose_b ? args.b.cols : args.b.rows;
  const index_t n = transpose_b ? args.b.rows : args.b.cols;
  check(k == b_k, op, "received a, a ", describe(a), transpose_a ? " (transposed)" : "",
        ", and b, a ", describe(b), transpose_b ? " (transposed)" : "",
        "; expected equal inner extents, not ", k, " and ", b_k);
  check(beta == 0.0f || !out.is_none(), op, "received beta=", beta,
        " without out; expected out, the matrix that beta scales");
  if (!bias.is_none()) {
    args.bias = vector(op, "bias", py::array(bias), n).data;
  }
  py::array c = output(op, out, {m, n});
  args.c = writable_rows(op, "out", c);
  args.c.rows = m;  // an array without columns has no rows of its own
  check_no_overlap(op, c, {&a, &b});
  run(args);
  return c;
}

// dz, dx, dkernel and dbias of a dense layer; see csrc/ops/dense.h.
py::tuple dense_backward_arrays(const py::array& x, const py::array& kernel, const py::array& saved,
                                const py::array& dy, const std::string& activation, float alpha) {
  const char* op = "dense_backward";
  DenseBackwardArgs args;
  args.x = matrix(op, "x", x);
  args.kernel = matrix(op, "kernel", kernel);
  args.saved = matrix(op, "y", saved);
  args.dy = matrix(op, "dy", dy);
  args.activation = parse_activation(activation);
  args.activation_alpha = alpha;
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
    py::gil_scoped_release release;
    const int threads = ThreadPool::instance().num_threads();
    args.scratch = thread_scratch(dense_backward_scratch_size(args, threads));
    run_on_cpu(dense_backward_cost(args), [&](Context& context) { dense_backward(args, context); });
  }
  return py::make_tuple(dx, dkernel, dbias);
}

}  // namespace

void register_gemm(py::module_& m) {
  using py::arg;
  m.def("gemm", &gemm_array, arg("a").noconvert(), arg("b").noconvert(), arg("transpose_a"),
        arg("transpose_b"), arg("alpha"), arg("beta"), arg("bias"), arg("activation"),
        arg("activation_alpha"), arg("out"));
  m.def("dense_backward", &dense_backward_arrays, arg("x").noconvert(), arg("kernel").noconvert(),
        arg("y").noconvert(), arg("dy").noconvert(), arg("activation"), arg("activation_alpha"));
}

}  // namespace fastdnn::bindings
