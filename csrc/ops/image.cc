// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/image.h"

#include "csrc/core/check.h"

namespace fastdnn {

ImageFill parse_image_fill(const std::string& name) {
  if (name == "constant") return ImageFill::kConstant;
  if (name == "nearest") return ImageFill::kNearest;
  if (name == "reflect") return ImageFill::kReflect;
  if (name == "wrap") return ImageFill::kWrap;
  fail("image", "received the fill mode '", name,
       "'; expected one of constant, nearest, reflect, wrap");
}

void random_affine(const RandomAffineArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::random_affine(args, *context.stream);
  cpu::random_affine(args, *context.team);
}

void random_light(const RandomLightArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::random_light(args, *context.stream);
  cpu::random_light(args, *context.team);
}

}  // namespace fastdnn
