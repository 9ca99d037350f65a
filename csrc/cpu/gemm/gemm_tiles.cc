// SPDX-License-Identifier: Apache-2.0
// A block of C is computed by one member alone. Of its two operands it owns one, whose panels it
// splits one by one, the next one while the tiles work, and shares the other among them: panels of
// the shared operand stay in the second cache, as many as fit.
#include "csrc/cpu/gemm/gemm_tiles.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <limits>

#include "csrc/cpu/gemm/epilogue.h"
#include "csrc/cpu/gemm/strip.h"
#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {
namespace {

// Most steps along k that are multiplied before the sums of a piece have to wait in memory.
constexpr index_t kMostSteps = 512;
// Where an operand has as few panels as that, this many: parts of theirs and of a panel of the
// other operand then stay in the first cache.
constexpr index_t kFewPanels = 2, kFewSteps = 64;
// Most floats of a shared operand's panels at a time (half of a second cache).
constexpr index_t kSharedFloats = index_t{1} << 18;
// Most pieces whose sums wait: at least those that one own panel and all shared ones give.
constexpr index_t kMostWaiting = 512;
static_assert(kSharedFloats * 2 <= kMostWaiting * kFewSteps / kTileSteps * panel_block_size(1));
// Panels are multiplied without tiles so many steps along k at a time: a piece of op(B) then fits
// into these floats, and into a second cache beside the panels.
constexpr index_t kPieceDepth = 192;
constexpr index_t kPieceFloats = kPieceDepth * kMaxTileCols;

struct PanelPlan {
  index_t tile_rows;  // of op(A) in a tile
  index_t a_panels, b_panels;
  index_t steps;  // along k, of every block but the last
};

PanelPlan plan_panels(const GemmArgs& args) {
  PanelPlan plan;
  const index_t row_tiles = std::max<index_t>(1, ceil_div(args.m(), kTileSide));
  // 50 rows are four tiles of 13: the time of a tile is that of its rows.
  plan.tile_rows = ceil_div(args.m(), row_tiles);
  plan.a_panels = ceil_div(row_tiles, kPanelTiles);
  plan.b_panels = ceil_div(args.n(), kPanelTiles * kTileSide);
  const bool few = std::min(plan.a_panels, plan.b_panels) <= kFewPanels;
  const index_t blocks = std::max<index_t>(1, ceil_div(args.k(), few ? kFewSteps : kMostSteps));
  plan.steps = round_up(ceil_div(args.k(), blocks), kTileSteps);
  return plan;
}

index_t panel_floats(index_t steps, index_t parts) {
  return steps / kTileSteps * panel_block_size(parts) / 2;
}

// Parts of the numbers of op(A), or of op(B).
index_t parts_of(const GemmArgs& args, bool of_a) {
  if (of_a && args.a_is_bfloat16 && args.precision == MatmulPrecision::kHighest) return 1;
  switch (args.precision) {
    case MatmulPrecision::kHighest:
      return 3;
    case MatmulPrecision::kHigh:
      return 2;
    case MatmulPrecision::kMedium:
      return 1;
  }
  return 3;
}

// Panels of the shared operand at a time, of such size.
index_t shared_at_once(index_t panels, index_t panel_size) {
  const index_t most = std::max<index_t>(1, kSharedFloats / panel_size);
  return ceil_div(panels, ceil_div(panels, most));
}

// Rows of op(A), or columns of op(B), of some panels.
Range lines_of(const GemmArgs& args, const PanelPlan& plan, bool of_a, Range panels) {
  const index_t width = kPanelTiles * (of_a ? plan.tile_rows : kTileSide);
  return {panels.begin * width, std::min(panels.end * width, of_a ? args.m() : args.n())};
}

// Steps k of the panels of an operand, in one piece of memory, and what is known of each.
struct Panels {
  bool of_a;
  index_t size;  // floats of each
  index_t first, count;
  float* parts;
  std::int32_t* largest;  // bits of a float
};

GemmSplit split_of(const GemmArgs& args, const PanelPlan& plan, const Panels& panels, index_t panel,
                   Range k) {
  const Range lines = lines_of(args, plan, panels.of_a, {panel, panel + 1});
  const ConstMatrixView& matrix = panels.of_a ? args.a : args.b;
  GemmSplit split;
  split.stride = matrix.stride;
  split.along_k = panels.of_a ? !args.transpose_a : args.transpose_b;
  split.source =
      split.along_k ? matrix.row(lines.begin) + k.begin : matrix.row(k.begin) + lines.begin;
  split.of_a = panels.of_a;
  split.width = panels.of_a ? plan.tile_rows : kTileSide;
  split.k = k.size();
  split.count = lines.size();
  split.parts = parts_of(args, panels.of_a);
  const index_t i = panel - panels.first;
  split.panel = reinterpret_cast<std::uint16_t*>(panels.parts + i * panels.size);
  split.largest = panels.largest + i;
  return split;
}

// Whether all products of parts are numbers of full precision. Tiles take subnormal numbers for
// zero; what is lost by that is below 2^-60 of the panels' greatest product here.
bool can_multiply(std::int32_t largest_a, std::int32_t largest_b) {
  constexpr float kLeast = 0x1p-60f, kMost = 0x1p110f;
  const float x = std::bit_cast<float>(largest_a), y = std::bit_cast<float>(largest_b);
  const bool in_range = x < kMost && y < kMost;  // false for NaN
  if (!in_range || x == 0.0f || y == 0.0f) return in_range;
  const float product = x * y;
  return x > kLeast && y > kLeast && product > kLeast && product < kMost;
}

// The product of some rows of op(A) and some columns of op(B), as it is.
GemmArgs part_of(const GemmArgs& args, Range rows, Range columns, MatrixView c) {
  GemmArgs part;
  part.transpose_a = args.transpose_a;
  part.transpose_b = args.transpose_b;
  part.a = args.transpose_a
               ? ConstMatrixView{args.a.data + rows.begin, args.k(), rows.size(), args.a.stride}
               : ConstMatrixView{args.a.row(rows.begin), rows.size(), args.k(), args.a.stride};
  part.b =
      args.transpose_b
          ? ConstMatrixView{args.b.row(columns.begin), columns.size(), args.k(), args.b.stride}
          : ConstMatrixView{args.b.data + columns.begin, args.k(), columns.size(), args.b.stride};
  part.c = c;
  return part;
}

// C = op(A) op(B) without tiles, or C + op(A) op(B) unless these are the first steps.
void add_by_chains(const GemmArgs& args, Range k, float* packed) {
  GemmGeometry geometry;
  kernels().gemm_geometry_f32(&geometry);
  const GemmStrip in_place = strip_in_place(args, geometry.rows, {0, args.m()});
  for (index_t column = 0; column < args.n(); column += geometry.cols) {
    GemmStrip strip = in_place;
    strip.n = std::min(geometry.cols, args.n() - column);
    strip.c += column;
    strip.alpha = 1.0f;
    strip.floor = -std::numeric_limits<float>::infinity();
    for (index_t p = k.begin; p < k.end; p += strip.k) {
      strip.k = strip.pace = std::min(kPieceDepth, k.end - p);
      strip.a = in_place.a + p * strip.a_k;
      strip.beta = p == 0 ? 0.0f : 1.0f;
      if (args.transpose_b) {
        kernels().gemm_pack_transpose_f32({args.b.row(column) + p, args.b.stride, strip.k, strip.n,
                                           packed, geometry.cols, geometry.cols * strip.k});
        strip.b = packed;
        strip.b_k = geometry.cols;
      } else {
        strip.b = args.b.row(p) + column;
      }
      kernels().gemm_strip_f32(strip);
    }
  }
}

// A member's own panel and those that it shares among its own, some steps of k of each.
struct Meeting {
  Panels own, shared;
  Range k;
  float* sums;    // that wait, of the pieces which own and shared give; null if none has to
  float* packed;  // kPieceFloats
};

struct Region {
  Range rows, columns;
};

// Of C: what the own panel and `count` of the shared ones give, from the i-th on.
Region region_of(const GemmArgs& args, const PanelPlan& plan, const Meeting& meeting, index_t i,
                 index_t count) {
  const Panels &own = meeting.own, &shared = meeting.shared;
  const Range one{own.first, own.first + 1}, run{shared.first + i, shared.first + i + count};
  return {lines_of(args, plan, true, own.of_a ? one : run),
          lines_of(args, plan, false, own.of_a ? run : one)};
}

// The region that the own panel and the shared ones from the i-th on give.
GemmTiles tiles_of(const GemmArgs& args, const PanelPlan& plan, const Meeting& meeting, index_t i,
                   const Region& region) {
  const Panels &own = meeting.own, &shared = meeting.shared;
  const float* others = shared.parts + i * shared.size;
  GemmTiles tiles{};
  tiles.m = region.rows.size();
  tiles.n = region.columns.size();
  tiles.tile_rows = plan.tile_rows;
  tiles.blocks = ceil_div(meeting.k.size(), kTileSteps);
  tiles.blocks_of_panels = plan.steps / kTileSteps;
  tiles.a_parts = parts_of(args, true);
  tiles.b_parts = parts_of(args, false);
  tiles.a = reinterpret_cast<const std::uint16_t*>(own.of_a ? own.parts : others);
  tiles.b = reinterpret_cast<const std::uint16_t*>(own.of_a ? others : own.parts);
  tiles.first = meeting.k.begin == 0;
  tiles.last = meeting.k.end == args.k();
  tiles.sums = meeting.sums != nullptr ? meeting.sums + i * kPieceSums : nullptr;
  const MatrixView& c = args.updates() ? args.update.weights : args.c;
  tiles.c = c.row(region.rows.begin) + region.columns.begin;
  tiles.c_row = c.stride;
  if (args.updates()) {
    tiles.update = kernels().optimizer_update_f32;
    tiles.step = &args.update.step;
    offset_slots(args.update.slots, tiles.c - c.data, tiles.slots);
  }
  set_epilogue(args, true, true, region.columns.begin, &tiles);
  return tiles;
}

// A piece of which an operand is too large or too small for tiles.
void multiply_by_chains(const GemmArgs& args, const PanelPlan& plan, const Meeting& meeting,
                        index_t i) {
  alignas(kAlignment) float all_sums[kPieceSums];
  const Region region = region_of(args, plan, meeting, i, 1);
  GemmTiles tiles = tiles_of(args, plan, meeting, i, region);
  if (tiles.sums == nullptr) tiles.sums = all_sums;
  const MatrixView sums{tiles.sums, tiles.m, tiles.n, kPieceSide};
  add_by_chains(part_of(args, region.rows, region.columns, sums), meeting.k, meeting.packed);
  if (!tiles.last) return;
  tiles.first = false;
  tiles.blocks = 0;
  kernels().gemm_tiles_f32(tiles, nullptr);
}

// The pieces of C that they give, while panel `next` is split.
void multiply(const GemmArgs& args, const PanelPlan& plan, const Meeting& meeting,
              const GemmSplit* next) {
  const Panels &own = meeting.own, &shared = meeting.shared;
  const auto fits = [&](index_t i) { return can_multiply(*own.largest, shared.largest[i]); };
  for (index_t i = 0, end; i < shared.count; i = end) {
    for (end = i; end < shared.count && fits(end);) ++end;
    if (end > i) {
      const Region region = region_of(args, plan, meeting, i, end - i);
      const GemmTiles tiles = tiles_of(args, plan, meeting, i, region);
      kernels().gemm_tiles_f32(tiles, next);
      next = nullptr;
    } else {
      multiply_by_chains(args, plan, meeting, end++);
    }
  }
  if (next != nullptr) kernels().gemm_split_f32(*next);
  if (meeting.k.end < args.k()) return;
  const auto [rows, columns] = region_of(args, plan, meeting, 0, shared.count);
  finish_activation(args, rows.begin, rows.size(), columns.begin, columns.size());
}

// Where a member keeps what it works with.
struct Workplace {
  Panels own[2];  // in turns
  Panels shared;
  float *sums, *packed;  // sums: null if none has to wait
};

// Some own panels by all that are shared now.
void multiply_panels(const GemmArgs& args, const PanelPlan& plan, const Workplace& place,
                     Range own) {
  index_t turn = 0;
  const auto steps_from = [&](index_t p) { return Range{p, std::min(p + plan.steps, args.k())}; };
  const auto split_own = [&](index_t panel, Range k) {
    Panels panels = place.own[turn];
    panels.first = panel;
    return split_of(args, plan, panels, panel, k);
  };
  kernels().gemm_split_f32(split_own(own.begin, steps_from(0)));
  for (index_t p = 0; p < args.k(); p += plan.steps) {
    Meeting meeting{{}, place.shared, steps_from(p), nullptr, place.packed};
    for (index_t i = 0; i < place.shared.count; ++i) {
      kernels().gemm_split_f32(
          split_of(args, plan, place.shared, place.shared.first + i, meeting.k));
    }
    for (index_t panel = own.begin; panel < own.end; ++panel) {
      meeting.own = place.own[turn];
      meeting.own.first = panel;
      const index_t pieces = (panel - own.begin) * place.shared.count;
      if (place.sums != nullptr) meeting.sums = place.sums + pieces * kPieceSums;
      turn ^= 1;
      GemmSplit next;
      const bool here = panel + 1 < own.end, later = meeting.k.end < args.k();
      if (here) {
        next = split_own(panel + 1, meeting.k);
      } else if (later) {
        next = split_own(own.begin, steps_from(meeting.k.end));
      }
      multiply(args, plan, meeting, here || later ? &next : nullptr);
    }
  }
}

// A block of C: panels of op(A) by panels of op(B).
void multiply_block(const GemmArgs& args, const PanelPlan& plan, Range a_panels, Range b_panels,
                    float* scratch) {
  if (a_panels.empty() || b_panels.empty()) return;
  const bool own_a = a_panels.size() >= b_panels.size();
  const Range owned = own_a ? a_panels : b_panels, others = own_a ? b_panels : a_panels;
  const index_t own_size = panel_floats(plan.steps, parts_of(args, own_a));
  const index_t shared_size = panel_floats(plan.steps, parts_of(args, !own_a));
  const index_t most_shared = shared_at_once(others.size(), shared_size);
  const bool sums_wait = args.k() > plan.steps;
  const index_t most_owned = sums_wait ? kMostWaiting / most_shared : owned.size();
  std::int32_t own_largest[2];
  Workplace place;
  for (index_t turn = 0; turn < 2; ++turn) {
    place.own[turn] = {own_a, own_size, 0, 1, scratch + turn * own_size, own_largest + turn};
  }
  place.packed = scratch + 2 * own_size;
  float* const largest = place.packed + kPieceFloats;
  place.shared = {.of_a = !own_a,
                  .size = shared_size,
                  .first = 0,
                  .count = 0,
                  .parts = largest + round_up(most_shared, kRowPad),
                  .largest = reinterpret_cast<std::int32_t*>(largest)};
  place.sums = sums_wait ? place.shared.parts + most_shared * shared_size : nullptr;
  kernels().gemm_begin_tiles(plan.tile_rows);
  for (Range own{owned.begin, owned.begin}; own.end < owned.end; own.begin = own.end) {
    own.end = std::min(own.begin + most_owned, owned.end);
    for (index_t first = others.begin; first < others.end; first += most_shared) {
      place.shared.first = first;
      place.shared.count = std::min(most_shared, others.end - first);
      multiply_panels(args, plan, place, own);
    }
  }
  kernels().gemm_end_tiles();
}

// Whether tiles are used where only a model of them is.
std::atomic<bool> by_model{false};

}  // namespace

