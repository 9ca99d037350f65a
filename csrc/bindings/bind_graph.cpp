// SPDX-License-Identifier: Apache-2.0
#include <pybind11/stl.h>

#include <optional>

#include "csrc/bindings/image_options.h"
#include "csrc/bindings/register.h"
#include "csrc/core/check.h"
#include "csrc/ops/constraint.h"
#include "csrc/program/graph.h"

namespace py = pybind11;

namespace fastdnn::bindings {

using namespace program;

namespace {

void constrain_norms(Graph& graph, ParameterId id, double least, double most, double rate,
                     int axis) {
  check(id >= 0 && id < static_cast<int>(graph.parameters().size()), "constraint",
        "received the parameter ", id, "; expected one of this graph");
  const bool is_vector = graph.parameters()[static_cast<std::size_t>(id)].is_vector;
  graph.set_constraint(id, norm_constraint(least, most, rate, axis, is_vector ? 1 : 2));
}

}  // namespace

void register_graph(py::module_& m) {
  using py::arg;
  py::class_<Graph>(m, "Graph", "What a network computes; see csrc/program/graph.h.")
      .def(py::init<>())
      .def("add_input", &Graph::add_input, arg("width"))
      .def("add_parameter", &Graph::add_parameter, arg("name"), arg("shape"), arg("trainable"))
      .def(
          "add_dense",
          [](Graph& g, TensorId x, ParameterId kernel, std::optional<ParameterId> bias) {
            return g.add_dense(x, kernel, bias.value_or(kNone));
          },
          arg("x"), arg("kernel"), arg("bias"))
      .def("add_activation", &Graph::add_activation, arg("x"), arg("name"), arg("alpha"))
      .def(
          "add_batch_normalization",
          [](Graph& g, TensorId x, std::optional<ParameterId> gamma,
             std::optional<ParameterId> beta, ParameterId moving_mean, ParameterId moving_variance,
             float momentum, float epsilon, bool frozen) {
            return g.add_batch_normalization(
                x, {gamma.value_or(kNone), beta.value_or(kNone), moving_mean, moving_variance,
                    momentum, epsilon, frozen});
          },
          arg("x"), arg("gamma"), arg("beta"), arg("moving_mean"), arg("moving_variance"),
          arg("momentum"), arg("epsilon"), arg("frozen"))
      .def("add_dropout", &Graph::add_dropout, arg("x"), arg("rate"), arg("stream"))
      .def("add_rescaling", &Graph::add_rescaling, arg("x"), arg("scale"), arg("offset"))
      .def(
          "add_layer_normalization",
          [](Graph& g, TensorId x, std::optional<ParameterId> gamma,
             std::optional<ParameterId> beta, float epsilon) {
            return g.add_layer_normalization(
                x, {gamma.value_or(kNone), beta.value_or(kNone), epsilon});
          },
          arg("x"), arg("gamma"), arg("beta"), arg("epsilon"))
      .def("add_alpha_dropout", &Graph::add_alpha_dropout, arg("x"), arg("rate"), arg("stream"))
      .def(
          "add_random_affine",
          [](Graph& g, TensorId x, const ImageSize& image_shape, const std::string& fill_mode,
             float fill_value, const std::array<Interval, 5>& ranges, bool same_zoom,
             std::uint32_t stream) {
            RandomAffineArgs args = affine_args("random_affine", image_shape, fill_mode, fill_value,
                                                ranges, same_zoom, g.width(x));
            args.key.stream = stream;
            return g.add_random_affine(x, args);
          },
          arg("x"), arg("image_shape"), arg("fill_mode"), arg("fill_value"), arg("ranges"),
          arg("same_zoom"), arg("stream"))
      .def(
          "add_random_light",
          [](Graph& g, TensorId x, const ImageSize& image_shape, Interval gain, Interval offset,
             Interval value_range, std::uint32_t stream) {
            RandomLightArgs args =
                light_args("random_light", image_shape, gain, offset, value_range, g.width(x));
            args.key.stream = stream;
            return g.add_random_light(x, args);
          },
          arg("x"), arg("image_shape"), arg("gain"), arg("offset"), arg("value_range"),
          arg("stream"))
      .def("add_gaussian_noise", &Graph::add_gaussian_noise, arg("x"), arg("stddev"), arg("stream"))
      .def("add_embedding", &Graph::add_embedding, arg("x"), arg("embeddings"))
      .def("add_prelu", &Graph::add_prelu, arg("x"), arg("alpha"))
      .def(
          "add_normalization",
          [](Graph& g, TensorId x, ParameterId mean, ParameterId variance, bool invert) {
            return g.add_normalization(x, {mean, variance, invert});
          },
          arg("x"), arg("mean"), arg("variance"), arg("invert"))
      .def("add_merge", &Graph::add_merge, arg("name"), arg("xs"))
      .def(
          "add_activity_penalty",
          [](Graph& g, TensorId x, float l1, float l2) {
            return g.add_activity_penalty(x, {l1, l2});
          },
          arg("x"), arg("l1"), arg("l2"))
      .def(
          "set_penalty",
          [](Graph& g, ParameterId id, float l1, float l2) { g.set_penalty(id, {l1, l2}); },
          arg("parameter"), arg("l1"), arg("l2"))
      .def(
          "constrain_non_negative",
          [](Graph& g, ParameterId id) {
            g.set_constraint(id, {.kind = Constraint::Kind::kNonNegative});
          },
          arg("parameter"))
      .def("constrain_norms", &constrain_norms, arg("parameter"), arg("least"), arg("most"),
           arg("rate"), arg("axis"))
      .def("add_output", &Graph::add_output, arg("x"));
}

}  // namespace fastdnn::bindings
