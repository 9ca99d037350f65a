// SPDX-License-Identifier: Apache-2.0
#include "csrc/bindings/arrays.h"

namespace fastdnn::bindings {

std::string describe(const py::array& array) {
  const std::string dtype = py::str(array.dtype());
  const std::string shape = py::str(py::tuple(py::cast(shape_of(array))));
  return dtype + " array of shape " + shape;
}

}  // namespace fastdnn::bindings
