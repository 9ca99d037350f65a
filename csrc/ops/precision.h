// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "csrc/core/precision.h"

namespace fastdnn {

const char* precision_name(MatmulPrecision precision);
// Throws InvalidArgument that lists the valid names.
MatmulPrecision parse_precision(const std::string& name);

// That of all products that do not say otherwise, in every thread. A running step keeps its own.
MatmulPrecision matmul_precision();
void set_matmul_precision(MatmulPrecision precision);

}  // namespace fastdnn
