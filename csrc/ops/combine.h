// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "csrc/core/tensor_view.h"
#include "csrc/ops/context.h"

namespace fastdnn {

enum class Combination { kSum, kProduct };

// z = x + y or z = x * y; all have the same shape. z may be x or y.
struct CombineArgs {
  Combination kind = Combination::kSum;
  ConstMatrixView x, y;
  MatrixView z;
};

void combine(const CombineArgs& args, Context& context);

namespace cpu {
void combine(const CombineArgs& args, Team& team);
}

namespace cuda {
void combine(const CombineArgs& args, Stream& stream);
}

}  // namespace fastdnn
