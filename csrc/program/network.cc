// SPDX-License-Identifier: Apache-2.0
#include "csrc/program/network.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <utility>

#include "csrc/core/check.h"
#include "csrc/core/subnormals.h"
#include "csrc/ops/precision.h"

namespace fastdnn::program {
namespace {

// Programs kept for different batch sizes and modes; beyond it all are dropped but a begun one.
constexpr std::size_t kMostPrograms = 8;
// A small network's step has so many times the barriers of a single op, for which the pool's least
// work per thread was found.
constexpr double kWaitsPerStep = 3;

void check_output(const OutputSpec& output, index_t cols) {
  check(std::isfinite(output.loss_weight), "compile", "received the loss weight ",
        output.loss_weight, "; expected a finite number");
  if (!output.scored()) {
    check(output.metrics.empty(), "compile",
          "received metrics for an output without loss; expected a loss as well");
    return;
  }
  const bool sparse = output.takes_labels();
  const char* const loss = output.loss ? loss_name(output.loss->kind) : "function";
  for (const auto& [metric, weighted] : output.metrics) {
    if (std::holds_alternative<FunctionMetric>(metric)) continue;
    if (const auto* rule = std::get_if<ConfusionRule>(&metric)) check_rule("compile", *rule, cols);
    check(metric_takes_labels(metric) == sparse, "compile", "received the metric '",
          metric_name(metric), "' with the loss '", loss, "'; expected one for ",
          sparse ? "class numbers" : "matrices", ", as the loss is");
  }
}

void check_rates(const TrainingSpec& spec, const std::vector<double>& rates) {
  check(rates.size() == spec.rules.size(), "network", "received ", rates.size(),
        " learning rates; expected ", spec.rules.size());
  for (std::size_t i = 0; i < rates.size(); ++i) prepare_step(spec.rules[i], rates[i], 1);
}

// Notes the thread that asks, as long as it does.
class Asking {
 public:
  explicit Asking(std::atomic<std::thread::id>& thread) : thread_(thread) {
    thread_ = std::this_thread::get_id();
  }
  ~Asking() { thread_ = std::thread::id(); }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;

