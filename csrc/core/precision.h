// SPDX-License-Identifier: Apache-2.0
// Plain types only, no STL: kernels of every device include it.
#pragma once

namespace fastdnn {

// How accurately products of matrices are computed where the machine has a faster way than float32:
// as float32, with 16 bits of each number, or with 8 (bfloat16). Sums are float32. As in PyTorch's
// set_float32_matmul_precision.
enum class MatmulPrecision : int { kHighest, kHigh, kMedium };

}  // namespace fastdnn
