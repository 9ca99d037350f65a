// SPDX-License-Identifier: Apache-2.0
#include "csrc/bindings/random_key.h"

#include "csrc/core/check.h"

namespace fastdnn::bindings {

namespace py = pybind11;

namespace {

std::uint64_t unsigned_integer(const char* op, const char* name, const py::object& value,
                               int bits) {
  const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
  if (index) {
    const unsigned long long number = PyLong_AsUnsignedLongLong(index.ptr());
    const bool fits = PyErr_Occurred() == nullptr && (bits == 64 || number >> bits == 0);
    if (fits) return number;
  }
  PyErr_Clear();
  const std::string received = py::repr(value);
  fail(op, name, ": received ", received, "; expected an integer from 0 to 2**", bits, " - 1");
}

}  // namespace

RandomKey random_key(const char* op, const py::object& seed, const py::object& stream,
                     const py::object& step) {
  return {unsigned_integer(op, "seed", seed, 64),
          static_cast<std::uint32_t>(unsigned_integer(op, "stream", stream, 32)),
          static_cast<std::uint32_t>(unsigned_integer(op, "step", step, 32))};
}

}  // namespace fastdnn::bindings
