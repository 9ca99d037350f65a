// SPDX-License-Identifier: Apache-2.0
// What the thread pool promises, under load that a race detector can chew on: run it in the `tsan`
// preset too. Each check prints what failed; the exit status counts the failures.
#include "csrc/core/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "csrc/core/available_cpus.h"
#include "csrc/core/check.h"
#include "tests/cpp/checks.h"

#if !defined(__has_feature)
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define SANITIZER_FORBIDS_THREADS_AFTER_FORK 1
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SANITIZER_NEEDS_ADDRESS_SPACE 1
#endif

namespace {

using fastdnn::Range;
using fastdnn::Team;
using fastdnn::ThreadPool;

constexpr int kMost = 8;
ThreadPool& pool() { return ThreadPool::instance(); }

// Sum of 1..n by a team: each member adds its share, then the first adds the parts up.
long team_sum(int threads, long n) {
  std::array<long, kMost> parts{};
  long total = 0;
  pool().run(threads, [&](Team& team) {
    const Range part = team.share(n);
    long sum = 0;
    for (long i = part.begin; i < part.end; ++i) sum += i + 1;
    parts[static_cast<std::size_t>(team.rank())] = sum;
    team.barrier();
    if (team.rank() != 0) return;
    for (int i = 0; i < team.size(); ++i) total += parts[static_cast<std::size_t>(i)];
  });
  return total;
}

void every_member_runs_once() {
  for (int threads = 1; threads <= kMost; ++threads) {
    std::array<std::atomic<int>, kMost> calls{};
    pool().run(threads, [&](Team& team) {
      CHECK(team.size() == threads);
      calls[static_cast<std::size_t>(team.rank())].fetch_add(1);
    });
    for (int i = 0; i < kMost; ++i) CHECK(calls[static_cast<std::size_t>(i)] == (i < threads));
  }
}

void shares_cover_everything() {
  for (fastdnn::index_t count : {0, 1, 2, 7, 8, 9, 1000}) {
    for (int size = 1; size <= kMost; ++size) {
      fastdnn::index_t next = 0;
      for (int rank = 0; rank < size; ++rank) {
        const Range part = Team(rank, size, nullptr).share(count);
        CHECK(part.begin == next && part.end >= part.begin);
        next = part.end;
      }
      CHECK(next == count);
    }
  }
}

void many_short_jobs() {
  long calls = 0;  // plain: the pool alone orders the accesses
  for (int i = 0; i < 20000; ++i) {
    const int threads = 2 + i % 3;
    std::array<int, kMost> seen{};
    pool().run(threads, [&](Team& team) { seen[static_cast<std::size_t>(team.rank())] = i; });
    for (int rank = 0; rank < threads; ++rank) calls += seen[static_cast<std::size_t>(rank)] == i;
  }
  CHECK(calls == 20000 / 3 * 9 + 2 + 3);
}

void barriers_order_everything() {
  // 8 threads, mostly more than there are CPUs.
  constexpr int kRounds = 2000;
  std::array<int, kMost> slots{};
  pool().run(kMost, [&](Team& team) {
    for (int round = 1; round <= kRounds; ++round) {
      slots[static_cast<std::size_t>(team.rank())] = round;
      team.barrier();
      for (int i = 0; i < team.size(); ++i) CHECK(slots[static_cast<std::size_t>(i)] == round);
      team.barrier();
    }
  });
}

void nested_runs_are_alone() {
  std::atomic<int> inner{0};
  pool().run(4, [&](Team&) {
    pool().run(4, [&](Team& team) {
      CHECK(team.size() == 1 && team.rank() == 0);
      team.barrier();
      inner.fetch_add(1);
    });
  });
  CHECK(inner == 4);
}

void concurrent_callers() {
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([caller] {
      for (long i = 0; i < 3000; ++i) {
        const long n = 10 + (i + caller) % 50;
        CHECK(team_sum(1 + static_cast<int>(i % 4), n) == n * (n + 1) / 2);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

void resizing() {
  for (int round = 0; round < 200; ++round) {
    const int limit = 1 + round % kMost;
    pool().set_num_threads(limit);
    CHECK(pool().num_threads() == limit);
    pool().run(kMost, [&](Team& team) { CHECK(team.size() == limit); });
    CHECK(team_sum(kMost, 100) == 5050);
  }
  // Also while others compute: a running team keeps its size.
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) CHECK(team_sum(kMost, 100) == 5050);
  });
  for (int i = 0; i < 2000; ++i) pool().set_num_threads(1 + i % kMost);
  stop = true;
  other.join();
  pool().set_num_threads(kMost);
}

void sizes_are_checked() {
  for (int wrong : {-1, 0, 257}) {
    std::string text;
    try {
      pool().set_num_threads(wrong);
    } catch (const fastdnn::InvalidArgument& error) {
      text = error.what();
    }
    CHECK(text ==
          "[set_num_threads] received " + std::to_string(wrong) + "; expected between 1 and 256");
  }
  CHECK(pool().num_threads() == kMost);
  CHECK(pool().threads_for(0) == 1);
  CHECK(pool().threads_for(25) == 2);
  CHECK(pool().threads_for(1e300) == kMost);
  CHECK(fastdnn::available_cpus() >= 1);
}

void parked_threads_wake_up() {
  using std::chrono::milliseconds;
  for (int round = 0; round < 30; ++round) {
    std::this_thread::sleep_for(milliseconds(2));  // the workers park
    CHECK(team_sum(4, 1000) == 500500);
  }
  pool().run(4, [](Team& team) {
    for (int late = 0; late < 4; ++late) {  // the others park at the barrier
      if (team.rank() == late) std::this_thread::sleep_for(milliseconds(3));
      team.barrier();
    }
  });
  pool().run(4, [](Team& team) {  // the caller parks at the end
    if (team.rank() != 0) std::this_thread::sleep_for(milliseconds(3));
  });
  // Jobs about as far apart as the time until a thread falls asleep.
  for (int round = 0; round < 3000; ++round) {
    const auto until =
        std::chrono::steady_clock::now() + std::chrono::microseconds(90 + round % 40);
    while (std::chrono::steady_clock::now() < until) {
    }
    CHECK(team_sum(2, 100) == 5050);
  }
}

void signals_stay_with_the_caller() {
  pool().run(4, [](Team& team) {
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    CHECK(sigismember(&blocked, SIGINT) == (team.rank() == 0 ? 0 : 1));
    CHECK(sigismember(&blocked, SIGSEGV) == 0);
  });
}

#ifndef SANITIZER_FORBIDS_THREADS_AFTER_FORK
// Exit status of a child that runs `body`, or -1 if a signal ended it.
template <typename F>
int in_child(F body) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    failures = 0;
    body();
    _exit(failures == 0 ? 0 : 1);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void child_of_a_fork_has_its_own_pool() {
  CHECK(team_sum(4, 1000) == 500500);  // the parent's threads exist
  const auto use_pool = [] {
    CHECK(pool().num_threads() == kMost);
    for (int i = 0; i < 100; ++i) CHECK(team_sum(4, 1000) == 500500);
    CHECK(in_child([] { CHECK(team_sum(4, 1000) == 500500); }) == 0);
  };
  CHECK(in_child(use_pool) == 0);
  CHECK(team_sum(4, 1000) == 500500);

  // A fork while another thread is in the middle of a job.
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) CHECK(team_sum(4, 1000) == 500500);
  });
  for (int i = 0; i < 10; ++i) CHECK(in_child([] { CHECK(team_sum(4, 1000) == 500500); }) == 0);
  stop = true;
  other.join();
}

