// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace fastdnn {

// What numbers add to a loss: l1 * sum |x| + l2 * sum x^2.
struct Penalty {
  float l1 = 0.0f;
  float l2 = 0.0f;
  explicit operator bool() const { return l1 != 0.0f || l2 != 0.0f; }
};

}  // namespace fastdnn
