// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "csrc/core/constraint.h"
#include "csrc/core/tensor_view.h"
#include "csrc/ops/context.h"

namespace fastdnn {

// A constraint on the norms along an axis, 0 or -1, of an array of one dimension, which counts as a
// row, or 0, 1, -1 or -2 of one of two. Throws InvalidArgument for another axis, and unless
// 0 <= least <= most and 0 <= rate <= 1.
Constraint norm_constraint(double least, double most, double rate, int axis, int dimensions);

// Changes weights in place; equations in csrc/cpu/constraint/constraint.h. The work is split by
// columns for their norms, else by rows.
struct ConstrainArgs {
  Constraint constraint;
  MatrixView weights;
};

void constrain(const ConstrainArgs& args, Context& context);

namespace cpu {
void constrain(const ConstrainArgs& args, Team& team);
}

namespace cuda {
void constrain(const ConstrainArgs& args, Stream& stream);
}

}  // namespace fastdnn
