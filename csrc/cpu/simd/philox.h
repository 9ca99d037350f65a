// SPDX-License-Identifier: Apache-2.0
// Philox4x32-10 for kLanes blocks at once; word for word that of csrc/core/philox.h. Included by
// leaf files, after the header of their level.
#pragma once

#include "csrc/core/random_key.h"

namespace fastdnn::cpu {
namespace {

// Draws are laid out in rows of this many blocks, so that every level stores words where they lie.
inline constexpr index_t kPhiloxLanes = 16;

// words[w] holds word w of the blocks (low, high) of the draw, one block per lane.
inline void philox(const RandomKey& key, I32 low, I32 high, I32 (&words)[4]) {
  const I32 multiplier0 = set1_i32(static_cast<std::int32_t>(0xD2511F53u));
  const I32 multiplier1 = set1_i32(static_cast<std::int32_t>(0xCD9E8D57u));
  I32 c0 = low, c1 = high;
  I32 c2 = set1_i32(static_cast<std::int32_t>(key.step));
  I32 c3 = set1_i32(static_cast<std::int32_t>(key.stream));
  std::uint32_t k0 = static_cast<std::uint32_t>(key.seed);
  std::uint32_t k1 = static_cast<std::uint32_t>(key.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    I32 high0, low0, high1, low1;
    multiply_wide(c0, multiplier0, high0, low0);
    multiply_wide(c2, multiplier1, high1, low1);
    c0 = high1 ^ c1 ^ set1_i32(static_cast<std::int32_t>(k0));
    c1 = low1;
    c2 = high0 ^ c3 ^ set1_i32(static_cast<std::int32_t>(k1));
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

}  // namespace
}  // namespace fastdnn::cpu
