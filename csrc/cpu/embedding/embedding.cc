// SPDX-License-Identifier: Apache-2.0
// Splits embeddings over a team: by rows of the batch, but by codes for what is summed over rows.
#include "csrc/ops/embedding.h"

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {

void embedding(const EmbeddingArgs& args, Team& team) {
  const Range rows = team.share(args.codes.rows);
  if (rows.empty()) return;
  kernels().embedding_f32({.batch = {.rows = rows.size(),
                                     .cols = args.codes.cols,
                                     .codes = args.codes.row(rows.begin),
                                     .stride = args.codes.stride,
                                     .count = args.embeddings.rows},
                           .width = args.embeddings.cols,
                           .embeddings = args.embeddings.data,
                           .embeddings_stride = args.embeddings.stride,
                           .y = args.y.row(rows.begin),
                           .y_stride = args.y.stride});
}

void embedding_gradient(const EmbeddingGradientArgs& args, Team& team) {
  // Every member looks at all codes, which is little next to what there is to add.
  const MatrixView& to = args.dembeddings;
  const Range own = team.share(to.rows);
  if (own.empty()) return;
  kernels().embedding_gradient_f32({.batch = {.rows = args.codes.rows,
                                              .cols = args.codes.cols,
                                              .codes = args.codes.data,
                                              .stride = args.codes.stride,
                                              .count = to.rows},
                                    .first = own.begin,
                                    .last = own.end,
                                    .width = to.cols,
                                    .dy = args.dy.data,
                                    .dy_stride = args.dy.stride,
                                    .dembeddings = to.data,
                                    .dembeddings_stride = to.stride,
                                    .first_uses = args.first_uses,
                                    .next_uses = args.next_uses,
                                    .accumulate = args.accumulate});
}

}  // namespace fastdnn::cpu
