// SPDX-License-Identifier: Apache-2.0
// How a product is cut into strips and who computes which, all chosen by shape alone:
//
// - direct: operands are read where they lie. For the sizes of most networks, whose weights stay in
//   the second cache, copying them first would cost more than it saves.
// - direct in two parts: C = A1 B1 + A2 B2 where A = (A1 A2). A member that multiplies by its own
//   rows of the weights finds them in its own cache, where it left them when it updated them.
// - packed: B is copied block by block into panels that all members share, A into panels of each
//   member's own: what a tile reads lies in one piece.
// - of pairs: packed, and in bfloat16.
// - by tiles, also in two parts: see gemm_tiles.cc.
#include "csrc/ops/gemm.h"

#include <algorithm>
#include <atomic>

#include "csrc/cpu/gemm/epilogue.h"
#include "csrc/cpu/gemm/gemm_tiles.h"
#include "csrc/cpu/gemm/strip.h"
#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {
namespace {

// What is packed at a time, kBlockDepth rows of panels along k: columns of B, and rows of A (168 x
// 1056 floats are a third of a second cache of 2 MiB). 2064 columns are the least in whole panels
// that hold 2048, for which A is then packed once.
constexpr index_t kPackedCols = 2064, kPackedRows = 168;
static_assert(kPackedCols % kMaxTileCols == 0);
// B is read in place up to 2 MiB, unless more rows than kDirectRows share the cost of packing it
// and k is longer than kDirectDepth. To pack an A read across k, as that of a gradient, costs more
// than it saves: up to 4 MiB of it, neither rows nor depth matter. Padding does not count.
constexpr index_t kDirectFloats = index_t{1} << 19, kDirectRows = 512, kDirectDepth = 256;
constexpr index_t kDirectAcrossFloats = index_t{1} << 20;
// Rows this many floats apart fall into the same set of a first cache; half as many, into two. That
// pays for packing only from kAliasingRows rows of A on. AVX2 gains more than AVX-512 loses, and
// levels do not differ here, as scratch must not depend on them.
constexpr index_t kAliasingFloats = 1024, kAliasingRows = 256;
// A product in parts pays where k is this long, and exchanging C is cheap beside exchanging B.
constexpr index_t kPartDepth = 256, kPartRows = 512;
// Up to this size of B members compute their own rows: everybody fetches it cheaply. Above it k may
// be cut in two.
constexpr index_t kSmallFloats = index_t{1} << 16;

// Columns in panels as wide as a tile. A panel of one vector would keep the units waiting for its
// few chains of multiply-adds: it gets another vector from the panel before.
class Panels {
 public:
  const index_t count, lent;

  Panels(index_t columns, const GemmGeometry& geometry)
      : count(ceil_div(columns, geometry.cols)),
        lent(count > 1 && columns - (count - 1) * geometry.cols <= geometry.lanes ? geometry.lanes
                                                                                  : 0),
        columns_(columns),
        width_(geometry.cols) {}
  Range operator[](index_t panel) const { return {begin(panel), begin(panel + 1)}; }
  // The panel that has a column.
  index_t at(index_t column) const {
    return column < begin(count - 1) ? column / width_ : count - 1;
  }

 private:
  index_t begin(index_t panel) const {
    if (panel == count) return columns_;
    return panel * width_ - (panel == count - 1 ? lent : 0);
  }

