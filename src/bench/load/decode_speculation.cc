#include "bench/load/decode_speculation.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/as_size.h"
#include "base/statistics.h"
#include "bench/load/engine_client.h"
#include "bench/random_bits.h"
#include "checkpoint/v4/checkpoint.h"

namespace hadal {
namespace {

constexpr int kRandomPrompt = 32;
constexpr int kAnswerTokens = 128;

// Allows nothing but these tokens, one after the other.
class QuoteConstraint final : public TokenConstraint {
 public:
  explicit QuoteConstraint(std::vector<int32_t> tokens) : tokens_(std::move(tokens)) {}
  void fill_mask(std::span<uint64_t> mask) override {
    const auto token = static_cast<size_t>(tokens_[std::min(next_, tokens_.size() - 1)]);
    mask[token / 64] |= uint64_t{1} << token % 64;
  }
  void advance(int32_t) override { ++next_; }
  void rollback(int count) override { next_ -= as_size(count); }

 private:
  const std::vector<int32_t> tokens_;
  size_t next_ = 0;
};

// Phrases of 4 to 19 tokens, of which each comes about thirty times, after others each time; in
// their midst tokens that stand nowhere else, as names and numbers do in a text.
std::vector<int32_t> text_of_phrases(const ModelConfig& config, int tokens) {
  constexpr uint64_t kPhraseUses = 30;
  const uint64_t phrases = std::max(uint64_t{2}, as_size(tokens) / (12 * kPhraseUses));
  const auto vocab = static_cast<uint64_t>(config.vocab_size);
  std::vector<int32_t> text;
  for (uint64_t i = 0; text.size() < as_size(tokens); ++i) {
    const uint64_t phrase = scrambled(i) % phrases;
    const uint64_t length = 4 + scrambled(phrase) % 16;
    for (uint64_t j = 0; j < length; ++j) {
      text.push_back(static_cast<int32_t>(scrambled(phrase << 8 | j) % vocab));
    }
    if (i % 5 == 4) text.push_back(static_cast<int32_t>(scrambled(~i) % vocab));
  }
  text.resize(as_size(tokens));
  return text;
}

double of_rounds(const std::vector<SpeculationRun>& rounds, double SpeculationRun::*figure) {
  std::vector<double> values;
  for (const SpeculationRun& round : rounds) values.push_back(round.*figure);
  return median(std::move(values));
}

SpeculationRun summary(const std::vector<SpeculationRun>& rounds) {
  SpeculationRun all;
  for (double SpeculationRun::*figure :
       {&SpeculationRun::tokens_per_s, &SpeculationRun::tokens_per_step,
        &SpeculationRun::drafts_per_step, &SpeculationRun::step_seconds,
        &SpeculationRun::draft_seconds}) {
    all.*figure = of_rounds(rounds, figure);
  }
  for (const SpeculationRun& round : rounds) {
    all.tokens += round.tokens;
    all.drafts += round.drafts;
    for (size_t i = 0; i < all.accepted_at.size(); ++i) all.accepted_at[i] += round.accepted_at[i];
    all.decisions.planned += round.decisions.planned;
    all.decisions.probes += round.decisions.probes;
    all.decisions.declined += round.decisions.declined;
    all.decisions.plans += round.decisions.plans;
    all.decisions.rests += round.decisions.rests;
    all.decisions.gain += round.decisions.gain;
  }
  return all;
}

std::string drafter_name(const ModelConfig& config) {
  if (config.usable_stages() == 0) return "none";
  return config.drafter == DrafterKind::kMtp ? "mtp" : "dspark";
}

}  // namespace

std::optional<double> DecodeSpeculationReport::expected_gain() const {
  const SpeculatorStatistics& decisions = guessing.decisions;
  if (options.speculation.drafts > 0 || decisions.plans == 0) return std::nullopt;
  return decisions.gain / static_cast<double>(decisions.plans);
}

DecodeSpeculationReport bench_decode_speculation(const std::filesystem::path& directory,
                                                 const DecodeSpeculationOptions& options) {
  const Checkpoint checkpoint = Checkpoint::open(directory);
  const ModelConfig& config = checkpoint.config();
  DecodeSpeculationReport report{.options = options, .drafter = drafter_name(config)};
  report.isa = options.model.isa;
  report.context = options.context > 0 ? options.context : kRandomPrompt;
  if (options.text == SpeculatedText::kPrompt) {
    report.context = static_cast<int>(options.prompt.size());
  }
  const int tokens = options.tokens > 0                       ? options.tokens
                     : options.text == SpeculatedText::kQuote ? report.context
                                                              : kAnswerTokens;
  report.options.tokens = tokens;
  if (report.context + tokens >= config.max_positions) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "--context",
                 .what = std::to_string(report.context) + " tokens and an answer of " +
                         std::to_string(tokens) + " are more than the model's context of " +
                         std::to_string(config.max_positions),
                 .remedy = "choose less of one of them"});
  }
  const auto request = [&](int number) {
    if (options.text == SpeculatedText::kPrompt) {
      return GenerateRequest{.prompt = options.prompt,
                             .sampling = {.temperature = 0},
                             .max_tokens = tokens,
                             .stop_tokens = {config.eos_token}};
    }
    if (options.text == SpeculatedText::kRandom) {
      return made_up_request(made_up_prompt(config, report.context, as_size(number)), tokens,
                             as_size(number));
    }
    GenerateRequest made = made_up_request(text_of_phrases(config, report.context), tokens, 0);
    made.constraint = std::make_shared<QuoteConstraint>(made.prompt);
    return made;
  };
  const auto runner = [&](const Speculation& speculation) {
    return SpeculationRunner({.checkpoint = checkpoint,
                              .model = options.model,
                              .threads = options.threads,
                              .batch = options.batch,
                              .prompt_tokens = report.context,
                              .answer_tokens = tokens,
                              .request = request,
                              .speculation = speculation});
  };
  SpeculationRunner plain = runner({.kind = SpeculationKind::kOff});
  SpeculationRunner guessing = runner(options.speculation);
  std::vector<SpeculationRun> plain_rounds;
  std::vector<SpeculationRun> guessing_rounds;
  for (int round = 1; round <= options.rounds; ++round) {
    if (options.progress) options.progress("round " + std::to_string(round));
    plain_rounds.push_back(plain.measure());
    guessing_rounds.push_back(guessing.measure());
  }
  report.plain = summary(plain_rounds);
  report.guessing = summary(guessing_rounds);
  return report;
}

}  // namespace hadal
