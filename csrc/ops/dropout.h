// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include "csrc/core/random_key.h"
#include "csrc/core/tensor_view.h"
#include "csrc/ops/context.h"

namespace fastdnn {

// What a mask draws for an element, 0 to 2^16 - 1, is below this where it drops it.
inline std::int32_t dropout_threshold(float rate) {
  return static_cast<std::int32_t>(std::lround(rate * 0x1p16f));
}
// The share that is dropped: the rate, rounded to a multiple of 2^-16.
inline double dropped_share(float rate) { return dropout_threshold(rate) * 0x1p-16; }
// Throws InvalidArgument unless that is at least 0 and below 1.
void check_dropout_rate(const char* op, float rate);

// Inverted dropout (Srivastava et al. 2014): with p = dropped_share(rate), y = x / (1 - p), or 0
// with probability p. y may be x.
//
// The mask is a pure function of (key, row, column), the same on every level, device and number of
// threads; row i of x has row first_row + i of it. A dropped NaN becomes 0. rows, cols < 2^31.
struct DropoutArgs {
  ConstMatrixView x;
  MatrixView y;       // shape of x
  float rate = 0.5f;  // of check_dropout_rate
  RandomKey key;
  index_t first_row = 0;
};

// What dropout multiplies by what it keeps.
inline float dropout_scale(float rate) {
  return static_cast<float>(1.0 / (1.0 - dropped_share(rate)));
}

// dx = dy / (1 - p), or 0 where the forward pass of the same rate, key and first_row dropped.
// dx may be dy.
struct DropoutBackwardArgs {
  ConstMatrixView dy;
  MatrixView dx;  // shape of dy
  float rate = 0.5f;
  RandomKey key;
  index_t first_row = 0;
};

// Alpha dropout (Klambauer et al. 2017, "Self-normalizing neural networks", section 3): what is
// dropped becomes the value at which SELU saturates, and then scale x + offset brings mean 0 and
// variance 1 back. The mask is dropout's. y may be x.
struct AlphaDropoutArgs {
  ConstMatrixView x;
  MatrixView y;       // shape of x
  float rate = 0.5f;  // of check_dropout_rate
  RandomKey key;
  index_t first_row = 0;
};

// y = scale x + offset where x is kept, else `dropped`.
struct AlphaDropoutFactors {
  float scale, offset, dropped;
};

inline AlphaDropoutFactors alpha_dropout_factors(float rate) {
  constexpr double kSaturated = -1.6732632423543772 * 1.0507009873554805;  // -alpha scale of SELU
  const double p = dropped_share(rate);
  const double scale = 1.0 / std::sqrt((1.0 - p) * (1.0 + p * kSaturated * kSaturated));
  const double offset = -scale * kSaturated * p;
  return {static_cast<float>(scale), static_cast<float>(offset),
          static_cast<float>(scale * kSaturated + offset)};
}

// dx = scale dy, or 0 where the forward pass of the same rate, key and first_row dropped. dx may be
// dy.
struct AlphaDropoutBackwardArgs {
  ConstMatrixView dy;
  MatrixView dx;  // shape of dy
  float rate = 0.5f;
  RandomKey key;
  index_t first_row = 0;
};

void dropout(const DropoutArgs& args, Context& context);
void dropout_backward(const DropoutBackwardArgs& args, Context& context);
void alpha_dropout(const AlphaDropoutArgs& args, Context& context);
void alpha_dropout_backward(const AlphaDropoutBackwardArgs& args, Context& context);

namespace cpu {
void dropout(const DropoutArgs& args, Team& team);
void dropout_backward(const DropoutBackwardArgs& args, Team& team);
void alpha_dropout(const AlphaDropoutArgs& args, Team& team);
void alpha_dropout_backward(const AlphaDropoutBackwardArgs& args, Team& team);
}  // namespace cpu

namespace cuda {
void dropout(const DropoutArgs& args, Stream& stream);
void dropout_backward(const DropoutBackwardArgs& args, Stream& stream);
void alpha_dropout(const AlphaDropoutArgs& args, Stream& stream);
void alpha_dropout_backward(const AlphaDropoutBackwardArgs& args, Stream& stream);
}  // namespace cuda

}  // namespace fastdnn
