// SPDX-License-Identifier: Apache-2.0
// How a product is cut into strips and who computes which. Two ways, chosen by shape alone:
//
//   direct  operands are read where they lie. For the sizes of most networks, whose weights stay in
//   the
//           second cache, copying them first would cost more than it saves.
//   packed  B block by block into panels that all members share, A into panels of each member's
//   own.
#include "csrc/ops/gemm.h"

#include <algorithm>
#include <limits>

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {
namespace {

// Bounds on geometry that hold at every level, so that scratch does not depend on the level.
constexpr index_t kMaxTileRows = 14, kMaxTileCols = 32, kMaxDepth = 512;
// Columns of B packed at a time, and groups of rows of A: 168 x 256 floats, a part of the second
// cache.
constexpr index_t kPackedCols = 4096, kPackedGroups = 12;
// B is read in place up to 2 MiB, and while no more rows than this would share the cost of packing
// it, or while a panel of it stays in half of the first cache anyway.
constexpr index_t kDirectFloats = index_t{1} << 19, kDirectRows = 512, kDirectDepth = 192;
// Rows this many floats apart fall into the same set of a first cache.
constexpr index_t kAliasingFloats = 1024;

struct Plan {
  GemmGeometry geometry;
  index_t panels;      // strips of C
  index_t groups;      // tiles in the height of a strip
  index_t group_rows;  // rows of all groups but the last
};

Plan plan_tiles(const GemmArgs& args) {
  Plan plan;
  kernels().gemm_geometry_f32(&plan.geometry);
  plan.panels = ceil_div(args.n(), plan.geometry.cols);
  plan.groups = ceil_div(args.m(), plan.geometry.rows);
  // 50 rows are 13 + 13 + 13 + 11, not 14 + 14 + 14 + 8: low tiles waste multiply-adds.
  plan.group_rows = ceil_div(args.m(), plan.groups);
  plan.groups = ceil_div(args.m(), plan.group_rows);
  return plan;
}

bool reads_in_place(const GemmArgs& args) {
  if (args.m() == 1) return !args.transpose_b;
  if (args.transpose_b || args.k() * args.b.stride > kDirectFloats) return false;
  if (args.m() > kDirectRows && args.k() > kDirectDepth) return false;
  const bool aliasing_b = args.b.stride % kAliasingFloats == 0 && args.k() > 8;
  const bool aliasing_a = args.a.stride % kAliasingFloats == 0 && args.a.rows > 8;
  return !aliasing_a && !aliasing_b;
}

// Sets what a strip does with the sums of block `first` .. `last` of k.
void set_epilogue(const GemmArgs& args, bool first, bool last, index_t column, GemmStrip* strip) {
  const bool relu = args.saved.empty() && args.activation == Activation::kRelu;
  strip->alpha = args.alpha;
  strip->beta = first ? args.beta : 1.0f;
  strip->bias = last && args.bias != nullptr ? args.bias + column : nullptr;
  strip->floor = last && relu ? 0.0f : -std::numeric_limits<float>::infinity();
}

// What the kernel's own epilogue cannot do, on a piece of C that is still in the first cache.
void finish(const GemmArgs& args, index_t row, index_t rows, index_t column, index_t columns) {
  if (args.activation == Activation::kLinear) return;
  const ActivationShape shape{args.activation, args.activation_alpha, rows, columns};
  float* c = args.c.row(row) + column;
  if (!args.saved.empty()) {
    kernels().activation_backward_f32(shape, args.saved.row(row) + column, args.saved.stride, c,
                                      args.c.stride, c, args.c.stride);
  } else if (args.activation != Activation::kRelu) {
    kernels().activation_f32(shape, c, args.c.stride, c, args.c.stride);
  }
}

// The part of panels x groups tiles, panel by panel, that falls to a member. A last panel of at
// most half the width counts half.
Range share_tiles(const GemmArgs& args, const Plan& plan, const Team& team) {
  const index_t last_width = args.n() - (plan.panels - 1) * plan.geometry.cols;
  const index_t last_weight = 2 * last_width <= plan.geometry.cols ? 1 : 2;
  const index_t full = 2 * (plan.panels - 1) * plan.groups;
  const index_t total = full + last_weight * plan.groups;
  const auto tile_at = [&](index_t cost) {
    return cost <= full ? cost / 2 : full / 2 + (cost - full) / last_weight;
  };
  return {tile_at(total * team.rank() / team.size()),
          tile_at(total * (team.rank() + 1) / team.size())};
}

void gemm_direct(const GemmArgs& args, const Plan& plan, Team& team) {
  const Range mine = share_tiles(args, plan, team);
  GemmStrip strip{};
  strip.k = args.k();
  strip.group_rows = plan.group_rows;
  strip.a_row = args.transpose_a ? 1 : args.a.stride;
  strip.a_k = args.transpose_a ? args.a.stride : 1;
  strip.a_group = plan.group_rows * strip.a_row;
  strip.b_k = args.b.stride;
  strip.c_row = args.c.stride;
  for (index_t tile = mine.begin; tile < mine.end;) {
    const index_t panel = tile / plan.groups, group = tile % plan.groups;
    const index_t groups = std::min(plan.groups - group, mine.end - tile);
    const index_t row = group * plan.group_rows, column = panel * plan.geometry.cols;
    strip.m = std::min(groups * plan.group_rows, args.m() - row);
    strip.n = std::min(plan.geometry.cols, args.n() - column);
    strip.a = args.a.data + row * strip.a_row;
    strip.b = args.b.data + column;
    strip.c = args.c.row(row) + column;
    set_epilogue(args, true, true, column, &strip);
    kernels().gemm_strip_f32(strip);
    finish(args, row, strip.m, column, strip.n);
    tile += groups;
  }
}

// One block of k: op(A)[rows, p .. p + depth) and op(B)[p .. p + depth, columns).
struct Block {
  index_t p, depth;
  bool first, last;
};

// Floats from one panel to the next, the same for all blocks: a member that is ahead must not write
// where another one still reads.
index_t panel_size(const GemmArgs& args, const Plan& plan) {
  return plan.geometry.cols * std::min(plan.geometry.depth, args.k());
}

void pack_b(const GemmArgs& args, const Plan& plan, const Block& block, index_t column,
            Range panels, float* packed) {
  const index_t width = plan.geometry.cols;
  for (index_t i = panels.begin; i < panels.end; ++i) {
    const index_t j = column + i * width;
    GemmPack pack{nullptr,
                  args.b.stride,
                  block.depth,
                  std::min(width, args.n() - j),
                  packed + i * panel_size(args, plan),
                  width};
    if (args.transpose_b) {
      pack.source = args.b.row(j) + block.p;
      kernels().gemm_pack_transpose_f32(pack);
    } else {
      pack.source = args.b.row(block.p) + j;
      kernels().gemm_pack_copy_f32(pack);
    }
  }
}

void pack_a(const GemmArgs& args, const Plan& plan, const Block& block, index_t row, index_t rows,
            float* packed) {
  for (index_t i = 0; i < rows; i += plan.group_rows) {
    GemmPack pack{nullptr,
                  args.a.stride,
                  block.depth,
                  std::min(plan.group_rows, rows - i),
                  packed + i * block.depth,
                  plan.group_rows};
    if (args.transpose_a) {
      pack.source = args.a.row(block.p) + row + i;
      kernels().gemm_pack_copy_f32(pack);
    } else {
      pack.source = args.a.row(row + i) + block.p;
      kernels().gemm_pack_transpose_f32(pack);
    }
  }
}

void gemm_packed(const GemmArgs& args, const Plan& plan, Team& team) {
  float* const packed_b = args.scratch;
  float* const packed_a = args.scratch +
                          kMaxDepth * round_up(std::min(args.n(), kPackedCols), kMaxTileCols) +
                          team.rank() * kMaxDepth * kPackedGroups * kMaxTileRows;
  const index_t width = plan.geometry.cols;
  const index_t block_cols = std::min(kPackedCols, args.n());
  // Rows fall to members, unless there are too few of them: then columns do. Each member then packs
  // the panels of its own columns, and nobody waits.
  const bool by_rows = plan.groups >= 8 * team.size() || plan.panels < team.size();
  const Range groups = by_rows ? team.share(plan.groups) : Range{0, plan.groups};
  for (index_t column = 0; column < args.n(); column += block_cols) {
    const index_t columns = std::min(block_cols, args.n() - column);
    const index_t all_panels = ceil_div(columns, width);
    const Range panels = by_rows ? Range{0, all_panels} : team.share(all_panels);
    Block block{0, 0, true, false};
    do {
      block.depth = std::min(plan.geometry.depth, args.k() - block.p);
      block.first = block.p == 0;
      block.last = block.p + block.depth == args.k();
      // Everybody is done with the panels before. Those of a member's own columns move only from
      // one block of columns to the next.
      if (by_rows ? !block.first || column > 0 : block.first && column > 0) team.barrier();
      pack_b(args, plan, block, column, by_rows ? team.share(all_panels) : panels, packed_b);
      if (by_rows) team.barrier();
      for (index_t group = groups.begin; group < groups.end; group += kPackedGroups) {
        const index_t last_group = std::min(group + kPackedGroups, groups.end);
        const index_t row = group * plan.group_rows;
        const index_t rows = std::min(last_group * plan.group_rows, args.m()) - row;
        pack_a(args, plan, block, row, rows, packed_a);
        for (index_t panel = panels.begin; panel < panels.end; ++panel) {
          const index_t j = column + panel * width;
          GemmStrip strip{};
          strip.m = rows;
          strip.n = std::min(width, args.n() - j);
          strip.k = block.depth;
          strip.a = packed_a;
          strip.a_group = plan.group_rows * block.depth;
          strip.group_rows = plan.group_rows;
          strip.a_row = 1;
          strip.a_k = plan.group_rows;
          strip.b = packed_b + panel * panel_size(args, plan);
          strip.b_k = width;
          strip.c = args.c.row(row) + j;
          strip.c_row = args.c.stride;
          set_epilogue(args, block.first, block.last, j, &strip);
          kernels().gemm_strip_f32(strip);
          if (block.last) finish(args, row, rows, j, strip.n);
        }
      }
      block.p += block.depth;
    } while (block.p < args.k());
  }
}

}  // namespace

bool gemm_uses_scratch(const GemmArgs& args) { return !reads_in_place(args); }

index_t gemm_scratch_size(const GemmArgs& args, int threads) {
  return kMaxDepth * (round_up(std::min(args.n(), kPackedCols), kMaxTileCols) +
                      threads * kPackedGroups * kMaxTileRows);
}

void gemm(const GemmArgs& args, Team& team) {
  if (args.c.size() == 0) return;
  const Plan plan = plan_tiles(args);
  if (reads_in_place(args)) {
    gemm_direct(args, plan, team);
  } else {
    gemm_packed(args, plan, team);
  }
}

}  // namespace fastdnn::cpu
