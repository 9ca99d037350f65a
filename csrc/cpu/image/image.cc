// SPDX-License-Identifier: Apache-2.0
// Draws what happens to every image, and splits images over a team.
#include "csrc/ops/image.h"

#include <cmath>
#include <numbers>

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {
namespace {

constexpr int kDraws = 8;

// Numbers from [0, 1) of a row: the first of a group of its own of the draw with this key.
struct Draws {
  Draws(const RandomKey& key, index_t row) {
    kernels().random_uniform_f32({key, row, kDraws}, 0.0f, 1.0f, std::nextafter(1.0f, 0.0f), u);
  }
  double in(int i, const ImageRange& range) const {
    return range.low + (range.high - range.low) * static_cast<double>(u[i]);
  }
  float u[kDraws];
};

ImageShape shape_of(const Image& image) {
  return {image.height, image.width, image.channels, image.fill, image.value};
}

}  // namespace

void random_affine(const RandomAffineArgs& args, Team& team) {
  const ImageShape shape = shape_of(args.image);
  const Range rows = team.share(args.x.rows);
  for (index_t row = rows.begin; row < rows.end; ++row) {
    const Draws draws(args.key, args.first_row + row);
    const double height = static_cast<double>(shape.height),
                 width = static_cast<double>(shape.width);
    const double down = draws.in(0, args.height_shift) * height;
    const double right = draws.in(1, args.width_shift) * width;
    const double angle = draws.in(2, args.angle) * 2.0 * std::numbers::pi;
    const double zoom_height = 1.0 + draws.in(3, args.height_zoom);
    const double zoom_width = args.same_zoom ? zoom_height : 1.0 + draws.in(4, args.width_zoom);
    // Back from where a pixel goes: the shift, the zoom, the rotation, around the middle.
    const double middle_v = 0.5 * (height - 1.0), middle_u = 0.5 * (width - 1.0);
    const double cosine = std::cos(angle), sine = std::sin(angle);
    const double vv = cosine * zoom_height, vu = sine * zoom_width;
    const double uv = -sine * zoom_height, uu = cosine * zoom_width;
    const double from_v = middle_v + down, from_u = middle_u + right;
    const float map[] = {static_cast<float>(vv),
                         static_cast<float>(vu),
                         static_cast<float>(middle_v - vv * from_v - vu * from_u),
                         static_cast<float>(uv),
                         static_cast<float>(uu),
                         static_cast<float>(middle_u - uv * from_v - uu * from_u)};
    kernels().image_affine_f32(shape, map, args.x.row(row), args.y.row(row));
  }
}

void random_light(const RandomLightArgs& args, Team& team) {
  const ImageShape shape = shape_of(args.image);
  const Range rows = team.share(args.x.rows);
  for (index_t row = rows.begin; row < rows.end; ++row) {
    const Draws draws(args.key, args.first_row + row);
    const ImageLight light{static_cast<float>(draws.in(0, args.gain)),
                           static_cast<float>(draws.in(1, args.offset)), args.low, args.high};
    kernels().image_light_f32(shape, light, args.x.row(row), args.y.row(row));
  }
}

}  // namespace fastdnn::cpu
