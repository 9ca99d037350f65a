// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/dropout/dropout.h"