bool tiles_pay(const GemmArgs& args) {
  // Whatever is known of A: bits must not depend on it. In cycles, fitted to measured times of all
  // six products, and taken for pairs as well: what tiles save by a multiply-add; what a number
  // costs to split, to transpose and split, and to write; and what any start does.
  constexpr double kSaved = 0.021, kSplit = 0.42, kTransposed = 0.95, kWritten = 0.26,
                   kStart = 15000;
  const auto m = static_cast<double>(args.m()), n = static_cast<double>(args.n()),
             k = static_cast<double>(args.k());
  const double split_a = args.transpose_a ? kTransposed : kSplit;
  const double split_b = args.transpose_b ? kTransposed : kSplit;
  return kSaved * m * n * k > (split_a * m + split_b * n) * k + kWritten * m * n + kStart;
}

bool multiplies_by_tiles(const GemmArgs& args) {
  const bool has_tiles = isa_level() == IsaLevel::kAmx || by_model.load(std::memory_order_relaxed);
  return has_tiles && tiles_pay(args);
}

void multiply_by_tiles_everywhere(bool on) { by_model.store(on, std::memory_order_relaxed); }

index_t tiles_scratch_size(const GemmArgs& args, int threads) {
  const index_t steps = std::min(round_up(args.k(), kTileSteps), kMostSteps);
  const index_t panel = panel_floats(steps, kTileParts);
  const PanelPlan plan = plan_panels(args);
  const index_t panels = std::max(plan.a_panels, plan.b_panels);
  const index_t shared = std::min(panels * panel, std::max(panel, kSharedFloats));
  const index_t pieces = std::min(plan.a_panels * plan.b_panels, kMostWaiting);
  const index_t sums = args.k() > kFewSteps ? pieces * kPieceSums : 0;
  return threads * (2 * panel + kPieceFloats + round_up(panels, kRowPad) + sums + shared);
}

