// SPDX-License-Identifier: Apache-2.0
#include "csrc/bindings/arrays.h"

namespace fastdnn::bindings {

bool require_array(PyObject* object) {
  check(py::isinstance<py::array>(object), "array", "received ", Py_TYPE(object)->tp_name,
        "; expected a NumPy array, as numpy.asarray(..., dtype=numpy.float32) makes");
  return true;
}

std::ostream& operator<<(std::ostream& stream, const Description& description) {
  const std::string dtype = py::str(description.array.dtype());
  const std::string shape = py::str(py::tuple(py::cast(shape_of(description.array))));
  return stream << dtype << " array of shape " << shape;
}

void check_layout(const char* op, const char* name, const py::array& array) {
  const bool contiguous = (array.flags() & py::array::c_style) != 0;
  const bool aligned = (array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0;
  check(contiguous, op, name, ": received a non-contiguous ", describe(array),
        "; expected a C-contiguous one; use numpy.ascontiguousarray(", name, ")");
  check(aligned, op, name,
        ": received an array at an address that is no multiple of its items' size; expected an "
        "aligned one; use ",
        name, ".copy()");
}

void check_no_overlap(const char* op, const py::array& out,
                      std::initializer_list<const py::array*> inputs) {
  const auto* begin = static_cast<const char*>(out.data());
  const auto* end = begin + out.nbytes();
  for (const py::array* input : inputs) {
    if (input == nullptr) continue;
    const auto* first = static_cast<const char*>(input->data());
    check(first >= end || first + input->nbytes() <= begin, op,
          "received an out that shares memory with an input; expected separate arrays");
  }
}

void check_same_or_apart(const char* op, const py::array& out,
                         std::initializer_list<const py::array*> inputs) {
  for (const py::array* input : inputs) {
    if (input != nullptr && out.data() != input->data()) check_no_overlap(op, out, {input});
  }
}

CsrView csr(const char* op, const py::array& indptr, const py::array& indices,
            const py::array* data, index_t cols) {
  check_layout<std::int64_t>(op, "indptr", indptr);
  check_layout<std::int32_t>(op, "indices", indices);
  check(indptr.ndim() == 1 && indptr.shape(0) >= 1, op, "indptr: received a ", describe(indptr),
        "; expected shape (rows + 1,)");
  check(indices.ndim() == 1, op, "indices: received a ", describe(indices),
        "; expected one dimension");
  CsrView x;
  x.offsets = static_cast<const std::int64_t*>(indptr.data());
  x.columns = static_cast<const std::int32_t*>(indices.data());
  x.size = indices.shape(0);
  if (data != nullptr) x.values = vector(op, "data", *data, x.size).data;
  x.rows = indptr.shape(0) - 1;
  x.cols = cols;
  check(x.offsets[0] == 0 && x.offsets[x.rows] == x.size, op, "indptr: received ", x.offsets[0],
        " at its start and ", x.offsets[x.rows], " at its end; expected 0 and ", x.size,
        ", the number of indices");
  return x;
}

void check_rows(const char* op, const CsrView& x) {
  for (index_t i = 0; i < x.rows; ++i) {
    check(x.offsets[i] <= x.offsets[i + 1], op, "indptr: received ", x.offsets[i + 1], " after ",
          x.offsets[i], "; expected numbers that never fall");
    index_t before = -1;
    // Somebody may change the offsets meanwhile.
    const index_t begin = std::max<index_t>(x.offsets[i], 0);
    const index_t end = std::min<index_t>(x.offsets[i + 1], x.size);
    for (index_t k = begin; k < end; ++k) {
      check(x.columns[k] >= 0 && x.columns[k] < x.cols, op, "indices: received ", x.columns[k],
            " in row ", i, "; expected 0 to ", x.cols - 1);
      check(x.columns[k] > before, op, "indices: received ", x.columns[k], " after ", before,
            " in row ", i, "; expected ascending numbers; in scipy use sum_duplicates()");
      before = x.columns[k];
    }
  }
}

}  // namespace fastdnn::bindings
