// SPDX-License-Identifier: Apache-2.0
// What the GEMM kernels compute. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/optimizer.h"
#include "csrc/core/types.h"

namespace fastdnn::cpu {

// The register tile of a level, and how far it goes along k.
struct GemmGeometry {
  index_t rows;      // most rows of C in one tile
  index_t cols;      // columns of C in one tile = width of a panel of B
  index_t lanes;     // columns in one vector, a part of cols
  index_t row_cols;  // the same for a C of one row, which leaves registers for more
  index_t depth;     // most steps along k before C is written, at most kBlockDepth; pairs count one
};

// Bounds on rows and cols that hold at every level, so that scratch does not depend on the level.
// Packed operands are cut into blocks of at most kBlockDepth rows of panels along k.
inline constexpr index_t kMaxTileRows = 9, kMaxTileCols = 48, kBlockDepth = 1056;

// A strip of C at most geometry.cols wide and any number of rows high, or geometry.row_cols wide
// and one row high, if A lies along k:
//
//   C = max(floor, alpha * A B + beta * C + bias)
//
// with m x k, k x n and m x n operands; C is not read when beta is 0. Every element is one chain of
// fused multiply-adds over k in ascending order, whatever tile it falls in.
//
// A is walked in groups of group_rows (<= geometry.rows) rows; element (i, p) of group g is at
// a[g * a_group + i * a_row + p * a_k], and one of a_row, a_k is 1. Row p of B starts at
// b + p * b_k. Exactly n columns of B, C and bias are touched.
struct GemmStrip {
  index_t m, n, k;
  const float* a;
  index_t a_group, group_rows, a_row, a_k;
  const float* b;
  index_t b_k;
  float* c;
  index_t c_row;
  float alpha, beta;
  const float* bias;  // n values, or null
  float floor;        // 0 for ReLU, -infinity for none
  // Before every `pace` steps along k a tile asks for `pace_rows` rows of the tile below it, and
  // for `ahead_lines` cache lines in the second cache, from `ahead` on; the next group of rows
  // starts `ahead_group` floats further.
  index_t pace, pace_rows;
  const float* ahead;
  index_t ahead_lines, ahead_group;
};

// The other part of a sum over k: C = max(floor, C + sums + bias), all m x n.
struct GemmPart {
  index_t m, n;
  const float* sums;
  index_t sums_row;
  float* c;
  index_t c_row;
  const float* bias;  // n values, or null
  float floor;        // 0 for ReLU, -infinity for none
};

// Copies a matrix into panels whose rows run along k, panel_size floats apart; panel i takes
// columns (or rows, when transposing) i * width to (i + 1) * width of this source.
//   copy:       panel[p * width + j] = source[p * stride + j]
//   transpose:  panel[p * width + j] = source[j * stride + p]
// for 0 <= p < k and 0 <= j < count; what lies beyond count in the last panel is left as it is.
struct GemmPack {
  const float* source;
  index_t stride;
  index_t k, count;
  float* panels;
  index_t width, panel_size;
};

// --- Products of pairs ---
//
// At the lowest precision, processors with AVX512_BF16 multiply pairs of bfloat16 numbers: twice as
// many in an instruction. Both operands are packed as above, but every element is the 32 bits of a
// pair: row p of a panel holds steps p and ceil(k / 2) + p of the source, the latter in the upper
// half, and zero there if k is odd and p the last. gemm_strip_pairs wants both operands in panels
// of a whole tile's rows and columns, whatever a_row, a_k and b_k say; its k is rows of panels, of
// each of which it adds the product of the second numbers and then that of the first ones.

// --- Products by tiles ---
//
// Tile instructions multiply bfloat16 numbers, of 8 bits each, at many times the rate of float32.
// A float32 number of 24 bits is the sum of three of them, x = x0 + x1 + x2, its parts. Of the nine
// products of two numbers' parts the six largest matter:
//   x y = x0 y0 + (x0 y1 + x1 y0) + (x0 y2 + x1 y1 + x2 y0) + less than a rounding to float32
// (Henry, Tang and Heinecke 2019, arXiv 1904.06376). The sums are float32.

// Two parts and their three largest products keep 16 bits of every number; one part keeps 8. Where
// bfloat16 holds the numbers of A, their first part is all there is of them, and three products do.
//
// Tiles take subnormal numbers for zero. Therefore panels whose greatest numbers are very small or
// very large, or not finite, are multiplied without tiles; the error is that of float32 relative to
// the greatest numbers of a panel.
//
// gemm_begin_tiles makes the calling thread ready for gemm_tiles_f32 with so many rows of A in a
// tile, gemm_end_tiles ends that. gemm_split_f32 needs neither.

// A tile holds 16 rows of op(A), or 16 columns of op(B), by 32 steps of k: 16 rows of 16 pairs, and
// a pair is two parts, of a step of the first half and one of the second. A tile of A has a row for
// each row of op(A), one of B a row for each pair of steps. A panel is two tiles side by side, in
// one to three parts, block after block along k.
inline constexpr index_t kTileSide = 16, kTileSteps = 32, kTileParts = 3;
inline constexpr index_t kTileSize = kTileSide * kTileSteps;  // numbers
inline constexpr index_t kPanelTiles = 2;
// Numbers of a block of a panel in so many parts.
constexpr index_t panel_block_size(index_t parts) { return parts * kPanelTiles * kTileSize; }

// Splits up to 2 * width rows of op(A), or columns of op(B), into a panel. What is missing in the
// last block of k, and in the tiles, is zero.
struct GemmSplit {
  const float* source;
  index_t stride;
  bool along_k;   // element (i, p) is at source[i * stride + p], else at source[p * stride + i]
  bool of_a;      // else of B
  index_t width;  // rows of A in a tile, at most 16; 16 for B
  index_t k, count;
  index_t parts;         // of the panel: 1 to kTileParts
  std::uint16_t* panel;  // 64-byte aligned
  // Greatest magnitude of a first part in the panel, as the bits of a float. Not 0 where a number
  // is too small to have a first part.
  std::int32_t* largest;
};

// A step of an optimizer: see csrc/cpu/optimizer/optimizer.h.
using OptimizerKernel = void (*)(const OptimizerStep& step, float* w, float* const* slots,
                                 index_t stride, const float* g, index_t g_stride, index_t rows,
                                 index_t cols);

// A matrix C, in as many pieces of up to two by two tiles as there are panels of A and B:
//
//   C = max(floor, alpha * A B + beta * C + bias)
//
// of some blocks along k: the sums of pieces may wait in memory for more. Each element is a chain
// over all blocks, in each of which the products of parts are added one by one, the largest last.
// C is written after the last blocks only, and not read when beta is 0; with no blocks at
// all, sums that wait are written to C.
//
// While the tiles work, gemm_tiles_f32 splits another panel, `next`, unless it is null: in as many
// parts as those of A, or of B, that it is of.
struct GemmTiles {
  index_t m, n;
  index_t tile_rows;         // as in gemm_begin_tiles
  index_t blocks;            // of kTileSteps along k
  index_t blocks_of_panels;  // for which panels have room
  index_t a_parts, b_parts;  // as in the panels' GemmSplit; 3 and 3, 2 and 2, 1 and 1, or 1 and 3
  const std::uint16_t* a;    // panels in one piece, as are those of B
  const std::uint16_t* b;
  bool first, last;  // whether the sums start here, and end here
  float* sums;       // kPieceSums for each piece, 64-byte aligned; null if they start and end here
  float* c;
  index_t c_row;
  float alpha, beta;
  const float* bias;  // n values, or null
  float floor;        // 0 for ReLU, -infinity for none
  // If not null, c holds weights that it updates by alpha * A B as their gradient, instead of the
  // above.
  OptimizerKernel update;
  const OptimizerStep* step;
  float* slots[kMaxOptimizerSlots];  // with the rows of c
};

// Sums of a piece: as many floats from row to row as it may have columns.
inline constexpr index_t kPieceSide = kPanelTiles * kTileSide;
inline constexpr index_t kPieceSums = kPieceSide * kPieceSide;

}  // namespace fastdnn::cpu
