// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/mman.h>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "csrc/core/types.h"

namespace fastdnn {

// An aligned, zeroed block of Ts that is never resized. What is never touched of a large one, fresh
// from the system, takes no memory. Blocks of 256 KiB and more ask for huge pages: products walk
// down columns, which would miss the first TLB at every row. Throws std::bad_alloc when there is no
// such memory.
template <typename T>
class AlignedBuffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(index_t count) : count_(count) {
    if (count == 0) return;
    constexpr std::size_t kHugePage = std::size_t{1} << 21;
    constexpr auto kMost = static_cast<index_t>((PTRDIFF_MAX - kHugePage) / sizeof(T));
    if (count < 0 || count > kMost) throw std::bad_alloc();
    const std::size_t wanted = static_cast<std::size_t>(count) * sizeof(T);
    const std::size_t alignment = wanted >= kHugePage / 8 ? kHugePage : kAlignment;
    const std::size_t bytes = (wanted + alignment - 1) / alignment * alignment;
    memory_.reset(std::calloc(1, bytes + alignment));
    if (!memory_) throw std::bad_alloc();
    void* start = memory_.get();
    std::size_t space = bytes + alignment;
    data_ = static_cast<T*>(std::align(alignment, bytes, start, space));
#ifdef MADV_HUGEPAGE
    if (alignment == kHugePage) madvise(data_, bytes, MADV_HUGEPAGE);
#endif
  }

  AlignedBuffer(AlignedBuffer&& other) noexcept
      : memory_(std::move(other.memory_)),
        data_(std::exchange(other.data_, nullptr)),
        count_(std::exchange(other.count_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    memory_ = std::move(other.memory_);
    data_ = std::exchange(other.data_, nullptr);
    count_ = std::exchange(other.count_, 0);
    return *this;
  }

  T* data() const { return data_; }
  index_t size() const { return count_; }
  T& operator[](index_t i) const { return data_[i]; }

 private:
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  std::unique_ptr<void, Free> memory_;
  T* data_ = nullptr;
  index_t count_ = 0;
};

// Hands out 64-byte-aligned pieces of one buffer. First plan every piece, then allocate once.
class Arena {
 public:
  // Reserves room for `count` floats and returns their offset. Only before allocate().
  index_t reserve(index_t count) {
    assert(count >= 0 && buffer_.size() == 0);
    const index_t offset = used_;
    used_ += round_up(count, kRowPad);
    return offset;
  }
  void allocate() { buffer_ = AlignedBuffer<float>(used_); }
  float* at(index_t offset) const { return buffer_.data() + offset; }

 private:
  index_t used_ = 0;
  AlignedBuffer<float> buffer_;
};

}  // namespace fastdnn
