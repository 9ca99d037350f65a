// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "csrc/core/random_key.h"
#include "csrc/core/tensor_view.h"
#include "csrc/ops/context.h"

namespace fastdnn {

// Inverted dropout (Srivastava et al. 2014): y = x / (1 - rate), or 0 with probability `rate`,
// rounded to a multiple of 2^-16. y may be x.
//
// The mask is a pure function of (key, row, column), the same on every level, device and number of
// threads; row i of x has row first_row + i of it. A dropped NaN becomes 0. rows, cols < 2^31.
struct DropoutArgs {
  ConstMatrixView x;
  MatrixView y;       // shape of x
  float rate = 0.5f;  // in [0, 1)
  RandomKey key;
  index_t first_row = 0;
};

// What dropout multiplies by what it keeps.
inline float dropout_scale(float rate) {
  return static_cast<float>(1.0 / (1.0 - static_cast<double>(rate)));
}

// dx = dy / (1 - rate), or 0 where the forward pass of the same rate, key and first_row dropped.
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
  float rate = 0.5f;  // in [0, 1)
  RandomKey key;
  index_t first_row = 0;
};

// y = scale x + offset where x is kept, else `dropped`.
struct AlphaDropoutFactors {
  float scale, offset, dropped;
};

inline AlphaDropoutFactors alpha_dropout_factors(float rate) {
  constexpr double kSaturated = -1.6732632423543772 * 1.0507009873554805;  // -alpha scale of SELU
  const double p = static_cast<double>(rate);
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
