#include "plan/planner.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <functional>

#include "base/error.h"
#include "base/statistics.h"
#include "economics/bill.h"
#include "economics/catalogue_files.h"
#include "economics/frontier.h"
#include "economics/unit_costs.h"
#include "plan/validation.h"

namespace hadal {
namespace {

constexpr double kDay = 86400;
constexpr double kKilo = 1000;

// Rates and costs of `option` from its candidate and the number of replicas.
class Pricer {
 public:
  Pricer(const PlanQuestion& question, const HardwareCatalogue& catalogue)
      : question_(question), catalogue_(catalogue), era_(catalogue.era(question.era).key) {}

  PlanOption option(PlanCandidate candidate, int replicas) const {
    PlanOption out{.candidate = std::move(candidate), .replicas = replicas};
    const Deployment& deployment = out.candidate.deployment;
    const Prediction& p = out.candidate.prediction;
    out.devices = static_cast<double>(replicas) * deployment.devices();
    out.users = replicas * out.candidate.places;
    out.total_rate = replicas * p.total_rate;
    out.output_rate = replicas * p.output_rate;
    out.memory = deployment_fit(deployment);
    const TimePart part = p.decode.longest();
    out.binding_share = p.decode[part] / std::max(1e-12, p.decode.total());
    out.binds = p.memory_binds    ? "memory for keys"
                : p.prefill_binds ? "prefill"
                                  : std::string(time_part_name(part));
    if (const auto boards = measured_boards(deployment.device.key, out.total_rate / out.devices)) {
      out.board_watts = boards->watts;
      out.idle_share = boards->idle_share();
    }
    price(out, deployment.device.key, p);
    return out;
  }

 private:
  void price(PlanOption& out, const std::string& key, const Prediction& p) const {
    const auto accelerators = catalogue_.accelerators();
    const auto found = std::find_if(accelerators.begin(), accelerators.end(),
                                    [&](const Accelerator& a) { return a.key == key; });
    if (found == accelerators.end()) return;
    if (const PowerFigure* power = found->power_of(era_)) {
      const auto it = kw_per_gpu(*power, PowerScope::kIt, question_.pue);
      if (it && out.total_rate > 0) {
        const double rate = out.total_rate / out.devices;
        out.it_kw = *it * out.devices;
        out.tokens_per_mw_it = tokens_per_megawatt_second(rate, *it);
        out.tokens_per_mw_facility = tokens_per_megawatt_second(rate, *it * question_.pue);
        out.joules_per_token = joules_per_token(rate, *it);
      }
    }
    const PriceFigure* price = found->price_of(era_, question_.tier);
    if (price == nullptr || !price->usd_per_gpu_hour.value || !(out.total_rate > 0)) return;
    const double usd = *price->usd_per_gpu_hour.value;
    out.usd_per_device_hour = usd;
    out.usd_per_hour = usd * out.devices;
    out.usd_per_million_total = usd_per_million_tokens(out.total_rate / out.devices, usd);
    out.usd_per_million_output = usd_per_million_tokens(out.output_rate / out.devices, usd);
    // The bill by time: what prefill keeps the devices busy for pays for computed input.
    const Deployment& d = out.candidate.deployment;
    const double input = p.requests_per_s * question_.shape.input * (1 - question_.shape.hit);
    const double prefill =
        d.prefill ? static_cast<double>(d.prefill->devices()) / d.devices() : p.prefill_share;
    out.bill_input = usd_per_million_tokens(input / d.devices(), usd * prefill);
    out.bill_output = usd_per_million_tokens(p.output_rate / d.devices(), usd * (1 - prefill));
  }

