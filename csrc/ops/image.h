// SPDX-License-Identifier: Apache-2.0
// Random changes of images, each a row of a matrix.
#pragma once

#include <string>

#include "csrc/core/random_key.h"
#include "csrc/core/tensor_view.h"
#include "csrc/cpu/image/image.h"
#include "csrc/ops/context.h"

namespace fastdnn {

using cpu::ImageFill;

// Throws InvalidArgument for an unknown name.
ImageFill parse_image_fill(const std::string& name);

struct Image {
  index_t height = 0, width = 0, channels = 1;
  ImageFill fill = ImageFill::kReflect;
  float value = 0.0f;
};

// From which numbers are drawn, uniformly.
struct ImageRange {
  double low = 0.0, high = 0.0;
};

// Rotation around the middle by a share of a full turn against the clock, zoom out by 1 + a share,
// shift by shares of height (down) and width (to the right). Row i of x is image first_row + i of
// the draw.
struct RandomAffineArgs {
  ConstMatrixView x;
  MatrixView y;  // shape of x, apart from it
  Image image;
  ImageRange height_shift, width_shift, angle, height_zoom, width_zoom;
  bool same_zoom = false;  // that of the height for the width, too
  RandomKey key;
  index_t first_row = 0;
};

// y = clip(gain (x - mean) + mean + offset, low, high), the mean that of an image's channel.
struct RandomLightArgs {
  ConstMatrixView x;
  MatrixView y;  // shape of x; may be x
  Image image;
  ImageRange gain{1.0, 1.0}, offset;
  float low = 0.0f, high = 1.0f;
  RandomKey key;
  index_t first_row = 0;
};

void random_affine(const RandomAffineArgs& args, Context& context);
void random_light(const RandomLightArgs& args, Context& context);

namespace cpu {
void random_affine(const RandomAffineArgs& args, Team& team);
void random_light(const RandomLightArgs& args, Team& team);
}  // namespace cpu

namespace cuda {
void random_affine(const RandomAffineArgs& args, Stream& stream);
void random_light(const RandomLightArgs& args, Stream& stream);
}  // namespace cuda

}  // namespace fastdnn
