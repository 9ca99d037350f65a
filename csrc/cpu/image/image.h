// SPDX-License-Identifier: Apache-2.0
// What the image kernels compute, for one image. Included by leaf files: plain types only, no STL.
#pragma once

#include "csrc/core/types.h"

namespace fastdnn::cpu {

// What lies outside: a value, or the image again, as if by its nearest edge, mirrored or repeated.
enum class ImageFill : int { kConstant, kNearest, kReflect, kWrap };

// Pixel (i, j) of channel k is at [(i * width + j) * channels + k].
struct ImageShape {
  index_t height, width, channels;
  ImageFill fill;
  float value;
};

// y(i, j) = x(map[0] i + map[1] j + map[2], map[3] i + map[4] j + map[5]), between pixels by
// bilinear interpolation. Single IEEE operations, never fused: the same bits on every level.

// y = clip(gain (x - mean) + mean + offset), the mean that of the channel.
struct ImageLight {
  float gain, offset, low, high;
};

}  // namespace fastdnn::cpu
