// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "csrc/core/arena.h"
#include "csrc/core/check.h"
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

// Where the numbers of a parameter lie. Networks that share it share the numbers.
struct ParameterMemory {
  std::shared_ptr<Arena> arena;
  MatrixView view;
  bool is_vector = false;
};

// One value per element of every parameter: the weights themselves, their gradients, or an
// optimizer's slot. All lie in one flat array, but for those that have memory in `shared` already,
// in the order of the parameters. Padding between rows holds zeros.
class ParameterArena {
 public:
  ParameterArena() = default;
  explicit ParameterArena(const Graph& graph,
                          const std::vector<std::optional<ParameterMemory>>& shared = {}) {
    const auto own = std::make_shared<Arena>();
    std::vector<index_t> offsets;
    for (std::size_t i = 0; i < graph.parameters().size(); ++i) {
      const Parameter& p = graph.parameters()[i];
      const index_t stride = p.is_vector ? round_up(p.cols, kRowPad) : row_stride(p.cols);
      memories_.push_back({own, {nullptr, p.rows, p.cols, stride}, p.is_vector});
      offsets.push_back(0);
      if (i < shared.size() && shared[i]) {
        const MatrixView& view = shared[i]->view;
        check(view.rows == p.rows && view.cols == p.cols && shared[i]->is_vector == p.is_vector,
              "network", "parameter '", p.name, "': received memory of shape ",
              shape_text({view.rows, view.cols}), "; expected ", shape_text({p.rows, p.cols}));
        memories_[i] = *shared[i];
      } else {
        offsets[i] = own->reserve(p.rows * stride);
      }
    }
    own->allocate();
    for (std::size_t i = 0; i < memories_.size(); ++i) {
      if (memories_[i].arena == own) memories_[i].view.data = own->at(offsets[i]);
    }
  }

  const ParameterMemory& memory(ParameterId id) const {
    return memories_[static_cast<std::size_t>(id)];
  }
  MatrixView view(ParameterId id) const { return memory(id).view; }
  // The same with its padding: one run of floats.
  float* flat(ParameterId id) const { return view(id).data; }
  index_t flat_size(ParameterId id) const { return view(id).rows * view(id).stride; }

 private:
  std::vector<ParameterMemory> memories_;
};

}  // namespace fastdnn::program
