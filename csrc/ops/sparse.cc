// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/sparse.h"

namespace fastdnn {

double csr_dense_cost(double numbers, index_t units) {
  constexpr double kNanosecondsPerLine = 2.0;  // of a row of the kernel
  return 1e-3 * kNanosecondsPerLine * numbers * static_cast<double>(ceil_div(units, kRowPad));
}

void csr_dense(const CsrDenseArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::csr_dense(args, *context.stream);
  cpu::csr_dense(args, *context.team);
}

void csr_dense_backward(const CsrDenseBackwardArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::csr_dense_backward(args, *context.stream);
  cpu::csr_dense_backward(args, *context.team);
}

void csr_dense_update(const CsrDenseUpdateArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::csr_dense_update(args, *context.stream);
  cpu::csr_dense_update(args, *context.team);
}

index_t csr_dense_update_scratch_size(index_t kernel_row, index_t rows) {
  return cpu::csr_dense_update_scratch_size(kernel_row, rows);
}

}  // namespace fastdnn