  const PlanQuestion& question_;
  const HardwareCatalogue& catalogue_;
  std::string era_;
};

// At any number of requests at a time.
SearchLimits all_loads(const PlanQuestion& question) {
  return {.most_devices = question.most_devices,
          .disaggregate = question.disaggregate,
          .other_chunks = true};
}

SearchLimits search_limits(const PlanQuestion& question) {
  SearchLimits limits = all_loads(question);
  if (question.users) limits.most_places = std::max(1.0, *question.users);
  return limits;
}

int replicas_for(const PlanQuestion& question, const PlanCandidate& candidate) {
  double replicas = 1;
  if (question.users) replicas = std::max(replicas, std::ceil(*question.users / candidate.places));
  if (question.tokens_per_day) {
    const double a_day = candidate.prediction.total_rate * kDay * question.utilisation;
    replicas = std::max(replicas, std::ceil(*question.tokens_per_day / std::max(a_day, 1.0)));
  }
  constexpr double kMost = 1e6;
  return static_cast<int>(std::min(replicas, kMost));
}

bool meets(const PlanQuestion& question, const PlanCandidate& candidate) {
  const Prediction& p = candidate.prediction;
  if (!(p.total_rate > 0)) return false;
  if (question.interactivity && p.interactivity() < *question.interactivity) return false;
  if (question.longest_gap_s && p.longest_gap_s > *question.longest_gap_s) return false;
  return !question.ttft_s || p.ttft_s <= *question.ttft_s;
}

// Within what may be spent; a budget without a price is not met.
bool affordable(const PlanQuestion& question, const PlanOption& option) {
  if (question.budget_usd_per_hour &&
      !(option.usd_per_hour && *option.usd_per_hour <= *question.budget_usd_per_hour)) {
    return false;
  }
  return !question.facility_megawatts ||
         (option.it_kw && *option.it_kw * question.pue <= *question.facility_megawatts * kKilo);
}

// The question's budget filled with replicas.
int fill(const PlanQuestion& question, const PlanOption& one, int replicas) {
  double most = replicas;
  if (question.users || question.tokens_per_day) return replicas;
  if (question.budget_usd_per_hour && one.usd_per_hour) {
    most = std::max(most, std::floor(*question.budget_usd_per_hour / *one.usd_per_hour));
  }
  if (question.facility_megawatts && one.it_kw) {
    most = std::max(1.0,
                    std::floor(*question.facility_megawatts * kKilo / (*one.it_kw * question.pue)));
  }
  return static_cast<int>(std::min(most, 1e6));
}

Deployment base_deployment(const PlanQuestion& question, const DeviceLimits& device) {
  return {.model = question.model,
          .device = device,
          .engine = question.engine,
          .days = question.days,
          .speculation = question.speculation};
}

std::string gigabytes(double bytes) { return fmt::format("{:.0f} GB", bytes / 1e9); }

// Why a device cannot do it, and what would.
std::string why_not(const PlanQuestion& question, const DeviceLimits& device,
                    const std::vector<PlanCandidate>& candidates) {
  if (const auto reason = device.cannot_time()) return *reason;
  if (const auto reason = device.cannot_fit()) return *reason;
  if (candidates.empty()) {
    const double need = model_bytes(question.model, {}).all();
    if (!device.joined) {
      return fmt::format("the weights take {}, it has {} of memory, and nothing joins several",
                         gigabytes(need), gigabytes(device.memory_bytes));
    }
    int enough = 1;
    while (enough < 1024 && possible_spreads(base_deployment(question, device), enough).empty()) {
      enough *= 2;
    }
    return fmt::format(
        "the weights take {}, and {} of them hold {}; {}", gigabytes(need), question.most_devices,
        gigabytes(question.most_devices * device.memory_bytes),
        enough < 1024 ? fmt::format("{} would do (--most-devices {})", enough, enough)
                      : std::string("no number of them helps"));
  }
  double speed = 0;
  double ttft_s = candidates.front().prediction.ttft_s;
  double gap_s = candidates.front().prediction.longest_gap_s;
  for (const PlanCandidate& c : candidates) {
    speed = std::max(speed, c.prediction.interactivity());
    ttft_s = std::min(ttft_s, c.prediction.ttft_s);
    gap_s = std::min(gap_s, c.prediction.longest_gap_s);
  }
  return fmt::format(
      "no deployment of up to {} meets the limits; the fastest gives {:.3g} tok/s to a user, the "
      "soonest first token comes after {:.2g} s, the shortest longest gap is {:.2g} s",
      question.most_devices, speed, ttft_s, gap_s);
}

// `cheapest_beyond`: what meets all but the budget, where anything does.
[[noreturn]] void throw_unanswerable(const PlanQuestion& question,
                                     const std::vector<std::string>& reasons,
                                     const std::string& cheapest_beyond) {
  if (cheapest_beyond.empty()) {
    constexpr size_t kMost = 4;
    std::string list;
    for (size_t i = 0; i < std::min(kMost, reasons.size()); ++i) {
      list += (i == 0 ? " " : "; ") + reasons[i];
    }
    if (reasons.size() > kMost) {
      list += fmt::format("; and so on for {} more", reasons.size() - kMost);
    }
    throw Error({.code = ErrorCode::kResourceExhausted,
                 .where = "the question",
                 .what = "has no answer with this hardware:" + list,
                 .remedy = "ask for less speed, more devices (--most-devices) or other hardware"});
  }
  throw Error(
      {.code = ErrorCode::kResourceExhausted,
       .where = question.budget_usd_per_hour ? "--budget" : "--power",
       .what = "is below what anything takes that meets the rest; nearest is " + cheapest_beyond,
       .remedy = "raise it, ask for less speed, or name other hardware"});
}

ErrorBand error_band(const DeviceLimits& of, const Constants& constants,
                     const HardwareCatalogue& catalogue) {
  // Of points that the constants were not fitted to: an error of the others would flatter.
  std::vector<PublishedCase> cases;
  for (PublishedCase& c :
       read_published_cases(built_in_published_points(), "published.json", catalogue)) {
    if (c.kind != CaseKind::kReadOff && c.deployment && !is_calibration_group(c.group)) {
      cases.push_back(std::move(c));
    }
  }
  const Validation validation = validate(std::move(cases), constants);
  for (const bool exact : {true, false}) {
    std::vector<double> ratios;
    std::vector<double> errors;
    for (const ValidatedPoint& point : validation.points) {
      if (!point.usable || !point.mature) continue;
      const DeviceLimits& device = point.point.deployment->device;
      if (exact ? device.key != of.key : device.family != of.family) continue;
      ratios.push_back(1 / *point.ratio());
      errors.push_back(std::abs(*point.ratio() - 1));
    }
    constexpr size_t kEnough = 12;
    if (ratios.size() < kEnough) continue;
    return {.points = static_cast<int>(ratios.size()),
            .low = quantile(ratios, 0.1),
            .high = quantile(ratios, 0.9),
            .median_error = median(errors),
            .of = exact ? of.key : std::string(device_family_name(of.family)) + " devices"};
  }
  return {.of = "too little was measured: a factor of two either way is a guess"};
}

std::vector<Sensitivity> sensitivities(const PlanQuestion& question, const PlanOption& option) {
  const Constants& constants = question.constants;
  const PlanCandidate& candidate = option.candidate;
  const auto family = static_cast<size_t>(candidate.deployment.device.family);
  const auto rate = [&](const Deployment& d, const Constants& c, const RequestShape& shape) {
    return predict(d, c, shape, candidate.places).total_rate / candidate.prediction.total_rate;
  };
  std::vector<Sensitivity> rows;
  for (size_t id = 0; id < kConstants; ++id) {
    const ConstantSpec& spec = constant_table()[id];
    Constants low = constants;
    Constants high = constants;
    low.scale(static_cast<Constant>(id), spec.low);
    high.scale(static_cast<Constant>(id), spec.high);
    rows.push_back(
        {.assumption = fmt::format("{} x {:g} to x {:g}{}", spec.name, spec.low, spec.high,
                                   spec.calibrated[family] ? "" : " (estimate)"),
         .low_factor = rate(candidate.deployment, low, question.shape),
         .high_factor = rate(candidate.deployment, high, question.shape)});
  }
  if (question.shape.hit > 0) {
    RequestShape less = question.shape;
    RequestShape more = question.shape;
    less.hit = std::max(0.0, less.hit - 0.05);
    more.hit = std::min(0.999, more.hit + 0.03);
    rows.push_back({.assumption = fmt::format("prefix hit {:.2f} to {:.2f}", less.hit, more.hit),
                    .low_factor = rate(candidate.deployment, constants, less),
                    .high_factor = rate(candidate.deployment, constants, more)});
  }
  if (question.speculation.drafts > 0) {
    Deployment less = candidate.deployment;
    Deployment more = candidate.deployment;
    less.speculation.adapts = more.speculation.adapts = false;
    const double gain = less.speculation.tokens_per_step - 1;
    less.speculation.tokens_per_step = 1 + 0.7 * gain;
    more.speculation.tokens_per_step = 1 + 1.3 * gain;
    rows.push_back({.assumption = "accepted drafts 30 % fewer to 30 % more",
                    .low_factor = rate(less, constants, question.shape),
                    .high_factor = rate(more, constants, question.shape)});
  }
  std::sort(rows.begin(), rows.end(),
            [](const Sensitivity& a, const Sensitivity& b) { return a.spread() > b.spread(); });
  constexpr size_t kShown = 8;
  if (rows.size() > kShown) rows.resize(kShown);
  return rows;
}

void assume(PlanQuestion& question, PlanAnswer& answer) {
  constexpr double kReading = 20;  // tokens per second of a user, faster than people read
  if (!question.interactivity && !question.ttft_s) {
    question.interactivity = kReading;
    constexpr double kPatience = 10;
    question.ttft_s = kPatience;
    answer.assumptions.emplace_back(
        "20 tokens per second for each user: faster than people read, the first after at most 10 s "
        "(--interactivity, --ttft)");
  }
  answer.assumptions.push_back(fmt::format(
      "requests like {}: {:.0f} tokens in, {:.0f} out, {:.0f} % of the input from a prefix cache "
      "(--workload)",
      question.workload, question.shape.input, question.shape.output, 100 * question.shape.hit));
  answer.assumptions.push_back(
      fmt::format("engine {}, as it is {:.0f} weeks after the release of V4 (--engine, --weeks{})",
                  question.engine.name, question.days / 7,
                  question.engine.name.find('@') == std::string::npos
                      ? ""
                      : "; the version itself says nothing of its age"));
  answer.assumptions.push_back(
      question.speculation.drafts > 0
          ? fmt::format("{} drafts, {:.2f} tokens a step: {} (--speculation)",
                        question.speculation.drafts, question.speculation.tokens_per_step,
                        question.speculation.source)
          : std::string("no speculation (--speculation)"));
  answer.assumptions.push_back(fmt::format("{} prices, facility power {:.2f} times IT power",
                                           price_tier_name(question.tier), question.pue));
  if (question.users) {
    answer.assumptions.emplace_back("all users have a request under way at the same time");
  }
}

// Of the hardware that was picked: what the catalogue lacks and what nobody looked up.
void tell_missing(PlanAnswer& answer) {
  std::vector<std::string> told;
  for (const PlanAnswer::Pick& pick : answer.picks) {
    const DeviceLimits& device = pick.option.candidate.deployment.device;
    if (std::find(told.begin(), told.end(), device.key) != told.end()) continue;
    told.push_back(device.key);
    for (const std::string& line : device.missing) {
      answer.assumptions.push_back(device.key + ": " + line);
    }
  }
}

std::optional<TraceHits> trace_hits(const PlanQuestion& question, const PlanOption& option) {
  if (!question.trace) return std::nullopt;
  const Deployment& deployment = option.candidate.deployment;
  const double tokens = option.memory.tokens(deployment.model) * deployment.serve.spread.dp *
                        deployment.serve.workers * option.replicas;
  const double need =
      option.users / option.replicas / std::max(1.0, option.candidate.prediction.most_running);
  const double left = std::max(0.0, 1 - need) * tokens;
  return TraceHits{.tokens = left,
                   .low = question.trace->shape(0.75 * left).hit,
                   .high = question.trace->shape(1.25 * left).hit};
}

void ask_next(const PlanQuestion& question, const PlanOption& best, PlanAnswer& answer) {
  if (question.users) {
    answer.next_questions.emplace_back(
        "How many of the users wait for an answer at the same time? Usually a tenth: measure it, "
        "then give that number as --users.");
  }
  if (question.shape.hit == 0) {
    answer.next_questions.emplace_back(
        "How much of the input repeats? Agents and long chats reuse 80 to 97 %: "
        "--workload 16000:800:0.9 shows what that saves.");
  }
  if (question.speculation.drafts == 0 && question.model.drafter != DrafterKind::kNone) {
    answer.next_questions.emplace_back(
        "The checkpoint brings a drafter: --speculation mtp3 shows what it gives at this load.");
  }
  if (!best.usd_per_hour) {
    answer.next_questions.emplace_back(
        "What does the hardware cost you? The catalogue has no price of it: give one in a file "
        "with --catalogue.");
  }
  answer.next_questions.emplace_back(
      "Before buying, measure one machine: hadal measure quick --url http://...");
}

}  // namespace

void use_year(PlanQuestion& question, LoadYear year) {
  question.year = std::move(year);
  if (!question.year.load.empty()) question.utilisation = question.year.use();
  question.pue = question.year.worst_pue(question.pue);
}

double Sensitivity::spread() const {
  return std::abs(std::log(std::max(low_factor, 1e-9))) +
         std::abs(std::log(std::max(high_factor, 1e-9)));
}

PlanAnswer answer_plan(PlanQuestion question, const HardwareCatalogue& catalogue,
                       const PriceCatalogue& prices) {
  const Constants& constants = question.constants;
  PlanAnswer answer;
  assume(question, answer);
  const Pricer pricer(question, catalogue);
  std::vector<PlanOption> options;
  std::string cheapest_beyond;  // the budget, of all devices
  double least_beyond = 0;
  for (const DeviceLimits& device : question.devices) {
    std::vector<PlanCandidate> candidates;
    if (!device.cannot_time() && !device.cannot_fit()) {
      candidates = all_candidates(base_deployment(question, device), constants, question.shape,
                                  search_limits(question));
    }
    bool found = false;
    std::optional<double> unaffordable;  // the least of what meets everything but the budget
    for (PlanCandidate& candidate : candidates) {
      if (!meets(question, candidate)) continue;
      const int replicas = replicas_for(question, candidate);
      PlanOption option = pricer.option(candidate, replicas);
      if (!affordable(question, option)) {
        const auto cost = question.budget_usd_per_hour ? option.usd_per_hour : option.it_kw;
        if (cost && (!unaffordable || *cost < *unaffordable)) unaffordable = cost;
        continue;
      }
      if (const int more = fill(question, option, replicas); more > replicas) {
        option = pricer.option(candidate, more);
      }
      options.push_back(std::move(option));
      found = true;
    }
    if (found) continue;
    std::string reason;
    if (unaffordable) {
      reason = fmt::format("{:.4g} {}", *unaffordable,
                           question.budget_usd_per_hour ? "$/h at least" : "kW of IT at least");
      if (cheapest_beyond.empty() || *unaffordable < least_beyond) {
        cheapest_beyond = device.key + ", " + reason;
        least_beyond = *unaffordable;
      }
    } else {
      reason = why_not(question, device, candidates);
    }
    answer.left_out.push_back(device.key + ": " + reason);
  }
  if (options.empty()) throw_unanswerable(question, answer.left_out, cheapest_beyond);
  using Score = std::function<std::optional<double>(const PlanOption&)>;
  const std::vector<std::pair<std::string, Score>> objectives = {
      {"cheapest",
       [&](const PlanOption& o) {
         // Of a fixed demand the whole bill counts, of a budget what a token costs.
         return question.users || question.tokens_per_day ? o.usd_per_hour
                                                          : o.usd_per_million_total;
       }},
      {"fewest devices", [](const PlanOption& o) { return std::optional(o.devices); }},
      {"most tokens per device",
       [](const PlanOption& o) { return std::optional(-o.total_rate / o.devices); }},
      {"least energy per token", [](const PlanOption& o) { return o.joules_per_token; }},
      {"fastest for a user",
       [](const PlanOption& o) { return std::optional(-o.candidate.prediction.interactivity()); }}};
  for (const auto& [name, score] : objectives) {
    const PlanOption* best = nullptr;
    for (const PlanOption& option : options) {
      const auto value = score(option);
      if (value && (best == nullptr || *value < *score(*best))) best = &option;
    }
    if (best != nullptr) answer.picks.push_back({.objective = name, .option = *best});
  }
  const PlanOption& first = answer.picks.front().option;
  std::vector<PlanOption> own;
  std::vector<CurvePoint> curve;
  PlanQuestion free = question;
  free.interactivity.reset();
  free.ttft_s.reset();
  free.longest_gap_s.reset();
  for (PlanCandidate& candidate :
       all_candidates(base_deployment(question, first.candidate.deployment.device), constants,
                      question.shape, all_loads(question))) {
    if (!meets(free, candidate)) continue;
    curve.push_back({candidate.prediction.interactivity(), candidate.total_per_device()});
    own.push_back(pricer.option(std::move(candidate), 1));
  }
  // Points that differ by less than 4 % in both are one.
  constexpr double kAlike = 1.04;
  for (const size_t index : undominated_points(curve)) {
    const CurvePoint& point = curve[index];
    if (!answer.frontier.empty()) {
      const PlanOption& last = answer.frontier.back();
      const double speed = last.candidate.prediction.interactivity();
      const double rate = last.candidate.total_per_device();
      if (point.x < kAlike * speed && rate < kAlike * point.y) continue;
    }
    answer.frontier.push_back(own[index]);
  }
  answer.sensitivity = sensitivities(question, first);
  answer.error = error_band(first.candidate.deployment.device, constants, catalogue);
  answer.trace_hits = trace_hits(question, first);
  tell_missing(answer);
  answer.money = plan_money(question, first, answer.error, catalogue, prices);
  ask_next(question, first, answer);
  return answer;
}

}  // namespace hadal
