// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/pybind11.h>

#include "csrc/core/random_key.h"

namespace fastdnn::bindings {

// The key of a draw from Python integers (or NumPy's); throws unless 0 <= seed < 2^64 and
// 0 <= stream, step < 2^32.
RandomKey random_key(const char* op, const pybind11::object& seed, const pybind11::object& stream,
                     const pybind11::object& step);

}  // namespace fastdnn::bindings
