// SPDX-License-Identifier: Apache-2.0
// The options of losses by their Python names.
#pragma once

#include <map>
#include <string>

#include "csrc/ops/loss.h"

namespace fastdnn::bindings {

using LossOptions = std::map<std::string, double>;

// Throws InvalidArgument for an unknown name or option, or a value out of range.
LossSpec loss_spec(const char* op, const std::string& name, const LossOptions& options);

}  // namespace fastdnn::bindings
