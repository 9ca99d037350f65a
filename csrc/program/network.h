// SPDX-License-Identifier: Apache-2.0
// A graph with its weights: trains, evaluates and predicts. Several threads may share a network if
// each holds lock() during whatever it does with it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "csrc/program/lower.h"

namespace fastdnn::program {

// The part of the data that one call works on, and how long it may take.
struct Slice {
  index_t first = 0;                       // position of the first row
  index_t batches = 0;                     // most steps to run
  index_t batch_size = 32;                 // the last batch of the data may be smaller
  double max_seconds = 0;                  // at least one step is run, whatever it takes
  const double* learning_rates = nullptr;  // of every step and rule; null: those of the network
};

class Network {
 public:
  // For one caller at a time. The child of a fork starts unlocked.
  std::unique_lock<std::mutex> lock();

  // Parameters without memory in `shared` are zero. Throws InvalidArgument if the graph has no
  // output, or a parameter's memory has another shape.
  explicit Network(Graph graph, const std::vector<std::optional<ParameterMemory>>& shared = {});

  const Graph& graph() const { return graph_; }
  const ParameterArena& weights() const { return weights_; }
  // What a run in Mode::kGradients has left; training uses the memory for itself.
  const ParameterArena& gradients() const { return gradients_; }

  // Sets loss, metrics and optimizer; slots and the iteration start afresh. Throws before anything
  // changes.
  void compile(const TrainingSpec& spec, const std::vector<double>& learning_rates);
  bool compiled() const { return compiled_; }
  const TrainingSpec& spec() const { return spec_; }

  // One for each rule.
  const std::vector<double>& learning_rates() const { return learning_rates_; }
  void set_learning_rates(const std::vector<double>& values);  // throws if a rule accepts it not
  std::int64_t iterations() const { return iterations_; }
  void set_iterations(std::int64_t value);  // throws unless 0 <= value < 2^53
  std::uint64_t seed() const { return seed_; }
  void set_seed(std::uint64_t value) { seed_ = value; }
  const std::vector<ParameterArena>& slots() const { return slots_; }

  // Runs steps and returns how many; adds to totals (see Totals). The feed must fit the graph.
  // Subnormal numbers count as zero. Training ends before a step changes weights whose loss is not
  // finite.
  index_t run(Mode mode, const Feed& feed, const Slice& slice, Totals* totals);
  // Whether the last run ended so.
  bool stopped() const { return stopped_; }

  // One's own loop. forward() computes the outputs as in training; backward(), with the same feed
  // and gradients of these outputs, adds to the gradients; apply_gradients() is the update of a
  // step by what they are then.
  void forward(const Feed& feed);
  // Throws unless forward() came before, with as many rows, and no step since.
  void backward(const Feed& feed);
  void apply_gradients();

 private:
  // The state of step number `index`, counted from 0, of a program for training.
  void prepare_training(std::int64_t index, const double* learning_rates, StepState& state) const;
  void check_rules(const TrainingSpec& spec) const;
  LoweredProgram& program(Mode mode, index_t capacity, const Feed& feed);
  void note_steps(index_t count);
  // A step of a program that asks functions. Changes no weight if one of them throws.
  // Returns false if it has to stop because losses are not finite.
  bool run_asking(LoweredProgram& lowered, const StepState& state, bool stops);
  bool run_part(LoweredProgram& lowered, std::size_t part, const StepState& state);
  StepState own_step(index_t rows) const;

  const Graph graph_;
  ParameterArena weights_, gradients_;
  std::vector<ParameterArena> slots_;
  TrainingSpec spec_;
  bool compiled_ = false;
  std::vector<double> learning_rates_{0.01};
  std::atomic<std::int64_t> iterations_{0};  // read while another thread trains
  std::uint64_t seed_ = 0;
  std::atomic<bool> stopped_{false};

  std::unique_ptr<std::mutex> running_ = std::make_unique<std::mutex>();
  std::int64_t process_;                   // that running_ belongs to
  std::atomic<std::thread::id> asking_{};  // the thread that waits for a function's answer
  // Mode, capacity, and the inputs' kinds.
  using ProgramKey = std::tuple<Mode, index_t, std::vector<RowKind>>;
  std::map<ProgramKey, std::unique_ptr<LoweredProgram>> programs_;
  LoweredProgram* begun_ = nullptr;  // whose forward part backward() goes on from
  StepState begun_state_;
  // Forward parts since the last step: each draws numbers of its own, the first one those of a step
  // of training.
  std::uint64_t forwards_ = 0;
};

}  // namespace fastdnn::program
