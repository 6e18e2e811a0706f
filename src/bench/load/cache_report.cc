// What hadal bench cache prints.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bench/load/cache_bench.h"

namespace hadal {
namespace {

std::string share_text(const TimeShare& share) {
  return fmt::format("{:.2f} % (most {:.2f} %)", 100 * share.mean, 100 * share.greatest);
}

std::string contexts_text(const ModelCacheReport& model) {
  std::string text = fmt::format("{:>10}{:>16}{:>16}{:>10}{:>16}{:>14}\n", "tokens", "bytes",
                                 "formula", "over", "fixed state", "of bf16 GQA-8");
  for (const ContextSize& size : model.contexts) {
    text += fmt::format("{:>10}{:>16}{:>16}{:>8.2f} %{:>16}{:>14}\n", size.tokens,
                        size.history_bytes, size.formula_bytes, 100 * size.over_formula(),
                        size.fixed_bytes, fmt::format("1/{:.1f}", size.gqa_ratio()));
  }
  return text;
}

std::string day_text(const ModelCacheReport& model) {
  const CacheOutcome& outcome = model.cache.outcome;
  std::string text;
  const auto row = [&](const char* name, const std::string& figure) {
    text += fmt::format("{:<34}{:>26}\n", name, figure);
  };
  row("requests", fmt::format("{} ({} hung up)", outcome.requests, outcome.hung_up));
  row("hours, of the first to the last", fmt::format("{:.1f}", outcome.seconds / 3600));
  row("tokens of a prompt, median, most",
      fmt::format("{}, {}", outcome.median_prompt, outcome.longest_prompt));
  row("prompt tokens found in the cache", fmt::format("{:.1f} %", 100 * outcome.hit_rate()));
  row("tokens computed, millions",
      fmt::format("{:.1f}", static_cast<double>(outcome.computed_tokens) * 1e-6));
  row("running, waiting sequences, mean",
      fmt::format("{:.1f}, {:.1f}", outcome.mean_running, outcome.mean_waiting));
  row("preemptions", fmt::format("{}", outcome.preemptions));
  row("evicted blocks", fmt::format("{}", outcome.evicted_blocks));
  row("pool in use", share_text(outcome.used));
  row("pool wasted", share_text(outcome.waste));
  row("pool free but of no use", share_text(outcome.fragmented));
  row("pool in images, counted as used", share_text(model.cache.images));
  row("pool kept for requests to come", share_text(model.cache.idle));
  row("prefixes, pages checked",
      fmt::format("{}, {}", model.cache.checked_prefixes, model.cache.checked_pages));
  row("of them wrong", fmt::format("{}", model.cache.wrong_pages));
  return text;
}

nlohmann::ordered_json share_json(const TimeShare& share) {
  return {{"mean", share.mean}, {"greatest", share.greatest}};
}

nlohmann::ordered_json outcome_json(const CacheOutcome& o) {
  return {{"requests", o.requests},
          {"completed", o.completed},
          {"hung_up", o.hung_up},
          {"simulated_seconds", o.seconds},
          {"median_prompt_tokens", o.median_prompt},
          {"longest_prompt_tokens", o.longest_prompt},
          {"prompt_tokens", o.prompt_tokens},
          {"cached_tokens", o.cached_tokens},
          {"hit_rate", o.hit_rate()},
          {"computed_tokens", o.computed_tokens},
          {"answer_tokens", o.answer_tokens},
          {"mean_running", o.mean_running},
          {"mean_waiting", o.mean_waiting},
          {"preemptions", o.preemptions},
          {"recomputed_tokens", o.recomputed_tokens},
          {"evicted_blocks", o.evicted_blocks},
          {"used_share", share_json(o.used)},
          {"wasted_share", share_json(o.waste)},
          {"fragmented_share", share_json(o.fragmented)}};
}

}  // namespace

std::string cache_report_text(const CacheBenchReport& report) {
  const SimulatedCosts& costs = report.options.costs;
  std::string text = fmt::format(
      "bytes: pages of 256 tokens and the windows of all layers; formula: A n/4 (584 + 68) + B "
      "n/128 "
      "584 + L min(n, 128) 584\n"
      "a day: {} requests with seed {}, a pool of {:.1f} GB, at most {} sequences at once\n"
      "a step takes {:g} ms, {:g} ms more for a row that decodes, {:g} ms for one of a prefill, "
      "{:g} "
      "ns for a row and each token before it\n",
      report.options.traffic.requests, report.options.traffic.seed,
      static_cast<double>(report.options.pool_bytes) * 1e-9, report.options.max_running,
      costs.step * 1e3, costs.decode_row * 1e3, costs.prefill_row * 1e3, costs.context_row * 1e9);
  for (const ModelCacheReport& model : report.models) {
    text += fmt::format("\n{}: {} blocks of {} bytes\n\n", model.model, model.cache.blocks,
                        model.cache.block_bytes);
    text += contexts_text(model) + "\n" + day_text(model);
  }
  text +=
      "\nwasted: allocated bytes that hold no live entry, over the pool; free but of no use: what\n"
      "lies free while a request waits that could not have it; means over time\n";
  if (!report.sound()) text += "WRONG PAGES: the cache gave back what belongs to other tokens\n";
  return text;
}

std::string cache_report_json(const CacheBenchReport& report) {
  const SimulatedCosts& costs = report.options.costs;
  nlohmann::ordered_json json = {{"requests", report.options.traffic.requests},
                                 {"seed", report.options.traffic.seed},
                                 {"pool_bytes", report.options.pool_bytes},
                                 {"max_running", report.options.max_running},
                                 {"costs",
                                  {{"step_seconds", costs.step},
                                   {"decode_row_seconds", costs.decode_row},
                                   {"prefill_row_seconds", costs.prefill_row},
                                   {"context_row_seconds", costs.context_row}}},
                                 {"sound", report.sound()},
                                 {"models", nlohmann::ordered_json::array()}};
  for (const ModelCacheReport& model : report.models) {
    nlohmann::ordered_json contexts = nlohmann::ordered_json::array();
    for (const ContextSize& size : model.contexts) {
      contexts.push_back({{"tokens", size.tokens},
                          {"bytes", size.history_bytes},
                          {"formula_bytes", size.formula_bytes},
                          {"over_formula", size.over_formula()},
                          {"fixed_state_bytes", size.fixed_bytes},
                          {"gqa8_bf16_bytes", size.gqa_bytes},
                          {"gqa8_bf16_ratio", size.gqa_ratio()}});
    }
    nlohmann::ordered_json cache = outcome_json(model.cache.outcome);
    cache["blocks"] = model.cache.blocks;
    cache["block_bytes"] = model.cache.block_bytes;
    cache["image_share"] = share_json(model.cache.images);
    cache["idle_share"] = share_json(model.cache.idle);
    cache["evicted_images"] = model.cache.evicted_images;
    cache["checked_prefixes"] = model.cache.checked_prefixes;
    cache["checked_pages"] = model.cache.checked_pages;
    cache["wrong_pages"] = model.cache.wrong_pages;
    json["models"].push_back({{"model", model.model}, {"contexts", contexts}, {"cache", cache}});
  }
  return json.dump(2) + "\n";
}

}  // namespace hadal
