// SPDX-License-Identifier: Apache-2.0
#include "csrc/bindings/arrays.h"

namespace fastdnn::bindings {

std::ostream& operator<<(std::ostream& stream, const Description& description) {
  const std::string dtype = py::str(description.array.dtype());
  const std::string shape = py::str(py::tuple(py::cast(shape_of(description.array))));
  return stream << dtype << " array of shape " << shape;
}

void check_no_overlap(const char* op, const py::array& out,
                      std::initializer_list<const py::array*> inputs) {
  const auto* begin = static_cast<const char*>(out.data());
  const auto* end = begin + out.nbytes();
  for (const py::array* input : inputs) {
    const auto* first = static_cast<const char*>(input->data());
    check(first >= end || first + input->nbytes() <= begin, op,
          "received an out that shares memory with an input; expected separate arrays");
  }
}

void check_same_or_apart(const char* op, const py::array& out,
                         std::initializer_list<const py::array*> inputs) {
  for (const py::array* input : inputs) {
    if (out.data() != input->data()) check_no_overlap(op, out, {input});
  }
}

}  // namespace fastdnn::bindings
