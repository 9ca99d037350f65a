// SPDX-License-Identifier: Apache-2.0
#include "csrc/program/feed.h"

#include <algorithm>
#include <cstring>

#include "csrc/cpu/registry.h"

namespace fastdnn::program {

void gather_rows(const Feed& feed, const Source& source, index_t begin, MatrixView to, const Team& team) {
  const Range mine = team.share(to.rows);
  for (index_t i = mine.begin; i < mine.end; ++i) {
    const index_t row = feed.row(begin + i);
    if (source.bytes != nullptr) {
      cpu::kernels().bytes_to_unit_f32(source.bytes + row * source.width, source.width, to.row(i));
    } else {
      std::copy_n(source.floats + row * source.width, source.width, to.row(i));
    }
  }
}

}  // namespace fastdnn::program
