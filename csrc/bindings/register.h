// SPDX-License-Identifier: Apache-2.0
// Each function adds one family's entries to the module. Defined in bind_<family>.cpp.
#pragma once

#include <pybind11/pybind11.h>

namespace fastdnn::bindings {

void register_activation(pybind11::module_& m);
void register_batch_norm(pybind11::module_& m);
void register_combine(pybind11::module_& m);
void register_constraint(pybind11::module_& m);
void register_dense(pybind11::module_& m);
void register_dropout(pybind11::module_& m);
void register_embedding(pybind11::module_& m);
void register_file(pybind11::module_& m);
void register_gemm(pybind11::module_& m);
void register_graph(pybind11::module_& m);
void register_image(pybind11::module_& m);
void register_layer_norm(pybind11::module_& m);
void register_loss(pybind11::module_& m);
void register_metric(pybind11::module_& m);
void register_network(pybind11::module_& m);
void register_normalization(pybind11::module_& m);
void register_optimizer(pybind11::module_& m);
void register_prelu(pybind11::module_& m);
void register_random(pybind11::module_& m);
void register_reduction(pybind11::module_& m);
void register_rescaling(pybind11::module_& m);
void register_softmax(pybind11::module_& m);
void register_sparse(pybind11::module_& m);
void register_system(pybind11::module_& m);
void register_testing(pybind11::module_& m);

}  // namespace fastdnn::bindings
