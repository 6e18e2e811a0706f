// What hadal bench engine prints.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bench/load/engine_bench.h"

namespace hadal {
namespace {

std::string soak_text(const SoakFigures& soak) {
  const auto megabytes = [](auto bytes) { return static_cast<double>(bytes) * 1e-6; };
  std::string text;
  const auto row = [&](const char* name, const std::string& figure) {
    text += fmt::format("{:<34}{}\n", name, figure);
  };
  row("seconds", fmt::format("{:.0f}", soak.seconds));
  row("requests", fmt::format("{} ended, {} of them cancelled", soak.finished, soak.cancelled));
  row("preemptions, evictions", fmt::format("{}, {}", soak.preemptions, soak.evictions));
  row("prompt tokens found in the cache", fmt::format("{:.1f} %", 100 * soak.hit_rate));
  row("memory beyond weights, most",
      fmt::format("{:.1f} MB, allowed {:.1f} + {:.1f}", megabytes(soak.peak_bytes),
                  megabytes(soak.kv_memory), megabytes(SoakFigures::kAllowance)));
  row("growth, last quarter over second", fmt::format("{:.1f} MB", megabytes(soak.growth_bytes)));
  row("answers", fmt::format("{} kinds checked against the request alone, {} wrong",
                             soak.checked_answers, soak.wrong_answers));
  row("sound", soak.sound() ? "yes" : fmt::format("NO: {}", soak.fault()));
  return text;
}

}  // namespace

std::string engine_report_text(const EngineReport& report) {
  std::string text =
      fmt::format("engine with {}; {} {}, {} kernels, activations {}\n\n", report.model,
                  report.threads, report.threads == 1 ? "thread" : "threads", isa_name(report.isa),
                  policy_name(report.activations));
  if (report.soak) return text + soak_text(*report.soak);
  const auto row = [&](const std::string& name, const std::string& figure) {
    text += fmt::format("{:<44}{}\n", name, figure);
  };
  const ThroughputFigures& t = report.throughput;
  row(fmt::format("{} requests together, tokens/s", t.requests),
      fmt::format("{:.1f}", t.together_tokens_per_s));
  row("the same one after the other, tokens/s", fmt::format("{:.1f}", t.alone_tokens_per_s));
  row("ratio", fmt::format("{:.2f}, with {} prompt tokens and {} of answer each", t.ratio(),
                           t.prompt_tokens, t.answer_tokens));
  const FirstTokenFigures& f = report.first_token;
  row("first token of a short request, idle", fmt::format("{:.1f} ms", 1e3 * f.idle_seconds));
  row(fmt::format("  while {} tokens are computed", f.long_prompt),
      fmt::format("{:.1f} ms (most {:.1f}), most {} steps of {} ms", 1e3 * f.median_seconds,
                  1e3 * f.greatest_seconds, f.greatest_steps, f.budget_ms));
  row("  first token of the long one", fmt::format("{:.1f} s", f.long_seconds));
  const RestartFigures& r = report.restart;
  row(fmt::format("{} tokens after a restart", r.prompt_tokens),
      fmt::format("{} computed, first token after {:.3f} s instead of {:.3f}, answer {}",
                  r.computed_tokens, r.second_seconds, r.first_seconds,
                  r.same_answer ? "the same" : "ANOTHER"));
  return text;
}

std::string engine_report_json(const EngineReport& report) {
  nlohmann::ordered_json json = {{"model", report.model},
                                 {"isa", isa_name(report.isa)},
                                 {"activations", policy_name(report.activations)},
                                 {"threads", report.threads},
                                 {"page_tokens", report.page_tokens}};
  if (report.soak) {
    const SoakFigures& soak = *report.soak;
    json["soak"] = {{"seconds", soak.seconds},
                    {"kv_memory", soak.kv_memory},
                    {"finished", soak.finished},
                    {"cancelled", soak.cancelled},
                    {"preemptions", soak.preemptions},
                    {"evictions", soak.evictions},
                    {"hit_rate", soak.hit_rate},
                    {"peak_bytes", soak.peak_bytes},
                    {"allowance_bytes", SoakFigures::kAllowance},
                    {"growth_bytes", soak.growth_bytes},
                    {"checked_answers", soak.checked_answers},
                    {"wrong_answers", soak.wrong_answers},
                    {"sound", soak.sound()}};
    return json.dump(2) + "\n";
  }
  const ThroughputFigures& t = report.throughput;
  json["throughput"] = {{"requests", t.requests},
                        {"prompt_tokens", t.prompt_tokens},
                        {"answer_tokens", t.answer_tokens},
                        {"together_tokens_per_s", t.together_tokens_per_s},
                        {"alone_tokens_per_s", t.alone_tokens_per_s},
                        {"rounds", t.rounds},
                        {"ratio", t.ratio()}};
  const FirstTokenFigures& f = report.first_token;
  json["first_token"] = {
      {"long_prompt_tokens", f.long_prompt}, {"idle_seconds", f.idle_seconds},
      {"median_seconds", f.median_seconds},  {"greatest_seconds", f.greatest_seconds},
      {"greatest_steps", f.greatest_steps},  {"step_budget_ms", f.budget_ms},
      {"long_seconds", f.long_seconds}};
  const RestartFigures& r = report.restart;
  json["restart"] = {{"prompt_tokens", r.prompt_tokens},
                     {"computed_tokens", r.computed_tokens},
                     {"first_seconds", r.first_seconds},
                     {"second_seconds", r.second_seconds},
                     {"same_answer", r.same_answer}};
  return json.dump(2) + "\n";
}

}  // namespace hadal
