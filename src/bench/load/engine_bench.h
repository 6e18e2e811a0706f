// hadal bench engine: the engine as a server drives it, without HTTP. Tokens per second of many
// requests at once beside one at a time, how long a short request waits for its first token while a
// long prompt is computed, and what a restart with a disk tier computes again.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/load/engine_soak.h"
#include "model/v4/v4_model.h"

namespace hadal {

struct EngineBenchOptions {
  ModelOptions model = {};
  int threads = 1;
  int requests = 16;        // at once
  int answer_tokens = 128;  // of each
  // Rounds of which the median counts: so many at least, and until so much time has passed.
  int rounds = 3;
  double least_seconds = 5;
  int long_prompt = 100'000;  // tokens, less where the context is shorter
  int probes = 8;             // short requests during the long prompt
  int restart_prompt = 20'000;
  size_t kv_memory = 0;                  // as EngineOptions
  std::optional<SoakOptions> soak = {};  // instead of everything else
  // Calls with what is measured now; may be empty.
  std::function<void(const std::string&)> progress = {};
};

struct ThroughputFigures {
  int requests = 0;
  int rounds = 0;
  int answer_tokens = 0;
  int prompt_tokens = 0;             // of all of them
  double together_tokens_per_s = 0;  // generated, of all requests
  double alone_tokens_per_s = 0;     // the same requests, one after the other

  double ratio() const { return together_tokens_per_s / alone_tokens_per_s; }
};

struct FirstTokenFigures {
  int long_prompt = 0;
  double idle_seconds = 0;    // of a short request to an idle engine
  double median_seconds = 0;  // of one during the long prompt
  double greatest_seconds = 0;
  int greatest_steps = 0;   // RequestTiming::first_token_steps
  int budget_ms = 0;        // predicted, of a step
  double long_seconds = 0;  // until the first token of the long prompt
};

struct RestartFigures {
  int prompt_tokens = 0;
  int computed_tokens = 0;   // of the prompt, after the restart
  double first_seconds = 0;  // until the first token, before and after
  double second_seconds = 0;
  bool same_answer = false;
};

struct EngineReport {
  std::string model;
  Isa isa = Isa::kRef;
  ActivationPolicy activations = ActivationPolicy::kInt8;
  int threads = 0;
  int page_tokens = 0;
  ThroughputFigures throughput = {};
  FirstTokenFigures first_token = {};
  RestartFigures restart = {};
  std::optional<SoakFigures> soak = {};
};

// Throws what opening the model and starting an engine throw.
EngineReport bench_engine(const std::filesystem::path& directory,
                          const EngineBenchOptions& options);

std::string engine_report_text(const EngineReport& report);
std::string engine_report_json(const EngineReport& report);

}  // namespace hadal