  index_t columns_, width_;
};

struct Plan {
  GemmGeometry geometry;
  Panels panels;       // strips of C
  index_t groups;      // tiles in the height of a strip
  index_t group_rows;  // rows of all groups but the last
};

Plan plan_strips(const GemmArgs& args, bool packed, int members) {
  GemmGeometry geometry;
  kernels().gemm_geometry_f32(&geometry);
  const bool one_row = args.m() == 1 && !packed && !args.transpose_a;
  // If there is such a strip for everybody.
  if (one_row && ceil_div(args.n(), geometry.row_cols) >= members) {
    geometry.cols = geometry.row_cols;
  }
  const index_t groups = ceil_div(args.m(), geometry.rows);
  // 10 rows are 5 + 5, not 9 + 1: low tiles waste multiply-adds. Packed A has the height that the
  // kernels know.
  const index_t group_rows = packed ? geometry.rows : ceil_div(args.m(), groups);
  return {geometry, Panels(args.n(), geometry), ceil_div(args.m(), group_rows), group_rows};
}

bool reads_in_place(const GemmArgs& args) {
  if (args.k() == 0) return true;
  if (args.m() == 1) return !args.transpose_b;
  if (args.transpose_b || args.k() * args.n() > kDirectFloats) return false;
  const bool across = args.transpose_a && args.k() * args.m() <= kDirectAcrossFloats;
  if (args.m() > kDirectRows && args.k() > kDirectDepth && !across) return false;
  const index_t aliasing = args.m() < kAliasingRows ? kAliasingFloats : kAliasingFloats / 2;
  const bool aliasing_b = args.b.stride % aliasing == 0 && args.k() > 8;
  const bool aliasing_a = args.transpose_a && args.a.stride % kAliasingFloats == 0 && args.k() > 8;
  return !aliasing_a && !aliasing_b;
}

// Whether products of such depth and width are multiplied in parts, when they have some rows and
// are read in place or multiplied by tiles.
bool may_have_parts(const GemmArgs& args) {
  return !args.transpose_a && !args.transpose_b && args.k() >= kPartDepth &&
         args.k() >= 2 * args.n() && args.k() * args.n() > kSmallFloats;
}

bool suits_parts(const GemmArgs& args, bool by_tiles) {
  return may_have_parts(args) && args.m() > 1 && args.m() <= kPartRows &&
         (by_tiles || reads_in_place(args));
}

bool multiplies_in_parts(const GemmArgs& args) {
  return suits_parts(args, multiplies_by_tiles(args));
}

// Floats of scratch for the second part's sums. Also for fewer rows than these: the last batch of
// an epoch is multiplied in its own way.
index_t part_scratch_size(const GemmArgs& args) {
  return may_have_parts(args) ? std::min(args.m(), kPartRows) * round_up(args.n(), kRowPad) : 0;
}

// Whether pairs are multiplied everywhere, and not just where an instruction does it.
std::atomic<bool> pairs_everywhere{false};

bool multiplies_by_pairs(const GemmArgs& args) {
  if (args.precision != MatmulPrecision::kMedium || args.k() == 0) return false;
  if (multiplies_by_tiles(args)) return false;
  // Pairs pay for much the same products as tiles do.
  return pairs_everywhere.load(std::memory_order_relaxed) ||
         (isa_level() == IsaLevel::kAvx512Bf16 && tiles_pay(args));
}

// The size of equal parts of at most `most`; the last one may be smaller.
index_t equal_part_size(index_t size, index_t most) {
  return ceil_div(size, std::max<index_t>(1, ceil_div(size, most)));
}

// Spreads what a tile asks for, `ahead_lines` and a tile of C, over its steps along k: no more at a
// time than the misses that a first cache keeps track of.
void set_pace(const Plan& plan, index_t ahead_lines, GemmStrip* strip) {
  constexpr index_t kMisses = 16, kLeastPace = 16;
  const index_t lines = strip->group_rows * ceil_div(plan.geometry.cols, kRowPad) + ahead_lines;
  const index_t most = std::max<index_t>(1, strip->k / kLeastPace);
  const index_t paces = std::min(ceil_div(lines, kMisses), most);
  strip->pace = std::max<index_t>(1, ceil_div(strip->k, paces));
  strip->pace_rows = ceil_div(strip->group_rows, paces);
  strip->ahead_lines = ceil_div(ahead_lines, paces);
}

Range rows_of(const GemmArgs& args, const Plan& plan, Range groups) {
  return {groups.begin * plan.group_rows, std::min(groups.end * plan.group_rows, args.m())};
}

// One panel of C, in some groups of rows.
void multiply_direct(const GemmArgs& args, const Plan& plan, index_t panel, Range groups) {
  const Range rows = rows_of(args, plan, groups), columns = plan.panels[panel];
  GemmStrip strip = strip_in_place(args, plan.group_rows, rows);
  strip.n = columns.size();
  strip.b = args.b.data + columns.begin;
  strip.c += columns.begin;
  const index_t depth = equal_part_size(args.k(), plan.geometry.depth);
  index_t p = 0;
  do {
    strip.k = std::min(depth, args.k() - p);
    set_pace(plan, 0, &strip);
    set_epilogue(args, p == 0, p + strip.k == args.k(), columns.begin, &strip);
    kernels().gemm_strip_f32(strip);
    strip.a += strip.k * strip.a_k;
    strip.b += strip.k * strip.b_k;
    p += strip.k;
  } while (p < args.k());
  finish_activation(args, rows.begin, strip.m, columns.begin, strip.n);
}

// Strips are shared out tile by tile, and a tile costs as much as it has vectors.
index_t cost_of_strips(const GemmArgs& args, const Plan& plan) {
  return ceil_div(args.n(), plan.geometry.lanes) * plan.groups;
}

// Those tiles, panel by panel, that make up such a part of the cost.
void multiply_strips(const GemmArgs& args, const Plan& plan, Range costs) {
  const index_t lanes = plan.geometry.lanes;
  const auto tile_at = [&](index_t cost) {
    const index_t panel = plan.panels.at(cost / plan.groups * lanes);
    const Range columns = plan.panels[panel];
    const index_t in_panel = cost - columns.begin / lanes * plan.groups;
    return panel * plan.groups + in_panel / ceil_div(columns.size(), lanes);
  };
  const Range tiles{tile_at(costs.begin), tile_at(costs.end)};
  for (index_t tile = tiles.begin; tile < tiles.end;) {
    const index_t panel = tile / plan.groups, group = tile % plan.groups;
    const index_t groups = std::min(plan.groups - group, tiles.end - tile);
    multiply_direct(args, plan, panel, {group, group + groups});
    tile += groups;
  }
}

// The gradient C of some rows of weights, a few at a time, so that it is still in the cache when
// they are updated by it.
constexpr index_t kUpdatedGroups = 4;

index_t update_scratch_size(const GemmArgs& args) {
  return args.updates() ? kUpdatedGroups * kMaxTileRows * round_up(args.n(), kRowPad) : 0;
}

void update_rows(const GemmUpdate& update, Range rows, const MatrixView& gradient) {
  float* slots[kMaxOptimizerSlots];
  offset_slots(update.slots, rows.begin * update.weights.stride, slots);
  kernels().optimizer_update_f32(update.step, update.weights.row(rows.begin), slots,
                                 update.weights.stride, gradient.data, gradient.stride, rows.size(),
                                 gradient.cols);
}

void gemm_update_direct(const GemmArgs& args, const Plan& plan, Team& team) {
  float* const scratch = args.scratch + team.rank() * update_scratch_size(args);
  const Range own = team.share(plan.groups);
  for (index_t group = own.begin; group < own.end; group += kUpdatedGroups) {
    const Range groups{group, std::min(group + kUpdatedGroups, own.end)};
    const Range rows = rows_of(args, plan, groups);
    GemmArgs some = args;
    some.a = {args.a.data + rows.begin, args.k(), rows.size(), args.a.stride};
    some.c = {scratch, rows.size(), args.n(), round_up(args.n(), kRowPad)};
    for (index_t panel = 0; panel < plan.panels.count; ++panel) {
      multiply_direct(some, plan, panel, {0, groups.size()});
    }
    update_rows(args.update, rows, some.c);
  }
}

void gemm_direct(const GemmArgs& args, const Plan& plan, Team& team) {
  if (args.m() > args.n()) {
    const Range groups = team.share(plan.groups);
    for (index_t panel = 0; panel < plan.panels.count && !groups.empty(); ++panel) {
      multiply_direct(args, plan, panel, groups);
    }
    return;
  }
  multiply_strips(args, plan, team.share(cost_of_strips(args, plan)));
}

void gemm_in_parts(const GemmArgs& args, const Plan& plan, Team& team) {
  const bool by_tiles = multiplies_by_tiles(args);
  const index_t unit = by_tiles ? kTileSteps : kRowPad;
  const index_t middle = args.k() / 2 / unit * unit;
  GemmArgs first = args;
  first.bias = nullptr;
  first.activation = Activation::kLinear;
  first.saved = {};
  first.a.cols = first.b.rows = middle;
  GemmArgs second = first;
  second.a = {args.a.data + middle, args.a.rows, args.k() - middle, args.a.stride};
  second.b = {args.b.row(middle), args.k() - middle, args.b.cols, args.b.stride};
  second.c = {args.scratch, args.m(), args.n(), round_up(args.n(), kRowPad)};
  second.beta = 0.0f;
  const index_t pieces = by_tiles ? tile_columns(args) : cost_of_strips(args, plan);
  const Range mine = team.share(2 * pieces);
  const auto multiply = [&](const GemmArgs& part, Range range) {
    if (range.empty()) return;
    if (!by_tiles) return multiply_strips(part, plan, range);
    float* const panels = args.scratch + part_scratch_size(args);
    multiply_columns_by_tiles(part, range, panels + team.rank() * tiles_scratch_size(args, 1));
  };
  multiply(first, {mine.begin, std::min(mine.end, pieces)});
  multiply(second, {std::max(mine.begin, pieces) - pieces, mine.end - pieces});
  team.barrier();
  const Range rows = team.share(args.m());
  if (rows.empty()) return;
  kernels().gemm_add_part_f32({rows.size(), args.n(), second.c.row(rows.begin), second.c.stride,
                               args.c.row(rows.begin), args.c.stride, args.bias, floor_of(args)});
  finish_activation(args, rows.begin, rows.size(), 0, args.n());
}

// Bounds at any level on the scratch for packed B, and for the packed A of one member.
index_t block_depth_bound(const GemmArgs& args) { return std::min(args.k(), kBlockDepth); }

index_t shared_scratch_size(const GemmArgs& args) {
  return block_depth_bound(args) * round_up(std::min(args.n(), kPackedCols), kMaxTileCols);
}

index_t member_scratch_size(const GemmArgs& args) {
  return round_up(block_depth_bound(args) * (kPackedRows + kMaxTileRows), kRowPad);
}

// A row of a panel is a step of k, or a pair of them.
struct PackedKernels {
  index_t steps_per_row;
  decltype(KernelTable::gemm_strip_f32) strip;
  decltype(KernelTable::gemm_pack_copy_f32) pack_copy;
  decltype(KernelTable::gemm_pack_transpose_f32) pack_transpose;
};

PackedKernels packed_kernels(bool pairs) {
  const KernelTable& k = kernels();
  if (pairs) return {2, k.gemm_strip_pairs, k.gemm_pack_copy_pairs, k.gemm_pack_transpose_pairs};
  return {1, k.gemm_strip_f32, k.gemm_pack_copy_f32, k.gemm_pack_transpose_f32};
}

// A block of both operands: steps of k, and columns of op(B).
struct Block {
  Range k, columns;
};

// A short A is soon read again from the first cache, where its rows do not evict each other.
bool packs_a(const GemmArgs& args, const Plan& plan, bool pairs) {
  return pairs || args.transpose_a || args.k() > plan.geometry.depth ||
         args.a.stride % kAliasingFloats == 0;
}

// What a member does of a packed product.
class PackedProduct {
 public:
  PackedProduct(const GemmArgs& args, const Plan& plan, bool pairs, int rank)
      : args_(args),
        plan_(plan),
        kernels_(packed_kernels(pairs)),
        packs_a_(packs_a(args, plan, pairs)),
        panels_a_(args.scratch + shared_scratch_size(args) + rank * member_scratch_size(args)) {
    // Numbers are cut along k as in multiply_direct: bits do not depend on which way they go.
    const index_t rows = panel_rows(args.k());
    depth_ = equal_part_size(rows, plan.geometry.depth);
    const index_t strips =
        equal_part_size(ceil_div(rows, depth_), kBlockDepth / plan.geometry.depth);
    block_rows_ = std::min(rows, depth_ * strips);
  }

