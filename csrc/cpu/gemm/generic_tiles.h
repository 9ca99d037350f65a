// SPDX-License-Identifier: Apache-2.0
// Products by tiles, on the tile registers of the level or on their model.
#include "csrc/cpu/gemm/gemm.h"
#ifndef FASTDNN_TILE_REGISTERS
#include "csrc/cpu/gemm/tile_model.h"
#endif

namespace fastdnn::cpu {
namespace {

// Floats whose upper halves are parts: the nearest one, and the one towards zero.
inline F32 nearest_part(F32 x) { return fnma(x, set1(65536.0f), x * set1(65537.0f)); }
inline F32 lower_part(F32 x) {
  return bitcast_f32(bitcast_i32(x) & set1_i32(static_cast<std::int32_t>(0xFFFF0000)));
}

inline void transpose_pairs(const std::int32_t* from, std::int32_t* to) {
  for (index_t i = 0; i < kTileSide; i += kLanes) {
    for (index_t j = 0; j < kTileSide; j += kLanes) {
      F32 block[kLanes];
      for (index_t r = 0; r < kLanes; ++r) {
        block[r] = bitcast_f32(load_i32(from + (i + r) * kTileSide + j));
      }
      transpose(block);
      for (index_t r = 0; r < kLanes; ++r) {
        store_i32(to + (j + r) * kTileSide + i, bitcast_i32(block[r]));
      }
    }
  }
}

// Splits a panel step by step, each of some ten cycles: a row of a tile's pairs, or the
// transposition of a tile.
class Splitter {
 public:
  // Nothing to do if `split` is null.
  explicit Splitter(const GemmSplit* split) : s_(split) {
    if (split == nullptr) return;
    // Pairs are read along k, or across; a tile of A holds them along k, one of B across.
    transposed_ = s_->along_k != s_->of_a;
    start_tile();
  }

  index_t steps_left() const {
    if (s_ == nullptr) return 0;
    const index_t tiles = s_->count > s_->width ? 2 : 1;
    return (ceil_div(s_->k - p_, kTileSteps) * tiles - tile_) * steps_per_tile() - step_;
  }

  // Kept out of the loops over tiles, which need the registers.
  [[gnu::noinline]] void run(index_t steps) {
    while (steps > 0 && s_ != nullptr) {
      if (step_ < kTileSide) {
        const index_t end = steps < kTileSide - step_ ? step_ + steps : kTileSide;
        steps -= end - step_;
        s_->along_k ? split_rows<true>(step_, end) : split_rows<false>(step_, end);
        step_ = end;
      } else {
        transpose_pairs(turned_[step_ - kTileSide], to_[step_ - kTileSide]);
        ++step_;
        --steps;
      }
      if (step_ == steps_per_tile()) next_tile();
    }
  }

 private:
  index_t steps_per_tile() const { return transposed_ ? kTileSide + kTileParts : kTileSide; }

  void start_tile() {
    const index_t first = tile_ * s_->width;
    step_ = 0;
    lines_ = s_->count - first < s_->width ? s_->count - first : s_->width;
    depth_ = s_->k - p_ < kTileSteps ? s_->k - p_ : kTileSteps;
    from_ = s_->source + (s_->along_k ? first * s_->stride + p_ : p_ * s_->stride + first);
    std::uint16_t* block = s_->panel + p_ / kTileSteps * kPanelBlockSize;
    for (index_t part = 0; part < kTileParts; ++part) {
      to_[part] = reinterpret_cast<std::int32_t*>(block + (part * kPanelTiles + tile_) * kTileSize);
    }
  }

  void next_tile() {
    if (tile_ == 0 && s_->count > s_->width) {
      tile_ = 1;
    } else {
      tile_ = 0;
      p_ += kTileSteps;
    }
    if (p_ < s_->k) return start_tile();
    const std::int32_t magnitude = reduce_max(max(largest_, shift_left<16>(largest_)));
    const std::int32_t low = reduce_max(bits_ & set1_i32(0x7FFFFFFF));
    *s_->largest = magnitude > 0xFFFF ? magnitude & 0x7FFF0000 : low != 0;
    s_ = nullptr;
  }

