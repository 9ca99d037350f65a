// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/scratch.h"

#include "csrc/core/arena.h"

namespace fastdnn {

float* thread_scratch(index_t count) {
  thread_local AlignedBuffer<float> buffer;
  if (buffer.size() < count) buffer = AlignedBuffer<float>(count);
  return buffer.data();
}

}  // namespace fastdnn
