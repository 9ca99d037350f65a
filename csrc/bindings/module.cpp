// SPDX-License-Identifier: Apache-2.0
#include "csrc/bindings/register.h"

PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
  using namespace fastdnn::bindings;
  m.doc() = "Native core of fastdnn.";
  m.attr("__version__") = FASTDNN_VERSION;
  register_system(m);
  register_activation(m);
  register_batch_norm(m);
  register_combine(m);
  register_constraint(m);
  register_dense(m);
  register_dropout(m);
  register_embedding(m);
  register_file(m);
  register_gemm(m);
  register_image(m);
  register_layer_norm(m);
  register_loss(m);
  register_metric(m);
  register_normalization(m);
  register_optimizer(m);
  register_prelu(m);
  register_random(m);
  register_reduction(m);
  register_rescaling(m);
  register_softmax(m);
  register_sparse(m);
  register_graph(m);
  register_network(m);
  register_testing(m);
}