  template <bool kAlongK>
  void split_rows(index_t begin, index_t end) {
    const index_t stride = s_->stride;
    std::int32_t* to[kTileParts];
    for (index_t part = 0; part < kTileParts; ++part) {
      to[part] = transposed_ ? turned_[part] : to_[part];
    }
    for (index_t q = 0; q < kTileSide; q += kLanes) {
      const Tail first = tail(kAlongK ? depth_ - 2 * q : lines_ - q);
      const Tail second = tail(depth_ - 2 * q - kLanes);
      for (index_t row = begin; row < end; ++row) {
        F32 even = zero(), odd = zero();
        if constexpr (kAlongK) {
          const float* x = from_ + row * stride + 2 * q;
          if (row < lines_) deinterleave(load(x, first), load(x + kLanes, second), even, odd);
        } else {
          const float* x = from_ + 2 * row * stride + q;
          // Far apart, so that the processor does not foresee them.
          prefetch(x + kTileSteps * stride);
          prefetch(x + (kTileSteps + 1) * stride);
          if (2 * row < depth_) even = load(x, first);
          if (2 * row + 1 < depth_) odd = load(x + stride, first);
        }
        split(even, odd, row * kTileSide + q, to);
      }
    }
  }

  // Only the first part is rounded to the nearest: what it leaves has either sign then, so that the
  // products left out do not add up.
  void split(F32 even, F32 odd, index_t at, std::int32_t* const* to) {
    bits_ = bits_ | bitcast_i32(even) | bitcast_i32(odd);
    const F32 even0 = nearest_part(even), odd0 = nearest_part(odd);
    const I32 first = pair_upper_halves(even0, odd0);
    largest_ = max_of_halves(largest_, first & set1_i32(0x7FFF7FFF));
    store_i32(to[0] + at, first);
    even = even - even0;
    odd = odd - odd0;
    const F32 even1 = lower_part(even), odd1 = lower_part(odd);
    store_i32(to[1] + at, pair_upper_halves(even1, odd1));
    // What is left has 8 bits at most.
    store_i32(to[2] + at, pair_upper_halves(even - even1, odd - odd1));
  }

  const GemmSplit* s_;
  bool transposed_ = false;
  index_t p_ = 0, tile_ = 0, step_ = 0;
  index_t lines_ = 0, depth_ = 0;  // of the tile
  const float* from_ = nullptr;
  std::int32_t* to_[kTileParts] = {};
  I32 largest_ = set1_i32(0);  // upper halves of magnitudes of first parts
  I32 bits_ = set1_i32(0);     // all that are set in any number
  alignas(64) std::int32_t turned_[kTileParts][kTileSide * kTileSide];
};

inline constexpr index_t kPieceSide = kPanelTiles * kTileSide;

// A piece of C, whose sums are added to it row by row while the tiles work on the next piece.
struct Piece {
  const GemmTiles* t = nullptr;
  const float* sums = nullptr;  // kPieceSide floats from row to row
  float* c = nullptr;
  const float* bias = nullptr;
  index_t rows = 0, columns = 0, done = 0;

  // Vector units share their time with the tiles: little is computed where little is to be done.
  void finish(index_t count) {
    if (done == rows) return;
    const index_t end = rows - done < count ? rows : done + count;
    const F32 alpha = set1(t->alpha), beta = set1(t->beta), floor = set1(t->floor);
    const bool adds = t->beta == 1.0f && bias == nullptr && t->floor < 0.0f;
    for (index_t j = 0; j < columns; j += kLanes) {
      const Tail last = tail(columns - j);
      const float* from = sums + done * kPieceSide + j;
      float* to = c + done * t->c_row + j;
      if (adds) {
        for (index_t i = done; i < end; ++i, from += kPieceSide, to += t->c_row) {
          store(to, fma(alpha, load(from), load(to, last)), last);
        }
        continue;
      }
      const F32 shift = bias != nullptr ? load(bias + j, last) : zero();
      for (index_t i = done; i < end; ++i, from += kPieceSide, to += t->c_row) {
        const F32 old = t->beta == 0.0f ? zero() : beta * load(to, last);
        store(to, max(floor, fma(alpha, load(from), old) + shift), last);
      }
    }
    done = end;
  }
};

// Spreads steps evenly over groups.
struct Pace {
  index_t steps, groups, owed = 0;

