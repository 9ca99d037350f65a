// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/gemm/gemm.h"

namespace fastdnn::cpu {
namespace {

// A tile of kTileRows x kTileVectors accumulators, the vectors of a row of B and one broadcast fill
// the register file: 14x2 of 32 registers for AVX-512, 6x2 of 16 for AVX2.
#if defined(__AVX512F__)
inline constexpr int kTileRows = 14, kTileVectors = 2;
inline constexpr bool kMaskedLoadsAreFree = false;
inline constexpr index_t kDepth = 512;
#elif defined(__AVX2__)
inline constexpr int kTileRows = 6, kTileVectors = 2;
inline constexpr bool kMaskedLoadsAreFree = false;
inline constexpr index_t kDepth = 512;
#else
inline constexpr int kTileRows = 4, kTileVectors = 4;
inline constexpr bool kMaskedLoadsAreFree = true;
inline constexpr index_t kDepth = 512;
#endif

// Rows of B and of a packed A that are asked for ahead of their use: B's are too far apart for the
// processor to foresee, and in a packed A every step needs a new cache line.
inline constexpr index_t kAheadB = 4, kAheadA = 8;

// How element (i, p) of A is addressed: the stride that is 1 is known at compile time.
enum class Walk { kAlongK, kAcrossK };

template <int kRows, int kVectors, Walk kWalk, bool kMasked>
inline void gemm_tile(const GemmStrip& s, const float* a, float* c, Tail last) {
  F32 acc[kRows][kVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) acc[i][v] = zero();
  }
  const index_t a_row = s.a_row, a_k = s.a_k, b_k = s.b_k;
  const float* b = s.b;
  // Along k, a pointer for every fourth row and three multiples of the stride address all rows.
  constexpr int kPointers = kWalk == Walk::kAlongK ? (kRows + 3) / 4 : 1;
  const float* rows[kPointers];
#pragma GCC unroll 4
  for (int i = 0; i < kPointers; ++i) rows[i] = a + 4 * i * a_row;
  const index_t a_row3 = 3 * a_row;
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) prefetch_to_write(c + i * s.c_row + v * kLanes);
  }
  const auto multiply_add = [&](const float* bp) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) prefetch(bp + kAheadB * b_k + v * kLanes);
    if constexpr (kWalk == Walk::kAcrossK) prefetch(rows[0] + kAheadA * a_k);
    F32 bv[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      bv[v] = kMasked && v == kVectors - 1 ? load(bp + v * kLanes, last) : load(bp + v * kLanes);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const float* ap;
      if constexpr (kWalk == Walk::kAlongK) {
        const int r = i % 4;
        ap = rows[i / 4] + (r == 0 ? 0 : r == 1 ? a_row : r == 2 ? 2 * a_row : a_row3);
      } else {
        ap = rows[0] + i;
      }
      const F32 ai = set1(*ap);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) acc[i][v] = fma(ai, bv[v], acc[i][v]);
    }
  };
  const auto advance = [&] {
#pragma GCC unroll 4
    for (int i = 0; i < kPointers; ++i) rows[i] += kWalk == Walk::kAlongK ? 1 : a_k;
    b += b_k;
  };
  for (index_t p = s.k; p > 0; --p) {
    multiply_add(b);
    advance();
  }
  const auto read = [&](const float* from, int v) {
    return kMasked && v == kVectors - 1 ? load(from, last) : load(from);
  };
  const auto write = [&](float* to, F32 value, int v) {
    if (kMasked && v == kVectors - 1) return store(to, value, last);
    store(to, value);
  };
  const F32 alpha = set1(s.alpha);
  if (s.beta == 1.0f && s.bias == nullptr && s.floor < 0.0f) {
    // Blocks of k after the first, and weights that a gradient is added to.
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        float* out = c + i * s.c_row + v * kLanes;
        write(out, fma(alpha, acc[i][v], read(out, v)), v);
      }
    }
    return;
  }
  const F32 beta = set1(s.beta), floor = set1(s.floor);
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) {
    const F32 bias = s.bias != nullptr ? read(s.bias + v * kLanes, v) : zero();
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      float* out = c + i * s.c_row + v * kLanes;
      const F32 old = s.beta != 0.0f ? beta * read(out, v) : zero();
      // max returns its second operand when one is NaN: NaN passes through ReLU.
      write(out, max(floor, fma(alpha, acc[i][v], old) + bias), v);
    }
  }
}

