// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace fastdnn {

// Instruction-set levels that kernels are written for. Each has what the one before it has, but
// kAmx may lack kAvx512Bf16.
enum class IsaLevel { kScalar, kAvx2, kAvx512, kAvx512Bf16, kAmx };

struct CpuFeatures {
  std::string model;         // as the processor names itself
  bool avx2 = false;         // with FMA, F16C, BMI, and the operating system saving the registers
  bool avx512 = false;       // F, BW, DQ, VL
  bool avx512_bf16 = false;  // products of pairs of bfloat16 numbers
  bool amx_bf16 = false;     // tile registers and their products
};

// What this processor and operating system offer, read once (CPUID and XGETBV).
const CpuFeatures& cpu_features();

const char* isa_name(IsaLevel level);

// The levels this machine can run, lowest first. Asks for the use of tile registers, which Linux
// grants to the whole process; its alternate signal stacks must then have room for them (12 KiB).
std::vector<IsaLevel> supported_isa_levels();

// Parses a level's name; throws InvalidArgument that lists what this machine has. Asks for nothing
// beyond that level.
IsaLevel parse_isa_level(const std::string& name);

}  // namespace fastdnn
