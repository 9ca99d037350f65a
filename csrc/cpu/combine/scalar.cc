// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/simd/scalar.h"
// The family's kernels, compiled for the level above.
#include "csrc/cpu/combine/generic.h"
