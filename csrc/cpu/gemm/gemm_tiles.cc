// SPDX-License-Identifier: Apache-2.0
// A block of C is computed by one member alone. Of its two operands it owns one, whose panels it
// splits one by one, and shares the other among them: panels of the shared operand stay in the
// second cache, as many as fit. All but the first are split while the tiles work.
#include "csrc/cpu/gemm/gemm_tiles.h"

#include <algorithm>
#include <atomic>
#include <bit>

#include "csrc/cpu/gemm/epilogue.h"
#include "csrc/cpu/gemm/strip.h"
#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {
namespace {

// Most steps along k that are multiplied before C is read and written again, and the most floats of
// a shared operand's panels at a time (half of a second cache).
constexpr index_t kMostSteps = 512, kSharedFloats = index_t{1} << 18;
// Floats into which a piece of op(B) is copied when it is multiplied without tiles.
constexpr index_t kPieceFloats = kMaxDepth * kMaxTileCols;

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
  const index_t blocks = std::max<index_t>(1, ceil_div(args.k(), kMostSteps));
  plan.steps = round_up(ceil_div(args.k(), blocks), kTileSteps);
  return plan;
}

index_t panel_floats(index_t steps) { return steps / kTileSteps * kPanelBlockSize / 2; }

// Panels of the shared operand at a time.
index_t shared_at_once(const PanelPlan& plan, index_t panels) {
  const index_t most = std::max<index_t>(1, kSharedFloats / panel_floats(plan.steps));
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
  index_t first;  // panel
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
  const index_t i = panel - panels.first;
  split.panel = reinterpret_cast<std::uint16_t*>(panels.parts + i * panel_floats(plan.steps));
  split.largest = panels.largest + i;
  return split;
}

// Whether all six products of parts are numbers of full precision. Tiles take subnormal numbers for
// zero; what is lost by that is below 2^-60 of the panels' greatest product here.
bool can_multiply(std::int32_t largest_a, std::int32_t largest_b) {
  constexpr float kLeast = 0x1p-60f, kMost = 0x1p110f;
  const float x = std::bit_cast<float>(largest_a), y = std::bit_cast<float>(largest_b);
  const bool in_range = x < kMost && y < kMost;  // false for NaN
  if (!in_range || x == 0.0f || y == 0.0f) return in_range;
  const float product = x * y;
  return x > kLeast && y > kLeast && product > kLeast && product < kMost;
}

// A piece of C that tiles cannot compute, and some steps of it.
void multiply_by_chains(const GemmArgs& args, Range rows, Range columns, Range k, float* packed) {
  GemmGeometry geometry;
  kernels().gemm_geometry_f32(&geometry);
  const GemmStrip in_place = strip_in_place(args, geometry.rows, rows);
  for (index_t column = columns.begin; column < columns.end; column += geometry.cols) {
    GemmStrip strip = in_place;
    strip.n = std::min(geometry.cols, columns.end - column);
    strip.c += column;
    for (index_t p = k.begin; p < k.end; p += strip.k) {
      strip.k = strip.pace = std::min(geometry.depth, k.end - p);
      strip.a = in_place.a + p * strip.a_k;
      if (args.transpose_b) {
        kernels().gemm_pack_transpose_f32({args.b.row(column) + p, args.b.stride, strip.k, strip.n,
                                           packed, geometry.cols, geometry.cols * strip.k});
        strip.b = packed;
        strip.b_k = geometry.cols;
      } else {
        strip.b = args.b.row(p) + column;
      }
      set_epilogue(args, p == 0, p + strip.k == args.k(), column, &strip);
      kernels().gemm_strip_f32(strip);
    }
  }
}

// The piece of C that a member's own panel and some shared ones give, while panel `next` is split.
void multiply(const GemmArgs& args, const PanelPlan& plan, const Panels& own, const Panels& shared,
              Range run, Range k, float* packed, const GemmSplit* next) {
  const auto lines = [&](bool of_a, Range panels) {
    return lines_of(args, plan, of_a, own.of_a == of_a ? Range{own.first, own.first + 1} : panels);
  };
  for (index_t i = run.begin; i < run.end;) {
    const auto fits = [&](index_t panel) {
      return can_multiply(*own.largest, shared.largest[panel - shared.first]);
    };
    index_t end = i + 1;
    while (end < run.end && fits(end) == fits(i)) ++end;
    const Range rows = lines(true, {i, end}), columns = lines(false, {i, end});
    if (fits(i)) {
      const float* others = shared.parts + (i - shared.first) * panel_floats(plan.steps);
      GemmTiles tiles;
      tiles.m = rows.size();
      tiles.n = columns.size();
      tiles.tile_rows = plan.tile_rows;
      tiles.blocks = ceil_div(k.size(), kTileSteps);
      tiles.a = reinterpret_cast<const std::uint16_t*>(own.of_a ? own.parts : others);
      tiles.b = reinterpret_cast<const std::uint16_t*>(own.of_a ? others : own.parts);
      tiles.panel_size = 2 * panel_floats(plan.steps);
      tiles.c = args.c.row(rows.begin) + columns.begin;
      tiles.c_row = args.c.stride;
      set_epilogue(args, k.begin == 0, k.end == args.k(), columns.begin, &tiles);
      kernels().gemm_tiles_f32(tiles, next);
      next = nullptr;
    } else {
      multiply_by_chains(args, rows, columns, k, packed);
    }
    i = end;
  }
  if (next != nullptr) kernels().gemm_split_f32(*next);
  if (k.end == args.k()) {
    const Range rows = lines(true, run), columns = lines(false, run);
    finish_activation(args, rows.begin, rows.size(), columns.begin, columns.size());
  }
}