 private:
  std::atomic<std::thread::id>& thread_;
};

}  // namespace

void Network::check_rules(const TrainingSpec& spec) const {
  check(!spec.rules.empty() && spec.rules.size() <= kMostRules, "compile", "received ",
        spec.rules.size(), " optimizers; expected 1 to ", kMostRules);
  for (const OptimizerConfig& rule : spec.rules) {
    check_optimizer(rule);
    check(rule.gradient_accumulation_steps == spec.rules[0].gradient_accumulation_steps, "compile",
          "received optimizers with other numbers of gradient_accumulation_steps; expected one for "
          "all");
  }
  check(spec.rule_of.empty() || spec.rule_of.size() == graph_.parameters().size(), "compile",
        "received optimizers of ", spec.rule_of.size(), " parameters; expected ",
        graph_.parameters().size());
  for (std::size_t rule : spec.rule_of) {
    check(rule < spec.rules.size(), "compile", "received optimizer ", rule, "; expected one of ",
          spec.rules.size());
  }
}

Network::Network(Graph graph, const std::vector<std::optional<ParameterMemory>>& shared)
    : graph_(std::move(graph)), weights_(graph_, shared), gradients_(graph_) {
  process_ = getpid();
  check(!graph_.outputs().empty(), "network", "received a graph without output; add at least one");
}

void Network::compile(const TrainingSpec& spec, const std::vector<double>& learning_rates) {
  check_rules(spec);
  check_rates(spec, learning_rates);
  check(spec.outputs.size() == graph_.outputs().size(), "compile", "received losses for ",
        spec.outputs.size(), " outputs; expected ", graph_.outputs().size());
  for (std::size_t i = 0; i < spec.outputs.size(); ++i) {
    check_output(spec.outputs[i], graph_.width(graph_.outputs()[i]));
  }
  std::vector<ParameterArena> slots;
  while (slots.size() < spec.slots()) slots.emplace_back(graph_);
  for (std::size_t p = 0; p < graph_.parameters().size(); ++p) {
    const auto id = static_cast<ParameterId>(p);
    // Those of frozen parameters are never touched, and take no memory.
    if (!graph_.parameters()[p].trainable) continue;
    const std::vector<std::string> names = slot_names(spec.optimizer(id));
    for (std::size_t i = 0; i < names.size(); ++i) {
      const ParameterArena& slot = slots[spec.slot(id, names[i])];
      // An average begins with the weights: those that join later have one from the start, too.
      if (names[i] == kAverageSlot) {
        std::copy_n(weights_.flat(id), slot.flat_size(id), slot.flat(id));
      } else {
        const float initial = slot_initial_value(spec.optimizer(id), static_cast<int>(i));
        if (initial != 0.0f) std::fill_n(slot.flat(id), slot.flat_size(id), initial);
      }
    }
  }
  programs_.clear();
  begun_ = nullptr;
  forwards_ = 0;
  slots_ = std::move(slots);
  spec_ = spec;
  learning_rates_ = learning_rates;
  iterations_ = 0;
  compiled_ = true;
}

std::unique_lock<std::mutex> Network::lock() {
  if (process_ != getpid()) {
    // Whoever held the lock at the fork is not in this process. Its mutex is given up, not
    // destroyed.
    static_cast<void>(running_.release());
    running_ = std::make_unique<std::mutex>();
    process_ = getpid();
  }
  check(asking_ != std::this_thread::get_id(), "network",
        "received a call from a function that computes this model's loss or metrics; expected none "
        "before its step is over; compute with what the function is given, or use another model");
  return std::unique_lock(*running_);
}

void Network::set_learning_rates(const std::vector<double>& values) {
  check_rates(spec_, values);
  learning_rates_ = values;
}

void Network::set_iterations(std::int64_t value) {
  check(value >= 0 && value < (std::int64_t{1} << 53), "network", "received iterations=", value,
        "; expected 0 to 2^53");
  iterations_ = value;
  forwards_ = 0;
}

void Network::prepare_training(std::int64_t index, const double* learning_rates,
                               StepState& state) const {
  const std::int64_t steps = spec_.accumulates() ? spec_.rules[0].gradient_accumulation_steps : 1;
  const std::int64_t update = index / steps + 1;
  state.adds = index % steps != 0;
  state.updates = index % steps == steps - 1;
  for (std::size_t i = 0; i < spec_.rules.size(); ++i) {
    const OptimizerConfig& c = spec_.rules[i];
    RuleStep& rule = state.rules[i];
    rule.step = prepare_step(c, learning_rates[i], update);
    // As in Keras, until the first update is over the average is the weights, and each of the steps
    // that lead to an update moves the average and may overwrite the weights.
    rule.average_momentum = update == 1 ? 0.0 : c.ema_momentum;
    rule.averages_overwrite =
        c.ema_overwrite_frequency > 0 && update % c.ema_overwrite_frequency == 0;
  }
}

LoweredProgram& Network::program(Mode mode, index_t capacity, const Feed& feed) {
  std::vector<RowKind> kinds;
  for (const Source& input : feed.inputs) kinds.push_back(input.kind());
  const auto found = programs_.find({mode, capacity, kinds});
  if (found != programs_.end()) return *found->second;
  if (programs_.size() >= kMostPrograms) {
    std::erase_if(programs_, [this](const auto& kept) { return kept.second.get() != begun_; });
  }
  // Gradients of several steps are summed up where they are saved.
  const bool accumulates = mode == Mode::kTrain && spec_.accumulates();
  const ParameterArena& gradients = accumulates ? slots_.back() : gradients_;
  auto made = lower(graph_, spec_, {&weights_, &gradients, &slots_}, mode, capacity, kinds);
  return *(programs_[{mode, capacity, kinds}] = std::move(made));
}

index_t Network::run(Mode mode, const Feed& feed, const Slice& slice, Totals* totals) {
  stopped_ = false;
  if (slice.first >= feed.rows || slice.batches == 0) return 0;
  const index_t size = std::min(slice.batch_size, feed.rows);
  const index_t batches = std::min(slice.batches, ceil_div(feed.rows - slice.first, size));
  // Few programs serve calls with ever different numbers of rows.
  const auto capacity = static_cast<index_t>(std::bit_ceil(static_cast<std::uint64_t>(size)));
  LoweredProgram& lowered = program(mode, std::min(capacity, slice.batch_size), feed);
  lowered.feed = &feed;
  lowered.totals = totals;
  ThreadPool& pool = ThreadPool::instance();
  const int threads = pool.threads_for(lowered.microseconds / kWaitsPerStep);
  lowered.prepare(threads);

  // Read once: all members need the same.
  const MatmulPrecision precision = matmul_precision();
  const std::int64_t first_iteration = iterations_;
  const auto state_of = [&](index_t step) {
    const index_t begin = slice.first + step * size;
    StepState state{.begin = begin, .rows = std::min(size, feed.rows - begin), .seed = seed_};
    state.precision = precision;
    state.iteration = static_cast<std::uint32_t>(first_iteration + step);
    if (mode == Mode::kTrain) {
      const double* rates = slice.learning_rates;
      const auto rules = static_cast<index_t>(spec_.rules.size());
      prepare_training(first_iteration + step,
                       rates != nullptr ? rates + step * rules : learning_rates_.data(), state);
    }
    return state;
  };
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const auto seconds = [start] {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  index_t done = 0;
  if (!lowered.asked.empty()) {
    while (done < batches && !stopped_ && (done == 0 || seconds() < slice.max_seconds)) {
      stopped_ = !run_asking(lowered, state_of(done), mode == Mode::kTrain);
      if (mode == Mode::kTrain && !stopped_) note_steps(1);
      done += !stopped_;
    }
    return done;
  }
  lowered.program.begin();
  // Whether to stop after a step, for even and odd steps: one member decides at the start of a
  // step, all look after its barriers.
  std::atomic<bool> last[2] = {false, false};
  pool.run(threads, [&](Team& team) {
    const SubnormalsAreZero here;
    Context context{Device::kCpu, &team, nullptr};
    for (index_t step = 0; step < batches; ++step) {
      if (team.rank() == 0) {
        const double elapsed = seconds();
        const double average = step > 0 ? elapsed / static_cast<double>(step) : 0.0;
        last[step & 1].store(elapsed + average >= slice.max_seconds, std::memory_order_relaxed);
      }
      const bool stops = !lowered.program.run(state_of(step), context);
      if (team.rank() == 0) {
        done = step + !stops;
        stopped_ = stops;
      }
      if (stops) break;
      if (last[step & 1].load(std::memory_order_relaxed)) break;
    }
  });
  if (mode == Mode::kTrain) note_steps(done);
  return done;
}

bool Network::run_asking(LoweredProgram& lowered, const StepState& state, bool stops) {
  run_part(lowered, 0, state);
  {
    const Asking here(asking_);
    lowered.feed->functions(lowered.asked, state.begin, state.rows);
  }
  for (const Asked& asked : lowered.asked) {
    if (stops && !all_finite(asked, state.rows)) return false;
  }
  return run_part(lowered, 1, state);
}

bool Network::run_part(LoweredProgram& lowered, std::size_t part, const StepState& state) {
  ThreadPool& pool = ThreadPool::instance();
  const int threads = pool.threads_for(lowered.microseconds / kWaitsPerStep);
  lowered.prepare(threads);
  lowered.program.begin();
  bool whole = true;
  pool.run(threads, [&](Team& team) {
    const SubnormalsAreZero here;
    Context context{Device::kCpu, &team, nullptr};
    const bool reached_the_end = lowered.program.run(state, context, part);
    if (team.rank() == 0) whole = reached_the_end;
  });
  return whole;
}

StepState Network::own_step(index_t rows) const {
  StepState state{.rows = rows, .seed = seed_};
  state.iteration = static_cast<std::uint32_t>(iterations_);
  state.precision = matmul_precision();
  return state;
}

void Network::forward(const Feed& feed) {
  LoweredProgram& lowered = program(Mode::kOwnLoop, feed.rows, feed);
  lowered.feed = &feed;
  StepState state = own_step(feed.rows);
  // 2^64 over the golden ratio, made odd: its multiples are far apart, and none comes twice.
  state.seed += 0x9E3779B97F4A7C15u * forwards_++;
  run_part(lowered, 0, state);
  begun_ = &lowered;
  begun_state_ = state;
}

void Network::backward(const Feed& feed) {
  check(begun_ != nullptr && begun_state_.rows == feed.rows, "backward", "received gradients of ",
        feed.rows,
        " rows without a forward pass of as many; expected "
        "forward(x, training=True) before every backward");
  LoweredProgram& lowered = *std::exchange(begun_, nullptr);
  lowered.feed = &feed;
  StepState state = begun_state_;
  state.adds = true;
  run_part(lowered, 1, state);
}

void Network::apply_gradients() {
  StepState state = own_step(0);
  prepare_training(iterations_, learning_rates_.data(), state);
  state.updates = true;
  // The caller adds up as many as he likes.
  for (RuleStep& rule : state.rules) rule.step.gradient_scale = 1.0f;
  run_part(program(Mode::kApply, 1, {}), 0, state);
  note_steps(1);
}

void Network::note_steps(index_t count) {
  iterations_ += count;
  begun_ = nullptr;
  forwards_ = 0;
}

}  // namespace fastdnn::program
