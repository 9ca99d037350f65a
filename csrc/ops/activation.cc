// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/activation.h"

#include "csrc/core/check.h"
#include "csrc/ops/named_kinds.h"

namespace fastdnn {
namespace {

struct Entry {
  Activation kind;
  const char* name;
  bool needs_input = false;
  std::optional<double> default_alpha = std::nullopt;
};

constexpr Entry kActivations[] = {
    {.kind = Activation::kLinear, .name = "linear"},
    {.kind = Activation::kRelu, .name = "relu"},
    {.kind = Activation::kLeakyRelu, .name = "leaky_relu", .default_alpha = 0.2},
    {.kind = Activation::kElu, .name = "elu", .default_alpha = 1.0},
    {.kind = Activation::kSelu, .name = "selu"},
    {.kind = Activation::kSigmoid, .name = "sigmoid"},
    {.kind = Activation::kTanh, .name = "tanh"},
    {.kind = Activation::kSoftplus, .name = "softplus"},
    {.kind = Activation::kSoftsign, .name = "softsign"},
    {.kind = Activation::kGelu, .name = "gelu", .needs_input = true},
    {.kind = Activation::kGeluTanh, .name = "gelu_tanh", .needs_input = true},
    {.kind = Activation::kSilu, .name = "silu", .needs_input = true},
    {.kind = Activation::kMish, .name = "mish", .needs_input = true},
    {.kind = Activation::kHardSigmoid, .name = "hard_sigmoid"},
    {.kind = Activation::kHardTanh, .name = "hard_tanh"},
    {.kind = Activation::kRelu6, .name = "relu6"},
    {.kind = Activation::kExponential, .name = "exponential"},
};

const Entry& entry(Activation kind) { return entry_of("activation", kActivations, kind); }

}  // namespace

bool activation_needs_input(Activation kind) { return entry(kind).needs_input; }

const char* activation_name(Activation kind) { return entry(kind).name; }

Activation parse_activation(const std::string& name) {
  return parse_kind("activation", kActivations, name);
}

double activation_default_alpha(Activation kind) { return entry(kind).default_alpha.value_or(0.0); }

float activation_alpha(Activation kind, std::optional<float> alpha) {
  const Entry& e = entry(kind);
  if (!alpha) return static_cast<float>(activation_default_alpha(kind));
  check(e.default_alpha.has_value(), "activation", "received alpha=", *alpha, " for '", e.name,
        "', which has no parameter; leave alpha out");
  check(*alpha >= 0.0f, "activation", "received alpha=", *alpha, " for '", e.name,
        "'; expected alpha >= 0");
  return *alpha;
}

void activation(const ActivationArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::activation(args, *context.stream);
  cpu::activation(args, *context.team);
}

void activation_backward(const ActivationBackwardArgs& args, Context& context) {
  if (context.device == Device::kCuda) return cuda::activation_backward(args, *context.stream);
  cpu::activation_backward(args, *context.team);
}

}  // namespace fastdnn
