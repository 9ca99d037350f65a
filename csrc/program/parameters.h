// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "csrc/core/arena.h"
#include "csrc/core/tensor_view.h"
#include "csrc/program/graph.h"

namespace fastdnn::program {

// Floats from one row of a planned matrix to the next: whole cache lines, and an odd number of them
// from kWide columns on, where a line more is at most 6 % of a row: a panel's rows then fall into
// all sets of the first cache alike, and not into every second one or fewer.
constexpr index_t row_stride(index_t cols) {
  constexpr index_t kWide = 256;
  const index_t lines = ceil_div(cols, kRowPad);
  return (cols >= kWide ? lines | 1 : lines) * kRowPad;
}

// One value per element of every parameter in one flat array: the weights themselves, their
// gradients, or an optimizer's slot. Padding between rows holds zeros.
class ParameterArena {
 public:
  ParameterArena() = default;
  explicit ParameterArena(const Graph& graph) {
    for (const Parameter& p : graph.parameters()) {
      const index_t stride = p.is_vector ? round_up(p.cols, kRowPad) : row_stride(p.cols);
      views_.push_back({nullptr, p.rows, p.cols, stride});
      offsets_.push_back(arena_.reserve(p.rows * stride));
    }
    arena_.allocate();
    for (std::size_t i = 0; i < views_.size(); ++i) views_[i].data = arena_.at(offsets_[i]);
  }

  MatrixView view(ParameterId id) const { return views_[static_cast<std::size_t>(id)]; }
  // The same with its padding: one run of floats.
  float* flat(ParameterId id) const { return view(id).data; }
  index_t flat_size(ParameterId id) const { return view(id).rows * view(id).stride; }

 private:
  std::vector<MatrixView> views_;
  std::vector<index_t> offsets_;
  Arena arena_;
};

}  // namespace fastdnn::program