  // Most steps of k in a block.
  index_t block_steps() const { return block_rows_ * kernels_.steps_per_row; }

  // Packs some panels of a block of op(B), for all members.
  void pack_b(const Block& block, const Panels& panels, Range own) const {
    if (own.empty()) return;
    // A last panel that has borrowed a vector begins before the room of the one before it ends.
    const bool apart = panels.lent > 0 && own.end == panels.count;
    const index_t whole = apart ? own.end - 1 : own.end;
    if (whole > own.begin) {
      pack_columns(block, own.begin, {panels[own.begin].begin, panels[whole - 1].end});
    }
    if (apart) pack_columns(block, whole, panels[whole]);
  }

  // Adds to C the products of some rows and all those panels.
  void multiply(const Block& block, const Panels& panels, Range read, Range rows) const {
    GemmStrip strip = strip_in_place(args_, plan_.group_rows, rows);
    if (packs_a_) {
      pack_a(block, rows, &strip);
    } else {
      strip.a += block.k.begin * strip.a_k;
    }
    for (index_t panel = read.begin; panel < read.end; ++panel) {
      multiply_panel(block, rows, panel, panels[panel], strip);
    }
  }

 private:
  index_t panel_rows(index_t steps) const { return ceil_div(steps, kernels_.steps_per_row); }
  index_t panel_b_size() const { return block_rows_ * plan_.geometry.cols; }

