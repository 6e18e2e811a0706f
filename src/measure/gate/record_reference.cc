#include <algorithm>
#include <fmt/format.h>

#include "base/error.h"
#include "measure/gate/reference.h"

namespace hadal {
namespace {

// What endpoints of unknown context are asked at most.
constexpr int kUnknownContext = 4096;

CanaryPlan plan_for(GateEndpoint& endpoint, const EndpointTraits& traits,
                    const RecordOptions& options) {
  CanaryPlan plan{.seed = options.seed,
                  .context = traits.context > 0 ? traits.context : kUnknownContext,
                  .longest_score = options.longest_score};
  if (!traits.tokenizes || !traits.takes_ids) return plan;
  plan.stream = tokenize_by(endpoint, traits, canary_text(options.seed), false);
  // What the tokenizer puts before a text is what the model saw before every text.
  const std::vector<int32_t> plain = tokenize_by(endpoint, traits, "a", false);
  const std::vector<int32_t> begun = tokenize_by(endpoint, traits, "a", true);
  if (begun.size() == plain.size() + 1) plan.first_token = begun.front();
  return plan;
}

ReferenceVariant variant_of(GateEndpoint& endpoint, const EndpointTraits& traits,
                            const std::vector<Canary>& canaries, const std::string& name,
                            const CanaryProgress& progress) {
  ReferenceVariant variant{.name = name, .engine = traits.engine, .engine_version = traits.version};
  variant.answers = ask_canaries(endpoint, traits, canaries, progress);
  const auto answered = std::count_if(variant.answers.begin(), variant.answers.end(),
                                      [](const CanaryAnswer& a) { return a.error.empty(); });
  constexpr double kLeastShare = 0.5;
  if (static_cast<double>(answered) < kLeastShare * static_cast<double>(canaries.size())) {
    const auto failed = std::find_if(variant.answers.begin(), variant.answers.end(),
                                     [](const CanaryAnswer& a) { return !a.error.empty(); });
    throw Error({.code = ErrorCode::kUnavailable,
                 .where = endpoint.name(),
                 .what = fmt::format("answers only {} of {} canaries: {}", answered,
                                     canaries.size(), failed->error),
                 .remedy = "record the reference from another endpoint"});
  }
  return variant;
}

}  // namespace

Reference record_reference(GateEndpoint& endpoint, const ProbeOptions& probe,
                           const RecordOptions& options, const CanaryProgress& progress) {
  const EndpointTraits traits = probe_endpoint(endpoint, probe);
  Reference reference{.model = traits.model,
                      .checkpoint = options.checkpoint,
                      .recorded_unix = options.now_unix,
                      .seed = options.seed};
  reference.canaries = make_canaries(plan_for(endpoint, traits, options));
  reference.variants.push_back(
      variant_of(endpoint, traits, reference.canaries, options.variant, progress));
  return reference;
}

void record_variant(Reference& reference, GateEndpoint& endpoint, const ProbeOptions& probe,
                    const std::string& name, const CanaryProgress& progress) {
  const EndpointTraits traits = probe_endpoint(endpoint, probe);
  reference.variants.push_back(variant_of(endpoint, traits, reference.canaries, name, progress));
}

}  // namespace hadal
