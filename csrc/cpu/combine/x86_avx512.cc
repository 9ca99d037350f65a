// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/simd/avx512.h"
// The family's kernels, compiled for the level above.
#include "csrc/cpu/combine/generic.h"
