// SPDX-License-Identifier: Apache-2.0
// The options of optimizers by their Python names.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "csrc/ops/optimizer.h"

namespace fastdnn::bindings {

// Throws InvalidArgument for an unknown name or option, or a value out of range.
OptimizerConfig optimizer_config(const std::string& name, const pybind11::dict& options);

}  // namespace fastdnn::bindings
