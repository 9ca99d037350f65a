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

// What is known of the numbers of a panel.
struct Magnitudes {
  I32 largest = set1_i32(0);  // upper halves of magnitudes of first parts
  I32 bits = set1_i32(0);     // all that are set in any number

  void add(const Magnitudes& other) {
    largest = max_of_halves(largest, other.largest);
    bits = bits | other.bits;
  }

  std::int32_t result() const {
    const std::int32_t magnitude = reduce_max(max(largest, shift_left<16>(largest)));
    const std::int32_t low = reduce_max(bits & set1_i32(0x7FFFFFFF));
    return magnitude > 0xFFFF ? magnitude & 0x7FFF0000 : low != 0;
  }
};

// Products of parts of two numbers that matter.
constexpr index_t products_of(index_t a_parts, index_t b_parts) {
  return a_parts == b_parts ? a_parts * (a_parts + 1) / 2 : a_parts * b_parts;
}

// The first part is rounded to the nearest: what it leaves has either sign then, so that the
// products left out do not add up. So is the last, if it does not hold all that is left.
template <int kParts>
inline void split_pairs(F32 first, F32 second, std::int32_t* pairs, Magnitudes& seen) {
  constexpr index_t kPart = kPanelTiles * kTileSize / 2;
  seen.bits = seen.bits | bitcast_i32(first) | bitcast_i32(second);
  const F32 first0 = nearest_part(first), second0 = nearest_part(second);
  const I32 pairs0 = pair_upper_halves(first0, second0);
  seen.largest = max_of_halves(seen.largest, pairs0 & set1_i32(0x7FFF7FFF));
  store_i32(pairs, pairs0);
  if constexpr (kParts == 1) return;
  first = first - first0;
  second = second - second0;
  const auto part = [](F32 x) { return kParts == 2 ? nearest_part(x) : lower_part(x); };
  const F32 first1 = part(first), second1 = part(second);
  store_i32(pairs + kPart, pair_upper_halves(first1, second1));
  if constexpr (kParts == 2) return;
  // What is left has 8 bits at most.
  store_i32(pairs + 2 * kPart, pair_upper_halves(first - first1, second - second1));
}

inline std::int32_t* tile_of(const GemmSplit& s, index_t block, index_t tile) {
  std::uint16_t* const to = s.panel + block * panel_block_size(s.parts) + tile * kTileSize;
  return reinterpret_cast<std::int32_t*>(to);
}

// Where rows of tiles and of the source run in different directions.
inline bool transposes(const GemmSplit& s) { return s.along_k != s.of_a; }

// Rows of numbers: the first ones of a tile's pairs, or the second ones. What is missing is zero.
struct Half {
  const float* from;
  index_t stride, rows, columns;

  F32 load_row(index_t i, index_t column) const {
    return i < rows ? load(from + i * stride + column, tail(columns - column)) : zero();
  }
};

Half transpose_half(const Half& half, float* to) {
  for (index_t i = 0; i < kTileSide; i += kLanes) {
    for (index_t j = 0; j < kTileSide; j += kLanes) {
      F32 block[kLanes];
      for (index_t r = 0; r < kLanes; ++r) block[r] = half.load_row(i + r, j);
      transpose(block);
      for (index_t r = 0; r < kLanes; ++r) store(to + (j + r) * kTileSide + i, block[r]);
    }
  }
  return {to, kTileSide, kTileSide, kTileSide};
}

// Any tile, from `row` on.
template <int kParts>
[[gnu::noinline]] void split_tile(const GemmSplit& s, index_t block, index_t tile, index_t row,
                                  Magnitudes& seen) {
  const index_t line = tile * s.width, p = block * kTileSteps;
  const index_t lines = s.count - line < s.width ? s.count - line : s.width;
  const float* from = s.source + (s.along_k ? line * s.stride + p : p * s.stride + line);
  alignas(64) float turned[2][kTileSide * kTileSide];
  Half halves[2];
  for (index_t i = 0; i < 2; ++i) {
    const index_t first = i * kTileSide, steps = s.k - p - first;
    halves[i] = s.along_k ? Half{from + first, s.stride, lines, steps}
                          : Half{from + first * s.stride, s.stride, steps, lines};
    if (transposes(s)) halves[i] = transpose_half(halves[i], turned[i]);
  }
  std::int32_t* const to = tile_of(s, block, tile);
  Magnitudes now;
  for (const index_t rows = s.of_a ? s.width : kTileSide; row < rows; ++row) {
    for (index_t j = 0; j < kTileSide; j += kLanes) {
      split_pairs<kParts>(halves[0].load_row(row, j), halves[1].load_row(row, j),
                          to + row * kTileSide + j, now);
    }
  }
  seen.add(now);
}

