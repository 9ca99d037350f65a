// SPDX-License-Identifier: Apache-2.0
// From arrays of Python's to what a network reads and writes.
#pragma once

#include <pybind11/stl.h>

#include <optional>
#include <vector>

#include "csrc/bindings/arrays.h"
#include "csrc/program/network.h"

namespace fastdnn::bindings {

// An input: a matrix, or what has indptr, indices and data as a matrix of scipy in CSR form; data
// is None if all of it is 1.
using Input = py::object;

// A feed and the inputs that it points into.
struct KeptFeed : program::Feed {
  std::vector<py::array> kept;

  const py::array& keep(const py::object& object) {
    check(py::isinstance<py::array>(object), "network", "input: received a ",
          std::string(py::str(py::type::of(object).attr("__name__"))), "; expected NumPy arrays");
    return kept.emplace_back(py::reinterpret_borrow<py::array>(object));
  }
};

void add_inputs(KeptFeed& feed, const program::Graph& graph, const std::vector<Input>& inputs);

// An array for each output; None for outputs without loss, and for weights that are all 1.
using PerOutput = std::vector<OptionalArray>;
void add_targets(program::Feed& feed, const program::Network& network, const PerOutput& targets,
                 const program::Slice& slice);
void add_sample_weights(program::Feed& feed, const program::Graph& graph, const PerOutput& weights);
void add_order(program::Feed& feed, const OptionalArray& order, const program::Slice& slice);

// One matrix for every output.
std::vector<MatrixView> output_matrices(const program::Network& network,
                                        std::vector<py::array>& arrays, const char* name,
                                        index_t rows);

// Asks a Python function, which takes the number of an output, its rows' numbers, what is predicted
// for them and whether derivatives are wanted, and returns the losses, the derivatives and a list
// of metrics' values, None for what the output does not ask for.
void ask(const py::object& function, const program::Feed& feed,
         const std::vector<program::Asked>& all, index_t begin, index_t rows);

}  // namespace fastdnn::bindings
