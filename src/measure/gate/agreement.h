// How far two answers to the same canary lie apart, token by token, in nats of log-probability.
// Only positions with the same tokens before them are compared: all of a scored prompt, of a
// continuation those up to the first other token. Judges nothing.
#pragma once

#include <cstddef>
#include <vector>

#include "measure/gate/canary_answer.h"

namespace hadal {

// Differences up to here are no difference: log-probabilities are written with five decimals, and
// other orders of the same sums move them by less.
constexpr double kSameNats = 3e-3;
// A difference that says nothing more than "not at all"; larger ones count as this.
constexpr double kFarNats = 10;

struct CanaryAgreement {
  size_t canary = 0;  // its index
  // Of each position compared: the mean difference of the token there and of the likeliest tokens
  // that both tell. Position p has p tokens of the prompt or the answer before it; the first
  // distance is that of `start`.
  int start = 0;
  std::vector<double> distances = {};
  int first_bad = -1;  // the first position beyond kSameNats; -1: none
  int tops = 0;        // positions where both tell the likeliest token
  int same_tops = 0;
  int foreign_tokens = 0;  // of a scored prompt: tokens that are written otherwise
  // Of the reference's distribution from the other, over the tokens that both tell and one class
  // for the rest; the sum over positions, in nats.
  double divergence = 0;
  // For the slope of the answer's log-probabilities over the reference's: sums of the products of
  // both, and of the squares of the reference's, about their means at each position.
  double product_sum = 0;
  double square_sum = 0;

  bool compared() const { return !distances.empty(); }
  int end() const { return start + static_cast<int>(distances.size()); }
};

// Compares nothing where either is an error or has no log-probabilities.
CanaryAgreement compare_answers(const Canary& canary, size_t index, const CanaryAnswer& reference,
                                const CanaryAnswer& answer);

// The distances of all, in one list.
std::vector<double> all_distances(const std::vector<CanaryAgreement>& agreements);

// Of the positions from `begin` until before `end`.
std::vector<double> distances_between(const std::vector<CanaryAgreement>& agreements, int begin,
                                      int end);

}  // namespace hadal
