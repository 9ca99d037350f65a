// SPDX-License-Identifier: Apache-2.0
// XXH64 with seed 0 (Collet, the xxHash specification, github.com/Cyan4973/xxHash): a digest of 64
// bits that finds damage, not forgery.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace fastdnn {

class Xxh64 {
 public:
  Xxh64();

  // Adds bytes. Only the last ones may be no multiple of 32.
  void update(const void* data, std::size_t size);

  // The digest of all bytes.
  std::uint64_t digest() const;

 private:
  std::array<std::uint64_t, 4> lanes_;
  std::array<std::uint8_t, 32> rest_{};
  std::size_t size_ = 0;
};

}  // namespace fastdnn
