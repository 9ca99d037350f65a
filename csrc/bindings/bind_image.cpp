// SPDX-License-Identifier: Apache-2.0
#include <pybind11/stl.h>

#include <cmath>

#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/image_options.h"
#include "csrc/bindings/random_key.h"
#include "csrc/bindings/register.h"
#include "csrc/core/check.h"

namespace fastdnn::bindings {
namespace {

// Rough costs on one thread, for choosing the number of threads.
constexpr double kNanosecondsPerMappedPixel = 4.0;
constexpr double kNanosecondsPerLitPixel = 2.0;

Image image_of(const char* op, const ImageSize& size, index_t cols) {
  const auto [height, width, channels] = size;
  constexpr index_t kMost = index_t{1} << 20;
  check(height > 0 && width > 0 && channels > 0 && height <= kMost && width <= kMost &&
            channels <= kMost && height * width <= kMost * kMost / channels &&
            height * width * channels == cols,
        op, "image_shape: received (", height, ", ", width, ", ", channels, ") for rows of ", cols,
        " numbers; expected height, width and channels whose product that is");
  Image image;
  image.height = height;
  image.width = width;
  image.channels = channels;
  return image;
}

ImageRange range_of(const char* op, const char* name, const Interval& range) {
  check(std::isfinite(range.first) && std::isfinite(range.second) && range.first <= range.second,
        op, name, ": received ", range.first, " to ", range.second,
        "; expected finite numbers that grow");
  return {range.first, range.second};
}

template <typename Args, typename Op>
py::array changed(const char* name, Args args, const Array& x, const py::object& out,
                  double nanoseconds, Op op) {
  py::array y = output(name, out, shape_of(x));
  check_no_overlap(name, y, {&x});
  args.x = rows_of(name, "x", x);
  args.y = writable_rows(name, "out", y);
  {
    const GilRelease release;
    run_on_cpu(args.x.size() * nanoseconds * 1e-3, [&](Context& context) { op(args, context); });
  }
  return y;
}

}  // namespace

RandomAffineArgs affine_args(const char* op, const ImageSize& size, const std::string& fill_mode,
                             float fill_value, const std::array<Interval, 5>& ranges,
                             bool same_zoom, index_t cols) {
  RandomAffineArgs args;
  args.image = image_of(op, size, cols);
  args.image.fill = parse_image_fill(fill_mode);
  args.image.value = fill_value;
  args.height_shift = range_of(op, "height_shift", ranges[0]);
  args.width_shift = range_of(op, "width_shift", ranges[1]);
  args.angle = range_of(op, "angle", ranges[2]);
  args.height_zoom = range_of(op, "height_zoom", ranges[3]);
  args.width_zoom = range_of(op, "width_zoom", ranges[4]);
  args.same_zoom = same_zoom;
  return args;
}

RandomLightArgs light_args(const char* op, const ImageSize& size, Interval gain, Interval offset,
                           Interval clip, index_t cols) {
  RandomLightArgs args;
  args.image = image_of(op, size, cols);
  args.gain = range_of(op, "gain", gain);
  args.offset = range_of(op, "offset", offset);
  const ImageRange ends = range_of(op, "value_range", clip);
  args.low = static_cast<float>(ends.low);
  args.high = static_cast<float>(ends.high);
  return args;
}

void register_image(py::module_& m) {
  using py::arg;
  m.def(
      "random_affine",
      [](const Array& x, const ImageSize& image_shape, const std::string& fill_mode,
         float fill_value, const std::array<Interval, 5>& ranges, bool same_zoom,
         const py::object& seed, const py::object& stream, const py::object& step,
         const py::object& out) {
        const char* op = "random_affine";
        RandomAffineArgs args = affine_args(op, image_shape, fill_mode, fill_value, ranges,
                                            same_zoom, rows_of(op, "x", x).cols);
        args.key = random_key(op, seed, stream, step);
        return changed(op, args, x, out, kNanosecondsPerMappedPixel,
                       [](const auto& a, Context& context) { random_affine(a, context); });
      },
      arg("x"), arg("image_shape"), arg("fill_mode"), arg("fill_value"), arg("ranges"),
      arg("same_zoom"), arg("seed"), arg("stream"), arg("step"), arg("out") = py::none());
  m.def(
      "random_light",
      [](const Array& x, const ImageSize& image_shape, Interval gain, Interval offset,
         Interval value_range, const py::object& seed, const py::object& stream,
         const py::object& step, const py::object& out) {
        const char* op = "random_light";
        RandomLightArgs args =
            light_args(op, image_shape, gain, offset, value_range, rows_of(op, "x", x).cols);
        args.key = random_key(op, seed, stream, step);
        return changed(op, args, x, out, kNanosecondsPerLitPixel,
                       [](const auto& a, Context& context) { random_light(a, context); });
      },
      arg("x"), arg("image_shape"), arg("gain"), arg("offset"), arg("value_range"), arg("seed"),
      arg("stream"), arg("step"), arg("out") = py::none());
}

}  // namespace fastdnn::bindings