// Splits a panel between other work: tiles that need nothing but their numbers, row by row, and
// then the rest. Nobody may have its address while tiles work, so that it stays in registers:
// memory that is written and then read in other pieces has to wait until they are done.
template <int kParts>
class Splitter {
 public:
  // Nothing to do if `split` is null.
  explicit Splitter(const GemmSplit* split) : s_(split) {
    if (s_ == nullptr || transposes(*s_)) return;
    blocks_ = s_->k / kTileSteps;
    tiles_ = blocks_ > 0 ? s_->count / s_->width : 0;
    start_tile();
  }

  [[gnu::always_inline]] void split_rows(index_t rows) {
    for (; rows > 0 && row_ < rows_; --rows, ++row_, from_ += s_->stride, to_ += kTileSide) {
      for (index_t j = 0; j < kTileSide; j += kLanes) {
        split_pairs<kParts>(load(from_ + j), load(from_ + half_ + j), to_ + j, seen_);
      }
    }
  }

  // After the last row of a tile.
  [[gnu::always_inline]] void next_tile() {
    if (row_ < rows_ || tile_ == tiles_) return;
    if (++block_ == blocks_) {
      block_ = 0;
      ++tile_;
    }
    start_tile();
  }

  // What is left.
  [[gnu::always_inline]] void finish() const {
    if (s_ == nullptr) return;
    Magnitudes seen = seen_;
    for (index_t tile = 0; tile * s_->width < s_->count; ++tile) {
      for (index_t block = 0; block * kTileSteps < s_->k; ++block) {
        const bool now = tile == tile_ && block == block_;
        const bool before = tile < tile_ || (tile == tile_ && block < block_);
        if (before && block < blocks_) continue;
        split_tile<kParts>(*s_, block, tile, now ? row_ : 0, seen);
      }
    }
    *s_->largest = seen.result();
  }

 private:
  [[gnu::always_inline]] void start_tile() {
    row_ = rows_ = 0;
    if (tile_ == tiles_) return;
    const index_t line = tile_ * s_->width, p = block_ * kTileSteps;
    from_ = s_->source + (s_->along_k ? line * s_->stride + p : p * s_->stride + line);
    half_ = s_->along_k ? kTileSide : kTileSide * s_->stride;
    to_ = tile_of(*s_, block_, tile_);
    rows_ = s_->of_a ? s_->width : kTileSide;
  }

  const GemmSplit* s_;
  index_t tiles_ = 0, blocks_ = 0;  // whole ones
  index_t tile_ = 0, block_ = 0, row_ = 0, rows_ = 0;
  const float* from_ = nullptr;
  index_t half_ = 0;  // from first to second numbers of pairs
  std::int32_t* to_ = nullptr;
  Magnitudes seen_;
};

// Blocks after which a tile is stored, for keep_stores_awake().
inline constexpr index_t kBlocksAwake = 4;

// A piece of C, from `row` and `column` on.
struct Piece {
  index_t row, column, rows, columns;
  const std::uint16_t *a, *b;  // its panels
  float* sums;                 // kPieceSide floats from row to row
};

// Writes a piece of C, row by row, between other work: while the tiles multiply the next piece. In
// registers, as a Splitter is.
class Finisher {
 public:
  explicit Finisher(const GemmTiles& t)
      : t_(t),
        alpha_(set1(t.alpha)),
        beta_(set1(t.beta)),
        floor_(set1(t.floor)),
        adds_(t.beta == 1.0f && t.bias == nullptr && t.floor < 0.0f),
        reads_(t.beta != 0.0f) {}

  [[gnu::always_inline]] void start(const Piece& piece) {
    rows_ = piece.rows;
    columns_ = piece.columns;
    from_ = piece.sums;
    to_ = t_.c + piece.row * t_.c_row + piece.column;
    stride_ = t_.c_row;
    bias_ = t_.bias != nullptr ? t_.bias + piece.column : nullptr;
  }

