#include "plan/plan_report.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <vector>

#include "base/error.h"
#include "base/units.h"

namespace hadal {
namespace {

constexpr double kThousand = 1000;  // milliseconds in a second, kWh in a MWh

// Three or four digits, thousands with commas.
std::string figure(double value) {
  if (!std::isfinite(value)) return "–";
  if (std::abs(value) >= kThousand) {
    std::string digits = fmt::format("{:.0f}", value);
    const size_t sign = value < 0 ? 1 : 0;
    for (size_t at = digits.size(); at > sign + 3;) {
      at -= 3;
      digits.insert(at, ",");
    }
    return digits;
  }
  return fmt::format("{:.3g}", value);
}

struct Line {
  std::string label = {};
  std::string value = {};
  std::string formula = {};
};

struct Section {
  std::string title = {};
  std::vector<Line> lines = {};
};

std::string spread_text(const Role& role) {
  const Spread& s = role.spread;
  std::string text = s.dp > 1 ? fmt::format("DEP{}", s.dp * s.tp) : fmt::format("TP{}", s.tp);
  if (s.cp > 1) text += fmt::format(" CP{}", s.cp);
  if (s.pp > 1) text += fmt::format(" in {} stages", s.pp);
  return role.workers > 1 ? fmt::format("{} x {}", role.workers, text) : text;
}

std::string time_formula(const StepTime& time) {
  std::string text;
  for (size_t i = 0; i < kTimeParts; ++i) {
    const double ms = kThousand * time.seconds[i];
    if (ms < 0.005) continue;
    text += fmt::format("{}{} {:.2f} ms", text.empty() ? "" : " + ",
                        time_part_name(static_cast<TimePart>(i)), ms);
  }
  return text;
}

void add_optional(Section& section, std::string label, const std::optional<double>& value,
                  std::string_view unit, std::string formula) {
  if (!value) return;
  section.lines.push_back(
      {std::move(label), fmt::format("{}{}", figure(*value), unit), std::move(formula)});
}

// What engines with a pool of their own say of it at their start.
std::string printed_pool(const Deployment& d, const MemoryFit& fit, double longest) {
  if (fit.layout.kind == PoolKind::kBytes || !has_pool_layout(d.model)) return "";
  PoolSetting setting = fit.setting;
  setting.longest = longest;
  return fmt::format("; the engine would print about {} tokens{} for each copy of the attention",
                     figure(pool_tokens(d.model, fit.layout, setting, fit.cache)),
                     fit.layout.kind == PoolKind::kVllm ? " with that as its longest request" : "");
}

std::string option_text(const PlanOption& o) {
  const Deployment& d = o.candidate.deployment;
  return fmt::format("{:.0f} x {} ({}){}", o.devices, d.device.key, deployment_text(d),
                     o.replicas > 1 ? fmt::format(", {} replicas", o.replicas) : std::string());
}

// A deployment with everything that it is the best in.
struct NamedPick {
  std::string objectives = {};
  const PlanOption* option = nullptr;
};

std::vector<NamedPick> named_picks(const PlanAnswer& answer) {
  std::vector<NamedPick> named;
  for (const PlanAnswer::Pick& pick : answer.picks) {
    const auto same = std::ranges::find_if(named, [&](const NamedPick& other) {
      return option_text(*other.option) == option_text(pick.option) &&
             other.option->users == pick.option.users;
    });
    if (same == named.end()) {
      named.push_back({.objectives = pick.objective, .option = &pick.option});
    } else {
      same->objectives += ", " + pick.objective;
    }
  }
  return named;
}

Section short_section(const PlanAnswer& answer) {
  Section section{.title = "In short"};
  for (const PlanAnswer::Pick& pick : answer.picks) {
    const PlanOption& o = pick.option;
    std::string value = option_text(o) + ": ";
    if (o.usd_per_hour) value += figure(*o.usd_per_hour) + " $/h, ";
    if (o.usd_per_million_total) {
      value += figure(*o.usd_per_million_total) + " $ per million tokens, ";
    }
    value += figure(o.candidate.prediction.interactivity()) + " tok/s for a user";
    section.lines.push_back(
        {pick.objective, std::move(value),
         "$/h: devices x price of one; $ per million tokens: that / millions of "
         "tokens of an hour; tok/s: 1 / seconds between tokens of a user"});
  }
  return section;
}

Section pick_section(const PlanQuestion& question, const NamedPick& pick) {
  const PlanOption& o = *pick.option;
  const PlanCandidate& c = o.candidate;
  const Prediction& p = c.prediction;
  const Deployment& d = c.deployment;
  Section section{.title = pick.objectives + ": " + option_text(o)};
  auto& lines = section.lines;
  lines.push_back(
      {"requests at a time", figure(o.users),
       fmt::format("{:.0f} replicas x {:.0f} places each", 1.0 * o.replicas, c.places)});
  lines.push_back(
      {"speed for a user", figure(p.interactivity()) + " tok/s",
       fmt::format("tokens of a step / (decode step + prompts between steps) = 1 / {:.2f} ms; a "
                   "decode step takes {:.2f} ms: {}",
                   kThousand * p.tpot_s, kThousand * p.step_s, time_formula(p.decode))});
  lines.push_back(
      {"first token after", figure(p.ttft_s) + " s",
       fmt::format("waiting + {:.0f} ms of prefill: {}", kThousand * p.prefill_parts.total(),
                   time_formula(p.prefill_parts))});
  lines.push_back({"longest gap between steps", figure(p.longest_gap_s) + " s",
                   d.prefill
                       ? std::string("a decode step: prompts are computed elsewhere")
                       : fmt::format("a decode step + one chunk of a prompt, {:.0f} rows at most{}",
                                     d.engine.chunk,
                                     d.engine.gathers_prefills ? ", of all copies at once" : "")});
  lines.push_back(
      {"tokens", figure(o.total_rate) + " tok/s",
       fmt::format("{:.4g} requests/s x ({:.0f} in + {:.0f} out)", p.requests_per_s * o.replicas,
                   question.shape.input, question.shape.output)});
  lines.push_back({"of them output", figure(o.output_rate) + " tok/s",
                   fmt::format("{:.4g} requests/s x {:.0f}", p.requests_per_s * o.replicas,
                               question.shape.output)});
  lines.push_back({"tokens per device", figure(o.total_rate / o.devices) + " tok/s",
                   fmt::format("{:.0f} / {:.0f} devices", o.total_rate, o.devices)});
  add_optional(section, "bill", o.usd_per_hour, " $/h",
               fmt::format("{:.0f} devices x {:.2f} $/h ({})", o.devices,
                           o.usd_per_device_hour.value_or(0), price_tier_name(question.tier)));
  add_optional(section, "per million tokens, all", o.usd_per_million_total, " $",
               "bill / (all tokens of an hour / 10^6)");
  add_optional(section, "per million output (InferenceX)", o.usd_per_million_output, " $",
               "the whole bill / (output tokens of an hour / 10^6)");
  add_optional(section, "per million input (by time)", o.bill_input, " $",
               fmt::format("bill x {:.0f} % of the time that prefill takes / (computed input / "
                           "10^6)",
                           100 * p.prefill_share));
  add_optional(section, "per million output (by time)", o.bill_output, " $",
               "bill x the rest of the time / (output / 10^6)");
  add_optional(section, "IT power, provisioned", o.it_kw, " kW",
               "devices x kW of the catalogue, with their share of host and network");
  add_optional(section, "tokens per MW of IT", o.tokens_per_mw_it, " tok/s",
               "tokens per device x 1000 / kW");
  add_optional(section, "tokens per MW of the facility", o.tokens_per_mw_facility, " tok/s",
               fmt::format("that / {:.2f}", question.pue));
  add_optional(section, "energy per token, provisioned", o.joules_per_token, " J",
               "IT power / tokens");
  add_optional(section, "board power, as measured at loads", o.board_watts, " W",
               "least squares through published measurements: watts of idle boards + slope x "
               "tokens per device; host, network and cooling are not in it");
  if (d.device.domain > 1) {
    lines.push_back({"nodes or racks", figure(std::ceil(o.devices / d.device.domain)),
                     fmt::format("devices / {} that share a scale-up link (catalogue), rounded up",
                                 d.device.domain)});
  }
  const MemoryFit& m = o.memory;
  const double request = question.shape.input + question.shape.output;
  lines.push_back(
      {"memory of a device",
       fmt::format("{} GB: weights {}, engine {}, links {}, work {}, free {}, keys {}",
                   figure(m.device_bytes / kGiga), figure(m.weights / kGiga),
                   figure(m.context / kGiga), figure(m.links / kGiga), figure(m.workspace / kGiga),
                   figure(m.kept_free / kGiga), figure(m.cache / kGiga)),
       fmt::format("keys: {:.0f} bytes a token and {:.2f} MB a sequence; room for {:.0f} "
                   "sequences of {:.0f} tokens{}",
                   pool_token_bytes(d.model, m.layout, m.setting),
                   pool_request_bytes(d.model, m.layout, m.setting, 0) / kMega,
                   m.sequences(d.model, request), request, printed_pool(d, m, request))});
  lines.push_back({"what binds",
                   fmt::format("{} ({:.0f} % of a decode step)", o.binds, 100 * o.binding_share),
                   time_formula(p.decode)});
  return section;
}

Section frontier_section(const PlanAnswer& answer) {
  Section section{.title = "Frontier of " +
                           answer.picks.front().option.candidate.deployment.device.key +
                           " (speed for a user, tokens per device)"};
  for (const PlanOption& o : answer.frontier) {
    section.lines.push_back(
        {fmt::format("{:>9} tok/s", figure(o.candidate.prediction.interactivity())),
         fmt::format("{} tok/s per device, {} at a time, {}", figure(o.total_rate / o.devices),
                     figure(o.users), deployment_text(o.candidate.deployment)),
         fmt::format("binds: {}; {}", o.binds, time_formula(o.candidate.prediction.decode))});
  }
  return section;
}

Section sensitivity_section(const PlanAnswer& answer) {
  Section section{.title = "What it hangs on (total tokens, at the low and the high end)"};
  for (const Sensitivity& row : answer.sensitivity) {
    if (row.spread() < 0.01) continue;
    section.lines.push_back({row.assumption,
                             fmt::format("{:+.0f} % to {:+.0f} %", 100 * (row.low_factor - 1),
                                         100 * (row.high_factor - 1)),
                             "the same prediction with the assumption changed"});
  }
  return section;
}

Section money_section(const PlanAnswer& answer) {
  Section section{.title = "Own, rent or API"};
  if (!answer.money.break_even) return section;
  const BreakEven& b = *answer.money.break_even;
  const std::string at = fmt::format(" at {:.0f} % use", 100 * b.utilisation);
  add_optional(section, "own, per million tokens" + at, b.own_usd_per_million, " $",
               "cost of owning per hour / (tokens of a busy hour x use)");
  add_optional(section, "  of it for idle hours", answer.money.idle_usd_per_hour, " $/h",
               fmt::format("cost of an idle hour x (1 - {:.2f})", b.utilisation));
  add_optional(section, "rent by the busy hour", b.rent_usd_per_million, " $",
               "rent per hour / tokens of a busy hour");
  add_optional(section, "API: " + answer.money.api, b.api_usd_per_million, " $",
               "list prices of the same mix of tokens");
  const auto from = [&](const std::string& label, const std::optional<double>& share) {
    section.lines.push_back(
        {label, share ? fmt::format("from {:.0f} % use on", 100 * *share) : "at no use",
         "hours x cost of owning = use x hours x the other's price of as many tokens"});
  };
  if (b.api_usd_per_million) from("owning is cheaper than the API", b.own_beats_api_from);
  if (b.rent_usd_per_million) from("owning is cheaper than rent", b.own_beats_rent_from);
  return section;
}

Section year_section(const PlanQuestion& question, const PlanAnswer& answer) {
  Section section{.title = "Electricity over a year"};
  if (!answer.money.year) return section;
  const YearBill& year = *answer.money.year;
  const PlanOption& o = answer.picks.front().option;
  std::vector<Line>& lines = section.lines;
  lines.push_back(
      {"use of the machine", fmt::format("{:.0f} %", 100 * year.use),
       question.year.load.empty()
           ? "--utilisation"
           : "mean over the greatest hour of --load-curve: machines are enough for that"});
  lines.push_back(
      {"IT power, mean", figure(year.mean_kw) + " kW",
       fmt::format(
           "mean over the hours of idle + (busy - idle) x use of the hour; busy {} kW as "
           "provisioned, idle {}",
           figure(answer.money.busy_kw),
           o.idle_share < 1
               ? fmt::format("{:.2f} of it, by the line through measured boards", o.idle_share)
               : std::string("the same: no boards were measured at such loads"))});
  lines.push_back({"PUE, mean and worst season",
                   fmt::format("{:.2f}, {:.2f}", year.mean_pue, year.worst_pue),
                   "--season-pue, or --pue at all times; provisioning takes the worst"});
  lines.push_back({"energy of a year", figure(year.kwh_per_year / kThousand) + " MWh",
                   "mean IT power x mean PUE x 8760 h / 1000"});
  if (question.year.usd_per_kwh.empty()) return section;
  lines.push_back({"electricity", figure(year.usd_per_hour) + " $/h",
                   "mean over the hours of power x tariff, x mean PUE; a published price of the "
                   "machine has its own electricity in it"});
  lines.push_back({"  least and dearest hour",
                   fmt::format("{} and {} $/h", figure(year.least_usd_per_hour),
                               figure(year.dearest_usd_per_hour)),
                   "the same of one hour of the day"});
  add_optional(section, "  per million tokens", answer.money.electricity_usd_per_million, " $",
               "electricity per hour / (tokens of a busy hour x use)");
  return section;
}

Section option_section(const PlanAnswer& answer) {
  Section section{.title = "Is it worth waiting? (tokens from the API until then)"};
  const PlanMoney& money = answer.money;
  if (!money.waiting_input || money.waiting.rows.empty()) return section;
  const WaitingInput& in = *money.waiting_input;
  const auto dollars = [](double value) { return figure(value) + " $ per million tokens"; };
  section.lines.push_back(
      {"own from today on", dollars(money.waiting.own_today),
       fmt::format(
           "mean over {:.0f} weeks (--horizon) and four cases: excess of a young stack x {:g} "
           "or x {:g}, cost x {:.2f} or x {:.2f} (the error band turned round); chances that "
           "keep each mean",
           in.horizon_weeks, in.excess_low, in.excess_high, in.cost_low, in.cost_high)});
  section.lines.push_back(
      {"decided today", dollars(money.waiting.committed),
       fmt::format("the lesser of that and the API's {}", figure(in.elsewhere))});
  for (const WaitingRow& row : money.waiting.rows) {
    section.lines.push_back(
        {fmt::format("decided after {:.0f} weeks", row.weeks),
         fmt::format("{}: waiting {} {}", dollars(row.usd_per_million),
                     row.option_value > 0 ? "saves" : "costs", figure(std::abs(row.option_value))),
         fmt::format(
             "the API for {:.0f} weeks, then in each case the lesser of owning (chance {:.0f} "
             "%) and the API",
             row.weeks, 100 * row.probability)});
  }
  return section;
}

Section work_section(const PlanQuestion& question) {
  const PlanModel& model = question.model;
  const double depth = question.shape.input + question.shape.output / 2;
  const TokenWork work = token_work(model, depth);
  Section section{.title = fmt::format("Work of one token at a depth of {:.0f}", depth)};
  const auto flops = [&](std::string label, double value, std::string formula) {
    section.lines.push_back(
        {std::move(label), figure(value / kGiga) + " GFLOP", std::move(formula)});
  };
  flops("FP8 products", work.fp8_flops, "2 x FP8 parameters of all layers, experts apart");
  flops("routed experts", work.expert_flops,
        fmt::format("2 x {} layers x {} experts x 3 x {} x {}", model.layers(), model.topk_experts,
                    model.hidden, model.expert_width));
  flops("BF16 and FP32 products", work.wide_flops,
        "2 x parameters of compressors, gates and stream mixing");
  flops("head", work.head_flops, fmt::format("2 x {} x {}", model.vocab, model.hidden));
  flops("attention", work.attention_flops,
        "2 x heads x (key + value columns) x entries seen, over the layers");
  flops("indexer", work.indexer_flops, "2 x index heads x columns x index keys, over the layers");
  section.lines.push_back({"keys read", figure(work.attention_bytes / kMega) + " MB",
                           "bytes of an entry x entries seen, over the layers"});
  section.lines.push_back({"index keys read", figure(work.index_bytes / kMega) + " MB",
                           "bytes of an index key x index keys, over the layers"});
  return section;
}

Section trace_section(const PlanQuestion& question, const PlanAnswer& answer) {
  Section section{.title = "Prefix hits of the trace"};
  if (!answer.trace_hits) return section;
  const TraceHits& hits = *answer.trace_hits;
  section.lines.push_back({"where nothing is forgotten",
                           fmt::format("{:.1f} %", 100 * question.shape.hit),
                           "input whose blocks came before in the trace; assumed above"});
  section.lines.push_back(
      {"of the first deployment",
       fmt::format("{:.1f} % to {:.1f} %", 100 * hits.low, 100 * hits.high),
       fmt::format(
           "the same with a cache of 0.75 and 1.25 x {:.3g} tokens, which its memory leaves "
           "beside running requests; used longest ago goes first",
           hits.tokens)});
  return section;
}

Section waiting_section(const PlanQuestion& question, const PlanAnswer& answer) {
  Section section{.title = "Waiting (kernels of a young engine, time over the mature one's)"};
  if (question.engine.floor <= 0) return section;
  const DeviceFamily family = answer.picks.front().option.candidate.deployment.device.family;
  for (const int weeks : kWaitingWeeks) {
    const double factor = youth_factor(question.constants, family, 7.0 * weeks);
    section.lines.push_back(
        {fmt::format("{} weeks after a release", weeks), fmt::format("{:.2f} times", factor),
         fmt::format("1 + {:g} x e^(-{} days / {:g})",
                     question.constants.get(Constant::kYouthExcess, family), 7 * weeks,
                     question.constants.get(Constant::kYouthDays, family))});
  }
  return section;
}

std::vector<Section> sections(const PlanQuestion& question, const PlanAnswer& answer) {
  std::vector<Section> all;
  all.push_back(short_section(answer));
  for (const NamedPick& pick : named_picks(answer)) all.push_back(pick_section(question, pick));
  all.push_back(frontier_section(answer));
  all.push_back(work_section(question));
  all.push_back(trace_section(question, answer));
  all.push_back(sensitivity_section(answer));
  all.push_back(money_section(answer));
  all.push_back(year_section(question, answer));
  all.push_back(option_section(answer));
  all.push_back(waiting_section(question, answer));
  return all;
}

std::string error_text(const ErrorBand& error) {
  if (error.points == 0) return error.of;
  return fmt::format(
      "of {} measured points of {} that the constants were not fitted to, the median error is "
      "{:.0f} %; the truth lay between {:.2f} and "
      "{:.2f} times the prediction in eight cases of ten (hadal plan validate)",
      error.points, error.of, 100 * error.median_error, error.low, error.high);
}

// "■■■■" for what owning costs against the API at each use, where both are known.
std::string break_even_chart(const PlanAnswer& answer) {
  if (!answer.money.break_even || !answer.money.break_even->own_usd_per_million) return "";
  const BreakEven& b = *answer.money.break_even;
  std::string out = "Owning, $ per million tokens, by use of the machine\n";
  const double full = *b.own_usd_per_million * b.utilisation;
  constexpr int kWidth = 40;
  constexpr int kSteps[] = {5, 10, 20, 30, 50, 70, 100};
  const double most = full / 0.05;
  for (const int percent : kSteps) {
    const double cost = full * 100 / percent;
    const int bar = std::max(1, static_cast<int>(std::lround(kWidth * cost / most)));
    std::string marks;
    for (int i = 0; i < bar; ++i) marks += "=";
    out += fmt::format("  {:>3} %  {:<40} {}\n", percent, marks, figure(cost));
  }
  if (b.api_usd_per_million) out += fmt::format("  the API: {}\n", figure(*b.api_usd_per_million));
  return out + "\n";
}

}  // namespace

std::string deployment_text(const Deployment& d) {
  if (!d.prefill) {
    const std::optional<EngineTraits> usual = find_engine(d.engine.name);
    const bool own = !usual || usual->chunk == d.engine.chunk;
    return spread_text(d.serve) +
           (own ? std::string() : fmt::format(", chunks of {:.0f}", d.engine.chunk));
  }
  return fmt::format("prefill {}, decode {}", spread_text(*d.prefill), spread_text(d.serve));
}

std::string plan_text(const PlanQuestion& question, const PlanAnswer& answer) {
  std::string out = "Assumed\n";
  for (const std::string& line : answer.assumptions) out += "  " + line + "\n";
  out += "\n";
  int mark = 0;
  for (const Section& section : sections(question, answer)) {
    if (section.lines.empty()) continue;
    out += section.title + "\n";
    for (const Line& line : section.lines) {
      out += fmt::format("  {:<34} {} [{}]\n", line.label, line.value, ++mark);
    }
    out += "\n";
  }
  out += break_even_chart(answer);
  out += "How wrong this may be\n  " + error_text(answer.error) + "\n";
  if (!answer.left_out.empty()) {
    out += "\nLeft out\n";
    for (const std::string& line : answer.left_out) out += "  " + line + "\n";
  }
  out += "\nWhat to settle next\n";
  for (const std::string& line : answer.next_questions) out += "  " + line + "\n";
  out += "\nhadal plan ... --explain N shows where the number marked [N] comes from.\n";
  return out;
}

std::string explain_number(const PlanQuestion& question, const PlanAnswer& answer, int mark) {
  int number_of = 0;
  for (const Section& section : sections(question, answer)) {
    for (const Line& line : section.lines) {
      if (++number_of != mark) continue;
      return fmt::format("[{}] {}\n    {}: {}\n    = {}\n", mark, section.title, line.label,
                         line.value, line.formula);
    }
  }
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = "--explain",
               .what = fmt::format("the answer has no number [{}]", mark),
               .remedy = fmt::format("give 1 to {}", number_of)});
}

std::string constants_text() {
  std::string out = "| constant | unit |";
  for (size_t i = 0; i < kDeviceFamilies; ++i) {
    out += fmt::format(" {} |", device_family_name(static_cast<DeviceFamily>(i)));
  }
  out += " range | meaning | source |\n|---|---|";
  for (size_t i = 0; i < kDeviceFamilies; ++i) out += "---|";
  out += "---|---|---|\n";
  for (const ConstantSpec& spec : constant_table()) {
    out += fmt::format("| `{}` | {} |", spec.name, spec.unit);
    for (size_t i = 0; i < kDeviceFamilies; ++i) {
      out += fmt::format(" {:g}{} |", spec.values[i], spec.calibrated[i] ? " *" : "");
    }
    out += fmt::format(" x {:g} to x {:g} | {} | {} |\n", spec.low, spec.high, spec.meaning,
                       spec.source);
  }
  return out + "\n* set by a fit to half of the published curves; the others are estimates\n";
}

}  // namespace hadal
