// SPDX-License-Identifier: Apache-2.0
// Losses whose terms depend on a row's other outputs. Included after a simd header.
#pragma once

#include "csrc/cpu/loss/probability.h"

namespace fastdnn::cpu {
namespace {

template <typename Rows>
F32 highest_output(const Rows& rows) {
  const F32 lowest = zero() - infinity();
  F32 highest = lowest;
  rows.each([&](index_t j, index_t count) {
    highest = max(highest, rows.keep(rows.output(j, count), count, lowest));
  });
  return rows.highest(highest);
}

// sum_j e^(o_j - m) - 1, where m is the largest output; -Inf past the row's end. Calls
// body(j, count, o_j - m, e^(o_j - m)).
template <typename Rows, typename Body>
F32 softmax_rest(const Rows& rows, F32 m, const Body& body) {
  const F32 one = set1(1.0f);
  // Each maximum is left out of the sum, which then stays exact when it is small, and counted.
  F32 maxima = zero();
  const F32 others = rows.sum([&](index_t j, index_t count) {
    const F32 d = rows.keep(rows.output(j, count) - m, count, zero() - infinity());
    const F32 e = exp(d);
    const F32 is_max = select(d == zero(), one, zero());
    maxima = maxima + is_max;
    body(j, count, d, e);
    return e - is_max;
  });
  return others + (rows.total(maxima) - one);
}

// loss = sum_j t_j (log sum_k e^(o_k - m) - (o_j - m)), m the largest logit.
template <typename Rows>
F32 softmax_crossentropy(Rows& rows) {
  F32 target_sum = zero();
  F32 product = zero();
  const F32 rest =
      softmax_rest(rows, highest_output(rows), [&](index_t j, index_t count, F32 d, F32 e) {
        const F32 t = rows.target(j, count);
        target_sum = target_sum + t;
        product = product + select(t == zero(), zero(), t * d);  // 0 times -Inf is 0 here
        if (rows.wants_gradient) rows.set_gradient(j, count, e);
      });
  const F32 targets_total = rows.total(target_sum);

  if (rows.wants_gradient) {
    const F32 scale = targets_total / (set1(1.0f) + rest);
    rows.each([&](index_t j, index_t count) {
      const F32 p = rows.gradient(j, count) * scale;
      rows.set_gradient(j, count, (p - rows.target(j, count)) * rows.factor);
    });
  }
  return targets_total * log1p(rest) - rows.total(product);
}

// A term of a loss of probabilities p.
struct ProbabilityTerm {
  F32 gain;  // minus the loss
  F32 pull;  // p d gain / d p
};

// For p = softmax(o): d loss / d o_j = p_j sum_k pull_k - pull_j
template <typename Rows>
F32 softmax_focal_crossentropy(Rows& rows, F32 alpha, Focus focus) {
  const F32 one = set1(1.0f);
  const F32 m = highest_output(rows);
  const F32 rest = softmax_rest(rows, m, [](index_t, index_t, F32, F32) {});
  const F32 log_sum = log1p(rest);
  const auto exponential = [&](index_t j, index_t count, F32& d) {
    d = rows.keep(rows.output(j, count) - m, count, zero() - infinity());
    return exp(d);
  };
  // Computed again for the gradient, which may go where the outputs are.
  const auto term = [&](index_t j, index_t count, F32 d, F32 e) -> ProbabilityTerm {
    const F32 t = rows.target(j, count);
    const F32 p = e / (one + rest);
    // Of the largest output `rest` alone, to full precision.
    const F32 u = max(set1(Focus::kLowest), ((one - e) + rest) / (one + rest));
    const F32 log_p = d - log_sum;
    const F32 weight = alpha * t * focus(u);
    const F32 p_log_p = select(p == zero(), zero(), p * log_p);  // 0 times -Inf is 0, here, too
    return {select(t == zero(), zero(), weight * log_p),
            weight * (one - focus.gamma * p_log_p / u)};
  };
  F32 pulls = zero();
  const F32 gain = rows.sum([&](index_t j, index_t count) {
    F32 d;
    const F32 e = exponential(j, count, d);
    const ProbabilityTerm at = term(j, count, d, e);
    pulls = pulls + at.pull;
    return at.gain;
  });
  if (rows.wants_gradient) {
    const F32 scale = rows.total(pulls) / (one + rest);
    rows.each([&](index_t j, index_t count) {
      F32 d;
      const F32 e = exponential(j, count, d);
      rows.set_gradient(j, count, (e * scale - term(j, count, d, e).pull) * rows.factor);
    });
  }
  return zero() - gain;
}

struct CategoricalCrossentropy {
  ProbabilityTerm operator()(F32 p, F32 t) const { return {t * log(p), t}; }
};

struct CategoricalFocalCrossentropy {
  F32 alpha;
  Focus focus;
  ProbabilityTerm operator()(F32 p, F32 t) const {
    const F32 one = set1(1.0f);
    const F32 u = one - p;
    const F32 log_p = log(p);
    const F32 weight = alpha * t * focus(u);
    return {weight * log_p, weight * (one - focus.gamma * p * log_p / u)};
  }
};

// With q = o / sum(o), f of clip(q), and T the sum of the pulls of the q_j that clip leaves alone:
// d loss / d o_j = (T - [q_j left alone] pull_j / q_j) / sum(o)
template <typename Rows, typename F>
F32 probability_crossentropy(Rows& rows, const F& f) {
  const F32 total = rows.sum([&](index_t j, index_t count) { return rows.output(j, count); });
  F32 pulls = zero();
  const F32 gain = rows.sum([&](index_t j, index_t count) {
    const F32 q = rows.output(j, count) / total;
    const ProbabilityTerm at = f(clip_probability(q), rows.target(j, count));
    const F32 pull = select(is_inside(q), at.pull, zero());
    pulls = pulls + pull;
    if (rows.wants_gradient) {
      rows.set_gradient(j, count, select(is_inside(q), pull / q, zero()));
    }
    return rows.keep(at.gain, count, zero());
  });
  if (rows.wants_gradient) {
    const F32 pulls_total = rows.total(pulls);
    const F32 scale = rows.factor / total;
    rows.each([&](index_t j, index_t count) {
      rows.set_gradient(j, count, (pulls_total - rows.gradient(j, count)) * scale);
    });
  }
  return zero() - gain;
}

// Crammer and Singer 2001, "On the algorithmic implementation of multiclass kernel-based vector
// machines".
template <typename Rows>
F32 categorical_hinge(Rows& rows) {
  const F32 one = set1(1.0f);
  const auto wrong = [&](index_t j, index_t count) {
    return (one - rows.target(j, count)) * rows.output(j, count);
  };
  const F32 lowest = zero() - infinity();
  F32 most = lowest;
  const F32 right = rows.sum([&](index_t j, index_t count) {
    most = max(most, rows.keep(wrong(j, count), count, lowest));
    return rows.target(j, count) * rows.output(j, count);
  });
  const F32 highest = rows.highest(most);
  const F32 u = (highest - right) + one;
  if (rows.wants_gradient) {
    const auto is_highest = [&](index_t j, index_t count) {
      return rows.keep(select(wrong(j, count) == highest, one, zero()), count, zero());
    };
    F32 maxima = zero();
    rows.each([&](index_t j, index_t count) { maxima = maxima + is_highest(j, count); });
    const F32 share = one / rows.total(maxima);
    const F32 factor = select(u > zero(), rows.factor, zero_or_nan(u));
    rows.each([&](index_t j, index_t count) {
      const F32 t = rows.target(j, count);
      const F32 slope = (one - t) * (is_highest(j, count) * share) - t;
      rows.set_gradient(j, count, slope * factor);
    });
  }
  return max(zero(), u);
}

}  // namespace
}  // namespace fastdnn::cpu
