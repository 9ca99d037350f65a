// SPDX-License-Identifier: Apache-2.0
// A pool of threads that work as a team: every member runs the same function and the members meet
// at barriers. No OpenMP, so nothing clashes with other libraries' run times.
//
// Work is split by shape alone; Team::share only says which member does which part. Therefore the
// bits of a result never depend on the number of threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <type_traits>

#include "csrc/core/types.h"

namespace fastdnn {

// A count that one thread raises and others wait for: they spin first, then sleep in the kernel.
// std::atomic's own wait() is not used: libstdc++ may miss the wake-up of a thread that falls
// asleep while the value changes.
class alignas(kAlignment) Signal {
 public:
  std::uint32_t count() const { return count_.load(std::memory_order_acquire); }
  void raise();
  // Returns the count once it differs from `old`. Sleeps after so much time.
  std::uint32_t wait_past(std::uint32_t old, std::chrono::microseconds patience);

 private:
  std::atomic<std::uint32_t> count_{0};
  std::atomic<std::uint32_t> sleepers_{0};
};

// Where the members of a team wait for each other.
class Barrier {
 public:
  explicit Barrier(int size) : size_(size) {}
  void wait();

 private:
  const int size_;
  alignas(kAlignment) std::atomic<int> arrived_{0};
  Signal phase_;
};

struct Range {
  index_t begin = 0;
  index_t end = 0;
  bool empty() const { return begin >= end; }
  index_t size() const { return end - begin; }
};

// Part `i` of `parts` almost equal parts of 0 .. count.
inline Range share(index_t count, index_t i, index_t parts) {
  return {count * i / parts, count * (i + 1) / parts};
}

// One thread's view of the team it belongs to.
class Team {
 public:
  Team(int rank, int size, Barrier* barrier) : rank_(rank), size_(size), barrier_(barrier) {}

  // A team of one, which waits for nobody.
  static Team alone() { return {0, 1, nullptr}; }

  int rank() const { return rank_; }
  int size() const { return size_; }

  // Returns when all members have called it. What one wrote before it, all see after it.
  void barrier() {
    if (size_ > 1) barrier_->wait();
  }

  // This member's contiguous part of `count` units.
  Range share(index_t count) const { return fastdnn::share(count, rank_, size_); }
  // The same in whole cache lines of an aligned row of floats.
  Range share_columns(index_t cols) const {
    const Range lines = share(ceil_div(cols, kRowPad));
    return {lines.begin * kRowPad, std::min(lines.end * kRowPad, cols)};
  }

 private:
  int rank_;
  int size_;
  Barrier* barrier_;
};

class ThreadPool {
 public:
  // The process's pool. Threads start when first needed and sleep between uses. The child of a fork
  // starts with a fresh pool of the same size; a member of a running team must not fork.
  static ThreadPool& instance();

  // Most threads that run() uses. By default the CPUs this process may use (affinity mask and
  // cgroup quota), or fewer if FASTDNN_NUM_THREADS says so, or else OMP_NUM_THREADS, with which
  // joblib and others share a machine out.
  int num_threads() const { return num_threads_.load(std::memory_order_relaxed); }
  // Throws InvalidArgument unless 1 <= count <= 256. More threads than CPUs is allowed, and slow.
  void set_num_threads(int count);

  // Calls fn(team) on `threads` threads, the caller's among them, and returns when all are done.
  // fn must not throw. Called from inside a team, or while another thread uses the pool, or where
  // the system gives no more threads, it runs on fewer, down to the caller's alone, with the same
  // result.
  template <typename F>
  void run(int threads, F&& fn) {
    run_erased(
        threads,
        [](void* context, Team& team) noexcept {
          (*static_cast<std::remove_reference_t<F>*>(context))(team);
        },
        const_cast<void*>(static_cast<const void*>(&fn)));
  }

  // Threads worth using for work that takes about `microseconds` on one: each gets at least 10 us.
  // One for a while after two long jobs in a row in which others had the CPUs, so that the members
  // mostly waited for each other to be scheduled, and after every further one.
  int threads_for(double microseconds) const;
  // Tests set 0, which uses all threads for the smallest work.
  void set_least_microseconds(double value) {
    least_microseconds_.store(value, std::memory_order_relaxed);
  }

  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

 private:
  using Function = void (*)(void* context, Team& team) noexcept;
  struct Crew;

  ThreadPool();
  void run_erased(int threads, Function function, void* context);
  void forget_threads();  // in the child of a fork

  std::atomic<int> num_threads_;
  std::atomic<double> least_microseconds_{10.0};
  std::atomic<std::int64_t> crowded_until_{0};  // ticks of the steady clock
  std::atomic<bool> busy_{false};
  Crew* crew_ = nullptr;  // made when first needed, never destroyed
};

}  // namespace fastdnn