  // Columns of a block, into panels from one on.
  void pack_columns(const Block& block, index_t panel, Range columns) const {
    const index_t column = block.columns.begin + columns.begin;
    GemmPack pack;
    pack.stride = args_.b.stride;
    pack.k = block.k.size();
    pack.count = columns.size();
    pack.panels = args_.scratch + panel * panel_b_size();
    pack.width = plan_.geometry.cols;
    pack.panel_size = panel_b_size();
    if (args_.transpose_b) {
      pack.source = args_.b.row(column) + block.k.begin;
      kernels_.pack_transpose(pack);
    } else {
      pack.source = args_.b.row(block.k.begin) + column;
      kernels_.pack_copy(pack);
    }
  }

  // Packs a block of op(A) and lets the strip read it there.
  void pack_a(const Block& block, Range rows, GemmStrip* strip) const {
    GemmPack pack;
    pack.stride = args_.a.stride;
    pack.k = block.k.size();
    pack.count = rows.size();
    pack.panels = panels_a_;
    pack.width = strip->group_rows;
    pack.panel_size = panel_rows(pack.k) * pack.width;
    if (args_.transpose_a) {
      pack.source = args_.a.row(block.k.begin) + rows.begin;
      kernels_.pack_copy(pack);
    } else {
      pack.source = args_.a.row(rows.begin) + block.k.begin;
      kernels_.pack_transpose(pack);
    }
    strip->a = panels_a_;
    strip->a_row = 1;
    strip->a_k = pack.width;
    strip->a_group = pack.panel_size;
  }

