// SPDX-License-Identifier: Apache-2.0
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

// Eight rows at a time: each is read on from where the panel before ended, and a panel grows by
// whole cache lines. The same columns of the next eight rows are asked for meanwhile.
void gemm_pack_copy_f32(const GemmPack& pack) {
  constexpr index_t kRows = 8;
  for (index_t p = 0; p < pack.k; p += kRows) {
    const index_t end = p + kRows < pack.k ? p + kRows : pack.k;
    float* panel = pack.panels;
    for (index_t j = 0; j < pack.count; j += pack.width, panel += pack.panel_size) {
      const index_t columns = pack.count - j < pack.width ? pack.count - j : pack.width;
      for (index_t row = p; row < end; ++row) {
        const float* from = pack.source + row * pack.stride + j;
        float* to = panel + row * pack.width;
        for (index_t i = 0; i < columns && row + kRows < pack.k; i += kRowPad) {
          prefetch(from + kRows * pack.stride + i);
        }
        for (index_t i = 0; i < columns; i += kLanes) {
          store(to + i, load(from + i, columns - i), columns - i);
        }
      }
    }
  }
}

// Rows of the source are far apart: the second cache is asked for those of the next panel while
// this one is written. All loops over a block are unrolled: it would lie on the stack otherwise.
void gemm_pack_transpose_f32(const GemmPack& pack) {
  float* panel = pack.panels;
  for (index_t first = 0; first < pack.count; first += pack.width, panel += pack.panel_size) {
    const index_t count = pack.count - first < pack.width ? pack.count - first : pack.width;
    for (index_t j = 0; j < count; j += kLanes) {
      const index_t rows = count - j < kLanes ? count - j : kLanes;
      const index_t left = pack.count - first - pack.width - j;
      const index_t ahead = left < rows ? left : rows;
      const float* const source = pack.source + (first + j) * pack.stride;
      for (index_t p = 0; p < pack.k; p += kLanes) {
        for (index_t i = 0; i < ahead && p % kRowPad == 0; ++i) {
          prefetch_second_cache(source + (pack.width + i) * pack.stride + p);
        }
        const index_t depth = pack.k - p < kLanes ? pack.k - p : kLanes;
        F32 block[kLanes];
#pragma GCC unroll 16
        for (index_t i = 0; i < kLanes; ++i) {
          // Missing rows repeat the first, for want of a branch; nobody stores them.
          block[i] = load(source + (i < rows ? i : 0) * pack.stride + p, depth);
        }
        transpose(block);
#pragma GCC unroll 16
        for (index_t i = 0; i < kLanes; ++i) {
          if (i < depth) store(panel + (p + i) * pack.width + j, block[i], rows);
        }
      }
    }
  }
}

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
