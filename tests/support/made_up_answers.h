// Requests and points with known times, for tests of what is made of them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "measure/records.h"

namespace hadal::test {

// An answer as a server would give it whose times are known.
struct MadeUpAnswer {
  double sent = 0;
  double ttft = 0.5;
  double tpot = 0.1;
  int64_t input = 100;
  int64_t output = 11;
  int64_t tokens_per_event = 1;
  bool counted = false;  // each event tells how many tokens there are so far
};

// Adds it, with an event for each `tokens_per_event` tokens, the first of them one token.
inline RequestRecord& add_answer(PointSamples& samples, const MadeUpAnswer& a) {
  RequestRecord r{.index = static_cast<int64_t>(samples.requests.size())};
  std::vector<TokenStamp> events;
  for (int64_t tokens = 1; tokens <= a.output; tokens += a.tokens_per_event) {
    const double seconds = a.sent + a.ttft + a.tpot * static_cast<double>(tokens - 1);
    events.push_back({.seconds = seconds, .tokens_so_far = a.counted ? tokens : -1});
  }
  r.sent = a.sent;
  r.first_token = events.front().seconds;
  r.first_answer_token = r.first_token;
  r.last_token = events.back().seconds;
  r.headers = a.sent + a.ttft / 2;
  r.ended = *r.last_token;
  r.asked_input_tokens = a.input;
  r.asked_output_tokens = a.output;
  r.input_tokens = a.input;
  r.output_tokens = a.output;
  samples.requests.push_back(std::move(r));
  samples.events.push_back(std::move(events));
  return samples.requests.back();
}

inline RequestRecord& add_failure(PointSamples& samples, double sent, double ended,
                                  const std::string& failure) {
  samples.requests.push_back({.index = static_cast<int64_t>(samples.requests.size()),
                              .sent = sent,
                              .ended = ended,
                              .outcome = RequestOutcome::kFailed,
                              .failure = failure});
  samples.events.emplace_back();
  return samples.requests.back();
}

// A closed loop of so many lanes that all start at zero, each with one answer after the other.
struct MadeUpLoop {
  int concurrency = 4;
  int requests = 40;
  MadeUpAnswer answer = {};
};

inline PointSamples closed_loop(const MadeUpLoop& loop) {
  PointSamples out;
  std::vector<double> free_at(loop.concurrency, 0);
  for (int i = 0; i < loop.requests; ++i) {
    double& lane = free_at[i % loop.concurrency];
    MadeUpAnswer answer = loop.answer;
    answer.sent = lane;
    lane = add_answer(out, answer).ended;
  }
  for (const RequestRecord& r : out.requests) out.duration = std::max(out.duration, r.ended);
  return out;
}

// Standard normal, from a generator that is the same everywhere (Box and Muller).
inline double normal(std::mt19937_64& random) {
  const auto uniform = [&] { return (static_cast<double>(random() >> 11) + 0.5) * 0x1p-53; };
  return std::sqrt(-2 * std::log(uniform())) * std::cos(6.283185307179586 * uniform());
}

}  // namespace hadal::test
