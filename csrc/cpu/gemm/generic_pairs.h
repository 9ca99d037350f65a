// SPDX-License-Identifier: Apache-2.0
// Products of bfloat16 numbers: strips of packed operands whose elements are pairs.
#include "csrc/cpu/gemm/register_tile.h"

namespace fastdnn::cpu {
namespace FASTDNN_LEVEL {

void gemm_strip_pairs(const GemmStrip& strip) { gemm_of_width<kTileVectors, Walk::kPairs>(strip); }

// Four rows of pairs at a time, as gemm_pack_copy_f32 does.
void gemm_pack_copy_pairs(const GemmPack& pack) {
  constexpr index_t kRows = 4;
  const index_t pairs = ceil_div(pack.k, 2);
  for (index_t p = 0; p < pairs; p += kRows) {
    const index_t end = p + kRows < pairs ? p + kRows : pairs;
    float* panel = pack.panels;
    for (index_t j = 0; j < pack.count; j += pack.width, panel += pack.panel_size) {
      const index_t columns = pack.count - j < pack.width ? pack.count - j : pack.width;
      for (index_t row = p; row < end; ++row) {
        const float* first = pack.source + row * pack.stride + j;
        const float* second = first + pairs * pack.stride;
        float* to = panel + row * pack.width;
        // The last pair may have no second number.
        const index_t seconds = row + pairs < pack.k ? columns : 0;
        for (index_t i = 0; i < columns && row + kRows + pairs < pack.k; i += kRowPad) {
          prefetch(first + kRows * pack.stride + i);
          prefetch(second + kRows * pack.stride + i);
        }
        for (index_t i = 0; i < columns; i += kLanes) {
          const I32 packed = to_pairs(load(first + i, columns - i), load(second + i, seconds - i));
          store(to + i, bitcast_f32(packed), columns - i);
        }
      }
    }
  }
}

// As gemm_pack_transpose_f32 does.
void gemm_pack_transpose_pairs(const GemmPack& pack) {
  const index_t pairs = ceil_div(pack.k, 2);
  float* panel = pack.panels;
  for (index_t first = 0; first < pack.count; first += pack.width, panel += pack.panel_size) {
    const index_t count = pack.count - first < pack.width ? pack.count - first : pack.width;
    for (index_t j = 0; j < count; j += kLanes) {
      const index_t rows = count - j < kLanes ? count - j : kLanes;
      const index_t left = pack.count - first - pack.width - j;
      const index_t ahead = left < rows ? left : rows;
      const float* const source = pack.source + (first + j) * pack.stride;
      for (index_t p = 0; p < pairs; p += kLanes) {
        for (index_t i = 0; i < ahead && p % kRowPad == 0; ++i) {
          prefetch_second_cache(source + (pack.width + i) * pack.stride + p);
          prefetch_second_cache(source + (pack.width + i) * pack.stride + p + pairs);
        }
        const index_t depth = pairs - p < kLanes ? pairs - p : kLanes;
        F32 block[kLanes];
#pragma GCC unroll 16
        for (index_t i = 0; i < kLanes; ++i) {
          // Missing rows repeat the first, for want of a branch; nobody stores them.
          const float* from = source + (i < rows ? i : 0) * pack.stride + p;
          block[i] =
              bitcast_f32(to_pairs(load(from, depth), load(from + pairs, pack.k - pairs - p)));
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

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
