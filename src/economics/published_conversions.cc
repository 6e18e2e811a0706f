#include "economics/published_conversions.h"

#include <cmath>
#include <fmt/format.h>

#include "base/check.h"
#include "economics/bill.h"
#include "economics/frontier.h"
#include "economics/hardware_catalogue.h"
#include "economics/iso_readout.h"
#include "economics/published_points.h"
#include "economics/unit_costs.h"

namespace hadal {
namespace {

constexpr const char* kJune = "2026-06";
constexpr const char* kJuly = "2026-07";

double hyperscaler_price(const char* key, const char* era) {
  const PriceFigure* price =
      HardwareCatalogue::built_in().accelerator(key).price_of(era, PriceTier::kHyperscaler);
  HADAL_CHECK(price != nullptr && price->usd_per_gpu_hour.value);
  return *price->usd_per_gpu_hour.value;
}

double provisioned_kw(const char* key, const char* era) {
  const PowerFigure* power = HardwareCatalogue::built_in().accelerator(key).power_of(era);
  HADAL_CHECK(power != nullptr && power->kw.value);
  return *power->kw.value;
}

// Everything over all tokens: on this the two bases agree.
Conversion usd_total(const std::string& about, const char* key, double rate, double published,
                     double rounding) {
  const double price = hyperscaler_price(key, kJune);
  const double usd = *usd_per_million_tokens(rate, price);
  return {.about = about,
          .given = fmt::format("{:g} tok/s a GPU, ${:g} an hour", rate, price),
          .unit = "$/M total",
          .published = published,
          .rounding = rounding,
          .inferencex = usd,
          .bill = usd};
}

// A B200 of which tokens per second and megawatt were published, total tokens at 50 tok/s a user.
void add_b200(std::vector<Conversion>& out, const std::string& about, double per_megawatt,
              const std::vector<std::pair<double, double>>& published) {
  const double june = provisioned_kw("b200", kJune);
  const double rate = per_megawatt * june / 1000;
  const std::string given = fmt::format("{:g}k tok/s/MW at {:g} kW", per_megawatt / 1000, june);
  out.push_back({.about = about,
                 .given = given,
                 .unit = "tok/s a GPU",
                 .published = published[0].first,
                 .rounding = published[0].second,
                 .inferencex = rate});
  out.push_back(usd_total(about, "b200", rate, published[1].first, published[1].second));
  out.push_back({.about = about,
                 .given = given,
                 .unit = "J/token, provisioned",
                 .published = published[2].first,
                 .rounding = published[2].second,
                 .inferencex = *joules_per_token(rate, june)});
  const double july = provisioned_kw("b200", kJuly);
  out.push_back({.about = about,
                 .given = fmt::format("the same run at {:g} kW, IT power alone", july),
                 .unit = "tok/s/MW",
                 .published = published[3].first,
                 .rounding = published[3].second,
                 .inferencex = *tokens_per_megawatt_second(rate, july)});
}

// Of an average GPU of a disaggregated site, an hour: `decode_share` of it is a GPU that decodes.
Bill role_bill(double price, double decode_share, double input_rate, double output_rate) {
  const auto an_hour = [](double rate) { return static_cast<int64_t>(std::llround(3600 * rate)); };
  return make_bill(
      {.phases = {.prefill = 3600 * (1 - decode_share),
                  .decode = 3600 * decode_share,
                  .basis = PhaseBasis::kByRole},
       .gpus = 1,
       .parts = {{.name = "GPU", .usd_per_hour = price, .usd_per_idle_hour = price}},
       .tokens = {.computed_input = an_hour(input_rate), .output = an_hour(output_rate)}});
}

// GB300 NVL72, SGLang, disaggregated, MTP, June 2026 at 50 tok/s a user: 4,722 output tok/s of a
// GPU that decodes, about 11,200 total over all GPUs, of which one in nine is output.
void add_gb300(std::vector<Conversion>& out) {
  const std::string about = "GB300 SGLang disagg MTP, 8 Jun, 50 tok/s/user";
  constexpr double kPerDecodeGpu = 4722;
  constexpr double kTotalRate = 11200;
  constexpr double kOutputRate = kTotalRate / 9;
  constexpr double kDecodeShare = kOutputRate / kPerDecodeGpu;
  for (const auto& [era, published] : {std::pair{kJune, 0.156}, std::pair{kJuly, 0.136}}) {
    const double price = hyperscaler_price("gb300", era);
    const Bill bill = role_bill(price, kDecodeShare, kTotalRate - kOutputRate, kOutputRate);
    out.push_back({.about = about,
                   .given = fmt::format("{:.0f} output tok/s a decode GPU, ${:g} an hour",
                                        kPerDecodeGpu, price),
                   .unit = "$/M output",
                   .published = published,
                   .rounding = 0.0005,
                   .inferencex = *usd_per_million_tokens(kPerDecodeGpu, price),
                   .bill = bill.usd_per_million.output,
                   .note = fmt::format("decoding alone; computed input is ${:.3f}/M besides",
                                       bill.usd_per_million.computed_input.value_or(0))});
  }
  const double price = hyperscaler_price("gb300", kJune);
  const Bill bill = role_bill(price, kDecodeShare, kTotalRate - kOutputRate, kOutputRate);
  out.push_back({.about = about,
                 .given = fmt::format("{:.0f} tok/s a GPU, ${:g} an hour", kTotalRate, price),
                 .unit = "$/M total",
                 .published = 0.066,
                 .rounding = 0.0005,
                 .inferencex = *usd_per_million_tokens(kTotalRate, price),
                 .bill = bill.usd_per_million.total});
  out.push_back({.about = about,
                 .given = "the whole bill on output, over all GPUs",
                 .unit = "$/M output",
                 .published = 0.59,
                 .rounding = 0.005,
                 .inferencex = *usd_per_million_tokens(kOutputRate, price),
                 .bill = bill.usd_per_million.output,
                 .note = "as a single node is counted"});
}

void add_single_node(std::vector<Conversion>& out) {
  out.push_back(usd_total("GB300, peak", "gb300", 11474, 0.064, 0.0005));
  out.push_back(usd_total("MI355X, peak", "mi355x", 1411, 0.291, 0.0005));
  const double kw = provisioned_kw("mi355x", kJune);
  const auto add = [&](const std::string& about, double rate, double usd, double usd_rounding,
                       double per_megawatt) {
    out.push_back(usd_total(about, "mi355x", rate, usd, usd_rounding));
    out.push_back({.about = about,
                   .given = fmt::format("{:g} tok/s a GPU, {:g} kW", rate, kw),
                   .unit = "tok/s/MW",
                   .published = per_megawatt,
                   .rounding = 500,
                   .inferencex = *tokens_per_megawatt_second(rate, kw)});
  };
  add("MI355X SGLang, 21 May, 256 at once", 2256.1, 0.18, 0.005, 851e3);
  add("MI355X SGLang, 21 May, 50 tok/s/user", 140, 2.94, 0.005, 53e3);
}

std::vector<FrontierPoint> published_curve(std::string_view group) {
  std::vector<FrontierPoint> curve;
  for (const PublishedPoint& point : published_points()) {
    const auto speed = point.interactivity.find("median");
    if (point.group != group || speed == point.interactivity.end()) continue;
    curve.push_back({.interactivity = speed->second, .rates = {.total = point.total_rate_per_gpu}});
  }
  return curve;
}

// As the dashboard did until August 2026: a curve through the costs themselves.
double cost_read_off_costs(const std::vector<FrontierPoint>& curve, double price, double at) {
  std::vector<CurvePoint> rates;
  for (const FrontierPoint& point : curve) {
    rates.push_back({point.interactivity, point.rates.total.value_or(0)});
  }
  std::vector<CurvePoint> costs;
  for (const size_t i : undominated_points(rates)) {
    costs.push_back({rates[i].x, *usd_per_million_tokens(rates[i].y, price)});
  }
  return SteffenCurve(std::move(costs)).at(at).value();
}

// GB200 and GB300, Dynamo vLLM, 22 May: points, and what the page read between them.
void add_rack_curves(std::vector<Conversion>& out) {
  struct Read {
    double at;
    double published;
    double rounding;
  };
  struct Rack {
    const char* key;
    std::vector<std::pair<double, double>> points;  // tok/s a GPU, $/M
    std::vector<Read> read;
  };
  const std::vector<Rack> racks = {
      {"gb200",
       {{1613.8, 0.38}, {2004.5, 0.31}, {3148, 0.20}, {5336.2, 0.10}, {8153.1, 0.08}, {8933, 0.07}},
       {{25, 0.21, 0.005}, {32, 0.36, 0.005}, {50, 4.78, 0.005}}},
      {"gb300",
       {{138.8, 5.31}, {1920, 0.38}, {6812, 0.11}, {11055.6, 0.07}},
       {{25, 0.10, 0.005}, {32, 0.21, 0.005}, {50, 1.58, 0.005}}}};
  for (const Rack& rack : racks) {
    const std::string about = fmt::format("{} Dynamo vLLM disagg, 22 May",
                                          rack.key == std::string("gb200") ? "GB200" : "GB300");
    for (const auto& [rate, published] : rack.points) {
      out.push_back(usd_total(about, rack.key, rate, published, 0.005));
    }
    const double price = hyperscaler_price(rack.key, kJune);
    const auto curve =
        published_curve(fmt::format("{}|dynamo-vllm|disagg|8192/1024|2026-05-22", rack.key));
    for (const Read& read : rack.read) {
      const double rate = rates_at(curve, read.at).total.value();
      out.push_back(
          {.about = about,
           .given = fmt::format("read at {:.0f} tok/s/user, ${:g} an hour", read.at, price),
           .unit = "$/M total",
           .published = read.published,
           .rounding = read.rounding,
           .inferencex = cost_read_off_costs(curve, price, read.at),
           .bill = usd_per_million_tokens(rate, price),
           .note = fmt::format("inferencex: a curve through costs, as until August 2026; bill: "
                               "the cost of {:.0f} tok/s, read off a curve through rates",
                               rate)});
    }
  }
}

// B200, vLLM, measured power of the GPUs' boards beside the constant.
void add_measured_power(std::vector<Conversion>& out) {
  constexpr std::pair<int, double> kProvisioned[] = {
      {64, 1.180}, {128, 0.782}, {256, 0.657}, {512, 0.442}, {1024, 0.293}};
  const double kw = provisioned_kw("b200", kJuly);
  for (const PublishedPoint& point : published_points()) {
    if (point.group != "b200|vllm|DEP8|8192/1024|2026-09-03") continue;
    for (const auto& [concurrency, published] : kProvisioned) {
      if (point.concurrency != concurrency) continue;
      const double rate = point.total_rate_per_gpu.value();
      const double watts = point.power_w_per_gpu.value();
      out.push_back(
          {.about = fmt::format("B200 vLLM, 3 Sep, {} at once", concurrency),
           .given = fmt::format("{:.1f} tok/s a GPU, {:g} kW provisioned", rate, kw),
           .unit = "J/token, provisioned",
           .published = published,
           .rounding = 0.0005,
           .inferencex = *joules_per_token(rate, kw),
           .bill = *joules_per_token(rate, watts / 1000),
           .note = fmt::format("beside it: {:.0f} W measured, boards of the GPUs alone", watts)});
    }
  }
}

}  // namespace

bool Conversion::is_reproduced() const {
  return std::abs(inferencex - published) <= rounding * (1 + 1e-9);
}

std::vector<Conversion> published_conversions() {
  std::vector<Conversion> out;
  add_b200(out, "B200 vLLM, 28 Apr, 50 tok/s/user", 300e3,
           {{651, 0.5}, {0.83, 0.005}, {3.33, 0.005}, {381e3, 500}});
  add_b200(out, "B200 vLLM, 5 Jun, 50 tok/s/user", 500e3,
           {{1085, 0.5}, {0.50, 0.005}, {2.0, 0.05}, {635e3, 500}});
  add_gb300(out);
  add_single_node(out);
  add_rack_curves(out);
  add_measured_power(out);
  return out;
}

}  // namespace hadal
