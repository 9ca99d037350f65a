// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "csrc/core/thread_pool.h"
#include "csrc/cpu/gemm/gemm.h"
#include "csrc/ops/gemm.h"

namespace fastdnn::cpu {

// A strip of these rows of C, with op(A) and op(B) in place; its columns and depth are still open.
inline GemmStrip strip_in_place(const GemmArgs& args, index_t group_rows, Range rows) {
  GemmStrip strip{};
  strip.m = rows.size();
  strip.group_rows = group_rows;
  strip.a_row = args.transpose_a ? 1 : args.a.stride;
  strip.a_k = args.transpose_a ? args.a.stride : 1;
  strip.a_group = group_rows * strip.a_row;
  strip.a = args.a.data + rows.begin * strip.a_row;
  strip.b_k = args.b.stride;
  strip.c = args.c.row(rows.begin);
  strip.c_row = args.c.stride;
  return strip;
}

}  // namespace fastdnn::cpu
