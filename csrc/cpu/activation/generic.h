// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/activation/activation.h"
#include "csrc/cpu/activation/functions.h"
#include "csrc/cpu/simd/loop.h"

namespace fastdnn::cpu {
namespace {

// Calls use(function) with the struct of the kind, so that loops are compiled once per function.
template <typename Use>
void with_function(const ActivationShape& shape, Use use) {
  switch (shape.kind) {
    case Activation::kLinear:
      return use(Linear{});
    case Activation::kRelu:
      return use(Relu{});
    case Activation::kLeakyRelu:
      return use(LeakyRelu{set1(shape.alpha)});
    case Activation::kElu:
      return use(Elu{set1(shape.alpha)});
    case Activation::kSelu:
      return use(Selu{});
    case Activation::kSigmoid:
      return use(Sigmoid{});
    case Activation::kTanh:
      return use(Tanh{});
    case Activation::kSoftplus:
      return use(Softplus{});
    case Activation::kSoftsign:
      return use(Softsign{});
    case Activation::kGelu:
      return use(Gelu{});
    case Activation::kGeluTanh:
      return use(GeluTanh{});
    case Activation::kSilu:
      return use(Silu{});
    case Activation::kMish:
      return use(Mish{});
    case Activation::kHardSigmoid:
      return use(HardSigmoid{});
    case Activation::kHardTanh:
      return use(HardTanh{});
    case Activation::kRelu6:
      return use(Relu6{});
    case Activation::kExponential:
      return use(Exponential{});
  }
}

}  // namespace

namespace FASTDNN_LEVEL {

void activation_f32(const ActivationShape& shape, const float* x, index_t x_stride, float* y,
                    index_t y_stride) {
  with_function(shape, [=, rows = shape.rows, cols = shape.cols](auto f) {
    for (index_t i = 0; i < rows; ++i) {
      const float* from = x + i * x_stride;
      float* to = y + i * y_stride;
      for_each_vector(cols, [=](index_t j, index_t count) {
        store(to + j, f.forward(load(from + j, count)), count);
      });
    }
  });
}

void activation_backward_f32(const ActivationShape& shape, const float* saved, index_t saved_stride,
                             const float* dy, index_t dy_stride, float* dx, index_t dx_stride) {
  with_function(shape, [=, rows = shape.rows, cols = shape.cols](auto f) {
    for (index_t i = 0; i < rows; ++i) {
      const float* from = saved + i * saved_stride;
      const float* gradient = dy + i * dy_stride;
      float* to = dx + i * dx_stride;
      for_each_vector(cols, [=](index_t j, index_t count) {
        store(to + j, f.backward(load(from + j, count), load(gradient + j, count)), count);
      });
    }
  });
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
