// SPDX-License-Identifier: Apache-2.0
#include "csrc/cuda/no_cuda.h"
#include "csrc/ops/sparse.h"

namespace fastdnn::cuda {

void csr_dense(const CsrDenseArgs&, Stream&) { no_cuda("csr_dense"); }
void csr_dense_backward(const CsrDenseBackwardArgs&, Stream&) { no_cuda("csr_dense_backward"); }
void csr_dense_update(const CsrDenseUpdateArgs&, Stream&) { no_cuda("csr_dense_update"); }

}  // namespace fastdnn::cuda
