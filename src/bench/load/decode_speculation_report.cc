// What hadal bench decode --speculation prints.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bench/load/decode_speculation.h"

namespace hadal {
namespace {

std::string text_name(SpeculatedText text) {
  switch (text) {
    case SpeculatedText::kPrompt:
      return "prompt";
    case SpeculatedText::kQuote:
      return "quote";
    case SpeculatedText::kRandom:
      break;
  }
  return "random";
}

// Of all times that guesses were checked, the share in which that at a place was kept, and with it
// all before it.
std::vector<double> kept_at(const SpeculationRun& run) {
  std::vector<double> kept;
  for (const int64_t accepted : run.accepted_at) {
    if (run.drafts == 0 || accepted == 0) break;
    kept.push_back(static_cast<double>(accepted) / static_cast<double>(run.drafts));
  }
  return kept;
}

double share_of_drafting(const SpeculationRun& run) {
  return run.draft_seconds / (run.draft_seconds + run.step_seconds);
}

}  // namespace

std::string decode_speculation_text(const DecodeSpeculationReport& report) {
  const SpeculationRun& plain = report.plain;
  const SpeculationRun& run = report.guessing;
  constexpr double kMs = 1e3;
  const std::optional<double> gain = report.expected_gain();
  const std::string expected = gain ? fmt::format(", expected {:.2f}", *gain) : "";
  std::string text = fmt::format(
      "decode {} with speculation {}; its drafter: {}; {} {}, {} kernels, activations {}\n"
      "text: {}; batch {}, prompts of {} tokens, answers of up to {}\n\n"
      "{:<28}{:>10}{:>10}\n"
      "{:<28}{:>10.1f}{:>10.1f}   gain {:.2f}{}\n"
      "{:<28}{:>10.3f}{:>10.3f}\n"
      "{:<28}{:>10.3f}{:>10.3f}   {:.1f} % of the time\n"
      "{:<28}{:>10.2f}{:>10.2f}\n"
      "{:<28}{:>10.2f}{:>10.2f}\n",
      report.model, speculation_text(report.options.speculation), report.drafter,
      report.options.threads, report.options.threads == 1 ? "thread" : "threads",
      isa_name(report.isa), policy_name(report.options.model.activations),
      text_name(report.options.text), report.options.batch, report.context, report.options.tokens,
      "", "off", "guessing", "tokens/s", plain.tokens_per_s, run.tokens_per_s, report.gain(),
      expected, "ms a step", kMs * plain.step_seconds, kMs * run.step_seconds,
      "ms of drafting a step", 0.0, kMs * run.draft_seconds, 100 * share_of_drafting(run),
      "tokens a step and request", plain.tokens_per_step, run.tokens_per_step,
      "rows a step and request", 1.0, 1 + run.drafts_per_step);
  text += "kept at each place          ";
  for (const double kept : kept_at(run)) text += fmt::format(" {:.2f}", kept);
  if (run.drafts == 0) text += " no guesses were checked";
  text += fmt::format(
      "\ndecisions, by request and step: guesses pay {}, do not pay {}, tried all the same {}; "
      "steps in which the model's drafter rested: {}\n",
      run.decisions.planned, run.decisions.declined - run.decisions.probes, run.decisions.probes,
      run.decisions.rests);
  return text;
}

std::string decode_speculation_json(const DecodeSpeculationReport& report) {
  using Json = nlohmann::ordered_json;
  const SpeculationRun& run = report.guessing;
  const std::optional<double> expected = report.expected_gain();
  return Json{{"model", report.model},
              {"speculation", speculation_text(report.options.speculation)},
              {"drafter", report.drafter},
              {"threads", report.options.threads},
              {"isa", isa_name(report.isa)},
              {"activations", policy_name(report.options.model.activations)},
              {"text", text_name(report.options.text)},
              {"batch", report.options.batch},
              {"prompt_tokens", report.context},
              {"answer_tokens", report.options.tokens},
              {"plain_tokens_per_s", report.plain.tokens_per_s},
              {"tokens_per_s", run.tokens_per_s},
              {"gain", report.gain()},
              {"expected_gain", expected ? Json(*expected) : Json()},
              {"plain_step_seconds", report.plain.step_seconds},
              {"step_seconds", run.step_seconds},
              {"draft_seconds", run.draft_seconds},
              {"tokens_per_step", run.tokens_per_step},
              {"rows_per_step", 1 + run.drafts_per_step},
              {"kept_at", kept_at(run)},
              {"pays", run.decisions.planned},
              {"does_not_pay", run.decisions.declined - run.decisions.probes},
              {"probes", run.decisions.probes},
              {"rested_steps", run.decisions.rests}}
             .dump(2) +
         "\n";
}

}  // namespace hadal
