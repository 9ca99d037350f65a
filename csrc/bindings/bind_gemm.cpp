// SPDX-License-Identifier: Apache-2.0
#include <pybind11/stl.h>

#include <optional>

#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/register.h"
#include "csrc/core/thread_pool.h"
#include "csrc/ops/activation.h"
#include "csrc/ops/gemm.h"
#include "csrc/ops/precision.h"
#include "csrc/ops/scratch.h"

namespace fastdnn::bindings {
namespace {

void run(GemmArgs& args) {
  const GilRelease release;
  // Asked once: somebody may change the number of threads meanwhile, and scratch depends on it.
  const int threads = ThreadPool::instance().threads_for(gemm_cost(args));
  args.scratch = thread_scratch(gemm_scratch_size(args, threads));
  run_on_threads(threads, [&](Context& context) { gemm(args, context); });
}

py::array gemm_array(const Array& a, const Array& b, bool transpose_a, bool transpose_b,
                     float alpha, float beta, const py::object& bias, const std::string& activation,
                     std::optional<float> activation_alpha,
                     const std::optional<std::string>& precision, const py::object& out) {
  const char* op = "gemm";
  GemmArgs args;
  args.a = matrix(op, "a", a);
  args.b = matrix(op, "b", b);
  args.transpose_a = transpose_a;
  args.transpose_b = transpose_b;
  args.alpha = alpha;
  args.beta = beta;
  args.activation = parse_activation(activation);
  args.activation_alpha = fastdnn::activation_alpha(args.activation, activation_alpha);
  args.precision = precision ? parse_precision(*precision) : matmul_precision();
  const index_t m = transpose_a ? args.a.cols : args.a.rows;
  const index_t k = args.k();
  const index_t b_k = transpose_b ? args.b.cols : args.b.rows;
  const index_t n = transpose_b ? args.b.rows : args.b.cols;
  check(k == b_k, op, "received a, a ", describe(a), transpose_a ? " (transposed)" : "",
        ", and b, a ", describe(b), transpose_b ? " (transposed)" : "",
        "; expected equal inner extents, not ", k, " and ", b_k);
  check(beta == 0.0f || !out.is_none(), op, "received beta=", beta,
        " without out; expected out, the matrix that beta scales");
  py::array bias_array;
  if (!bias.is_none()) {
    check(py::isinstance<py::array>(bias), op, "bias: expected a NumPy array");
    bias_array = py::reinterpret_borrow<py::array>(bias);
    args.bias = vector(op, "bias", bias_array, n).data;
  }
  py::array c = output(op, out, {m, n});
  args.c = writable_rows(op, "out", c);
  args.c.rows = m;  // an array without columns has no rows of its own
  check_no_overlap(op, c, {&a, &b, &bias_array});
  run(args);
  return c;
}

}  // namespace

void register_gemm(py::module_& m) {
  using py::arg;
  m.def("gemm", &gemm_array, arg("a"), arg("b"), arg("transpose_a"), arg("transpose_b"),
        arg("alpha"), arg("beta"), arg("bias"), arg("activation"), arg("activation_alpha"),
        arg("precision"), arg("out"));
}

}  // namespace fastdnn::bindings
