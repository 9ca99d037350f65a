// SPDX-License-Identifier: Apache-2.0
// What the dropout kernels compute. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/types.h"
