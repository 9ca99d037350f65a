// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/simd/amx.h"
// The family's tile kernels, compiled for the level above.
#include "csrc/cpu/gemm/generic_tiles.h"
