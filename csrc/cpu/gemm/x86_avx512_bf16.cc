// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/simd/avx512_bf16.h"
// The family's kernels for pairs, compiled for the level above.
#include "csrc/cpu/gemm/generic_pairs.h"
