// SPDX-License-Identifier: Apache-2.0
// What the embedding kernels compute. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/types.h"

namespace fastdnn::cpu {

// A batch of codes, element (i, c) at [i * stride + c]. Somebody may change them after they were
// checked: what is no code below `count` stands for another one, so that nothing else is touched.
struct CodeBatch {
  index_t rows, cols;
  const float* codes;
  index_t stride;
  index_t count;
};

// A row of y or dy holds the embeddings of a row's codes side by side, `width` floats each.
//   embedding_f32           y(i, c) = embeddings(codes(i, c))
//   embedding_gradient_f32  dembeddings(k) = sum of dy(i, c) where codes(i, c) = k, for
//                           first <= k < last, in the order of i, then of c: blocks of them into a
//                           sum that carries its error; added to what is there if `accumulate`

struct EmbeddingTask {
  CodeBatch batch;
  index_t width;
  const float* embeddings;
  index_t embeddings_stride;
  float* y;
  index_t y_stride;
};

struct EmbeddingGradientTask {
  CodeBatch batch;
  index_t first, last;
  index_t width;
  const float* dy;
  index_t dy_stride;
  float* dembeddings;
  index_t dembeddings_stride;
  index_t* first_uses;  // one for each code
  index_t* next_uses;   // one for each element of the batch
  bool accumulate;
};

}  // namespace fastdnn::cpu
