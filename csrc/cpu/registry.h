// SPDX-License-Identifier: Apache-2.0
// The one place that chooses an instruction-set level. Everything above calls kernels().name(...).
#pragma once

#include <string>
#include <vector>

#include "csrc/core/cpu_features.h"
#include "csrc/core/types.h"
#include "csrc/cpu/activation/activation.h"
#include "csrc/cpu/batch_norm/batch_norm.h"
#include "csrc/cpu/combine/combine.h"
#include "csrc/cpu/constraint/constraint.h"
#include "csrc/cpu/convert/convert.h"
#include "csrc/cpu/dropout/dropout.h"
#include "csrc/cpu/embedding/embedding.h"
#include "csrc/cpu/gemm/gemm.h"
#include "csrc/cpu/image/image.h"
#include "csrc/cpu/layer_norm/layer_norm.h"
#include "csrc/cpu/loss/loss.h"
#include "csrc/cpu/math/math.h"
#include "csrc/cpu/metric/metric.h"
#include "csrc/cpu/normalization/normalization.h"
#include "csrc/cpu/optimizer/optimizer.h"
#include "csrc/cpu/prelu/prelu.h"
#include "csrc/cpu/random/random.h"
#include "csrc/cpu/reduction/reduction.h"
#include "csrc/cpu/rescaling/rescaling.h"
#include "csrc/cpu/softmax/softmax.h"
#include "csrc/cpu/sparse/sparse.h"

namespace fastdnn::cpu {

struct KernelTable {
#define FASTDNN_KERNEL(name, parameters) void(*name) parameters;
#include "csrc/cpu/families.inc"
#undef FASTDNN_KERNEL
};

// The kernels of the level in force. The level is read from FASTDNN_ISA at first use, else the
// highest.
const KernelTable& kernels();

IsaLevel isa_level();

// Throws InvalidArgument if this machine lacks the level. Not while another thread computes.
void set_isa_level(IsaLevel level);

// Names of all registered kernels, in order of families.inc.
std::vector<std::string> kernel_names();

}  // namespace fastdnn::cpu
