// SPDX-License-Identifier: Apache-2.0
// From a graph to a program: which ops are fused, which buffers they use, in which order they run.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "csrc/core/arena.h"
#include "csrc/ops/gemm.h"
#include "csrc/ops/loss.h"
#include "csrc/ops/metric.h"
#include "csrc/ops/optimizer.h"
#include "csrc/program/feed.h"
#include "csrc/program/graph.h"
#include "csrc/program/parameters.h"
#include "csrc/program/program.h"

namespace fastdnn::program {

enum class Mode {
  kTrain,      // forward, loss, backward, update
  kGradients,  // forward, loss, backward; gradients stay where they can be read
  kEvaluate,   // forward as at inference, loss and metrics
  kPredict,    // forward as at inference, outputs copied out
  kOwnLoop,    // forward as in training, outputs copied out; another part: backward from gradients
               // of the outputs, added to those that are there
  kApply,      // update by the gradients that are there
};

// A metric that is the mean of a value for every row.
struct RowMetric {
  Metric kind = Metric::kCategoricalAccuracy;
  float threshold = 0.5f;
  index_t top_k = 5;
};

struct RegressionSums {};

// The mean of a value for every row that a function of the caller's computes: see Asked.
struct FunctionMetric {};

// What is summed up for a metric: values or losses of rows, or what an op of csrc/ops/metric.h
// adds.
using MetricSpec = std::variant<RowMetric, LossSpec, ConfusionRule, RegressionSums, FunctionMetric>;

// A metric of an output, and whether rows count by their weights: in one way, or both.
struct ShownMetric {
  MetricSpec spec;
  std::vector<bool> weighted;
};

// Whether it takes labels rather than targets.
bool metric_takes_labels(const MetricSpec& spec);
const char* metric_name(const MetricSpec& spec);
// How many numbers it sums up for outputs of so many columns.
index_t metric_size(const MetricSpec& spec, index_t cols);

// What compile() decided of an output. Without a loss it is not computed in training.
struct OutputSpec {
  std::optional<LossSpec> loss;
  bool function_loss = false;  // a function of the caller's instead: see Asked
  float loss_weight = 1.0f;    // in the sum of all outputs' losses
  std::vector<ShownMetric> metrics;

  bool scored() const { return loss || function_loss; }
  bool asks_functions() const;
  // What the loss or the metrics compare the output with, if that is not left to functions.
  bool takes_labels() const;
  bool takes_targets() const;
};

bool all_finite(const float* values, index_t size);

struct TrainingSpec {
  std::vector<OutputSpec> outputs;         // one for each of the graph's
  std::vector<OptimizerConfig> rules{{}};  // at most kMostRules, which accumulate alike
  std::vector<std::size_t> rule_of;        // by parameter; empty: all follow the first

  std::size_t rule(ParameterId id) const {
    return rule_of.empty() ? 0 : rule_of[static_cast<std::size_t>(id)];
  }
  const OptimizerConfig& optimizer(ParameterId id) const { return rules[rule(id)]; }
  bool accumulates() const { return rules[0].accumulates(); }
  bool averages() const;

  // The arenas of slots: first those of rules, where each parameter has its own rule's, as many as
  // the rule with most of them has; then averages and sums of gradients, if any rule has them.
  std::size_t rule_slots() const;
  std::size_t slots() const { return rule_slots() + averages() + accumulates(); }
  // Where a slot of a parameter is, or slots() if its rule has none of this name.
  std::size_t slot(ParameterId id, const std::string& name) const;
};

// What a program reads and writes besides its own buffers. All outlive the program.
struct Storage {
  const ParameterArena* weights = nullptr;
  const ParameterArena* gradients = nullptr;
  const std::vector<ParameterArena>* slots = nullptr;  // as TrainingSpec orders them
};

// Sums over the rows of all steps since they were cleared, output by output:
// rows, sum w, sum w * loss, then for each metric and way its numbers. Behind them all: the sum of
// what weights and activities add to a step's loss, times its rows.
using Totals = std::vector<double>;
// Where those of an output begin, or, for the number of outputs, where they end.
std::size_t totals_place(const Graph& graph, const TrainingSpec& spec, std::size_t output);
inline std::size_t totals_size(const Graph& graph, const TrainingSpec& spec) {
  return totals_place(graph, spec, spec.outputs.size()) + 1;
}

// What functions of the caller's are asked for in a step, between a program's two parts: the loss
// of every row of an output, its derivatives by the row, and values for metrics.
struct Asked {
  std::size_t output;
  MatrixView prediction;
  float* losses = nullptr;      // null if the loss is none of them
  MatrixView gradient{};        // without data if nobody needs it
  std::vector<float*> metrics;  // in the order of the output's function metrics
};
// Whether so many rows' losses and derivatives are.
bool all_finite(const Asked& asked, index_t rows);

// A program for batches of up to `capacity` rows, with its buffers. Set feed and totals before
// running.
struct LoweredProgram {
  Program program;
  std::deque<AlignedBuffer<float>> buffers;
  std::deque<AlignedBuffer<double>> sums;
  AlignedBuffer<float> scratch;
  std::vector<GemmArgs> products;  // at full capacity: what scratch is for
  // The same for products that a member computes alone, and how much of it each member has.
  AlignedBuffer<float> own_scratch;
  index_t own_scratch_size = 0;
  double microseconds = 0;  // rough time of a step on one thread
  index_t capacity = 0;
  std::vector<Asked> asked;  // if any, the program has two parts
  const Feed* feed = nullptr;
  Totals* totals = nullptr;

  // Makes scratch large enough for a team of this size. Not while running.
  void prepare(int threads);
};

// For inputs of these kinds. Throws InvalidArgument where sparse rows go into anything but a dense
// layer.
std::unique_ptr<LoweredProgram> lower(const Graph& graph, const TrainingSpec& spec, Storage storage,
                                      Mode mode, index_t capacity,
                                      const std::vector<RowKind>& inputs);

}  // namespace fastdnn::program