void exit_with_parked_and_busy_threads() {
  const auto leave = [](bool busy) {
    return in_child([busy] {
      team_sum(4, 1000);
      if (busy) {
        std::thread([] {
          for (;;) team_sum(4, 1000);
        }).detach();
      }
      std::exit(failures == 0 ? 0 : 1);
    });
  };
  CHECK(leave(false) == 0);
  CHECK(leave(true) == 0);
}

// A member that sleeps stands for one that works, or that others keep from its CPU.
void callers_work_alone_where_cpus_are_crowded() {
  using std::chrono::milliseconds;
  const auto job = [](milliseconds caller, milliseconds other) {
    pool().run(2, [&](Team& team) {
      std::this_thread::sleep_for(team.rank() == 0 ? caller : other);
      team.barrier();
    });
  };
  const auto crowded_job = [&](int span = 200) { job(milliseconds(0), milliseconds(span)); };
  const auto works_alone = [] { return pool().threads_for(1e6) == 1; };
  if (fastdnn::available_cpus() < 2) {
    std::printf("skip  one CPU: a team of two is more than it has\n");
    return;
  }
  const int status = in_child([&] {
    crowded_job();
    CHECK(!works_alone());  // one proves nothing
    job(milliseconds(200), milliseconds(200));
    crowded_job();
    CHECK(!works_alone());  // not in a row
    crowded_job();
    CHECK(works_alone());
    std::this_thread::sleep_for(milliseconds(600));
    CHECK(!works_alone());
    crowded_job();
    CHECK(works_alone());  // still crowded
    std::this_thread::sleep_for(milliseconds(600));
    const auto start = std::chrono::steady_clock::now();
    crowded_job(10);
    const auto took = std::chrono::steady_clock::now() - start;
    CHECK(works_alone());
    if (10 * took < milliseconds(400)) {
      std::this_thread::sleep_for(10 * took + milliseconds(20));
      CHECK(!works_alone());  // a short job decides for a shorter while
    } else {
      std::printf("skip  a job of 10 ms took so long that it decides for half a second\n");
    }
  });
  CHECK(status == 0);
}

