// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <vector>

#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/register.h"
#include "csrc/ops/embedding.h"

namespace fastdnn::bindings {
namespace {

// Rough cost on one thread, for choosing the number of threads.
constexpr double kNanosecondsPerElement = 0.3;

// Codes of any shape as a column, each of them at least 0 and less than `count`.
ConstMatrixView column_of_codes(const char* op, const Array& codes, index_t count) {
  check_layout<float>(op, "codes", codes);
  check(count <= kMostCodes, op, "received ", count, " embeddings; expected at most 2^24");
  const ConstMatrixView column{static_cast<const float*>(codes.data()), codes.size(), 1, 1};
  for (index_t i = 0; i < column.rows; ++i) {
    const float code = column.data[i];
    // NaN is not at least 0.
    check(code >= 0.0f && code < static_cast<float>(count) && code == std::floor(code), op,
          "codes: received ", code, " in place ", i, "; expected whole numbers from 0 to ",
          count - 1);
  }
  return column;
}

std::vector<py::ssize_t> shape_of_embedded(const Array& codes, index_t width) {
  std::vector<py::ssize_t> shape = shape_of(codes);
  shape.push_back(width);
  return shape;
}

py::array embedding_array(const Array& codes, const Array& embeddings, const py::object& out) {
  const char* op = "embedding";
  EmbeddingArgs args;
  args.embeddings = matrix(op, "embeddings", embeddings);
  args.codes = column_of_codes(op, codes, args.embeddings.rows);
  py::array y = output(op, out, shape_of_embedded(codes, args.embeddings.cols));
  check_no_overlap(op, y, {&codes, &embeddings});
  args.y = writable_rows(op, "out", y);
  {
    const GilRelease release;
    run_on_cpu(args.y.size() * kNanosecondsPerElement * 1e-3,
               [&](Context& context) { embedding(args, context); });
  }
  return y;
}

py::array embedding_backward_array(const Array& codes, const Array& dy, index_t count,
                                   const py::object& out) {
  const char* op = "embedding_backward";
  EmbeddingGradientArgs args;
  check(count >= 1, op, "input_dim: received ", count, "; expected at least 1");
  args.codes = column_of_codes(op, codes, count);
  args.dy = rows_of(op, "dy", dy);
  check(shape_of(dy) == shape_of_embedded(codes, args.dy.cols), op, "dy: received a ", describe(dy),
        "; expected the shape of codes, a ", describe(codes), ", and the embeddings' width");
  py::array dembeddings = output(op, out, {count, args.dy.cols});
  check_no_overlap(op, dembeddings, {&codes, &dy});
  args.dembeddings = writable_rows(op, "out", dembeddings);
  std::vector<index_t> first_uses(count), next_uses(args.codes.rows);
  args.first_uses = first_uses.data();
  args.next_uses = next_uses.data();
  {
    const GilRelease release;
    run_on_cpu((args.dy.size() + args.dembeddings.size()) * kNanosecondsPerElement * 1e-3,
               [&](Context& context) { embedding_gradient(args, context); });
  }
  return dembeddings;
}

}  // namespace

void register_embedding(py::module_& m) {
  using py::arg;
  m.def("embedding", &embedding_array, arg("codes"), arg("embeddings"), arg("out") = py::none());
  m.def("embedding_backward", &embedding_backward_array, arg("codes"), arg("dy"), arg("input_dim"),
        arg("out") = py::none());
}

}  // namespace fastdnn::bindings
