// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace fastdnn {

using index_t = std::int64_t;

// Bytes to which every buffer of ours is aligned: a cache line, and the widest vector.
inline constexpr std::size_t kAlignment = 64;

// Floats in one aligned unit. Rows of planned buffers are padded to a multiple of it.
inline constexpr index_t kRowPad = 16;

// Always inlined: kernel files must not share a copy with others, not even unoptimized.
[[gnu::always_inline]] constexpr index_t ceil_div(index_t a, index_t b) { return (a + b - 1) / b; }
[[gnu::always_inline]] constexpr index_t round_up(index_t a, index_t b) {
  return ceil_div(a, b) * b;
}

}  // namespace fastdnn
