// SPDX-License-Identifier: Apache-2.0
#include "csrc/core/check.h"

namespace fastdnn {

std::string shape_text(std::initializer_list<index_t> shape) {
  std::string text = "(";
  for (index_t extent : shape) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(extent);
  }
  text += shape.size() == 1 ? ",)" : ")";
  return text;
}

}  // namespace fastdnn
