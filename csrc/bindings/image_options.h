// SPDX-License-Identifier: Apache-2.0
// What happens to images, from numbers of Python's.
#pragma once

#include <array>
#include <string>
#include <utility>

#include "csrc/ops/image.h"

namespace fastdnn::bindings {

using Interval = std::pair<double, double>;
using ImageSize = std::array<index_t, 3>;  // height, width, channels

// Throw InvalidArgument where a number is out of range or the image has not `cols` numbers. The
// random key stays as it is.
RandomAffineArgs affine_args(const char* op, const ImageSize& size, const std::string& fill_mode,
                             float fill_value, const std::array<Interval, 5>& ranges,
                             bool same_zoom, index_t cols);
RandomLightArgs light_args(const char* op, const ImageSize& size, Interval gain, Interval offset,
                           Interval clip, index_t cols);

}  // namespace fastdnn::bindings
