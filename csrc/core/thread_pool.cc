// SPDX-License-Identifier: Apache-2.0
#include "csrc/core/thread_pool.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "csrc/core/check.h"

namespace fastdnn {
namespace {

constexpr int kMaxThreads = 256;
// A waiting thread spins, then also yields its CPU, then sleeps.
constexpr auto kSpin = std::chrono::microseconds(4);
constexpr auto kYield = std::chrono::microseconds(100);

inline void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Returns once `word` differs from `old`.
std::uint32_t wait_for_change(const std::atomic<std::uint32_t>& word, std::uint32_t old) {
  std::uint32_t now = word.load(std::memory_order_acquire);
  if (now != old) return now;
  const auto start = std::chrono::steady_clock::now();
  for (;;) {
    for (int i = 0; i < 32; ++i) {
      now = word.load(std::memory_order_acquire);
      if (now != old) return now;
      pause_cpu();
    }
    const auto waited = std::chrono::steady_clock::now() - start;
    if (waited > kYield) break;
    if (waited > kSpin) sched_yield();
  }
  while ((now = word.load(std::memory_order_acquire)) == old) {
    word.wait(old, std::memory_order_acquire);
  }
  return now;
}

int affinity_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

// CPUs granted by quota / period, rounded up; 0 when there is no limit.
int quota_cpus(const std::string& quota, double period) {
  char* end = nullptr;
  const double granted = std::strtod(quota.c_str(), &end);
  if (end == quota.c_str() || granted <= 0 || period <= 0) return 0;
  return std::max(1, static_cast<int>(std::ceil(granted / period)));
}

int cgroup_cpus() {
  std::string quota;
  double period = 0;
  if (std::ifstream v2("/sys/fs/cgroup/cpu.max"); v2 >> quota >> period) {
    return quota_cpus(quota, period);  // "max 100000" has no limit
  }
  std::ifstream v1_quota("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream v1_period("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (v1_quota >> quota && v1_period >> period) return quota_cpus(quota, period);
  return 0;
}

int default_threads() {
  const int available = std::min(available_cpus(), kMaxThreads);
  const char* text = std::getenv("FASTDNN_NUM_THREADS");
  if (text == nullptr || *text == '\0') return available;
  char* end = nullptr;
  const long wanted = std::strtol(text, &end, 10);
  check(*end == '\0' && wanted >= 1, "threads", "received FASTDNN_NUM_THREADS='", text,
        "'; expected a whole number of at least 1; mend or unset it");
  return static_cast<int>(std::min<long>(wanted, available));
}

}  // namespace

int available_cpus() {
  const int cpus = affinity_cpus();
  const int quota = cgroup_cpus();
  return quota > 0 ? std::min(cpus, quota) : cpus;
}

void Barrier::wait() {
  const std::uint32_t phase = phase_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
    arrived_.store(0, std::memory_order_relaxed);
    phase_.store(phase + 1, std::memory_order_release);
    phase_.notify_all();
    return;
  }
  wait_for_change(phase_, phase);
}

// The threads and the work they share. Replaced, never repaired, after a fork.
struct ThreadPool::Crew {
  // Low bits: size of the team; high bits: number of the job. One word, so that a thread that is
  // not needed for a job never reads the job itself.
  static constexpr std::uint32_t kSizeBits = 10;
  alignas(kAlignment) std::atomic<std::uint32_t> ticket{0};
  alignas(kAlignment) std::atomic<std::uint32_t> unfinished{0};
  Function function = nullptr;
  void* context = nullptr;
  Barrier* barrier = nullptr;
  std::vector<std::thread> threads;

  void work(int rank, std::uint32_t seen) {
    for (;;) {
      seen = wait_for_change(ticket, seen);
      const int size = static_cast<int>(seen & ((1u << kSizeBits) - 1));
      if (rank >= size) continue;
      Team team(rank, size, barrier);
      function(context, team);
      if (unfinished.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished.notify_all();
    }
  }

  // Starts threads until `count` exist; fewer if the system refuses.
  int grow(int count) {
    while (static_cast<int>(threads.size()) < count) {
      const int rank = static_cast<int>(threads.size()) + 1;
      const std::uint32_t seen = ticket.load(std::memory_order_relaxed);
      try {
        threads.emplace_back([this, rank, seen] { work(rank, seen); });
      } catch (const std::system_error&) {
        break;
      }
    }
    return static_cast<int>(threads.size());
  }

  void run(int size, Function job, void* job_context) {
    Barrier meeting(size);
    function = job;
    context = job_context;
    barrier = &meeting;
    unfinished.store(static_cast<std::uint32_t>(size - 1), std::memory_order_relaxed);
    const std::uint32_t number = (ticket.load(std::memory_order_relaxed) >> kSizeBits) + 1;
    ticket.store((number << kSizeBits) | static_cast<std::uint32_t>(size),
                 std::memory_order_release);
    ticket.notify_all();
    Team team(0, size, &meeting);
    job(job_context, team);
    std::uint32_t left = unfinished.load(std::memory_order_acquire);
    while (left != 0) left = wait_for_change(unfinished, left);
  }
};

ThreadPool& ThreadPool::instance() {
  // Never destroyed: threads may still be parked while the process exits.
  static ThreadPool* pool = [] {
    auto* made = new ThreadPool();
    pthread_atfork(nullptr, nullptr, [] { instance().forget_threads(); });
    return made;
  }();
  return *pool;
}

ThreadPool::ThreadPool() : num_threads_(default_threads()), crew_(std::make_unique<Crew>()) {}

void ThreadPool::set_num_threads(int count) {
  check(count >= 1 && count <= kMaxThreads, "set_num_threads", "received ", count,
        "; expected between 1 and ", kMaxThreads);
  num_threads_.store(count, std::memory_order_relaxed);
}

int ThreadPool::threads_for(double microseconds) const {
  constexpr double kLeastPerThread = 10;
  return static_cast<int>(
      std::clamp(microseconds / kLeastPerThread, 1.0, static_cast<double>(num_threads())));
}

void ThreadPool::run_erased(int threads, Function function, void* context) {
  threads = std::clamp(threads, 1, num_threads());
  if (threads == 1 || busy_.exchange(true, std::memory_order_acquire)) {
    Team alone(0, 1, nullptr);
    function(context, alone);
    return;
  }
  const int size = std::min(threads, crew_->grow(threads - 1) + 1);
  if (size == 1) {
    Team alone(0, 1, nullptr);
    function(context, alone);
  } else {
    crew_->run(size, function, context);
  }
  busy_.store(false, std::memory_order_release);
}

void ThreadPool::forget_threads() {
  // The threads exist in the parent only; joining or destroying their handles here would abort.
  crew_.release();
  crew_ = std::make_unique<Crew>();
  busy_.store(false, std::memory_order_relaxed);
}

}  // namespace fastdnn
