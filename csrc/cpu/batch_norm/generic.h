// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/batch_norm/batch_norm.h"
