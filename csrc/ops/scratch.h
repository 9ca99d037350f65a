// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "csrc/core/types.h"

namespace fastdnn {

// At least `count` aligned floats that belong to the calling thread until its next call. Grows as
// needed and is kept, so that repeated calls of an op do not allocate.
float* thread_scratch(index_t count);

}  // namespace fastdnn
