// SPDX-License-Identifier: Apache-2.0
// The register tile of a level, and strips of such tiles.
#pragma once

#include "csrc/cpu/gemm/gemm.h"
#ifndef FASTDNN_HAS_PAIRS
#include "csrc/cpu/gemm/pair_model.h"
#endif

namespace fastdnn::cpu {
namespace {

// A tile of kTileRows x kTileVectors accumulators, the vectors of a row of B and one broadcast fill
// the register file: 9x3 of 32 registers for AVX-512, 4x3 of 16 for AVX2. Taller and narrower tiles
// read more per multiply-add, which costs power and so lowers the clock.
//
// The tiles of AVX-512 are large enough for rows of B from the second cache to keep up, if they are
// asked for kAheadB steps before: such a tile goes through a whole block along k. Otherwise kDepth
// rows of a panel of B stay in the first cache, which may have 32 KiB.
#if defined(__AVX512F__)
inline constexpr int kTileRows = 9, kTileVectors = 3;
inline constexpr index_t kDepth = kBlockDepth, kAheadB = 4;
#else
inline constexpr int kTileRows = 4, kTileVectors = kLanes > 1 ? 3 : 4;
inline constexpr index_t kDepth = 264, kAheadB = 0;
#endif
inline constexpr bool kMaskedLoadsAreFree = kLanes == 1;
// A tile of one row: its chains of multiply-adds are as many as keep the units busy.
inline constexpr int kRowVectors = 10;
static_assert(kTileRows <= kMaxTileRows && kTileVectors * kLanes <= kMaxTileCols &&
              kDepth <= kBlockDepth);

// Steps along k by which an A whose every step is in another cache line is asked for ahead.
inline constexpr index_t kAheadA = 8;

// How the operands are walked, as far as it is known at compile time.
enum class Walk {
  kAlongK,   // a_k is 1
  kAcrossK,  // a_row is 1
  kPanels,   // both operands are packed into panels as wide as a tile
  kPairs,    // the same, and every element is a pair of bfloat16 numbers
};

alignas(64) inline constexpr float kNoBias[kRowVectors * kLanes] = {};

template <int kVectors>
inline void prefetch_tile(const float* c, index_t rows, index_t c_row) {
#pragma GCC unroll 1
  for (index_t i = 0; i < rows; ++i) {
#pragma GCC unroll 10
    for (int v = 0; v < kVectors; ++v) prefetch_to_write(c + i * c_row + v * kLanes);
  }
}

template <int kRows, int kVectors, Walk kWalk, bool kMasked>
inline void gemm_tile(const GemmStrip& s, const float* a, const float* ahead, float* c, Tail last) {
  F32 acc[kRows][kVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 10
    for (int v = 0; v < kVectors; ++v) acc[i][v] = zero();
  }
  constexpr bool kAlongK = kWalk == Walk::kAlongK, kPairs = kWalk == Walk::kPairs;
  constexpr bool kPanels = kPairs || kWalk == Walk::kPanels;
  const index_t a_row = s.a_row;
  const index_t a_k = kAlongK ? 1 : kPanels ? kTileRows : s.a_k;
  const index_t b_k = kPanels ? kTileVectors * kLanes : s.b_k;
  const float* b = s.b;
  // Along k, a pointer for every fourth row and three multiples of the stride address all rows.
  constexpr int kPointers = kAlongK ? (kRows + 3) / 4 : 1;
  const float* rows[kPointers];
#pragma GCC unroll 4
  for (int i = 0; i < kPointers; ++i) rows[i] = a + 4 * i * a_row;
  const index_t a_row3 = 3 * a_row;
  const auto multiply_add = [&] {
    // An A read across k is in another cache line at every step, which hardware foresees badly: it
    // is asked for rather than B, of which a gradient over few rows keeps a panel in the first
    // cache. A tile of one row does little else than load.
    if constexpr (kWalk == Walk::kAcrossK) {
      prefetch(rows[0] + kAheadA * a_k);
    } else if constexpr (kAheadB > 0 && kRows > 1) {
#pragma GCC unroll 10
      for (int v = 0; v < kVectors; ++v) prefetch(b + kAheadB * b_k + v * kLanes);
    }
    F32 bv[kVectors];
#pragma GCC unroll 10
    for (int v = 0; v < kVectors; ++v) {
      bv[v] = kMasked && v == kVectors - 1 ? load(b + v * kLanes, last) : load(b + v * kLanes);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const float* ap = rows[0] + i;
      if constexpr (kAlongK) {
        const int r = i % 4;
        ap = rows[i / 4] + (r == 0 ? 0 : r == 1 ? a_row : r == 2 ? 2 * a_row : a_row3);
      }
      const F32 ai = set1(*ap);
#pragma GCC unroll 10
      for (int v = 0; v < kVectors; ++v) {
        if constexpr (kPairs) {
          acc[i][v] = add_products_of_pairs(acc[i][v], bitcast_i32(ai), bitcast_i32(bv[v]));
        } else {
          acc[i][v] = fma(ai, bv[v], acc[i][v]);
        }
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < kPointers; ++i) rows[i] += a_k;
    b += b_k;
  };
  // What comes next is asked for little by little, so that it never keeps A waiting: some rows of
  // the tile below and some memory ahead, then some steps.
  const float* below = c + s.group_rows * s.c_row;
  for (index_t left = s.k; left > 0; left -= s.pace) {
    prefetch_tile<kVectors>(below, s.pace_rows, s.c_row);
    below += s.pace_rows * s.c_row;
    for (index_t i = 0; i < s.ahead_lines; ++i, ahead += kRowPad) prefetch_second_cache(ahead);
    for (index_t p = left < s.pace ? left : s.pace; p > 0; --p) multiply_add();
  }
  const auto read = [&](const float* from, int v) {
    return kMasked && v == kVectors - 1 ? load(from, last) : load(from);
  };
  const auto write = [&](float* to, F32 value, int v) {
    if (kMasked && v == kVectors - 1) return store(to, value, last);
    store(to, value);
  };
  // Read what a store might alias before the first one.
  const index_t c_row = s.c_row;
  const F32 alpha = set1(s.alpha), beta = set1(s.beta), floor = set1(s.floor);
  const float* const bias = s.bias != nullptr ? s.bias : kNoBias;
  const auto combine = [&](auto with_old) {
    float* out = c;
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i, out += c_row) {
#pragma GCC unroll 10
      for (int v = 0; v < kVectors; ++v) {
        float* to = out + v * kLanes;
        write(to, with_old(acc[i][v], to, v), v);
      }
    }
  };
  // max returns its second operand when one is NaN: NaN passes through ReLU.
  if (s.beta == 0.0f) {
    combine([&](F32 sum, const float*, int v) {
      return max(floor, fma(alpha, sum, zero()) + read(bias + v * kLanes, v));
    });
  } else if (s.beta == 1.0f && s.bias == nullptr && s.floor < 0.0f) {
    // Steps along k after the first, and weights that a gradient is added to.
    combine([&](F32 sum, const float* old, int v) { return fma(alpha, sum, read(old, v)); });
  } else {
    combine([&](F32 sum, const float* old, int v) {
      return max(floor, fma(alpha, sum, beta * read(old, v)) + read(bias + v * kLanes, v));
    });
  }
}

// One instance per tile height, chosen once per group of rows.
template <int kRows, int kVectors, Walk kWalk, bool kMasked>
inline void gemm_tile_of_height(int rows, const GemmStrip& s, const float* a, const float* ahead,
                                float* c, Tail last) {
  if constexpr (kRows > 1) {
    if (rows < kRows) {
      return gemm_tile_of_height<kRows - 1, kVectors, kWalk, kMasked>(rows, s, a, ahead, c, last);
    }
  }
  gemm_tile<kRows, kVectors, kWalk, kMasked>(s, a, ahead, c, last);
}

template <int kVectors, Walk kWalk, bool kMasked>
void gemm_groups(const GemmStrip& s) {
  const Tail last = tail(s.n - (kVectors - 1) * kLanes);
  const float* a = s.a;
  const float* ahead = s.ahead;
  float* c = s.c;
  prefetch_tile<kVectors>(c, s.group_rows < s.m ? s.group_rows : s.m, s.c_row);
  for (index_t left = s.m; left > 0; left -= s.group_rows) {
    const index_t rows = left < s.group_rows ? left : s.group_rows;
    gemm_tile_of_height<kTileRows, kVectors, kWalk, kMasked>(static_cast<int>(rows), s, a, ahead, c,
                                                             last);
    a += s.a_group;
    ahead += s.ahead_group;
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
}  // namespace fastdnn::cpu
