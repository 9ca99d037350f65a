// SPDX-License-Identifier: Apache-2.0
#include "csrc/core/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <deque>
#include <exception>
#include <new>
#include <string>
#include <thread>

#include "csrc/core/available_cpus.h"
#include "csrc/core/check.h"

namespace fastdnn {
namespace {

constexpr int kMaxThreads = 256;
// A waiting thread spins, then also yields its CPU, then sleeps: soon between jobs, late within
// one, because the scheduler likes to wake a thread where the one that woke it still runs.
constexpr auto kSpin = std::chrono::microseconds(4);
constexpr auto kPatienceBetweenJobs = std::chrono::microseconds(100);
constexpr auto kPatienceInJob = std::chrono::microseconds(10'000);
// Jobs from this long on tell whether the CPUs are crowded. After so many in a row that say so, and
// after each that says so still, callers are advised to work alone for a while: for so many times
// as long as the job took, so that asking again costs little, and a short job that only had to wake
// somebody up decides little. One alone proves nothing: threads that have just started can take
// tens of milliseconds to get their CPUs.
constexpr auto kTellingJob = std::chrono::milliseconds(2);
constexpr int kCrowdedJobs = 2, kTimesAlone = 10;
constexpr auto kMostAlone = std::chrono::milliseconds(500);

using Clock = std::chrono::steady_clock;

// What this thread has spent in waits that were not short.
thread_local Clock::duration long_waits{0};

inline void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

#if defined(__linux__)
static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

// Sleeps if `word` still is `old`; may wake for no reason.
void sleep_on(std::atomic<std::uint32_t>& word, std::uint32_t old) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, old, nullptr, nullptr, 0);
}

void wake_all(std::atomic<std::uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}
#else
void sleep_on(std::atomic<std::uint32_t>& word, std::uint32_t old) { word.wait(old); }
void wake_all(std::atomic<std::uint32_t>& word) { word.notify_all(); }
#endif

// While it lives, threads that start do not receive signals: those are for the caller's threads,
// which Ctrl-C has to interrupt. Faults stay deliverable, so that handlers of crashes see them.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT}) sigdelset(&all, fault);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

// The whole number of at least 1 that `text` is, spaces aside, or 0.
long parse_count(const char* text) {
  char* end = nullptr;
  const long count = std::strtol(text, &end, 10);
  while (*end == ' ') ++end;
  return *end == '\0' && count >= 1 ? count : 0;
}

int default_threads() {
  const int available = std::min(available_cpus(), kMaxThreads);
  long wanted = available;
  if (const char* text = std::getenv("FASTDNN_NUM_THREADS"); text != nullptr && *text != '\0') {
    wanted = parse_count(text);
    check(wanted >= 1, "threads", "received FASTDNN_NUM_THREADS='", text,
          "'; expected a whole number of at least 1; mend or unset it");
  } else if (const char* shared = std::getenv("OMP_NUM_THREADS"); shared != nullptr) {
    // Somebody else's variable: whatever is not a plain number, such as "4,2", is not our concern.
    if (const long count = parse_count(shared); count >= 1) wanted = count;
  }
  return static_cast<int>(std::min<long>(wanted, available));
}

}  // namespace

// raise() changes the count and then reads sleepers_; wait_past() changes sleepers_ and then reads
// the count. Sequential consistency rules out that both read the old value, so no wake-up is lost.
void Signal::raise() {
  count_.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) != 0) wake_all(count_);
}

std::uint32_t Signal::wait_past(std::uint32_t old, std::chrono::microseconds patience) {
  std::uint32_t now = count();
  if (now != old) return now;
  const auto start = Clock::now();
  bool spins = true;
  for (;;) {
    for (int i = 0; i < 32; ++i) {
      if ((now = count()) != old) {
        if (!spins) long_waits += Clock::now() - start;
        return now;
      }
      pause_cpu();
    }
    const auto waited = Clock::now() - start;
    if (waited > patience) break;
    spins = waited <= kSpin;
    if (!spins) sched_yield();
  }
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  while ((now = count_.load(std::memory_order_seq_cst)) == old) sleep_on(count_, old);
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
  long_waits += Clock::now() - start;
  return now;
}

void Barrier::wait() {
  const std::uint32_t phase = phase_.count();
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
    arrived_.store(0, std::memory_order_relaxed);
    phase_.raise();
    return;
  }
  phase_.wait_past(phase, kPatienceInJob);
}

// The threads and the job they share. Never destroyed, because its threads never end; the child of
// a fork forgets it.
struct ThreadPool::Crew {
  struct Thread {
    Signal start;  // of a job
    pthread_t handle;
  };
  std::deque<Thread> threads;  // threads[i] has rank i + 1
  Function function = nullptr;
  void* context = nullptr;
  int size = 0;
  Barrier* barrier = nullptr;
  alignas(kAlignment) std::atomic<int> unfinished{0};
  Signal done;
  int crowded_jobs = 0;  // in a row, of those that tell

  const int cpu_count = available_cpus();
#if defined(__linux__)
  cpu_set_t cpus;        // of the thread that made the crew
  int avoided_cpu = -1;  // that the threads are kept off
  Crew() {
    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) CPU_ZERO(&cpus);
  }
