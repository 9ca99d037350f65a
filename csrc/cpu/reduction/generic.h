// SPDX-License-Identifier: Apache-2.0
#include "csrc/cpu/reduction/reduction.h"

namespace fastdnn::cpu {
namespace {

// Vectors of columns that are summed together.
constexpr int kGroup = 4;
constexpr index_t kBlockRows = 64;
// Partial sums of 1, 2, 4, ... blocks: enough for 2^40 blocks.
constexpr int kLevels = 40;

struct Group {
  F32 v[kGroup];
};

inline Group operator+(const Group& a, const Group& b) {
  Group sum;
  for (int i = 0; i < kGroup; ++i) sum.v[i] = a.v[i] + b.v[i];
  return sum;
}

inline Group load_group(const float* x, const Tail (&tails)[kGroup]) {
  Group group;
  for (int i = 0; i < kGroup; ++i) group.v[i] = load(x + i * kLanes, tails[i]);
  return group;
}

// The sum of up to kBlockRows rows: even and odd rows apart, so that additions overlap.
inline Group block_sum(const float* x, index_t stride, index_t rows, const Tail (&tails)[kGroup]) {
  Group even = load_group(x, tails);
  if (rows == 1) return even;
  Group odd = load_group(x + stride, tails);
  index_t i = 2;
  for (; i + 1 < rows; i += 2) {
    even = even + load_group(x + i * stride, tails);
    odd = odd + load_group(x + (i + 1) * stride, tails);
  }
  if (i < rows) even = even + load_group(x + i * stride, tails);
  return even + odd;
}

// Adds blocks as a binary counter carries: levels[k] holds the sum of 2^k blocks.
void group_sums(const float* x, index_t stride, index_t rows, index_t cols, bool accumulate,
                float* sums) {
  Tail tails[kGroup];
  for (int i = 0; i < kGroup; ++i) tails[i] = tail(cols - i * kLanes);
  Group levels[kLevels];
  index_t blocks = 0;
  for (index_t i = 0; i < rows; i += kBlockRows, ++blocks) {
    const index_t left = rows - i;
    Group sum = block_sum(x + i * stride, stride, left < kBlockRows ? left : kBlockRows, tails);
    int level = 0;
    for (; (blocks >> level) & 1; ++level) sum = levels[level] + sum;
    levels[level] = sum;
  }
  Group total;
  for (F32& v : total.v) v = zero();
  bool first = true;
  for (int level = 0; (blocks >> level) != 0; ++level) {
    if (((blocks >> level) & 1) == 0) continue;
    total = first ? levels[level] : levels[level] + total;
    first = false;
  }
  if (accumulate) total = load_group(sums, tails) + total;
  for (int i = 0; i < kGroup; ++i) store(sums + i * kLanes, total.v[i], tails[i]);
}

inline double largest_magnitude(const float* x, index_t size) {
  F32 largest = zero();
  F32 nans = zero();
  for (index_t i = 0; i < size; i += kLanes) {
    const F32 a = load(x + i, size - i);
    largest = max(abs(a), largest);  // skips NaN
    nans = select(is_nan(a), set1(1.0f), nans);
  }
  return static_cast<double>(reduce_max(nans) > 0.0f ? __builtin_nanf("") : reduce_max(largest));
}

inline index_t first_nonfinite(const float* x, index_t size) {
  constexpr index_t kStretch = 32 * kLanes;
  const F32 largest = set1(__FLT_MAX__);
  for (index_t begin = 0; begin < size; begin += kStretch) {
    const index_t end = begin + kStretch < size ? begin + kStretch : size;
    F32 bad = zero();
    for (index_t i = begin; i < end; i += kLanes) {
      bad = select(abs(load(x + i, end - i)) <= largest, bad, set1(1.0f));
    }
    if (reduce_max(bad) == 0.0f) continue;
    for (index_t i = begin; i < end; ++i) {
      if (!(__builtin_fabsf(x[i]) <= __FLT_MAX__)) return i;
    }
  }
  return -1;
}

}  // namespace

namespace FASTDNN_LEVEL {

void column_sums_f32(const float* x, index_t stride, index_t rows, index_t cols, bool accumulate,
                     float* sums) {
  for (index_t j = 0; j < cols; j += kGroup * kLanes) {
    group_sums(x + j, stride, rows, cols - j, accumulate, sums + j);
  }
}

void row_sums_f32(const float* x, index_t stride, index_t rows, index_t cols, float* sums) {
  for (index_t i = 0; i < rows; ++i) {
    double sum = 0.0;
    for (index_t j = 0; j < cols; j += kLanes) accumulate(sum, load(x + i * stride + j, cols - j));
    sums[i] = static_cast<float>(sum);
  }
}

void reduce_f32(Reduction kind, const float* x, index_t size, double* result) {
  double sum = 0.0;
  switch (kind) {
    case Reduction::kSum:
      for (index_t i = 0; i < size; i += kLanes) accumulate(sum, load(x + i, size - i));
      break;
    case Reduction::kSumOfSquares:
      for (index_t i = 0; i < size; i += kLanes) accumulate_squares(sum, load(x + i, size - i));
      break;
    case Reduction::kSumAbs:
      for (index_t i = 0; i < size; i += kLanes) accumulate(sum, abs(load(x + i, size - i)));
      break;
    case Reduction::kMaxAbs:
      sum = largest_magnitude(x, size);
      break;
    case Reduction::kFirstNonfinite:
      sum = static_cast<double>(first_nonfinite(x, size));
      break;
  }
  *result = sum;
}

}  // namespace FASTDNN_LEVEL
}  // namespace fastdnn::cpu
