// SPDX-License-Identifier: Apache-2.0
// Learned vectors for codes, the whole numbers that stand for categories.
#pragma once

#include "csrc/core/tensor_view.h"
#include "csrc/ops/context.h"

namespace fastdnn {

// Codes are float32, which holds all whole numbers up to this one.
inline constexpr index_t kMostCodes = index_t{1} << 24;

// y = embeddings(codes), those of a row side by side: y has a row's codes times the columns of
// `embeddings`, which has a row for every code. What is no code is taken for one that there is.
struct EmbeddingArgs {
  ConstMatrixView codes;
  ConstMatrixView embeddings;
  MatrixView y;
};

// dembeddings(k) = sum of dy wherever the code is k, 0 where none is, added to what is there if
// `accumulate`: in the order of rows and, in a row, of columns, with an error that does not grow
// with their number.
struct EmbeddingGradientArgs {
  ConstMatrixView codes;
  ConstMatrixView dy;
  MatrixView dembeddings;
  index_t* first_uses = nullptr;  // scratch, one for each code
  index_t* next_uses = nullptr;   // scratch, one for each element of `codes`
  bool accumulate = false;
};

void embedding(const EmbeddingArgs& args, Context& context);
void embedding_gradient(const EmbeddingGradientArgs& args, Context& context);

namespace cpu {
void embedding(const EmbeddingArgs& args, Team& team);
void embedding_gradient(const EmbeddingGradientArgs& args, Team& team);
}  // namespace cpu

namespace cuda {
void embedding(const EmbeddingArgs& args, Stream& stream);
void embedding_gradient(const EmbeddingGradientArgs& args, Stream& stream);
}  // namespace cuda

}  // namespace fastdnn
