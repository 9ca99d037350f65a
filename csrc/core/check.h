// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "csrc/core/types.h"

namespace fastdnn {

// The one error of the native code for bad input; Python sees ValueError.
class InvalidArgument : public std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

// "[op] parts..." The parts say what was received, what is expected and how to fix it.
template <typename... Parts>
[[noreturn]] void fail(std::string_view op, const Parts&... parts) {
  std::ostringstream text;
  text << '[' << op << "] ";
  (text << ... << parts);
  throw InvalidArgument(text.str());
}

template <typename... Parts>
void check(bool ok, std::string_view op, const Parts&... parts) {
  if (!ok) fail(op, parts...);
}

// A shape as Python prints it: (), (3,), (3, 4).
std::string shape_text(std::initializer_list<index_t> shape);

}  // namespace fastdnn
