// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <optional>
#include <system_error>

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include "csrc/bindings/gil.h"
#include "csrc/bindings/register.h"
#include "csrc/core/check.h"
#include "csrc/core/file_block.h"
#include "csrc/core/xxh64.h"

namespace fastdnn::bindings {

namespace py = pybind11;

namespace {

// The bytes of an array whose rows may have gaps, but not their numbers.
ByteRows byte_rows(const char* op, const py::array& array, bool writes) {
  const auto item = static_cast<std::size_t>(array.itemsize());
  bool packed = true;  // all axes but the first
  std::size_t row = item;
  for (py::ssize_t axis = array.ndim() - 1; axis > 0; --axis) {
    packed = packed && array.strides(axis) == static_cast<py::ssize_t>(row);
    row *= static_cast<std::size_t>(array.shape(axis));
  }
  // NumPy's strides of one row mean nothing.
  const bool one = array.ndim() == 0 || array.shape(0) <= 1;
  const auto stride = one ? static_cast<py::ssize_t>(row) : array.strides(0);
  const bool forward = stride >= static_cast<py::ssize_t>(row);
  check(packed && forward && (array.ndim() != 1 || stride == static_cast<py::ssize_t>(row)), op,
        "array: received gaps between the numbers of a row; expected none");
  check(array.dtype().kind() != 'O', op, "array: received Python objects; expected numbers");
  check(!writes || array.writeable(), op, "array: received one that is read-only");
  return {.data = static_cast<std::byte*>(const_cast<void*>(array.data())),
          .row = row,
          .stride = static_cast<std::size_t>(stride)};
}

void check_range(const char* op, const py::array& array, std::size_t first, std::size_t size) {
  const auto bytes = static_cast<std::size_t>(array.nbytes());
  check(first <= bytes && size <= bytes - first, op, "received bytes ", first, " to ", first + size,
        " of an array of ", bytes);
}

// An OSError with the number of the error, as Python's own functions raise it.
template <typename Function>
std::uint64_t with_system_errors(Function function) {
  try {
    const GilRelease unlocked;
    return function();
  } catch (const std::system_error& error) {
    errno = error.code().value();
    PyErr_SetFromErrno(PyExc_OSError);
    throw py::error_already_set();
  }
}

}  // namespace

void register_file(py::module_& m) {
  m.def(
      "xxh64",
      [](const py::bytes& data) {
        const std::string_view bytes = data;
        Xxh64 digest;
        digest.update(bytes.data(), bytes.size());
        return digest.digest();
      },
      py::arg("data").noconvert());
  m.def(
      "read_block",
      [](int file, std::int64_t begin, std::size_t size, const std::optional<py::array>& array,
         std::size_t first) {
        ByteRows rows;
        if (array) {
          rows = byte_rows("read_block", *array, true);
          check_range("read_block", *array, first, size);
        }
        return with_system_errors([&] { return read_block(file, begin, size, rows, first); });
      },
      py::arg("file"), py::arg("begin"), py::arg("size"), py::arg("array").noconvert(),
      py::arg("first"));
  m.def(
      "write_block",
      [](int file, std::int64_t begin, std::size_t size, const py::array& array,
         std::size_t first) {
        const ByteRows rows = byte_rows("write_block", array, false);
        check_range("write_block", array, first, size);
        return with_system_errors([&] { return write_block(file, begin, size, rows, first); });
      },
      py::arg("file"), py::arg("begin"), py::arg("size"), py::arg("array").noconvert(),
      py::arg("first"));
}

}  // namespace fastdnn::bindings