// A block of C: panels of op(A) by panels of op(B).
void multiply_block(const GemmArgs& args, const PanelPlan& plan, Range a_panels, Range b_panels,
                    float* scratch) {
  if (a_panels.empty() || b_panels.empty()) return;
  const bool own_a = a_panels.size() >= b_panels.size();
  const Range owned = own_a ? a_panels : b_panels, others = own_a ? b_panels : a_panels;
  const index_t size = panel_floats(plan.steps), most = shared_at_once(plan, others.size());
  float* const own_parts = scratch;
  float* const packed = own_parts + 2 * size;
  float* const shared_largest = packed + kPieceFloats;
  Panels shared{!own_a, 0, shared_largest + round_up(most, kRowPad),
                reinterpret_cast<std::int32_t*>(shared_largest)};
  std::int32_t own_largest[2];
  const auto own_panel = [&](index_t panel) {
    const index_t side = panel % 2;
    return Panels{own_a, panel, own_parts + side * size, own_largest + side};
  };
  kernels().gemm_begin_tiles(plan.tile_rows);
  for (shared.first = others.begin; shared.first < others.end; shared.first += most) {
    const index_t end = std::min(shared.first + most, others.end);
    for (index_t p = 0; p < args.k(); p += plan.steps) {
      const Range k{p, std::min(p + plan.steps, args.k())};
      const auto split_own = [&](index_t panel) {
        return split_of(args, plan, own_panel(panel), panel, k);
      };
      const auto split_shared = [&](index_t panel) {
        return split_of(args, plan, shared, panel, k);
      };
      kernels().gemm_split_f32(split_own(owned.begin));
      kernels().gemm_split_f32(split_shared(shared.first));
      Range run{shared.first, shared.first + 1};
      for (index_t panel = owned.begin; panel < owned.end; ++panel) {
        for (; run.end < end; run = {run.end, run.end + 1}) {
          const GemmSplit next = split_shared(run.end);
          multiply(args, plan, own_panel(panel), shared, run, k, packed, &next);
        }
        GemmSplit next;
        const bool last = panel + 1 == owned.end;
        if (!last) next = split_own(panel + 1);
        multiply(args, plan, own_panel(panel), shared, run, k, packed, last ? nullptr : &next);
        run = {shared.first, end};
      }
    }
  }
  kernels().gemm_end_tiles();
}

// Whether tiles are used where only a model of them is.
std::atomic<bool> by_model{false};

}  // namespace

bool tiles_pay(const GemmArgs& args) {
  // In cycles, as measured: what tiles save, what splitting costs, and what any start does.
  constexpr double kSaved = 0.024, kSplit = 0.7, kStart = 25000;
  const auto m = static_cast<double>(args.m()), n = static_cast<double>(args.n()),
             k = static_cast<double>(args.k());
  return kSaved * m * n * k > kSplit * (m + n) * k + kStart;
}

bool multiplies_by_tiles(const GemmArgs& args) {
  const bool has_tiles = isa_level() == IsaLevel::kAmx || by_model.load(std::memory_order_relaxed);
  return has_tiles && tiles_pay(args);
}

void multiply_by_tiles_everywhere(bool on) { by_model.store(on, std::memory_order_relaxed); }

index_t tiles_scratch_size(const GemmArgs& args, int threads) {
  const index_t panel = panel_floats(std::min(round_up(args.k(), kTileSteps), kMostSteps));
  const PanelPlan plan = plan_panels(args);
  const index_t panels = std::max(plan.a_panels, plan.b_panels);
  const index_t shared = std::min(panels * panel, std::max(panel, kSharedFloats));
  return threads * (2 * panel + kPieceFloats + round_up(panels, kRowPad) + shared);
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
