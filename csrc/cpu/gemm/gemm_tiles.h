// SPDX-License-Identifier: Apache-2.0
// Products of float32 matrices by bfloat16 tiles; see gemm.h in this folder for the arithmetic.
#pragma once

#include "csrc/core/thread_pool.h"
#include "csrc/ops/gemm.h"

namespace fastdnn::cpu {

// Whether tile instructions make such a product faster; if so, any larger one, too. A program plans
// for full batches, and its last batch is smaller.
bool tiles_pay(const GemmArgs& args);

// Whether the level in force has them as well.
bool multiplies_by_tiles(const GemmArgs& args);

// Tests let a model of the tiles multiply at levels without them, slowly.
void multiply_by_tiles_everywhere(bool on);

// For all products that are not larger than this one in any extent.
index_t tiles_scratch_size(const GemmArgs& args, int threads);

// The part of member `rank` of `size` members. Works at any level; where there are no tile
// instructions a model computes, slowly.
void gemm_by_tiles(const GemmArgs& args, int rank, int size);

// Some of the tile_columns() columns of panels into which C falls, with the scratch of one member.
index_t tile_columns(const GemmArgs& args);
void multiply_columns_by_tiles(const GemmArgs& args, Range columns, float* scratch);

}  // namespace fastdnn::cpu