#if defined(__linux__)
// Wherever the caller is, the others are allowed on every CPU but that one.
void threads_keep_off_the_callers_cpu() {
  const int status = in_child([] {
    cpu_set_t all;
    CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
    const int cpus = CPU_COUNT(&all);
    if (cpus < 2) std::printf("skip  one CPU: there is no other one to keep to\n");
    team_sum(cpus, 1000);  // the crew knows all CPUs
    for (int cpu = 0; cpus > 1 && cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &all)) continue;
      cpu_set_t one, expected = all;
      CPU_ZERO(&one);
      CPU_SET(cpu, &one);
      CPU_CLR(cpu, &expected);
      CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
      pool().run(std::min(cpus, kMost), [&](Team& team) {
        if (team.rank() == 0) return;
        cpu_set_t mine;
        CHECK(sched_getaffinity(0, sizeof mine, &mine) == 0);
        CHECK(CPU_EQUAL(&mine, &expected));
        CHECK(sched_getcpu() != cpu);
      });
    }
  });
  CHECK(status == 0);
}
#endif

#ifndef SANITIZER_NEEDS_ADDRESS_SPACE
void works_when_no_thread_can_start() {
  const int status = in_child([] {
    long pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlim_t bytes =
        static_cast<rlim_t>(pages) * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + (1 << 20);
    const rlimit limit{bytes, bytes};  // room for no stack
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    pool().run(kMost, [](Team& team) { CHECK(team.size() < kMost); });
    CHECK(team_sum(kMost, 1000) == 500500);
  });
  CHECK(status == 0);
}
#endif
#endif

}  // namespace

int main() {
  pool().set_num_threads(kMost);
  const struct {
    const char* name;
    void (*run)();
  } tests[] = {
      // Before any job shows that the CPUs are crowded.
      {"sizes are checked", sizes_are_checked},
#if !defined(SANITIZER_FORBIDS_THREADS_AFTER_FORK) && !defined(SANITIZER_NEEDS_ADDRESS_SPACE)
      // Early, while no finished thread has left a stack that a new one could take.
      {"works when no thread can start", works_when_no_thread_can_start},
#endif
      {"every member runs once", every_member_runs_once},
      {"shares cover everything", shares_cover_everything},
      {"many short jobs", many_short_jobs},
      {"barriers order everything", barriers_order_everything},
      {"nested runs are alone", nested_runs_are_alone},
      {"concurrent callers", concurrent_callers},
      {"resizing", resizing},
      {"parked threads wake up", parked_threads_wake_up},
      {"signals stay with the caller", signals_stay_with_the_caller},
#ifndef SANITIZER_FORBIDS_THREADS_AFTER_FORK
      {"child of a fork has its own pool", child_of_a_fork_has_its_own_pool},
      {"exit with parked and busy threads", exit_with_parked_and_busy_threads},
      {"callers work alone where CPUs are crowded", callers_work_alone_where_cpus_are_crowded},
#if defined(__linux__)
      {"threads keep off the caller's CPU", threads_keep_off_the_callers_cpu},
#endif
#endif
  };
  for (const auto& test : tests) {
    const int before = failures;
    test.run();
    std::printf("%s  %s\n", failures == before ? "ok  " : "FAIL", test.name);
  }
  return failures == 0 ? 0 : 1;
}
