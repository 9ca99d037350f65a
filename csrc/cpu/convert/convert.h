// SPDX-License-Identifier: Apache-2.0
// What the conversion kernels compute. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/types.h"

// bytes_to_f32: y[i] = x[i].
// bytes_to_unit_f32: y[i] = x[i] / 255, correctly rounded.
// f16_to_f32, bf16_to_f32: y[i] = x[i], exactly, where x is the bits of float16 or bfloat16. Also
// where arithmetic takes subnormal numbers for zero: those of float16 are normal in float32, those
// of bfloat16 come out as they are, for the arithmetic that follows. NaN stays NaN.
// x and y begin at any multiple of the size of their elements, and do not overlap.
