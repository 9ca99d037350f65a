// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace fastdnn {

// Which numbers are drawn: the seed is the key of Philox; stream tells uses apart (shuffling, a
// dropout layer, an initializer), step one draw of that use from the next.
struct RandomKey {
  std::uint64_t seed = 0;
  std::uint32_t stream = 0;
  std::uint32_t step = 0;
};

}  // namespace fastdnn
