// SPDX-License-Identifier: Apache-2.0
// The functions of csrc/cpu/simd/math.h, one by one, for tests and benches: other kernels use them
// inlined. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/types.h"

namespace fastdnn::cpu {

#define FASTDNN_MATH_FUNCTIONS(F) F(exp) F(expm1) F(log) F(log1p) F(sigmoid) F(softplus) F(tanh)

enum class MathFunction : int {
#define FASTDNN_MATH_FUNCTION(name) k_##name,
  FASTDNN_MATH_FUNCTIONS(FASTDNN_MATH_FUNCTION)
#undef FASTDNN_MATH_FUNCTION
};

}  // namespace fastdnn::cpu