  index_t next() {
    owed += steps;
    const index_t now = owed / groups;
    owed -= now * groups;
    return now;
  }
};

// The sums of a piece over all blocks, while `before` is finished and another panel is split.
template <int kHigh, int kWide>
void sum_tiles(const GemmTiles& t, const std::uint16_t* a, const std::uint16_t* b, Piece& piece,
               float* sums, Piece& before, Splitter& splitter, Pace& pace) {
  Tiles tiles(t.tile_rows);
  const auto each = [&](auto&& f) {
    f.template operator()<0, 4, 6>();
    if constexpr (kHigh > 1) f.template operator()<1, 5, 6>();
    if constexpr (kWide > 1) f.template operator()<2, 4, 7>();
    if constexpr (kHigh > 1 && kWide > 1) f.template operator()<3, 5, 7>();
  };
  each([&]<int kSum, int kA, int kB>() { tiles.template zero<kSum>(); });
  const auto load_a = [&](index_t part) {
    tiles.template load<4>(a + part * kPanelTiles * kTileSize);
    if constexpr (kHigh > 1) tiles.template load<5>(a + (part * kPanelTiles + 1) * kTileSize);
  };
  const auto load_b = [&](index_t part) {
    tiles.template load<6>(b + part * kPanelTiles * kTileSize);
    if constexpr (kWide > 1) tiles.template load<7>(b + (part * kPanelTiles + 1) * kTileSize);
  };
  // The tiles take 16 cycles for each product: time for some rows of the piece before.
  const index_t rows_each = ceil_div(kPieceSide, kTileProducts * t.blocks);
  index_t asked = 0;
  const auto multiply_add = [&] {
    each([&]<int kSum, int kA, int kB>() { tiles.template multiply_add<kSum, kA, kB>(); });
    before.finish(rows_each);
    if (pace.steps > 0) splitter.run(pace.next());
    for (index_t i = 0; i < rows_each && asked < piece.rows; ++i, ++asked) {
      prefetch_to_write(piece.c + asked * t.c_row);
      prefetch_to_write(piece.c + asked * t.c_row + kTileSide);
    }
  };
  for (index_t block = 0; block < t.blocks; ++block) {
    // Neighbours share an operand, so that seven loads do for six products.
    load_a(2);
    load_b(0);
    multiply_add();
    load_a(1);
    multiply_add();
    load_b(1);
    multiply_add();
    load_a(0);
    multiply_add();
    load_b(2);
    multiply_add();
    load_b(0);
    multiply_add();
    tiles.keep_stores_awake();
    a += kPanelBlockSize;
    b += kPanelBlockSize;
  }
  each([&]<int kSum, int kA, int kB>() {
    constexpr index_t kRow = kA - 4, kColumn = kB - 6;
    tiles.template store<kSum>(sums + kRow * t.tile_rows * kPieceSide + kColumn * kTileSide,
                               kPieceSide);
  });
  before.finish(kPieceSide);
  before = piece;
  before.sums = sums;
}

}  // namespace

namespace FASTDNN_LEVEL {

void gemm_begin_tiles(index_t tile_rows) { Tiles::begin(tile_rows); }

void gemm_end_tiles() { Tiles::end(); }

void gemm_split_f32(const GemmSplit& split) {
  Splitter splitter(&split);
  splitter.run(splitter.steps_left());
}

void gemm_tiles_f32(const GemmTiles& t, const GemmSplit* next) {
  alignas(64) float sums[2][kPieceSide * kPieceSide];
  const index_t high = kPanelTiles * t.tile_rows;
  Piece before;
  Splitter splitter(next);
  const index_t groups = kTileProducts * t.blocks * ceil_div(t.m, high) * ceil_div(t.n, kPieceSide);
  Pace pace{splitter.steps_left(), groups};
  int turn = 0;
  const std::uint16_t* a = t.a;
  for (index_t i = 0; i < t.m; i += high, a += t.panel_size) {
    const std::uint16_t* b = t.b;
    for (index_t j = 0; j < t.n; j += kPieceSide, b += t.panel_size, turn ^= 1) {
      Piece piece;
      piece.t = &t;
      piece.c = t.c + i * t.c_row + j;
      piece.bias = t.bias != nullptr ? t.bias + j : nullptr;
      piece.rows = t.m - i < high ? t.m - i : high;
      piece.columns = t.n - j < kPieceSide ? t.n - j : kPieceSide;
      if (piece.rows > t.tile_rows) {
        piece.columns > kTileSide
            ? sum_tiles<2, 2>(t, a, b, piece, sums[turn], before, splitter, pace)
            : sum_tiles<2, 1>(t, a, b, piece, sums[turn], before, splitter, pace);
      } else {
        piece.columns > kTileSide
            ? sum_tiles<1, 2>(t, a, b, piece, sums[turn], before, splitter, pace)
            : sum_tiles<1, 1>(t, a, b, piece, sums[turn], before, splitter, pace);
      }
    }
  }
  before.finish(kPieceSide);
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
