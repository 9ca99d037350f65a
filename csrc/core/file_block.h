// SPDX-License-Identifier: Apache-2.0
// Pieces of files, and where they lie in memory. Bytes are digested while they are in the cache.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fastdnn {

// Rows of bytes, maybe with gaps between them. "Byte i" below is byte i of the rows without gaps.
struct ByteRows {
  std::byte* data = nullptr;  // null: nowhere
  std::size_t row = 0;        // bytes of a row, at least 1
  std::size_t stride = 0;     // from one row to the next
};

// Reads `size` bytes at `begin` of an open file to bytes first, first + 1, ... of the rows, if they
// are somewhere, and returns their XXH64. Throws std::system_error, and InvalidArgument where the
// file ends before.
std::uint64_t read_block(int file, std::int64_t begin, std::size_t size, const ByteRows& rows,
                         std::size_t first);

// Writes bytes first, first + 1, ... of the rows to a file, and returns their XXH64.
std::uint64_t write_block(int file, std::int64_t begin, std::size_t size, const ByteRows& rows,
                          std::size_t first);

}  // namespace fastdnn
