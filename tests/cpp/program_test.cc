// SPDX-License-Identifier: Apache-2.0
// Which ops of a step program may share a phase: run it in the `tsan` preset too, where a missing
// barrier between two members is a data race. Each check prints what failed; the exit status counts
// the failures.
#include "csrc/program/program.h"

#include <cstdio>
#include <vector>

#include "tests/cpp/checks.h"

namespace {

using fastdnn::Context;
using fastdnn::Range;
using fastdnn::Team;
using fastdnn::ThreadPool;
using fastdnn::program::Program;
using fastdnn::program::StepState;
using Rows = Program::Rows;
using Use = Program::Use;

constexpr int kMembers = 4;
constexpr fastdnn::index_t kRows = 101;

// Rows of numbers, and ops that use them as they say: each adds one to what it writes.
class Rig {
 public:
  explicit Rig(std::size_t buffers) : buffers_(buffers, std::vector<long>(kRows)) {
    for (std::size_t i = 0; i < buffers; ++i) resources_.push_back(program_.new_resource());
  }

  // to = from + 1; rows of a buffer are alike. Members that may use all rows use those of others.
  void add(std::size_t from, std::size_t to, Rows read, Rows written) {
    program_.append({Use(resources_[from], read)}, {Use(resources_[to], written)},
                    [=, this](const StepState&, Context& context) {
                      const Range own = part(context.team, 0), others = part(context.team, 1);
                      if (written == Rows::kOwnAtEnd) {
                        for (auto i = others.begin; i < others.end; ++i) at(to, i) = -1;
                        context.team->barrier();
                      }
                      const long value = at(from, read == Rows::kAll ? others.begin : own.begin);
                      const Range rows = written == Rows::kAll ? others : own;
                      for (auto i = rows.begin; i < rows.end; ++i) at(to, i) = value + 1;
                    });
  }

  // Runs the program some times and returns whether every row of a buffer has a value.
  bool gives(std::size_t buffer, long value) {
    for (int step = 0; step < 20; ++step) {
      ThreadPool::instance().run(kMembers, [this](Team& team) {
        Context context;
        context.team = &team;
        program_.run({}, context);
      });
    }
    for (const long found : buffers_[buffer]) {
      if (found != value) return false;
    }
    return true;
  }

  fastdnn::index_t phases() const { return program_.phases(); }

 private:
  long& at(std::size_t buffer, fastdnn::index_t row) {
    return buffers_[buffer][static_cast<std::size_t>(row)];
  }
  static Range part(const Team* team, int shift) {
    return fastdnn::share(kRows, (team->rank() + shift) % team->size(), team->size());
  }

  Program program_;
  std::vector<std::vector<long>> buffers_;
  std::vector<Program::Resource> resources_;
};

void test_own_rows_follow_each_other_in_a_phase() {
  Rig rig(4);
  for (std::size_t i = 0; i < 3; ++i) rig.add(i, i + 1, Rows::kOwn, Rows::kOwn);
  CHECK(rig.phases() == 1);
  CHECK(rig.gives(3, 3));
}

void test_all_rows_wait_for_everybody() {
  for (const Rows first : {Rows::kAll, Rows::kOwn}) {
    for (const Rows second : {Rows::kAll, Rows::kOwn}) {
      Rig rig(3);
      rig.add(0, 1, first, first);
      rig.add(1, 2, second, second);
      const bool own = first == Rows::kOwn && second == Rows::kOwn;
      CHECK(rig.phases() == (own ? 1 : 2));
      CHECK(rig.gives(2, 2));
    }
  }
}

void test_what_ends_with_own_rows_is_followed_but_does_not_follow() {
  Rig followed(3);
  followed.add(0, 1, Rows::kAll, Rows::kOwnAtEnd);
  followed.add(1, 2, Rows::kOwn, Rows::kOwn);
  CHECK(followed.phases() == 1);
  CHECK(followed.gives(2, 2));

  Rig after_a_read(3);  // of own rows, which others write before they come to an end
  after_a_read.add(1, 2, Rows::kOwn, Rows::kOwn);
  after_a_read.add(0, 1, Rows::kAll, Rows::kOwnAtEnd);
  CHECK(after_a_read.phases() == 2);
  CHECK(after_a_read.gives(1, 1));

  Rig after_a_write(3);
  after_a_write.add(2, 1, Rows::kOwn, Rows::kOwn);
  after_a_write.add(0, 1, Rows::kAll, Rows::kOwnAtEnd);
  CHECK(after_a_write.phases() == 2);
  CHECK(after_a_write.gives(1, 1));
}

void test_writes_wait_for_readers() {
  for (const Rows reading : {Rows::kAll, Rows::kOwn}) {
    for (const Rows writing : {Rows::kAll, Rows::kOwn}) {
      Rig rig(3);
      rig.add(1, 2, reading, Rows::kOwn);
      rig.add(0, 1, Rows::kOwn, writing);
      const bool own = reading == Rows::kOwn && writing == Rows::kOwn;
      CHECK(rig.phases() == (own ? 1 : 2));
      CHECK(rig.gives(1, 1));
    }
  }
}

}  // namespace

int main() {
  ThreadPool::instance().set_num_threads(kMembers);
  ThreadPool::instance().set_least_microseconds(0);
  test_own_rows_follow_each_other_in_a_phase();
  test_all_rows_wait_for_everybody();
  test_what_ends_with_own_rows_is_followed_but_does_not_follow();
  test_writes_wait_for_readers();
  if (failures == 0) std::puts("program: all checks passed");
  return failures == 0 ? 0 : 1;
}