  [[gnu::always_inline]] void finish_rows(index_t rows) {
    if (t_.update != nullptr) return update_rows(rows < rows_ ? rows : rows_);
    for (; rows > 0 && rows_ > 0; --rows, --rows_, from_ += kPieceSide, to_ += stride_) {
      for (index_t j = 0; j < columns_; j += kLanes) {
        const Tail last = tail(columns_ - j);
        const F32 sum = load(from_ + j);
        if (adds_) {
          store(to_ + j, fma(alpha_, sum, load(to_ + j, last)), last);
        } else {
          const F32 old = reads_ ? beta_ * load(to_ + j, last) : zero();
          const F32 shift = bias_ != nullptr ? load(bias_ + j, last) : zero();
          store(to_ + j, max(floor_, fma(alpha_, sum, old) + shift), last);
        }
      }
    }
  }

  // What is left.
  [[gnu::always_inline]] void finish() { finish_rows(rows_); }

 private:
  [[gnu::always_inline]] void update_rows(index_t rows) {
    if (rows <= 0) return;
    if (t_.alpha != 1.0f) {
      for (index_t i = 0; i < rows; ++i) {
        for (index_t j = 0; j < columns_; j += kLanes) {
          float* const sums = from_ + i * kPieceSide + j;
          store(sums, alpha_ * load(sums));
        }
      }
    }
    float* slots[kMaxOptimizerSlots];
    offset_slots(t_.slots, to_ - t_.c, slots);
    t_.update(*t_.step, to_, slots, stride_, from_, kPieceSide, rows, columns_);
    rows_ -= rows;
    from_ += rows * kPieceSide;
    to_ += rows * stride_;
  }

  const GemmTiles& t_;
  F32 alpha_, beta_, floor_;
  bool adds_, reads_;
  index_t rows_ = 0, columns_ = 0, stride_ = 0;
  float* from_ = nullptr;
  float* to_ = nullptr;
  const float* bias_ = nullptr;
};

// Adds the products of all blocks to the sums of a piece. Meanwhile another panel is split, as far
// as its tiles are whole and lie as they are wanted, and the piece before is finished.
template <int kPartsA, int kPartsB, int kPartsNext, int kHigh, int kWide>
[[gnu::always_inline]] inline void sum_tiles(const GemmTiles& t, const Piece& piece,
                                             Splitter<kPartsNext>& splitter, Finisher& finisher) {
  Tiles tiles(t.tile_rows);
  const std::uint16_t *a = piece.a, *b = piece.b;
  const auto each = [&](auto&& f) {
    f.template operator()<0, 4, 6>();
    if constexpr (kHigh > 1) f.template operator()<1, 5, 6>();
    if constexpr (kWide > 1) f.template operator()<2, 4, 7>();
    if constexpr (kHigh > 1 && kWide > 1) f.template operator()<3, 5, 7>();
  };
  const auto sums_of = [&](int row, int column) {
    return piece.sums + row * t.tile_rows * kPieceSide + column * kTileSide;
  };
  each([&]<int kSum, int kA, int kB>() {
    t.first ? tiles.template zero<kSum>()
            : tiles.template load_sums<kSum>(sums_of(kA - 4, kB - 6), kPieceSide);
  });
  const auto load_a = [&](index_t part) {
    tiles.template load<4>(a + part * kPanelTiles * kTileSize);
    if constexpr (kHigh > 1) tiles.template load<5>(a + (part * kPanelTiles + 1) * kTileSize);
  };
  const auto load_b = [&](index_t part) {
    tiles.template load<6>(b + part * kPanelTiles * kTileSize);
    if constexpr (kWide > 1) tiles.template load<7>(b + (part * kPanelTiles + 1) * kTileSize);
  };
  constexpr index_t kProducts = products_of(kPartsA, kPartsB);
  constexpr index_t kRowsEach = ceil_div(kPieceSide, kProducts);
  constexpr index_t kPairsEach = ceil_div(kTileSide, kProducts);
  float* c = t.c + piece.row * t.c_row + piece.column;
  index_t left = t.blocks;
  const auto multiply_add = [&]() __attribute__((always_inline)) {
    each([&]<int kSum, int kA, int kB>() { tiles.template multiply_add<kSum, kA, kB>(); });
    splitter.split_rows(kPairsEach);
    finisher.finish_rows(kPairsEach);
    if (left > 1 || !t.last) return;
    for (index_t i = 0; i < kRowsEach; ++i, c += t.c_row) {
      prefetch_to_write(c);
      prefetch_to_write(c + kTileSide);
      for (int s = 0; s < kMaxOptimizerSlots && t.slots[s] != nullptr; ++s) {
        prefetch_to_write(t.slots[s] + (c - t.c));
        prefetch_to_write(t.slots[s] + (c - t.c) + kTileSide);
      }
    }
  };
  for (; left > 0; --left) {
    if constexpr (kPartsA == 3) {
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
    } else if constexpr (kPartsA == 2) {
      load_a(0);
      load_b(1);
      multiply_add();
      load_a(1);
      load_b(0);
      multiply_add();
      load_a(0);
      multiply_add();
    } else {
      // In the order of all six: whether A is known to have one part does not show in the sums.
      load_a(0);
      if constexpr (kPartsB == 3) {
        load_b(1);
        multiply_add();
        load_b(2);
        multiply_add();
      }
      load_b(0);
      multiply_add();
    }
    splitter.next_tile();
    if (left % kBlocksAwake == 0) tiles.keep_stores_awake();
    a += panel_block_size(kPartsA);
    b += panel_block_size(kPartsB);
  }
  each([&]<int kSum, int kA, int kB>() {
    tiles.template store<kSum>(sums_of(kA - 4, kB - 6), kPieceSide);
  });
}

