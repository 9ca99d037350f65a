// SPDX-License-Identifier: Apache-2.0
#include "csrc/core/available_cpus.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

namespace fastdnn {
namespace {

int affinity_cpus() {
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  // Also where the machine has more CPUs than a cpu_set_t holds.
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// CPUs granted by quota / period, rounded up; 0 when there is no limit ("max" or -1).
int quota_cpus(const std::string& quota, double period) {
  char* end = nullptr;
  const double granted = std::strtod(quota.c_str(), &end);
  if (end == quota.c_str() || granted <= 0 || period <= 0) return 0;
  return static_cast<int>(std::clamp(std::ceil(granted / period), 1.0, 1e6));
}

// The quota of one cgroup folder, in the files of version 2 or 1.
int folder_cpus(const std::string& folder) {
  std::string quota;
  double period = 0;
  if (std::ifstream both(folder + "/cpu.max"); both >> quota >> period) {
    return quota_cpus(quota, period);
  }
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us");
  std::ifstream period_file(folder + "/cpu.cfs_period_us");
  if (quota_file >> quota && period_file >> period) return quota_cpus(quota, period);
  return 0;
}

// The least quota of the process's cgroup and the groups around it; 0 when there is none. Inside a
// container the path may not exist here, but the root of the mount is then the container's group.
int cgroup_cpus() {
  int least = 0;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "0::/a/b" or "4:cpu,cpuacct:/a/b"
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    std::string controllers = line.substr(first, second - first + 1);
    std::replace(controllers.begin(), controllers.end(), ':', ',');
    if (controllers != ",," && controllers.find(",cpu,") == std::string::npos) continue;
    const std::string mount = controllers == ",," ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu";
    std::string path = line.substr(second + 1);
    for (;;) {
      const int cpus = folder_cpus(mount + path);
      if (cpus > 0) least = least == 0 ? cpus : std::min(least, cpus);
      const auto slash = path.rfind('/');
      if (slash == std::string::npos) break;
      path.resize(slash);
    }
  }
  return least;
}

}  // namespace

int available_cpus() {
  const int cpus = affinity_cpus();
  const int quota = cgroup_cpus();
  return quota > 0 ? std::min(cpus, quota) : cpus;
}

}  // namespace fastdnn
