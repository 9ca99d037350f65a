// SPDX-License-Identifier: Apache-2.0
// What becomes of the sums of a product, in whichever way they were computed.
#pragma once

#include <limits>

#include "csrc/cpu/registry.h"
#include "csrc/ops/gemm.h"

namespace fastdnn::cpu {

inline float floor_of(const GemmArgs& args) {
  const bool relu = args.saved.empty() && args.activation == Activation::kRelu;
  return relu ? 0.0f : -std::numeric_limits<float>::infinity();
}

// Sets what a piece of C, from `column` on, does with its sums over k: those of the first steps, of
// the last, of both, or of some between.
template <typename Piece>
void set_epilogue(const GemmArgs& args, bool first, bool last, index_t column, Piece* piece) {
  piece->alpha = args.alpha;
  piece->beta = first ? args.beta : 1.0f;
  piece->bias = last && args.bias != nullptr ? args.bias + column : nullptr;
  piece->floor = last ? floor_of(args) : -std::numeric_limits<float>::infinity();
}

// What the kernel's own epilogue cannot do, on a piece of C that is still in the first cache.
inline void finish_activation(const GemmArgs& args, index_t row, index_t rows, index_t column,
                              index_t columns) {
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

}  // namespace fastdnn::cpu
