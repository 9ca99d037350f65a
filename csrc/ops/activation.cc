// SPDX-License-Identifier: Apache-2.0
#include "csrc/ops/activation.h"

#include "csrc/core/check.h"

namespace fastdnn {
namespace {

struct Entry {
  Activation kind;
  const char* name;
  bool needs_input;
};

constexpr Entry kActivations[] = {
    {Activation::kLinear, "linear", false},
    {Activation::kRelu, "relu", false},
};

const Entry& entry(Activation kind) {
  for (const Entry& e : kActivations) {
    if (e.kind == kind) return e;
  }
  fail("activation", "received the unknown kind ", static_cast<int>(kind));
}

}  // namespace

bool activation_needs_input(Activation kind) { return entry(kind).needs_input; }

const char* activation_name(Activation kind) { return entry(kind).name; }

Activation parse_activation(const std::string& name) {
  std::string names;
  for (const Entry& e : kActivations) {
    if (name == e.name) return e.kind;
    names += names.empty() ? "" : ", ";
    names += e.name;
  }
  fail("activation", "received '", name, "'; expected one of ", names);
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