#endif

  [[noreturn]] void work(int rank, Signal& start) {
    for (std::uint32_t seen = 0;;) {
      seen = start.wait_past(seen, kPatienceBetweenJobs);
      Team team(rank, size, barrier);
      function(context, team);
      if (unfinished.fetch_sub(1, std::memory_order_acq_rel) == 1) done.raise();
    }
  }

  // Starts threads until there are `count`, or fewer if the system refuses; returns how many.
  int grow(int count) noexcept {
    if (static_cast<int>(threads.size()) >= count) return static_cast<int>(threads.size());
    const SignalsBlocked blocked;
    while (static_cast<int>(threads.size()) < count) {
      const std::size_t before = threads.size();
      try {
        Thread& added = threads.emplace_back();
        const int rank = static_cast<int>(threads.size());
        std::thread thread([this, rank, &added] { work(rank, added.start); });
        added.handle = thread.native_handle();
        thread.detach();
      } catch (const std::exception&) {
        if (threads.size() > before) threads.pop_back();
        break;
      }
    }
#if defined(__linux__)
    avoided_cpu = -1;
#endif
    return static_cast<int>(threads.size());
  }

  // Keeps the threads off the CPU that the caller runs on, if there are enough of others. Left to
  // itself, the scheduler often wakes a thread beside the caller, and takes tens of milliseconds to
  // see that the two share a CPU while another one is idle.
  void place([[maybe_unused]] int team_size) {
#if defined(__linux__)
    const int callers_cpu = sched_getcpu();
    if (callers_cpu == avoided_cpu || callers_cpu < 0 || CPU_COUNT(&cpus) < team_size) return;
    avoided_cpu = callers_cpu;
    cpu_set_t others = cpus;
    CPU_CLR(callers_cpu, &others);
    if (CPU_COUNT(&others) == 0) return;
    for (const Thread& thread : threads) {
      pthread_setaffinity_np(thread.handle, sizeof others, &others);
    }
#endif
  }

  // Returns for how long callers had better work alone. In a crowded job the caller would have been
  // faster alone: what it did not wait is its share of the work, and all of the work is not more
  // than team_size times that. Whoever asks for more threads than CPUs gets them.
  Clock::duration run(int team_size, Function job, void* job_context) {
    Barrier meeting(team_size);
    function = job;
    context = job_context;
    size = team_size;
    barrier = &meeting;
    unfinished.store(team_size - 1, std::memory_order_relaxed);
    const std::uint32_t before = done.count();
    place(team_size);
    const auto start = Clock::now();
    const auto waits_before = long_waits;
    for (int i = 0; i + 1 < team_size; ++i) threads[static_cast<std::size_t>(i)].start.raise();
    Team team(0, team_size, &meeting);
    job(job_context, team);
    done.wait_past(before, kPatienceInJob);
    const auto elapsed = Clock::now() - start;
    const auto worked = elapsed - (long_waits - waits_before);
    if (elapsed < kTellingJob || team_size > cpu_count) return {};
    crowded_jobs = worked * team_size < elapsed ? crowded_jobs + 1 : 0;
    if (crowded_jobs < kCrowdedJobs) return {};
    return std::min<Clock::duration>(kTimesAlone * elapsed, kMostAlone);
  }
};

namespace {
// Set once by instance(); a plain pointer, so that the handler of fork() needs no lock.
ThreadPool* the_pool = nullptr;
}  // namespace

ThreadPool& ThreadPool::instance() {
  // Never destroyed: threads may still be parked while the process exits.
  static ThreadPool& pool = []() -> ThreadPool& {
    the_pool = new ThreadPool();
    pthread_atfork(nullptr, nullptr, [] { the_pool->forget_threads(); });
    return *the_pool;
  }();
  return pool;
}

ThreadPool::ThreadPool() : num_threads_(default_threads()) {}

void ThreadPool::set_num_threads(int count) {
  check(count >= 1 && count <= kMaxThreads, "set_num_threads", "received ", count,
        "; expected between 1 and ", kMaxThreads);
  num_threads_.store(count, std::memory_order_relaxed);
}

int ThreadPool::threads_for(double microseconds) const {
  const double least = least_microseconds_.load(std::memory_order_relaxed);
  const int most = num_threads();
  if (least <= 0) return most;
  if (Clock::now().time_since_epoch().count() < crowded_until_.load(std::memory_order_relaxed)) {
    return 1;
  }
  return static_cast<int>(std::clamp(microseconds / least, 1.0, static_cast<double>(most)));
}

void ThreadPool::run_erased(int threads, Function function, void* context) {
  const auto alone = [&] {
    Team team(0, 1, nullptr);
    function(context, team);
  };
  threads = std::clamp(threads, 1, num_threads());
  if (threads == 1 || busy_.exchange(true, std::memory_order_acquire)) return alone();
  if (crew_ == nullptr) crew_ = new (std::nothrow) Crew;
  const int size = crew_ != nullptr ? std::min(threads, crew_->grow(threads - 1) + 1) : 1;
  if (size == 1) {
    alone();
  } else if (const auto span = crew_->run(size, function, context);
             span > Clock::duration::zero()) {
    const auto until = Clock::now() + span;
    crowded_until_.store(until.time_since_epoch().count(), std::memory_order_relaxed);
  }
  busy_.store(false, std::memory_order_release);
}

void ThreadPool::forget_threads() {
  // The threads exist in the parent only. Nothing is allocated or freed here: the forking process
  // may have had several threads.
  crew_ = nullptr;
  crowded_until_.store(0, std::memory_order_relaxed);
  busy_.store(false, std::memory_order_relaxed);
}

}  // namespace fastdnn
