// SPDX-License-Identifier: Apache-2.0
// The options of confusion counts by their Python names.
#pragma once

#include <pybind11/pybind11.h>

#include "csrc/ops/metric.h"

namespace fastdnn::bindings {

// Throws InvalidArgument for an unknown option or a value of a wrong type.
ConfusionRule confusion_rule(const char* op, const pybind11::dict& options);

}  // namespace fastdnn::bindings