  // Adds to C the product of a strip's rows and one packed panel, some rows of it at a time.
  void multiply_panel(const Block& block, Range rows, index_t panel, Range columns,
                      GemmStrip strip) const {
    const index_t column = block.columns.begin + columns.begin;
    const index_t groups = ceil_div(strip.m, strip.group_rows);
    const index_t block_rows = panel_rows(block.k.size());
    strip.n = columns.size();
    strip.b = args_.scratch + panel * panel_b_size();
    strip.b_k = plan_.geometry.cols;
    strip.c += column;
    for (index_t row = 0; row < block_rows; row += strip.k) {
      strip.k = std::min(depth_, block_rows - row);
      // All groups together ask for what the next strip reads, or the next panel.
      strip.ahead = strip.b + strip.k * strip.b_k;
      strip.ahead_group = ceil_div(strip.k * strip.b_k, groups);
      set_pace(plan_, ceil_div(strip.ahead_group, kRowPad), &strip);
      const bool first = block.k.begin == 0 && row == 0;
      const bool last = block.k.end == args_.k() && row + strip.k == block_rows;
      set_epilogue(args_, first, last, column, &strip);
      kernels_.strip(strip);
      if (last) finish_activation(args_, rows.begin, strip.m, column, strip.n);
      strip.a += strip.k * strip.a_k;
      strip.b += strip.k * strip.b_k;
    }
  }