// One instance per tile height, chosen once per group of rows.
template <int kRows, int kVectors, Walk kWalk, bool kMasked>
inline void gemm_tile_of_height(int rows, const GemmStrip& s, const float* a, float* c, Tail last) {
  if constexpr (kRows > 1) {
    if (rows < kRows) {
      return gemm_tile_of_height<kRows - 1, kVectors, kWalk, kMasked>(rows, s, a, c, last);
    }
  }
  gemm_tile<kRows, kVectors, kWalk, kMasked>(s, a, c, last);
}

template <int kVectors, Walk kWalk, bool kMasked>
void gemm_groups(const GemmStrip& s) {
  const Tail last = tail(s.n - (kVectors - 1) * kLanes);
  const float* a = s.a;
  float* c = s.c;
  for (index_t left = s.m; left > 0; left -= s.group_rows) {
    const index_t rows = left < s.group_rows ? left : s.group_rows;
    gemm_tile_of_height<kTileRows, kVectors, kWalk, kMasked>(static_cast<int>(rows), s, a, c, last);
    a += s.a_group;
    c += s.group_rows * s.c_row;
  }
}

template <int kVectors, Walk kWalk>
void gemm_masked_or_not(const GemmStrip& s) {
  if constexpr (!kMaskedLoadsAreFree) {
    if (s.n == kVectors * kLanes) return gemm_groups<kVectors, kWalk, false>(s);
  }
  gemm_groups<kVectors, kWalk, true>(s);
}

template <int kVectors, Walk kWalk>
void gemm_of_width(const GemmStrip& s) {
  if constexpr (kVectors > 1) {
    if (s.n <= (kVectors - 1) * kLanes) return gemm_of_width<kVectors - 1, kWalk>(s);
  }
  gemm_masked_or_not<kVectors, kWalk>(s);
}

}  // namespace

namespace FASTDNN_LEVEL {

void gemm_geometry_f32(GemmGeometry* geometry) {
  *geometry = {kTileRows, kTileVectors * kLanes, kDepth};
}

void gemm_strip_f32(const GemmStrip& strip) {
  if (strip.a_k == 1) return gemm_of_width<kTileVectors, Walk::kAlongK>(strip);
  gemm_of_width<kTileVectors, Walk::kAcrossK>(strip);
}

void gemm_pack_copy_f32(const GemmPack& pack) {
  for (index_t p = 0; p < pack.k; ++p) {
    const float* from = pack.source + p * pack.stride;
    float* to = pack.panel + p * pack.width;
    for (index_t j = 0; j < pack.count; j += kLanes) {
      store(to + j, load(from + j, pack.count - j), pack.count - j);
    }
  }
}

void gemm_pack_transpose_f32(const GemmPack& pack) {
  for (index_t j = 0; j < pack.count; j += kLanes) {
    const index_t columns = pack.count - j < kLanes ? pack.count - j : kLanes;
    for (index_t p = 0; p < pack.k; p += kLanes) {
      const index_t depth = pack.k - p < kLanes ? pack.k - p : kLanes;
      F32 block[kLanes];
      for (index_t i = 0; i < kLanes; ++i) {
        block[i] = i < columns ? load(pack.source + (j + i) * pack.stride + p, depth) : zero();
      }
      transpose(block);
      for (index_t i = 0; i < depth; ++i)
        store(pack.panel + (p + i) * pack.width + j, block[i], columns);
    }
  }
}

// Twelve independent chains keep two FMA units of latency 4 busy: a measure of the machine, not of
// us.
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
