// SPDX-License-Identifier: Apache-2.0
#include "csrc/core/file_block.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

#include "csrc/core/check.h"
#include "csrc/core/xxh64.h"

namespace fastdnn {
namespace {

// What comes and goes at a time: half of a second cache. A multiple of 32, for the digest.
constexpr std::size_t kPiece = std::size_t{1} << 18;

// Calls a function of the system that moves some bytes until all are moved.
template <typename Call, typename Byte>
void move_all(Call call, int file, Byte* data, std::size_t size, std::int64_t begin) {
  for (std::size_t done = 0; done < size;) {
    const ssize_t count =
        call(file, data + done, size - done, static_cast<off_t>(begin) + static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw std::system_error(errno, std::generic_category());
    check(count > 0, "read", "the file ended while it was read; expected it to stay as it is");
    done += static_cast<std::size_t>(count);
  }
}

// Calls fn(place in `packed`, place in the rows, bytes) for parts of rows.
template <typename Function>
void for_each_part(const ByteRows& rows, std::size_t first, std::byte* packed, std::size_t size,
                   Function fn) {
  for (std::size_t done = 0; done < size;) {
    const std::size_t row = (first + done) / rows.row, column = (first + done) % rows.row;
    const std::size_t count = std::min(rows.row - column, size - done);
    fn(packed + done, rows.data + row * rows.stride + column, count);
    done += count;
  }
}

bool in_one_piece(const ByteRows& rows) { return rows.data != nullptr && rows.row == rows.stride; }

}  // namespace

std::uint64_t read_block(int file, std::int64_t begin, std::size_t size, const ByteRows& rows,
                         std::size_t first) {
  std::unique_ptr<std::byte[]> room;
  if (!in_one_piece(rows)) room = std::make_unique_for_overwrite<std::byte[]>(kPiece);
  Xxh64 digest;
  for (std::size_t done = 0; done < size;) {
    const std::size_t count = std::min(kPiece, size - done);
    std::byte* const piece = room ? room.get() : rows.data + first + done;
    move_all(pread, file, piece, count, begin + static_cast<std::int64_t>(done));
    digest.update(piece, count);
    if (room && rows.data != nullptr) {
      for_each_part(rows, first + done, piece, count,
                    [](const std::byte* packed, std::byte* place, std::size_t bytes) {
                      std::memcpy(place, packed, bytes);
                    });
    }
    done += count;
  }
  return digest.digest();
}

std::uint64_t write_block(int file, std::int64_t begin, std::size_t size, const ByteRows& rows,
                          std::size_t first) {
  std::unique_ptr<std::byte[]> room;
  if (!in_one_piece(rows)) room = std::make_unique_for_overwrite<std::byte[]>(kPiece);
  Xxh64 digest;
  for (std::size_t done = 0; done < size;) {
    const std::size_t count = std::min(kPiece, size - done);
    std::byte* const piece = room ? room.get() : rows.data + first + done;
    if (room) {
      for_each_part(rows, first + done, piece, count,
                    [](std::byte* packed, const std::byte* place, std::size_t bytes) {
                      std::memcpy(packed, place, bytes);
                    });
    }
    digest.update(piece, count);
    move_all(pwrite, file, piece, count, begin + static_cast<std::int64_t>(done));
    done += count;
  }
  return digest.digest();
}

}  // namespace fastdnn
