// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "csrc/core/activation.h"
#include "csrc/core/optimizer.h"
#include "csrc/core/precision.h"
#include "csrc/core/tensor_view.h"
#include "csrc/ops/context.h"

namespace fastdnn {

// Weights of C's shape that a step of an optimizer changes, C being their gradient, which has
// memory of its own. Slots have the rows of the weights.
struct GemmUpdate {
  OptimizerStep step;
  MatrixView weights;
  float* slots[kMaxOptimizerSlots] = {};
};

// C = f(alpha * op(A) op(B) + beta * C + bias)
// C = (alpha * op(A) op(B) + beta * C) * f'(saved)   when `saved` is given: a gradient on its way
//                                                    back through the activation f
//
// op(A) is m x k and op(B) k x n after the transpositions; C is m x n and is not read when beta is
// 0. C must not overlap A, B or bias. At the highest precision each element of C is a chain of
// fused float32 multiply-adds over k, or the sum of two, cut by shape alone; or, where the
// processor has tiles for it, a sum as accurate as that relative to the greatest of its neighbours.
// At lower precisions factors may be rounded, sums are float32. Where pairs of bfloat16 numbers are
// multiplied, numbers from 3.3962e38 on then count as infinite, and subnormal ones, sums among
// them, as zero.
struct GemmArgs {
  ConstMatrixView a;
  bool transpose_a = false;
  ConstMatrixView b;
  bool transpose_b = false;
  MatrixView c;
  float alpha = 1.0f;
  float beta = 0.0f;
  const float* bias = nullptr;  // n values, or null
  Activation activation = Activation::kLinear;
  float activation_alpha = 0.0f;
  ConstMatrixView saved;  // f's output, or its input where activation_needs_input(f); shape of C
  // If it has weights, they are updated and what C then holds is left open. A is transposed, beta
  // 0, and nothing else comes after the product.
  GemmUpdate update;
  MatmulPrecision precision = MatmulPrecision::kHighest;
  // Whether bfloat16 holds all numbers of A, as it does whole numbers up to 256. Bits do not depend
  // on it, time may.
  bool a_is_bfloat16 = false;
  float* scratch = nullptr;  // gemm_scratch_size() floats, 64-byte aligned
  // Whether the rows of C that Team::share gives a member are the last that it writes, after a
  // barrier of gemm()'s own, so that it may go on with them at once. For the CPU.
  bool ends_by_rows = false;

  bool updates() const { return !update.weights.empty(); }
  index_t m() const { return c.rows; }
  index_t n() const { return c.cols; }
  index_t k() const { return transpose_a ? a.rows : a.cols; }
};

// Floats of scratch that gemm() needs when run by up to `threads` members.
index_t gemm_scratch_size(const GemmArgs& args, int threads);

// Whether gemm() may use scratch for these shapes, at any level. If not, neither does it for
// smaller ones.
bool gemm_uses_scratch(const GemmArgs& args);

// Whether members may as well compute their own rows of C, each alone; if not, neither may they for
// more rows. Bits do not depend on it.
bool gemm_suits_rows(const GemmArgs& args);

// Whether members meet at a barrier anyway, so that ends_by_rows costs nothing.
bool gemm_suits_ending_by_rows(const GemmArgs& args);

// Time on one thread in microseconds, roughly.
double gemm_cost(const GemmArgs& args);

void gemm(const GemmArgs& args, Context& context);

namespace cpu {
bool gemm_suits_rows(const GemmArgs& args);
bool gemm_suits_ending_by_rows(const GemmArgs& args);
bool gemm_uses_scratch(const GemmArgs& args);
index_t gemm_scratch_size(const GemmArgs& args, int threads);
void gemm(const GemmArgs& args, Team& team);
// Tests let all products of the lowest precision go by pairs of bfloat16 numbers, at any level, in
// networks that are built from then on.
void multiply_by_pairs_everywhere(bool on);
}  // namespace cpu

namespace cuda {
void gemm(const GemmArgs& args, Stream& stream);
}

}  // namespace fastdnn
