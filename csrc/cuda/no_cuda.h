// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "csrc/core/check.h"

namespace fastdnn::cuda {

// What every CUDA entry does in a build without CUDA.
[[noreturn]] inline void no_cuda(const char* op) {
  fail(op, "received the device 'cuda'; this build has no CUDA; use the device 'cpu'");
}

}  // namespace fastdnn::cuda
