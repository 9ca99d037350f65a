// SPDX-License-Identifier: Apache-2.0
// Splits rows over a team.
#include "csrc/ops/combine.h"

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {

void combine(const CombineArgs& args, Team& team) {
  const Range rows = team.share(args.z.rows);
  const auto kernel = args.kind == Combination::kSum ? kernels().add_f32 : kernels().multiply_f32;
  kernel({rows.size(), args.z.cols, args.x.stride, args.y.stride, args.z.stride},
         args.x.row(rows.begin), args.y.row(rows.begin), args.z.row(rows.begin));
}

}  // namespace fastdnn::cpu
