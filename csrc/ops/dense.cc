// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/dense.h"

#include <algorithm>

#include "csrc/ops/activation.h"
#include "csrc/ops/gemm.h"
#include "csrc/ops/reduction.h"

namespace fastdnn {
namespace {

GemmArgs input_product(const DenseBackwardArgs& args) {
  GemmArgs product;
  product.a = args.dz;
  product.b = args.kernel;
  product.transpose_b = true;
  product.c = args.dx;
  product.precision = args.precision;
  product.scratch = args.scratch;
  return product;
}

GemmArgs kernel_product(const DenseBackwardArgs& args) {
  GemmArgs product;
  product.a = args.x;
  product.transpose_a = true;
  product.b = args.dz;
  product.c = args.dkernel;
  product.precision = args.precision;
  product.scratch = args.scratch;
  return product;
}

}  // namespace

index_t dense_backward_scratch_size(const DenseBackwardArgs& args, int threads) {
  return std::max(gemm_scratch_size(input_product(args), threads),
                  gemm_scratch_size(kernel_product(args), threads));
}

double dense_backward_cost(const DenseBackwardArgs& args) {
  return gemm_cost(input_product(args)) + gemm_cost(kernel_product(args));
}

void dense_backward(const DenseBackwardArgs& args, Context& context) {
  activation_backward({args.activation, args.activation_alpha, args.saved, args.dy, args.dz},
                      context);
  context.team->barrier();
  if (args.dbias != nullptr) {
    column_sums({.x = args.dz, .sums = args.dbias, .accumulate = false}, context);
  }
  if (!args.dx.empty()) gemm(input_product(args), context);
  context.team->barrier();  // both products use the scratch
  if (!args.dkernel.empty()) gemm(kernel_product(args), context);
}

}  // namespace fastdnn
