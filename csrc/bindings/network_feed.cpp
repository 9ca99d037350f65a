// SPDX-License-Identifier: Apache-2.0
#include "csrc/bindings/network_feed.h"

#include <algorithm>

namespace fastdnn::bindings {

using namespace program;

namespace {

ElementType element_type(const char* op, const char* name, const py::array& array) {
  if (py::isinstance<py::array_t<float>>(array)) return ElementType::kFloat32;
  if (py::isinstance<py::array_t<std::uint8_t>>(array)) return ElementType::kUint8;
  // bfloat16 is what another package adds to NumPy's types: it has no number that is known here.
  const py::dtype dtype = array.dtype();
  const std::string type = py::str(dtype.attr("name"));
  const bool native = py::bool_(dtype.attr("isnative"));
  if (native && type == "float16") return ElementType::kFloat16;
  if (native && type == "bfloat16") return ElementType::kBfloat16;
  fail(op, name, ": received a ", describe(array),
       "; expected float32, float16, bfloat16 or uint8, in the machine's byte order");
}

Source source(const char* name, const py::array& array, index_t width, index_t rows) {
  const char* op = "network";
  check(array.ndim() == 2 && array.shape(0) == rows && array.shape(1) == width, op, name,
        ": received a ", describe(array), "; expected shape ", shape_text({rows, width}));
  const ElementType type = element_type(op, name, array);
  check_layout(op, name, array);
  return {.data = array.data(), .type = type, .width = width};
}

Source sparse_source(KeptFeed& feed, const Input& input, index_t width) {
  Source source{.width = width};
  const py::array indptr = feed.keep(input.attr("indptr"));
  const py::array indices = feed.keep(input.attr("indices"));
  const py::object data = input.attr("data");
  source.sparse =
      csr("network", indptr, indices, data.is_none() ? nullptr : &feed.keep(data), width);
  return source;
}

// Only the labels that this call uses.
void check_labels_of(const Feed& feed, const std::int32_t* labels, index_t classes,
                     const Slice& slice) {
  const index_t end = std::min(feed.rows, slice.first + slice.batches * slice.batch_size);
  for (index_t i = slice.first; i < end; ++i) {
    const index_t row = feed.row(i);
    check(labels[row] >= 0 && labels[row] < classes, "network", "received the label ", labels[row],
          " in row ", row, "; expected 0 to ", classes - 1);
  }
}

}  // namespace

void add_inputs(KeptFeed& feed, const Graph& graph, const std::vector<Input>& inputs) {
  check(inputs.size() == graph.inputs().size(), "network", "received ", inputs.size(),
        " inputs; expected ", graph.inputs().size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const index_t width = graph.width(graph.inputs()[i]);
    if (py::hasattr(inputs[i], "indptr")) {
      feed.inputs.push_back(sparse_source(feed, inputs[i], width));
      const index_t rows = feed.inputs.back().sparse.rows;
      if (i == 0) feed.rows = rows;
      check(rows == feed.rows, "network", "input: received ", rows, " sparse rows; expected ",
            feed.rows);
      continue;
    }
    const py::array& array = feed.keep(inputs[i]);
    check(array.ndim() == 2, "network", "input: received a ", describe(array),
          "; expected two dimensions");
    if (i == 0) feed.rows = array.shape(0);
    feed.inputs.push_back(source("input", array, width, feed.rows));
  }
}

void add_targets(Feed& feed, const Network& network, const PerOutput& targets, const Slice& slice) {
  const Graph& graph = network.graph();
  check(targets.size() == graph.outputs().size(), "network", "received ", targets.size(),
        " targets; expected ", graph.outputs().size());
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const index_t width = graph.width(graph.outputs()[i]);
    const OutputSpec& output = network.spec().outputs[i];
    feed.labels.push_back(nullptr);
    feed.targets.push_back({});
    if (!output.takes_labels() && !output.takes_targets()) continue;
    check(targets[i].has_value(), "network", "received no target for output ", i,
          ", which has a loss");
    if (output.takes_labels()) {
      feed.labels[i] = vector<std::int32_t>("network", "target", *targets[i], feed.rows).data;
      check_labels_of(feed, feed.labels[i], width, slice);
    } else {
      check_layout<float>("network", "target", *targets[i]);
      feed.targets[i] = source("target", *targets[i], width, feed.rows);
    }
  }
}

