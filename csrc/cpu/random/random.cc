// SPDX-License-Identifier: Apache-2.0
// Splits draws over a team by groups of elements, noise by rows; shuffles.
#include "csrc/ops/random.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "csrc/cpu/registry.h"

namespace fastdnn::cpu {
namespace {

// Calls f(part, y) with this member's groups of the draw.
template <typename T, typename F>
void share_groups(const RandomKey& key, T* y, index_t count, Team& team, F f) {
  const Range groups = team.share(ceil_div(count, kRandomGroup));
  if (groups.empty()) return;
  const index_t begin = groups.begin * kRandomGroup;
  const index_t end = std::min(groups.end * kRandomGroup, count);
  f(RandomPart{key, groups.begin, end - begin}, y + begin);
}

// The words of a draw, one after the other.
class Words {
 public:
  explicit Words(const RandomKey& key) : key_(key) {}

  std::uint32_t next() {
    if (at_ == kCount) {
      kernels().random_bits_i32({key_, group_, kCount}, words_);
      group_ += kCount / kRandomGroup;
      at_ = 0;
    }
    return static_cast<std::uint32_t>(words_[at_++]);
  }

  // Uniform over 0 ... bound - 1, without bias: Lemire 2019, "Fast random integer generation in an
  // interval". bound > 0.
  std::uint32_t below(std::uint32_t bound) {
    std::uint64_t product = std::uint64_t{next()} * bound;
    if (static_cast<std::uint32_t>(product) < bound) {
      const std::uint32_t threshold = (0u - bound) % bound;  // 2^32 mod bound
      while (static_cast<std::uint32_t>(product) < threshold) {
        product = std::uint64_t{next()} * bound;
      }
    }
    return static_cast<std::uint32_t>(product >> 32);
  }

 private:
  static constexpr index_t kCount = 4 * kRandomGroup;
  RandomKey key_;
  index_t group_ = 0;
  index_t at_ = kCount;
  std::int32_t words_[kCount];
};

}  // namespace

void random_bits(const RandomBitsArgs& args, Team& team) {
  share_groups(args.key, args.y, args.count, team, [](const RandomPart& part, std::uint32_t* y) {
    kernels().random_bits_i32(part, reinterpret_cast<std::int32_t*>(y));
  });
}

void random_uniform(const RandomUniformArgs& args, Team& team) {
  const float span = args.high - args.low;
  // The sum low + u * span may round up to high.
  const float last = span > 0 ? std::nextafter(args.high, args.low) : args.low;
  share_groups(args.key, args.y, args.count, team, [&](const RandomPart& part, float* y) {
    kernels().random_uniform_f32(part, args.low, span, last, y);
  });
}

void random_normal(const RandomNormalArgs& args, Team& team) {
  share_groups(args.key, args.y, args.count, team, [&](const RandomPart& part, float* y) {
    kernels().random_normal_f32(part, args.mean, args.stddev, y);
  });
}

void random_truncated_normal(const RandomNormalArgs& args, Team& team) {
  share_groups(args.key, args.y, args.count, team, [&](const RandomPart& part, float* y) {
    kernels().random_truncated_normal_f32(part, args.mean, args.stddev, y);
  });
}

void random_permutation(const RandomPermutationArgs& args, Team& team) {
  if (team.rank() != 0) return;
  for (index_t i = 0; i < args.count; ++i) args.y[i] = i;
  Words words(args.key);
  for (index_t i = args.count - 1; i > 0; --i) {
    std::swap(args.y[i], args.y[words.below(static_cast<std::uint32_t>(i + 1))]);
  }
}

void gaussian_noise(const GaussianNoiseArgs& args, Team& team) {
  const Range rows = team.share(args.x.rows);
  if (rows.empty()) return;
  const NoiseShape shape{args.key, args.stddev, args.first_row + rows.begin, rows.size(),
                         args.x.cols};
  kernels().gaussian_noise_f32(shape, args.x.row(rows.begin), args.x.stride, args.y.row(rows.begin),
                               args.y.stride);
}

}  // namespace fastdnn::cpu
