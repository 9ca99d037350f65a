// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/gemm/pack.h"
#include "csrc/cpu/gemm/register_tile.h"

namespace fastdnn::cpu {
namespace {

template <int kVectors>
void gemm_row(const GemmStrip& s) {
  // Narrower strips are tiles like others.
  if constexpr (kVectors > kTileVectors + 1) {
    if (s.n <= (kVectors - 1) * kLanes) return gemm_row<kVectors - 1>(s);
  }
  const Tail last = tail(s.n - (kVectors - 1) * kLanes);
  gemm_tile<1, kVectors, Walk::kAlongK, true>(s, s.a, s.ahead, s.c, last);
}

}  // namespace

namespace FASTDNN_LEVEL {

void gemm_geometry_f32(GemmGeometry* geometry) {
  *geometry = {kTileRows, kTileVectors * kLanes, kLanes, kRowVectors * kLanes, kDepth};
}

void gemm_strip_f32(const GemmStrip& strip) {
  if (strip.m == 1 && strip.n > kTileVectors * kLanes) return gemm_row<kRowVectors>(strip);
  if (strip.a_k == 1) return gemm_of_width<kTileVectors, Walk::kAlongK>(strip);
  if (strip.a_k == kTileRows && strip.b_k == kTileVectors * kLanes) {
    return gemm_of_width<kTileVectors, Walk::kPanels>(strip);
  }
  gemm_of_width<kTileVectors, Walk::kAcrossK>(strip);
}

void gemm_add_part_f32(const GemmPart& part) {
  const F32 floor = set1(part.floor);
  for (index_t i = 0; i < part.m; ++i) {
    float* c = part.c + i * part.c_row;
    const float* sums = part.sums + i * part.sums_row;
    for (index_t j = 0; j < part.n; j += kLanes) {
      const index_t count = part.n - j;
      F32 value = load(c + j, count) + load(sums + j, count);
      if (part.bias != nullptr) value = value + load(part.bias + j, count);
      store(c + j, max(floor, value), count);
    }
  }
}

void gemm_pack_copy_f32(const GemmPack& pack) { pack_copy(pack, Numbers(pack)); }

void gemm_pack_transpose_f32(const GemmPack& pack) { pack_transpose(pack, Numbers(pack)); }

// Twelve independent chains keep two FMA units of latency 4 busy: a measure of the machine.
void fma_peak_f32(index_t rounds, float* result, double* flops) {
  F32 acc[12];
  for (int i = 0; i < 12; ++i) acc[i] = set1(static_cast<float>(i));
  const F32 factor = set1(*result), term = set1(1.0f);
  for (index_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; ++i) acc[i] = fma(acc[i], factor, term);
  }
  F32 sum = acc[0];
  for (int i = 1; i < 12; ++i) sum = sum + acc[i];
  *result = reduce_add(sum);
  *flops = 2.0 * 12 * kLanes * static_cast<double>(rounds);
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
