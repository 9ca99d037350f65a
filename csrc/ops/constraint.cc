// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/constraint.h"

#include <cmath>

#include "csrc/core/check.h"

namespace fastdnn {

Constraint norm_constraint(double least, double most, double rate, int axis, int dimensions) {
  const char* op = "constraint";
  check(least >= 0.0 && least <= most && std::isfinite(static_cast<float>(most)), op,
        "received norms from ", least, " to ", most,
        "; expected finite numbers of at least 0 in ascending order");
  check(rate >= 0.0 && rate <= 1.0, op, "received rate ", rate, "; expected 0 to 1");
  check(axis >= -dimensions && axis < dimensions, op, "received axis ", axis, " of an array of ",
        dimensions, " dimensions; expected ", -dimensions, " to ", dimensions - 1);
  const bool along_rows = axis == -1 || axis == dimensions - 1;
  return {along_rows ? Constraint::Kind::kRowNorms : Constraint::Kind::kColumnNorms,
          static_cast<float>(least), static_cast<float>(most), static_cast<float>(rate)};
}

void constrain(const ConstrainArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::constrain(args, *context.stream);
  cpu::constrain(args, *context.team);
}

}  // namespace fastdnn
