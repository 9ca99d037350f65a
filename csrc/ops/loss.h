// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "csrc/core/loss.h"
#include "csrc/core/tensor_view.h"
#include "csrc/ops/context.h"

namespace fastdnn {

// The loss of every row and its gradient; formulas in csrc/cpu/loss/loss.h. The work is split by
// rows. Labels lie in [0, outputs.cols): see check_labels.
struct LossArgs {
  LossSpec spec;
  ConstMatrixView outputs;               // at least one column
  const std::int32_t* labels = nullptr;  // the sparse loss: one per row
  ConstMatrixView targets;               // all others: the shape of outputs
  const float* sample_weight = nullptr;  // one per row, or null for ones
  float scale = 1.0f;                    // of the gradient; 1 / rows for the mean over the batch
  MatrixView gradient;          // the shape of outputs, may be outputs; or empty: not wanted
  float* row_losses = nullptr;  // one per row, without weights and scale; or null
};

const char* loss_name(Loss kind);
// Throws InvalidArgument that lists the valid names.
Loss parse_loss(const std::string& name);
// Whether outputs may be logits, those of a softmax or of sigmoids.
bool loss_takes_softmax(Loss kind);
bool loss_takes_sigmoids(Loss kind);
// Throws InvalidArgument if an option that this kind reads is out of its range.
void check_loss(const char* op, const LossSpec& spec);

// Throws InvalidArgument that names the first label outside [0, classes) and its row.
void check_labels(const char* op, const std::int32_t* labels, index_t rows, index_t classes);

void loss(const LossArgs& args, Context& context);

namespace cpu {
void loss(const LossArgs& args, Team& team);
}  // namespace cpu

namespace cuda {
void loss(const LossArgs& args, Stream& stream);
}  // namespace cuda

}  // namespace fastdnn
