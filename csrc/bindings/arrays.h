// SPDX-License-Identifier: Apache-2.0
// NumPy arrays to views, with errors in words. Nothing is converted or copied.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "csrc/core/check.h"
#include "csrc/core/csr_view.h"
#include "csrc/core/tensor_view.h"

namespace fastdnn::bindings {

namespace py = pybind11;

// True; throws if `object` is no NumPy array, in clearer words than pybind11 has for arguments of a
// wrong type.
bool require_array(PyObject* object);

// An argument that has to be an array: of which type and layout is checked where it is viewed.
class Array : public py::array {
  PYBIND11_OBJECT_DEFAULT(Array, py::array, require_array)
};

// Streams as "float64 array of shape (3, 4)". The text is made only when an error is written: a
// check that passes costs nothing.
struct Description {
  const py::array& array;
};
inline Description describe(const py::array& array) { return {array}; }
std::ostream& operator<<(std::ostream& stream, const Description& description);

// Throws unless `array` is C-contiguous and its items lie where processors expect them.
void check_layout(const char* op, const char* name, const py::array& array);

// The same for an array of type T, and throws for all others.
template <typename T>
void check_layout(const char* op, const char* name, const py::array& array) {
  if (!py::isinstance<py::array_t<T>>(array)) {
    const std::string wanted = py::str(py::dtype::of<T>());
    fail(op, name, ": received a ", describe(array), "; expected a C-contiguous ", wanted,
         " array; use numpy.ascontiguousarray(", name, ", dtype=numpy.", wanted, ")");
  }
  check_layout(op, name, array);
}

template <typename T>
T* writable_data(const char* op, const char* name, py::array& array) {
  check(array.writeable(), op, name, ": received a read-only array; expected one to write to");
  return static_cast<T*>(array.mutable_data());
}

// An array of two dimensions.
template <typename T = float>
Matrix<const T> matrix(const char* op, const char* name, const py::array& array) {
  check_layout<T>(op, name, array);
  check(array.ndim() == 2, op, name, ": received a ", describe(array),
        "; expected two dimensions (rows, columns)");
  return {static_cast<const T*>(array.data()), array.shape(0), array.shape(1), array.shape(1)};
}

// An array of one dimension and `length` elements, as one row.
template <typename T = float>
Matrix<const T> vector(const char* op, const char* name, const py::array& array, index_t length) {
  check_layout<T>(op, name, array);
  check(array.ndim() == 1 && array.shape(0) == length, op, name, ": received a ", describe(array),
        "; expected shape ", shape_text({length}));
  return {static_cast<const T*>(array.data()), 1, length, length};
}

// Three arrays as scipy's CSR matrices have them, with so many columns, whose extents are checked.
// Offsets and columns that are out of range or order give wrong sums, but touch nothing else.
// Without data all values are 1.
CsrView csr(const char* op, const py::array& indptr, const py::array& indices,
            const py::array* data, index_t cols);
// Throws unless offsets and, in every row, columns are in range and ascend.
void check_rows(const char* op, const CsrView& x);

// An array of any number of dimensions as a matrix of (all but the last, the last).
template <typename T = float>
Matrix<const T> rows_of(const char* op, const char* name, const py::array& array) {
  check_layout<T>(op, name, array);
  const index_t cols = array.ndim() == 0 ? 1 : array.shape(array.ndim() - 1);
  const index_t rows = cols == 0 ? 0 : array.size() / cols;
  return {static_cast<const T*>(array.data()), rows, cols, cols};
}

// `out` if given, after checking its type, layout and shape; else a new array.
template <typename T = float>
py::array output(const char* op, const py::object& out, const std::vector<py::ssize_t>& shape) {
  if (out.is_none()) return py::array_t<T>(shape);
  check(py::isinstance<py::array>(out), op, "out: expected a NumPy array");
  auto array = py::reinterpret_borrow<py::array>(out);
  check_layout<T>(op, "out", array);
  if (std::vector<py::ssize_t>(array.shape(), array.shape() + array.ndim()) != shape) {
    const std::string wanted = py::str(py::tuple(py::cast(shape)));
    fail(op, "out: received a ", describe(array), "; expected shape ", wanted);
  }
  return array;
}

// The same array as a matrix to write to.
template <typename T = float>
Matrix<T> writable_rows(const char* op, const char* name, py::array& array) {
  const Matrix<const T> view = rows_of<T>(op, name, array);
  return {writable_data<T>(op, name, array), view.rows, view.cols, view.stride};
}

using OptionalArray = std::optional<py::array>;
// Null where there is none.
inline const py::array* pointer(const OptionalArray& array) { return array ? &*array : nullptr; }

// A float for each column, or null where there is no array.
inline const float* per_column(const char* op, const char* name, const OptionalArray& array,
                               index_t cols) {
  return array ? vector(op, name, *array, cols).data : nullptr;
}

// Throws if the memory of `out` meets that of any of the inputs that are not null.
void check_no_overlap(const char* op, const py::array& out,
                      std::initializer_list<const py::array*> inputs);
// The same, but `out` may be one of the inputs.
void check_same_or_apart(const char* op, const py::array& out,
                         std::initializer_list<const py::array*> inputs);

inline std::vector<py::ssize_t> shape_of(const py::array& array) {
  return {array.shape(), array.shape() + array.ndim()};
}

}  // namespace fastdnn::bindings

// What stubs and help() say of such an argument.
template <>
struct pybind11::detail::handle_type_name<fastdnn::bindings::Array> {
  static constexpr auto name = const_name("numpy.ndarray");
};