void add_sample_weights(Feed& feed, const Graph& graph, const PerOutput& weights) {
  check(weights.size() == graph.outputs().size(), "network", "received ", weights.size(),
        " sample weights; expected ", graph.outputs().size());
  for (const auto& weight : weights) {
    feed.sample_weights.push_back(
        weight ? vector("network", "sample_weight", *weight, feed.rows).data : nullptr);
  }
}

void add_order(Feed& feed, const OptionalArray& order, const Slice& slice) {
  if (!order) return;
  feed.order = vector<std::int64_t>("network", "order", *order, feed.rows).data;
  const index_t end = std::min(feed.rows, slice.first + slice.batches * slice.batch_size);
  for (index_t i = slice.first; i < end; ++i) {
    check(feed.order[i] >= 0 && feed.order[i] < feed.rows, "network", "order: received row ",
          feed.order[i], "; expected 0 to ", feed.rows - 1);
  }
}

std::vector<MatrixView> output_matrices(const Network& network, std::vector<py::array>& arrays,
                                        const char* name, index_t rows) {
  const auto& tensors = network.graph().outputs();
  check(arrays.size() == tensors.size(), "network", "received ", arrays.size(), " arrays for ",
        tensors.size(), " outputs");
  std::vector<MatrixView> matrices;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const index_t width = network.graph().width(tensors[i]);
    check_layout<float>("network", name, arrays[i]);
    check(shape_of(arrays[i]) == std::vector<py::ssize_t>{rows, width}, "network", name,
          ": received a ", describe(arrays[i]), "; expected shape ", shape_text({rows, width}));
    matrices.push_back({writable_data<float>("network", name, arrays[i]), rows, width, width});
  }
  return matrices;
}

void ask(const py::object& function, const Feed& feed, const std::vector<Asked>& all, index_t begin,
         index_t rows) {
  const py::gil_scoped_acquire acquired;
  py::array_t<std::int64_t> numbers(rows);
  for (index_t i = 0; i < rows; ++i) numbers.mutable_data()[i] = feed.row(begin + i);
  for (const Asked& asked : all) {
    const index_t cols = asked.prediction.cols;
    py::array_t<float> prediction({rows, cols});
    for (index_t row = 0; row < rows; ++row)
      std::copy_n(asked.prediction.row(row), cols, prediction.mutable_data(row));
    const bool derives = asked.gradient.data != nullptr;
    const py::tuple answer = function(asked.output, numbers, prediction, derives);
    const auto copy_rows = [rows](const py::handle& from, float* to) {
      const auto values = py::cast<py::array>(from);
      std::copy_n(vector<float>("network", "values", values, rows).data, rows, to);
    };
    if (asked.losses != nullptr) copy_rows(answer[0], asked.losses);
    if (derives) {
      const auto gradient = py::cast<py::array>(answer[1]);
      const auto from = matrix<float>("network", "gradient", gradient);
      check(from.rows == rows && from.cols == cols, "network", "gradient: received a ",
            describe(gradient), "; expected shape ", shape_text({rows, cols}));
      for (index_t row = 0; row < rows; ++row)
        std::copy_n(from.row(row), cols, asked.gradient.row(row));
    }
    const auto values = py::cast<py::list>(answer[2]);
    check(values.size() == asked.metrics.size(), "network", "received values of ", values.size(),
          " metrics; expected ", asked.metrics.size());
    for (std::size_t i = 0; i < values.size(); ++i) copy_rows(values[i], asked.metrics[i]);
  }
}

}  // namespace fastdnn::bindings
