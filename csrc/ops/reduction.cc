// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/reduction.h"

namespace fastdnn {

index_t reduce_partials(index_t size) { return ceil_div(size, cpu::kReduceChunk); }

void column_sums(const ColumnSumsArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::column_sums(args, *context.stream);
  cpu::column_sums(args, *context.team);
}

void row_sums(const RowSumsArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::row_sums(args, *context.stream);
  cpu::row_sums(args, *context.team);
}

void reduce(const ReduceArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::reduce(args, *context.stream);
  cpu::reduce(args, *context.team);
}

}  // namespace fastdnn
