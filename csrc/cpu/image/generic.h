// SPDX-License-Identifier: Apache-2.0
// No fma() in this file: levels with and without it must give the same bits.
#include "csrc/cpu/image/image.h"

namespace fastdnn::cpu {
namespace {

// Coordinates beyond this are as far outside as any: images have at most 2^20 rows and columns.
constexpr float kFarOutside = 0x1p21f;

inline int below(float coordinate) {
  const int truncated = static_cast<int>(coordinate);
  return truncated - (coordinate < static_cast<float>(truncated));
}

inline int modulo(int k, int size) {
  const int rest = k % size;
  return rest < 0 ? rest + size : rest;
}

// The place inside that stands for one outside; -1 for the constant.
inline int inside(ImageFill fill, int k, int size) {
  if (k >= 0 && k < size) return k;
  switch (fill) {
    case ImageFill::kNearest:
      return k < 0 ? 0 : size - 1;
    case ImageFill::kReflect: {
      const int place = modulo(k, 2 * size);
      return place < size ? place : 2 * size - 1 - place;
    }
    case ImageFill::kWrap:
      return modulo(k, size);
    case ImageFill::kConstant:
      break;
  }
  return -1;
}

struct Corner {
  const float* pixel;  // null: the constant
  float weight;
};

inline Corner corner(const ImageShape& shape, const float* x, int i, int j, float weight) {
  const int row = inside(shape.fill, i, static_cast<int>(shape.height));
  const int col = inside(shape.fill, j, static_cast<int>(shape.width));
  if (row < 0 || col < 0) return {nullptr, weight};
  return {x + (row * shape.width + col) * shape.channels, weight};
}

inline float clamped(float value, float low, float high) {
  return value < low ? low : value > high ? high : value;
}

}  // namespace

namespace FASTDNN_LEVEL {

void image_affine_f32(const ImageShape& shape, const float* map, const float* x, float* y) {
  for (index_t i = 0; i < shape.height; ++i) {
    const float row = static_cast<float>(i);
    const float first_v = map[0] * row + map[2], first_u = map[3] * row + map[5];
    for (index_t j = 0; j < shape.width; ++j) {
      const float col = static_cast<float>(j);
      const float v = clamped(map[1] * col + first_v, -kFarOutside, kFarOutside);
      const float u = clamped(map[4] * col + first_u, -kFarOutside, kFarOutside);
      const int v0 = below(v), u0 = below(u);
      const float fv = v - static_cast<float>(v0), fu = u - static_cast<float>(u0);
      if (v0 >= 0 && v0 + 1 < shape.height && u0 >= 0 && u0 + 1 < shape.width) {
        const float* above = x + (v0 * shape.width + u0) * shape.channels;
        const float* under = above + shape.width * shape.channels;
        const float w00 = (1.0f - fv) * (1.0f - fu), w01 = (1.0f - fv) * fu;
        const float w10 = fv * (1.0f - fu), w11 = fv * fu;
        for (index_t k = 0; k < shape.channels; ++k) {
          const index_t next = shape.channels + k;
          *y++ = w00 * above[k] + w01 * above[next] + w10 * under[k] + w11 * under[next];
        }
        continue;
      }
      const Corner corners[] = {corner(shape, x, v0, u0, (1.0f - fv) * (1.0f - fu)),
                                corner(shape, x, v0, u0 + 1, (1.0f - fv) * fu),
                                corner(shape, x, v0 + 1, u0, fv * (1.0f - fu)),
                                corner(shape, x, v0 + 1, u0 + 1, fv * fu)};
      for (index_t k = 0; k < shape.channels; ++k) {
        float sum = 0.0f;
        for (const Corner& c : corners) {
          sum = sum + c.weight * (c.pixel == nullptr ? shape.value : c.pixel[k]);
        }
        *y++ = sum;
      }
    }
  }
}

void image_light_f32(const ImageShape& shape, const ImageLight& light, const float* x, float* y) {
  const index_t pixels = shape.height * shape.width;
  for (index_t k = 0; k < shape.channels; ++k) {
    double sum = 0.0;
    for (index_t p = 0; p < pixels; ++p) sum += static_cast<double>(x[p * shape.channels + k]);
    const float mean = static_cast<float>(sum / static_cast<double>(pixels));
    for (index_t p = 0; p < pixels; ++p) {
      const index_t at = p * shape.channels + k;
      y[at] = clamped(light.gain * (x[at] - mean) + mean + light.offset, light.low, light.high);
    }
  }
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
