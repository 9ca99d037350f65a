// SPDX-License-Identifier: Apache-2.0
// A fully-connected layer on sparse rows. What of it is dense goes through the other ops.
#pragma once

#include "csrc/core/activation.h"
#include "csrc/core/csr_view.h"
#include "csrc/core/tensor_view.h"
#include "csrc/ops/context.h"
#include "csrc/ops/optimizer.h"

namespace fastdnn {

// y = f(x W + b), where row i of the batch is row rows[i] of x, for y.rows rows. The work is split
// by rows.
struct CsrDenseArgs {
  CsrView x;
  const std::int64_t* rows = nullptr;
  ConstMatrixView kernel;
  const float* bias = nullptr;  // y.cols values, or null
  Activation activation = Activation::kLinear;
  float activation_alpha = 0.0f;
  MatrixView y;
};

// dkernel = x^T dz, added to dkernel if `accumulate`; rows as above, dz.rows of them. The work is
// split by columns of x, so that each sum runs over the rows in their order.
struct CsrDenseBackwardArgs {
  CsrView x;
  const std::int64_t* rows = nullptr;
  ConstMatrixView dz;
  MatrixView dkernel;
  bool accumulate = false;
};

// The same as csr_dense_backward() and then optimizer_update() of the kernel, whose gradient exists
// in pieces only: it is as large as the kernel, and most of it zeros.
struct CsrDenseUpdateArgs {
  CsrView x;
  const std::int64_t* rows = nullptr;
  ConstMatrixView dz;
  index_t kernel_row = 0;      // floats from row to row of the kernel
  OptimizerUpdateArgs update;  // of all the kernel; the gradient is left out
  float* scratch = nullptr;    // this member's csr_dense_update_scratch_size() floats
};

index_t csr_dense_update_scratch_size(index_t kernel_row, index_t rows);

// Time of a product on one thread in microseconds, roughly, for so many numbers of x.
double csr_dense_cost(double numbers, index_t units);

void csr_dense(const CsrDenseArgs& args, Context& context);
void csr_dense_backward(const CsrDenseBackwardArgs& args, Context& context);
void csr_dense_update(const CsrDenseUpdateArgs& args, Context& context);

namespace cpu {
void csr_dense(const CsrDenseArgs& args, Team& team);
void csr_dense_backward(const CsrDenseBackwardArgs& args, Team& team);
void csr_dense_update(const CsrDenseUpdateArgs& args, Team& team);
index_t csr_dense_update_scratch_size(index_t kernel_row, index_t rows);
}  // namespace cpu

namespace cuda {
void csr_dense(const CsrDenseArgs& args, Stream& stream);
void csr_dense_backward(const CsrDenseBackwardArgs& args, Stream& stream);
void csr_dense_update(const CsrDenseUpdateArgs& args, Stream& stream);
}  // namespace cuda

}  // namespace fastdnn
