// SPDX-License-Identifier: Apache-2.0
// Embeddings: what codes become, and the gradient of the whole table. Codes have none.
#include <memory>
#include <vector>

#include "csrc/ops/embedding.h"
#include "csrc/program/lowering.h"

namespace fastdnn::program {

void Lowering::forward(const Node& node, const Embedding& embedding) {
  const Buffer codes = value(node.input());
  const Buffer y = value(node.output) = new_buffer(graph_.width(node.output));
  const MatrixView embeddings = storage_.weights->view(embedding.embeddings);
  add_cost(y.view.cols, 0.2);
  append_by_rows({codes.own_rows(), weight(embedding.embeddings)}, {y.own_rows()},
                 [=](const StepState&, const Own& own) {
                   fastdnn::embedding({codes.of(own.rows), embeddings, y.of(own.rows)},
                                      own.context);
                 });
}

void Lowering::backward(const Node& node, const Embedding& embedding) {
  const Buffer codes = value(node.input()), dy = gradient(node.output);
  const MatrixView dembeddings = storage_.gradients->view(embedding.embeddings);
  struct Uses {
    std::vector<index_t> first, next;
  };
  const auto uses = std::make_shared<Uses>();
  uses->first.resize(dembeddings.rows);
  uses->next.resize(codes.view.rows * codes.view.cols);
  const bool accumulate = start_gradient(embedding.embeddings);
  add_cost(dy.view.cols, 0.3);
  out_.microseconds += 0.1e-3 * static_cast<double>(dembeddings.size());
  program().append({codes.resource, dy.resource}, {gradient_of(embedding.embeddings)},
                   [=](const StepState& state, Context& context) {
                     embedding_gradient({.codes = codes.of(state.rows),
                                         .dy = dy.of(state.rows),
                                         .dembeddings = dembeddings,
                                         .first_uses = uses->first.data(),
                                         .next_uses = uses->next.data(),
                                         .accumulate = accumulate || state.adds},
                                        context);
                   });
  finish_gradient(embedding.embeddings);
}

}  // namespace fastdnn::program
