// SPDX-License-Identifier: Apache-2.0
#include "csrc/bindings/register.h"

namespace fastdnn::bindings {

void register_gemm(pybind11::module_&) {}

}  // namespace fastdnn::bindings
