// SPDX-License-Identifier: Apache-2.0
// Tile registers in software: the specification of those of AMX, for levels without them.
#pragma once

#include <cstring>

#include "csrc/cpu/gemm/gemm.h"

namespace fastdnn::cpu {
namespace {

// Eight tiles of up to 16 rows of 64 bytes. 0 to 3 hold sums, 4 and 5 parts of A, which all have
// the same number of rows; 6 and 7 hold parts of B.
class Tiles {
 public:
  explicit Tiles(index_t rows) : rows_(rows) {}

  // Sets the registers up, and gives them back; between them code may use Tiles(rows).
  static void begin(index_t) {}
  static void end() {}

  template <int kTile>
  void zero() {
    std::memset(sums_[kTile], 0, sizeof sums_[kTile]);
  }
  // A tile that lies in one piece.
  template <int kTile>
  void load(const std::uint16_t* from) {
    std::memcpy(parts_[kTile - 4], from, sizeof parts_[kTile - 4]);
  }
  // `stride` floats from row to row.
  template <int kTile>
  void load_sums(const float* from, index_t stride) {
    for (index_t i = 0; i < rows_; ++i) std::memcpy(sums_[kTile][i], from + i * stride, 64);
  }
  template <int kTile>
  void store(float* to, index_t stride) {
    for (index_t i = 0; i < rows_; ++i) std::memcpy(to + i * stride, sums_[kTile][i], 64);
  }
  // Called now and then between two stores.
  static void keep_stores_awake() {}
  // Adds to every sum the products of 16 pairs: first and second ones in a chain each, then both
  // chains' sum. Subnormal numbers count as zero.
  template <int kSum, int kA, int kB>
  void multiply_add() {
    for (index_t i = 0; i < rows_; ++i) {
      for (index_t j = 0; j < kTileSide; ++j) {
        float first = 0.0f, second = 0.0f;
        for (index_t p = 0; p < kTileSide; ++p) {
          const std::uint16_t* a = parts_[kA - 4][i] + 2 * p;
          const std::uint16_t* b = parts_[kB - 4][p] + 2 * j;
          first = flushed(first + widen(a[0]) * widen(b[0]));
          second = flushed(second + widen(a[1]) * widen(b[1]));
        }
        sums_[kSum][i][j] = flushed(sums_[kSum][i][j] + flushed(first + second));
      }
    }
  }

 private:
  static constexpr float kLeastNormal = 0x1p-126f;

  static float widen(std::uint16_t part) {
    const std::uint32_t bits = std::uint32_t{part} << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return flushed(value);
  }
  static float flushed(float x) { return x > -kLeastNormal && x < kLeastNormal ? 0.0f : x; }

  index_t rows_;
  float sums_[4][kTileSide][kTileSide];
  std::uint16_t parts_[4][kTileSide][kTileSteps];
};

}  // namespace
}  // namespace fastdnn::cpu
