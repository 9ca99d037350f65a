// SPDX-License-Identifier: Apache-2.0
#include <numeric>
#include <optional>
#include <vector>

#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/register.h"
#include "csrc/ops/activation.h"
#include "csrc/ops/sparse.h"

namespace fastdnn::bindings {
namespace {

std::vector<std::int64_t> all_rows(const CsrView& x) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(x.rows));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

py::array csr_dense_array(const Array& indptr, const Array& indices, const Array& data,
                          const Array& kernel, const py::object& bias,
                          const std::string& activation, std::optional<float> alpha,
                          const py::object& out) {
  const char* op = "csr_dense";
  CsrDenseArgs args;
  args.kernel = matrix(op, "kernel", kernel);
  args.x = csr(op, indptr, indices, &data, args.kernel.rows);
  check_rows(op, args.x);
  args.activation = parse_activation(activation);
  args.activation_alpha = activation_alpha(args.activation, alpha);
  py::array bias_array;
  if (!bias.is_none()) {
    check(py::isinstance<py::array>(bias), op, "bias: expected a NumPy array");
    bias_array = py::reinterpret_borrow<py::array>(bias);
    args.bias = vector(op, "bias", bias_array, args.kernel.cols).data;
  }
  py::array y = output(op, out, {args.x.rows, args.kernel.cols});
  args.y = writable_rows(op, "out", y);
  args.y.rows = args.x.rows;
  check_no_overlap(op, y, {&indptr, &indices, &data, &kernel, &bias_array});
  const std::vector<std::int64_t> rows = all_rows(args.x);
  args.rows = rows.data();
  const GilRelease release;
  run_on_cpu(csr_dense_cost(static_cast<double>(args.x.size), args.kernel.cols),
             [&](Context& context) { csr_dense(args, context); });
  return y;
}

py::array csr_dense_backward_array(const Array& indptr, const Array& indices, const Array& data,
                                   index_t columns, const Array& dz, const py::object& out) {
  const char* op = "csr_dense_backward";
  check(columns >= 1 && columns < (index_t{1} << 31), op, "received columns=", columns,
        "; expected 1 to 2^31 - 1");
  CsrDenseBackwardArgs args;
  args.x = csr(op, indptr, indices, &data, columns);
  check_rows(op, args.x);
  args.dz = matrix(op, "dz", dz);
  check(args.dz.rows == args.x.rows, op, "received indptr of ", args.x.rows, " rows and dz, a ",
        describe(dz), "; expected equal numbers of rows");
  py::array dkernel = output(op, out, {columns, args.dz.cols});
  args.dkernel = writable_rows(op, "out", dkernel);
  args.dkernel.rows = columns;
  check_no_overlap(op, dkernel, {&indptr, &indices, &data, &dz});
  const std::vector<std::int64_t> rows = all_rows(args.x);
  args.rows = rows.data();
  const GilRelease release;
  run_on_cpu(csr_dense_cost(static_cast<double>(args.x.size), args.dz.cols),
             [&](Context& context) { csr_dense_backward(args, context); });
  return dkernel;
}

}  // namespace

void register_sparse(py::module_& m) {
  using py::arg;
  m.def("csr_dense", &csr_dense_array, arg("indptr"), arg("indices"), arg("data"), arg("kernel"),
        arg("bias"), arg("activation"), arg("alpha"), arg("out"));
  m.def("csr_dense_backward", &csr_dense_backward_array, arg("indptr"), arg("indices"), arg("data"),
        arg("columns"), arg("dz"), arg("out"));
}

}  // namespace fastdnn::bindings
