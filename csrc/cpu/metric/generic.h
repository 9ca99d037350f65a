// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/metric/metric.h"
