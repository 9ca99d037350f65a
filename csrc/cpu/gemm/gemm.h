// SPDX-License-Identifier: Apache-2.0
// What the GEMM kernels compute. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/types.h"

namespace fastdnn::cpu {

// The register tile of a level and the depth of a block whose panel of B stays in the first cache.
struct GemmGeometry {
  index_t rows;   // most rows of C in one tile
  index_t cols;   // columns of C in one tile = width of a panel of B
  index_t depth;  // k per block when operands are packed
};

// Bounds on it that hold at every level, so that scratch does not depend on the level.
inline constexpr index_t kMaxTileRows = 9, kMaxTileCols = 48, kMaxDepth = 200;

// A strip of C at most geometry.cols wide and any number of rows high:
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
// columns (or rows, when transposing) i * width to (i + 1) * width of the source.
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

}  // namespace fastdnn::cpu
