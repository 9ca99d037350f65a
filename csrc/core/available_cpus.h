// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace fastdnn {

// CPUs this process may use: affinity mask, then cgroup quota (rounded up), at least 1.
int available_cpus();

}  // namespace fastdnn
