// SPDX-License-Identifier: Apache-2.0
// AVX-512 and the tile registers of AMX. See tile_model.h for what Tiles means.
#pragma once

#include "csrc/cpu/simd/avx512.h"

#undef FASTDNN_LEVEL
#define FASTDNN_LEVEL amx
#define FASTDNN_TILE_REGISTERS 1

namespace fastdnn::cpu {
namespace {

// Written in assembly: the compilers' own intrinsics take no template parameter for a register, and
// GCC's do not tell it which memory they read.
class Tiles {
 public:
  explicit Tiles(index_t) {}

  static void begin(index_t rows) {
    struct alignas(64) {
      std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
      std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      std::uint8_t rows[16] = {};
    } shapes;
    for (int i = 0; i < 8; ++i) shapes.rows[i] = i < 6 ? static_cast<std::uint8_t>(rows) : 16;
    __asm__ volatile("ldtilecfg %0" : : "m"(shapes));
  }
  static void end() { __asm__ volatile("tilerelease"); }

  template <int kTile>
  void zero() {
    __asm__ volatile("tilezero %%tmm%c0" : : "i"(kTile));
  }
  template <int kTile>
  void load(const std::uint16_t* from) {
    load_rows<kTile>(from, 64);
  }
  template <int kTile>
  void load_sums(const float* from, index_t stride) {
    load_rows<kTile>(from, stride * 4);
  }
  template <int kTile>
  void store(float* to, index_t stride) {
    __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)"
                     :
                     : "r"(to), "r"(stride * index_t{4}), "i"(kTile)
                     : "memory");
  }
  // On Sapphire Rapids a store takes much longer when no tile was stored for some blocks, as if the
  // way to memory went to sleep. Any tile keeps it awake; 4 waits for no sum.
  void keep_stores_awake() {
    __asm__ volatile("tilestored %%tmm4, (%0,%1,1)" : : "r"(unused_), "r"(index_t{64}) : "memory");
  }
  template <int kSum, int kA, int kB>
  void multiply_add() {
    __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSum), "i"(kA), "i"(kB));
  }

 private:
  template <int kTile>
  void load_rows(const void* from, index_t bytes) {
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2"
                     :
                     : "r"(from), "r"(bytes), "i"(kTile)
                     : "memory");
  }

  alignas(64) std::uint8_t unused_[1024];
};

}  // namespace
}  // namespace fastdnn::cpu