  const GemmArgs& args_;
  const Plan& plan_;
  PackedKernels kernels_;
  bool packs_a_;
  float* panels_a_;
  index_t depth_, block_rows_;  // most rows of panels in a strip, and in a block
};

void gemm_packed(const GemmArgs& args, const Plan& plan, bool pairs, Team& team) {
  const PackedProduct product(args, plan, pairs, team.rank());
  // Rows fall to members, unless there are too few of them: then columns do. Each member then packs
  // the panels of its own columns, and nobody waits.
  const bool by_rows = plan.groups >= 8 * team.size() || plan.panels.count < team.size();
  const Range groups = by_rows ? team.share(plan.groups) : Range{0, plan.groups};
  const index_t row_blocks = ceil_div(groups.size() * plan.group_rows, kPackedRows);
  const index_t block_cols = round_up(equal_part_size(args.n(), kPackedCols), plan.geometry.cols);
  for (index_t column = 0; column < args.n(); column += block_cols) {
    for (index_t p = 0; p < args.k(); p += product.block_steps()) {
      const Block block{{p, std::min(p + product.block_steps(), args.k())},
                        {column, std::min(column + block_cols, args.n())}};
      const Panels panels(block.columns.size(), plan.geometry);
      const Range own = team.share(panels.count);
      // Everybody is done with the panels before. Those of a member's own columns move only from
      // one block of columns to the next.
      if (by_rows ? column > 0 || p > 0 : column > 0 && p == 0) team.barrier();
      product.pack_b(block, panels, own);
      if (by_rows) team.barrier();
      const Range read = by_rows ? Range{0, panels.count} : own;
      for (index_t i = 0; i < row_blocks; ++i) {
        const Range part = share(groups.size(), i, row_blocks);
        product.multiply(block, panels, read,
                         rows_of(args, plan, {groups.begin + part.begin, groups.begin + part.end}));
      }
    }
  }
}

}  // namespace

bool gemm_suits_rows(const GemmArgs& args) {
  return !args.transpose_a && args.k() * args.n() <= kSmallFloats && !tiles_pay(args) &&
         !pairs_everywhere.load(std::memory_order_relaxed);
}

bool gemm_suits_ending_by_rows(const GemmArgs& args) { return suits_parts(args, tiles_pay(args)); }

bool gemm_uses_scratch(const GemmArgs& args) {
  return tiles_pay(args) || !reads_in_place(args) || multiplies_in_parts(args) || args.updates() ||
         pairs_everywhere.load(std::memory_order_relaxed);
}

index_t gemm_scratch_size(const GemmArgs& args, int threads) {
  const index_t tiles = tiles_pay(args) ? tiles_scratch_size(args, threads) : 0;
  const index_t packed = shared_scratch_size(args) + threads * member_scratch_size(args);
  return part_scratch_size(args) + std::max({tiles, packed, threads * update_scratch_size(args)});
}

void multiply_by_pairs_everywhere(bool on) {
  pairs_everywhere.store(on, std::memory_order_relaxed);
}

void gemm(const GemmArgs& args, Team& team) {
  if (args.c.size() == 0) return;
  const bool pairs = multiplies_by_pairs(args), packed = pairs || !reads_in_place(args);
  const Plan plan = plan_strips(args, packed, team.size());
  if (!pairs && multiplies_in_parts(args)) return gemm_in_parts(args, plan, team);
  if (multiplies_by_tiles(args)) {
    gemm_by_tiles(args, team.rank(), team.size());
  } else if (!packed && args.updates() && plan.groups >= team.size()) {
    gemm_update_direct(args, plan, team);
  } else {
    packed ? gemm_packed(args, plan, pairs, team) : gemm_direct(args, plan, team);
    if (args.updates()) {
      team.barrier();
      const Range rows = team.share(args.m());
      update_rows(args.update, rows,
                  {args.c.row(rows.begin), rows.size(), args.n(), args.c.stride});
    }
  }
  if (args.ends_by_rows) team.barrier();
}

}  // namespace fastdnn::cpu
