// SPDX-License-Identifier: Apache-2.0
// What the conversion kernels compute. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/types.h"

// bytes_to_unit_f32: y[i] = x[i] / 255, correctly rounded.
