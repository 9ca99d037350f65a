// SPDX-License-Identifier: Apache-2.0
// Products of bfloat16 numbers: strips of packed operands whose elements are pairs.
#include "csrc/cpu/gemm/pack.h"
#include "csrc/cpu/gemm/register_tile.h"

namespace fastdnn::cpu {
namespace {

// Elements that are pairs: row p of a panel is steps p and rows + p, and the last has no second
// number where the steps are odd.
struct Pairs {
  static constexpr index_t kRowsAtOnce = 4;

  explicit Pairs(const GemmPack& pack)
      : rows(ceil_div(pack.k, 2)), steps(pack.k), stride(pack.stride) {}

  const index_t rows, steps, stride;

  F32 across(const float* from, index_t row, index_t count) const {
    const index_t seconds = row + rows < steps ? count : 0;
    return pairs_of(load(from, count), load(from + rows * stride, seconds));
  }
  F32 along(const float* from, index_t row, index_t count) const {
    return pairs_of(load(from, count), load(from + rows, steps - rows - row));
  }
  void ask(const float* from) const {
    prefetch(from);
    prefetch(from + rows * stride);
  }
  void ask_along(const float* from) const {
    prefetch_second_cache(from);
    prefetch_second_cache(from + rows);
  }

 private:
  static F32 pairs_of(F32 first, F32 second) { return bitcast_f32(to_pairs(first, second)); }
};

}  // namespace

namespace FASTDNN_LEVEL {

void gemm_strip_pairs(const GemmStrip& strip) { gemm_of_width<kTileVectors, Walk::kPairs>(strip); }

void gemm_pack_copy_pairs(const GemmPack& pack) { pack_copy(pack, Pairs(pack)); }

void gemm_pack_transpose_pairs(const GemmPack& pack) { pack_transpose(pack, Pairs(pack)); }

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
