// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace fastdnn {

// What an array of floats is reduced to: one double.
enum class Reduction : int {
  kSum,
  kSumOfSquares,
  kSumAbs,          // of magnitudes
  kMaxAbs,          // largest magnitude; 0 for an empty array; NaN if there is a NaN
  kFirstNonfinite,  // index of the first NaN or infinity, or -1
};

}  // namespace fastdnn
