// Stop strings that fall into a run of guesses that were kept: the answer ends where it ends when
// the tokens come one by one, whatever the engine has computed beyond.
#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/server_fixture.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;
using test::ClientResponse;

constexpr char kStopCompletions[] = "/v1/completions";

// Knows how one sequence goes on.
class Knowing final : public Drafter {
 public:
  Knowing(std::vector<int32_t> tokens, int most) : tokens_(std::move(tokens)), most_(most) {}
  int most_drafts() const override { return most_; }
  std::vector<int32_t> propose(const DraftRequest& request) override {
    const size_t known = request.tokens.size();
    if (known > tokens_.size() || !std::ranges::equal(request.tokens, first(known))) return {};
    const size_t count = std::min(static_cast<size_t>(request.most), tokens_.size() - known);
    const auto from = tokens_.begin() + static_cast<std::ptrdiff_t>(known);
    return {from, from + static_cast<std::ptrdiff_t>(count)};
  }
  void observe(const DraftOutcome&) override {}
  void forget(int64_t) override {}

 private:
  std::span<const int32_t> first(size_t count) const { return std::span(tokens_).first(count); }

  const std::vector<int32_t> tokens_;
  const int most_;
};

class StopStringsTest : public test::ServerTest {
 protected:
  // Prefixes that the cache has would show in the usage.
  void start_again(EngineOptions options) {
    TearDown();
    server_.reset();
    options.reuse_prefixes = false;
    start(std::move(options));
  }

  // What clients see of an answer, whole and streamed; not how long it took.
  ordered_json seen(ordered_json request) {
    ordered_json body = answer(request, kStopCompletions);
    request["stream"] = true;
    request["stream_options"] = {{"include_usage", true}};
    std::string streamed;
    ordered_json usage;
    for (const ordered_json& event : events_of(ask(request, kStopCompletions).body)) {
      if (event["choices"].empty()) {
        usage = event["usage"];
      } else {
        streamed += event["choices"][0]["text"].get<std::string>();
      }
    }
    body["usage"].erase("hadal");
    usage.erase("hadal");
    return {
        {"choices", body["choices"]}, {"streamed", streamed}, {"usage", {body["usage"], usage}}};
  }
};

TEST_F(StopStringsTest, EndTheAnswerWithinARunOfKeptGuesses) {
  start({.speculation = {.kind = SpeculationKind::kOff}, .reuse_prefixes = false});
  ordered_json request = {{"model", "nano"},    {"temperature", 0}, {"max_tokens", 40},
                          {"ignore_eos", true}, {"logprobs", 1},    {"return_token_ids", true}};
  std::vector<int32_t> tokens = answer(
      chat(std::string(test::kNotes) + " What pet does Victor have?"), "/tokenize")["tokens"];
  request["prompt"] = tokens;
  const ordered_json whole = answer(request, kStopCompletions)["choices"][0];
  const std::string text = whole["text"];
  const std::vector<int32_t> ids = whole["token_ids"];
  ASSERT_EQ(ids.size(), 40U);
  tokens.insert(tokens.end(), ids.begin(), ids.end());

  // Pieces of the answer, of one character and of several, across tokens.
  std::vector<ordered_json> stops;
  for (size_t at = 3; at + 6 < text.size(); at += 13) {
    for (const size_t length : {1U, 5U}) stops.push_back(text.substr(at, length));
  }
  const auto answers = [&] {
    ordered_json all = ordered_json::array();
    for (const ordered_json& stop : stops) {
      request["stop"] = stop;
      all.push_back(seen(request));
    }
    return all;
  };
  const ordered_json plain = answers();
  for (const int drafts : {1, 3, 8}) {
    start_again({.make_drafter = [&] { return std::make_unique<Knowing>(tokens, drafts); }});
    const ordered_json guessed = answers();
    for (size_t i = 0; i < stops.size(); ++i) {
      EXPECT_EQ(guessed[i], plain[i]) << drafts << " guesses, stop " << stops[i];
    }
    EXPECT_GT(engine_->statistics().speculation.accepted_tokens, 0);
  }
}

}  // namespace
}  // namespace hadal
