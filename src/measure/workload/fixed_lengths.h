// Independent prompts of random tokens with given lengths: InferenceX's 8k1k, 1k1k and 1k8k, and
// any other pair. Every prompt is new to the server.
#pragma once

#include <string>
#include <string_view>

#include "measure/workload/workload.h"

namespace hadal {

struct LengthShape {
  std::string name = {};
  int64_t input = 0;   // tokens, at most
  int64_t output = 0;  // the same
  // Lengths are uniform over the integers of [range · L, L], input and output apart.
  double range = 1;
};

// "8k1k", "1k1k", "1k8k": with range 0.8, as InferenceX defined them (8k is 8,192). Else
// "INPUT:OUTPUT" (exact lengths) or "INPUT:OUTPUT:RANGE", for example "8192:1024:0.8". Throws Error
// kInvalidArgument otherwise.
LengthShape parse_length_shape(std::string_view text);
// Whether `text` looks like one: digits and what stands between them.
bool is_length_shape(std::string_view text);

struct FixedLengthsOptions {
  LengthShape shape = {};
  int64_t requests = 0;  // 0: as many as are asked for. InferenceX: 10 × concurrency
  ContentSeed content = {};
  int64_t context_limit = 0;  // input and output together; 0: none
};

class FixedLengths : public Workload {
 public:
  // Throws Error kInvalidArgument for lengths that do not fit the context, and empty ones.
  explicit FixedLengths(FixedLengthsOptions options);

  std::string name() const override { return options_.shape.name; }
  std::optional<int64_t> sessions() const override;
  PlannedSession session(int64_t number, RequestPhase space) const override;
  Prompt prompt(const PlannedRequest& request, const PromptStyle& style) const override;
  std::string describe() const override;

 private:
  FixedLengthsOptions options_;
};

}  // namespace hadal