template <int kPartsA, int kPartsB, int kPartsNext>
void multiply_panels(const GemmTiles& t, const GemmSplit* next) {
  alignas(64) float these_sums[2][kPieceSums];
  const index_t high = kPanelTiles * t.tile_rows;
  const index_t a_panel = t.blocks_of_panels * panel_block_size(kPartsA);
  const index_t b_panel = t.blocks_of_panels * panel_block_size(kPartsB);
  Splitter<kPartsNext> splitter(next);
  const bool all = t.first && t.last;
  Finisher finisher(t);
  index_t turn = 0;
  float* sums = t.sums;
  Piece piece{};
  piece.a = t.a;
  for (; piece.row < t.m; piece.row += high, piece.a += a_panel) {
    piece.rows = t.m - piece.row < high ? t.m - piece.row : high;
    piece.b = t.b;
    for (piece.column = 0; piece.column < t.n; piece.column += kPieceSide, piece.b += b_panel) {
      piece.columns = t.n - piece.column < kPieceSide ? t.n - piece.column : kPieceSide;
      piece.sums = all ? these_sums[turn] : sums;
      const auto sum = [&]<int kHigh, int kWide>() __attribute__((always_inline)) {
        sum_tiles<kPartsA, kPartsB, kPartsNext, kHigh, kWide>(t, piece, splitter, finisher);
      };
      const bool wide = piece.columns > kTileSide;
      if (piece.rows > t.tile_rows) {
        wide ? sum.template operator()<2, 2>() : sum.template operator()<2, 1>();
      } else {
        wide ? sum.template operator()<1, 2>() : sum.template operator()<1, 1>();
      }
      finisher.finish();
      if (t.last) finisher.start(piece);
      turn ^= 1;
      if (!all) sums += kPieceSums;
    }
  }
  finisher.finish();
  splitter.finish();
}

}  // namespace

namespace FASTDNN_LEVEL {

void gemm_begin_tiles(index_t tile_rows) { Tiles::begin(tile_rows); }

void gemm_end_tiles() { Tiles::end(); }

void gemm_split_f32(const GemmSplit& split) {
  if (split.parts == 1) return Splitter<1>(&split).finish();
  if (split.parts == 2) return Splitter<2>(&split).finish();
  Splitter<3>(&split).finish();
}

void gemm_tiles_f32(const GemmTiles& t, const GemmSplit* next) {
  if (t.b_parts == 1) return multiply_panels<1, 1, 1>(t, next);
  if (t.b_parts == 2) return multiply_panels<2, 2, 2>(t, next);
  if (t.a_parts > 1) return multiply_panels<3, 3, 3>(t, next);
  const bool splits_a = next != nullptr && next->of_a;
  splits_a ? multiply_panels<1, 3, 1>(t, next) : multiply_panels<1, 3, 3>(t, next);
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
