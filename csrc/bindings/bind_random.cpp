// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/random_key.h"
#include "csrc/bindings/register.h"
#include "csrc/ops/random.h"

namespace fastdnn::bindings {
namespace {

using Shape = std::vector<py::ssize_t>;

// Rough costs on one thread, for choosing the number of threads.
constexpr double kNanosecondsPerWord = 0.5;
constexpr double kNanosecondsPerNormal = 1.5;

template <typename T>
py::array new_draw(const char* op, const Shape& shape, const py::object& out) {
  for (const py::ssize_t extent : shape) {
    check(extent >= 0, op, "shape: received the negative extent ", extent);
  }
  return output<T>(op, out, shape);
}

py::array random_bits_array(const Shape& shape, const py::object& seed, const py::object& stream,
                            const py::object& step, const py::object& out) {
  const char* op = "random_bits";
  RandomBitsArgs args{random_key(op, seed, stream, step), nullptr, 0};
  py::array y = new_draw<std::uint32_t>(op, shape, out);
  args.y = writable_data<std::uint32_t>(op, "out", y);
  args.count = y.size();
  {
    const GilRelease release;
    run_on_cpu(args.count * kNanosecondsPerWord * 1e-3,
               [&](Context& context) { random_bits(args, context); });
  }
  return y;
}

py::array random_uniform_array(const Shape& shape, float low, float high, const py::object& seed,
                               const py::object& stream, const py::object& step,
                               const py::object& out) {
  const char* op = "random_uniform";
  RandomUniformArgs args{random_key(op, seed, stream, step), low, high, nullptr, 0};
  check(low <= high && std::isfinite(high - low), op, "received low = ", low, " and high = ", high,
        "; expected low <= high and a finite float32 difference");
  py::array y = new_draw<float>(op, shape, out);
  args.y = writable_data<float>(op, "out", y);
  args.count = y.size();
  {
    const GilRelease release;
    run_on_cpu(args.count * kNanosecondsPerWord * 1e-3,
               [&](Context& context) { random_uniform(args, context); });
  }
  return y;
}

py::array normal_array(const char* op, void (*draw)(const RandomNormalArgs&, Context&),
                       const Shape& shape, float mean, float stddev, const RandomKey& key,
                       const py::object& out) {
  check(std::isfinite(mean) && std::isfinite(stddev) && stddev >= 0, op, "received mean = ", mean,
        " and stddev = ", stddev, "; expected finite numbers and stddev >= 0");
  RandomNormalArgs args{key, mean, stddev, nullptr, 0};
  py::array y = new_draw<float>(op, shape, out);
  args.y = writable_data<float>(op, "out", y);
  args.count = y.size();
  {
    const GilRelease release;
    run_on_cpu(args.count * kNanosecondsPerNormal * 1e-3,
               [&](Context& context) { draw(args, context); });
  }
  return y;
}

py::array random_normal_array(const Shape& shape, float mean, float stddev, const py::object& seed,
                              const py::object& stream, const py::object& step,
                              const py::object& out) {
  const char* op = "random_normal";
  return normal_array(op, &random_normal, shape, mean, stddev, random_key(op, seed, stream, step),
                      out);
}

py::array random_truncated_normal_array(const Shape& shape, float mean, float stddev,
                                        const py::object& seed, const py::object& stream,
                                        const py::object& step, const py::object& out) {
  const char* op = "random_truncated_normal";
  return normal_array(op, &random_truncated_normal, shape, mean, stddev,
                      random_key(op, seed, stream, step), out);
}

py::array random_permutation_array(index_t n, const py::object& seed, const py::object& stream,
                                   const py::object& step, const py::object& out) {
  const char* op = "random_permutation";
  RandomPermutationArgs args{random_key(op, seed, stream, step), nullptr, n};
  check(0 <= n && n < index_t{1} << 32, op, "n: received ", n,
        "; expected an integer from 0 to 2**32 - 1");
  py::array y = output<std::int64_t>(op, out, {n});
  args.y = writable_data<std::int64_t>(op, "out", y);
  {
    const GilRelease release;
    Team alone(0, 1, nullptr);
    Context context{Device::kCpu, &alone, nullptr};
    random_permutation(args, context);
  }
  return y;
}

py::array gaussian_noise_array(const Array& x, float stddev, const py::object& seed,
                               const py::object& stream, const py::object& step,
                               const py::object& out) {
  const char* op = "gaussian_noise";
  check(std::isfinite(stddev) && stddev >= 0, op, "stddev: received ", stddev,
        "; expected a finite number of at least 0");
  GaussianNoiseArgs args{rows_of(op, "x", x), {}, stddev, random_key(op, seed, stream, step), 0};
  py::array y = output(op, out, shape_of(x));
  check_same_or_apart(op, y, {&x});
  args.y = writable_rows(op, "out", y);
  {
    const GilRelease release;
    run_on_cpu(args.x.size() * kNanosecondsPerNormal * 1e-3,
               [&](Context& context) { gaussian_noise(args, context); });
  }
  return y;
}

}  // namespace

void register_random(py::module_& m) {
  using py::arg;
  m.def("random_bits", &random_bits_array, arg("shape"), arg("seed"), arg("stream"), arg("step"),
        arg("out") = py::none());
  m.def("random_uniform", &random_uniform_array, arg("shape"), arg("low"), arg("high"), arg("seed"),
        arg("stream"), arg("step"), arg("out") = py::none());
  m.def("random_normal", &random_normal_array, arg("shape"), arg("mean"), arg("stddev"),
        arg("seed"), arg("stream"), arg("step"), arg("out") = py::none());
  m.def("random_truncated_normal", &random_truncated_normal_array, arg("shape"), arg("mean"),
        arg("stddev"), arg("seed"), arg("stream"), arg("step"), arg("out") = py::none());
  m.def("gaussian_noise", &gaussian_noise_array, arg("x"), arg("stddev"), arg("seed"),
        arg("stream"), arg("step"), arg("out") = py::none());
  m.def("random_permutation", &random_permutation_array, arg("n"), arg("seed"), arg("stream"),
        arg("step"), arg("out") = py::none());
}

}  // namespace fastdnn::bindings
