// SPDX-License-Identifier: Apache-2.0
#include "csrc/core/xxh64.h"

#include <bit>
#include <cassert>
#include <cstring>

namespace fastdnn {
namespace {

constexpr std::uint64_t kPrime1 = 0x9E3779B185EBCA87u, kPrime2 = 0xC2B2AE3D27D4EB4Fu,
                        kPrime3 = 0x165667B19E3779F9u, kPrime4 = 0x85EBCA77C2B2AE63u,
                        kPrime5 = 0x27D4EB2F165667C5u;

// A little-endian number of any alignment.
template <typename T>
std::uint64_t load(const std::uint8_t* p) {
  std::array<std::uint8_t, sizeof(T)> bytes;
  std::memcpy(bytes.data(), p, sizeof(T));
  if constexpr (std::endian::native == std::endian::little) {
    return std::bit_cast<T>(bytes);
  } else {
    std::uint64_t value = 0;
    for (std::size_t i = sizeof(T); i-- > 0;) value = value << 8 | bytes[i];
    return value;
  }
}

std::uint64_t mix(std::uint64_t lane, std::uint64_t word) {
  return std::rotl(lane + word * kPrime2, 31) * kPrime1;
}

}  // namespace

Xxh64::Xxh64() : lanes_{kPrime1 + kPrime2, kPrime2, 0, 0 - kPrime1} {}

void Xxh64::update(const void* data, std::size_t size) {
  assert(size_ % 32 == 0);
  const auto* p = static_cast<const std::uint8_t*>(data);
  const auto* const end = p + size;
  std::array<std::uint64_t, 4> lanes = lanes_;  // in registers: bytes may alias anything
  for (; end - p >= 32; p += 32) {
    for (std::size_t i = 0; i < 4; ++i) lanes[i] = mix(lanes[i], load<std::uint64_t>(p + 8 * i));
  }
  lanes_ = lanes;
  std::memcpy(rest_.data(), p, static_cast<std::size_t>(end - p));
  size_ += size;
}

std::uint64_t Xxh64::digest() const {
  std::uint64_t hash = kPrime5;
  if (size_ >= 32) {
    hash = std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) +
           std::rotl(lanes_[3], 18);
    for (std::uint64_t lane : lanes_) hash = (hash ^ mix(0, lane)) * kPrime1 + kPrime4;
  }
  hash += size_;
  const std::uint8_t* p = rest_.data();
  const std::uint8_t* const end = p + size_ % 32;
  for (; end - p >= 8; p += 8) {
    hash = std::rotl(hash ^ mix(0, load<std::uint64_t>(p)), 27) * kPrime1 + kPrime4;
  }
  if (end - p >= 4) {
    hash = std::rotl(hash ^ load<std::uint32_t>(p) * kPrime1, 23) * kPrime2 + kPrime3;
    p += 4;
  }
  for (; p < end; ++p) hash = std::rotl(hash ^ *p * kPrime5, 11) * kPrime1;
  hash = (hash ^ hash >> 33) * kPrime2;
  hash = (hash ^ hash >> 29) * kPrime3;
  return hash ^ hash >> 32;
}

}  // namespace fastdnn
