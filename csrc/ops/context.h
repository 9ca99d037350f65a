// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "csrc/core/thread_pool.h"

namespace fastdnn {

enum class Device { kCpu, kCuda };

namespace cuda {
class Stream;
}

// Where an op runs. Every op is called by all members of a team with the same arguments, does its
// share, and need not wait for the others before it returns: the caller puts barriers between
// dependent ops. Some meet at barriers of their own on the way. A team may be of one: a step
// program lets its members run many ops alone, each on rows of its own.
struct Context {
  Device device = Device::kCpu;
  Team* team = nullptr;            // set when device is kCpu
  cuda::Stream* stream = nullptr;  // set when device is kCuda
};

// Runs op(context) on the CPU by a team of at most `threads`.
template <typename Op>
void run_on_threads(int threads, Op&& op) {
  ThreadPool::instance().run(threads, [&](Team& team) {
    Context context{Device::kCpu, &team, nullptr};
    op(context);
  });
}

// The same by a team suited to work of about `microseconds` on one thread.
template <typename Op>
void run_on_cpu(double microseconds, Op&& op) {
  run_on_threads(ThreadPool::instance().threads_for(microseconds), op);
}

}  // namespace fastdnn
