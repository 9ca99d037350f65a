// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/gemm.h"

namespace fastdnn {

index_t gemm_scratch_size(const GemmArgs& args, int threads) {
  return cpu::gemm_scratch_size(args, threads);
}

bool gemm_uses_scratch(const GemmArgs& args) { return cpu::gemm_uses_scratch(args); }

bool gemm_suits_rows(const GemmArgs& args) { return cpu::gemm_suits_rows(args); }

bool gemm_suits_ending_by_rows(const GemmArgs& args) {
  return cpu::gemm_suits_ending_by_rows(args);
}

double gemm_cost(const GemmArgs& args) {
  constexpr double kFlopsPerMicrosecond = 100e3;
  return 2.0 * static_cast<double>(args.m()) * static_cast<double>(args.n()) *
         static_cast<double>(args.k()) / kFlopsPerMicrosecond;
}

void gemm(const GemmArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::gemm(args, *context.stream);
  cpu::gemm(args, *context.team);
}

}  // namespace fastdnn