void gemm_by_tiles(const GemmArgs& args, int rank, int size) {
  const PanelPlan plan = plan_panels(args);
  // C is cut into a grid of blocks. Members split what they need for themselves: that costs less
  // than fetching its parts from another one's cache.
  const auto cost = [&](index_t rows) {
    const auto a = static_cast<double>(ceil_div(plan.a_panels, rows));
    const auto b = static_cast<double>(ceil_div(plan.b_panels, size / rows));
    constexpr double kSplit = 1.4;  // of a panel, in products of two panels
    return a * b + kSplit * (a + b);
  };
  index_t grid_rows = 1;
  for (index_t rows = 2; rows <= size; ++rows) {
    if (size % rows == 0 && cost(rows) < cost(grid_rows)) grid_rows = rows;
  }
  const index_t grid_columns = size / grid_rows;
  const Range a_panels = share(plan.a_panels, rank / grid_columns, grid_rows);
  const Range b_panels = share(plan.b_panels, rank % grid_columns, grid_columns);
  multiply_block(args, plan, a_panels, b_panels, args.scratch + rank * tiles_scratch_size(args, 1));
}

index_t tile_columns(const GemmArgs& args) { return plan_panels(args).b_panels; }

void multiply_columns_by_tiles(const GemmArgs& args, Range columns, float* scratch) {
  const PanelPlan plan = plan_panels(args);
  multiply_block(args, plan, {0, plan.a_panels}, columns, scratch);
}

}  // namespace fastdnn::cpu
