// SPDX-License-Identifier: Apache-2.0
// Rows of a batch as the losses meet them. Included after a simd header.
#pragma once

#include "csrc/cpu/loss/loss.h"
#include "csrc/cpu/simd/loop.h"

namespace fastdnn::cpu {
namespace {

// Losses are written once, for two layouts of what they read and write. `each(body)` calls
// body(j, count) for the places j; `output`, `target`, `gradient` and `set_gradient` are about the
// vector at a place, of which `count` lanes matter, and `keep(a, count, other)` fills the others.
// `sum`, `total` and `highest` have the result in every lane that belongs to the row. The gradient
// at a place may go where the outputs of that place came from.

// Targets, smoothed: t * keep + add.
struct Smoothing {
  F32 keep, add;
};

// One row: a place is a vector of its columns.
template <bool kLabels>
class WideRow {
 public:
  WideRow(const LossRows& batch, const Smoothing& smoothing, index_t i)
      : cols(batch.cols),
        wants_gradient(batch.gradient != nullptr),
        factor(
            set1((batch.sample_weight == nullptr ? 1.0f : batch.sample_weight[i]) * batch.scale)),
        outputs_(batch.outputs + i * batch.output_stride),
        targets_(kLabels ? nullptr : batch.targets + i * batch.target_stride),
        gradient_(wants_gradient ? batch.gradient + i * batch.gradient_stride : nullptr),
        label_(kLabels ? batch.labels[i] : 0),
        smoothing_(smoothing) {}

  template <typename Body>
  void each(const Body& body) const {
    for_each_vector(cols, body);
  }
  F32 output(index_t j, index_t count) const { return load(outputs_ + j, count); }
  // 0 past the row's end.
  F32 target(index_t j, index_t count) const {
    F32 t;
    if constexpr (kLabels) {
      const Mask here = lane_index() == set1_i32(label_ - static_cast<std::int32_t>(j));
      t = select(here, smoothing_.keep + smoothing_.add, smoothing_.add);
    } else {
      t = fma(load(targets_ + j, count), smoothing_.keep, smoothing_.add);
    }
    return keep_first(t, count, zero());
  }
  F32 gradient(index_t j, index_t count) const { return load(gradient_ + j, count); }
  void set_gradient(index_t j, index_t count, F32 g) { store(gradient_ + j, g, count); }
  F32 keep(F32 a, index_t count, F32 other) const { return keep_first(a, count, other); }
  template <typename Term>
  F32 sum(const Term& term) const {
    return set1(static_cast<float>(sum_row(cols, term)));
  }
  F32 total(F32 a) const { return set1(reduce_add(a)); }
  F32 highest(F32 a) const { return set1(reduce_max(a)); }

  const index_t cols;
  const bool wants_gradient;
  const F32 factor;  // of the gradient

 private:
  const float* outputs_;
  const float* targets_;
  float* gradient_;
  std::int32_t label_;
  const Smoothing& smoothing_;
};

// As many rows as a vector has lanes, or `rows`: a place is a column of them. Few columns would
// leave most lanes of a WideRow empty. All rows are read before any is written.
template <bool kLabels>
class NarrowRows {
 public:
  NarrowRows(const LossRows& batch, const Smoothing& smoothing, index_t i, index_t rows)
      : cols(batch.cols),
        wants_gradient(batch.gradient != nullptr),
        factor((batch.sample_weight == nullptr ? set1(1.0f) : load(batch.sample_weight + i, rows)) *
               set1(batch.scale)),
        rows_(rows),
        smoothing_(smoothing) {
    for (F32& column : gradient_) column = zero();
    read(batch.outputs + i * batch.output_stride, batch.output_stride, outputs_);
    if constexpr (kLabels) {
      std::int32_t labels[kLanes] = {};
      for (index_t row = 0; row < rows; ++row) labels[row] = batch.labels[i + row];
      labels_ = load_i32(labels);
    } else {
      read(batch.targets + i * batch.target_stride, batch.target_stride, targets_);
    }
  }

  template <typename Body>
  void each(const Body& body) const {
    for (index_t j = 0; j < cols; ++j) body(j, kLanes);
  }
  F32 output(index_t j, index_t) const { return outputs_[j]; }
  F32 target(index_t j, index_t) const {
    if constexpr (kLabels) {
      const Mask here = labels_ == set1_i32(static_cast<std::int32_t>(j));
      return select(here, smoothing_.keep + smoothing_.add, smoothing_.add);
    } else {
      return fma(targets_[j], smoothing_.keep, smoothing_.add);
    }
  }
  F32 gradient(index_t j, index_t) const { return gradient_[j]; }
  void set_gradient(index_t j, index_t, F32 g) { gradient_[j] = g; }
  F32 keep(F32 a, index_t, F32) const { return a; }
  template <typename Term>
  F32 sum(const Term& term) const {
    F32 sum = zero();
    for (index_t j = 0; j < cols; ++j) sum = sum + term(j, kLanes);
    return sum;
  }
  F32 total(F32 a) const { return a; }
  F32 highest(F32 a) const { return a; }

  void write_gradient(float* to, index_t stride) {
    transpose(gradient_);
    for (index_t row = 0; row < rows_; ++row) store(to + row * stride, gradient_[row], cols);
  }

  const index_t cols;
  const bool wants_gradient;
  const F32 factor;

 private:
  // Missing rows repeat the first.
  void read(const float* from, index_t stride, F32 (&columns)[kLanes]) const {
    for (index_t row = 0; row < kLanes; ++row) {
      columns[row] = load(from + (row < rows_ ? row : 0) * stride, cols);
    }
    transpose(columns);
  }

  F32 outputs_[kLanes], targets_[kLanes], gradient_[kLanes];
  I32 labels_;
  index_t rows_;
  const Smoothing& smoothing_;
};

}  // namespace
}  // namespace fastdnn::cpu
