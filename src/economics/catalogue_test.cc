// The built-in catalogues against what their sources say, and what users may write instead.
#include <gtest/gtest.h>
#include <set>

#include "base/error.h"
#include "economics/catalogue_fields.h"
#include "economics/hardware_catalogue.h"
#include "economics/price_catalogue.h"
#include "economics/published_points.h"

namespace hadal {
namespace {

template <typename Do>
std::string refusal(Do run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string refusal_of(const std::string& text, const std::string& where = "mine.toml") {
  return refusal([&] {
    HardwareCatalogue catalogue = HardwareCatalogue::built_in();
    catalogue.read(text, where);
  });
}

std::vector<const Figure*> figures_of(const Accelerator& a) {
  std::vector<const Figure*> figures = {&a.memory_gb,          &a.usable_memory_gb,
                                        &a.bandwidth_tb_s,     &a.effective_bandwidth_tb_s,
                                        &a.reserved_memory_gb, &a.fp4_tflops,
                                        &a.fp8_tflops,         &a.bf16_tflops,
                                        &a.scale_up_domain,    &a.scale_up_gb_s_one_way,
                                        &a.scale_out_gbit_s,   &a.tdp_w,
                                        &a.list_price_usd};
  for (const PowerFigure& power : a.power) figures.push_back(&power.kw);
  for (const PriceFigure& price : a.prices) figures.push_back(&price.usd_per_gpu_hour);
  return figures;
}

TEST(HardwareCatalogue, TellsOfEveryFigureWhereItIsFrom) {
  const HardwareCatalogue& catalogue = HardwareCatalogue::built_in();
  std::set<std::string> eras;
  for (const Era& era : catalogue.eras()) eras.insert(era.key);
  std::vector<const Figure*> figures;
  for (const Accelerator& accelerator : catalogue.accelerators()) {
    EXPECT_FALSE(accelerator.name.empty()) << accelerator.key;
    for (const Figure* figure : figures_of(accelerator)) figures.push_back(figure);
    for (const PowerFigure& power : accelerator.power) {
      EXPECT_TRUE(power.era.empty() || eras.contains(power.era)) << power.era;
    }
    for (const PriceFigure& price : accelerator.prices) {
      EXPECT_TRUE(eras.contains(price.era)) << price.era;
    }
  }
  for (const Processor& processor : catalogue.processors()) {
    figures.insert(figures.end(), {&processor.memory_channels, &processor.memory_mt_s,
                                   &processor.bandwidth_gb_s, &processor.tdp_w});
  }
  int known = 0;
  for (const Figure* figure : figures) {
    if (!figure->is_known()) continue;
    ++known;
    const auto source = catalogue.sources().find(figure->source);
    ASSERT_NE(source, catalogue.sources().end()) << "\"" << figure->source << "\"";
    // A date, unless the source itself says that it has none; arithmetic says how.
    EXPECT_EQ(figure->date.empty(), source->second.date.empty()) << figure->source;
    EXPECT_TRUE(figure->source != "derived" || !figure->note.empty());
  }
  EXPECT_GT(known, 250);
}

TEST(HardwareCatalogue, KeepsPowerAndPriceOfEveryEraApart) {
  const HardwareCatalogue& catalogue = HardwareCatalogue::built_in();
  const Accelerator& b200 = catalogue.accelerator("b200");
  const PowerFigure& june = *b200.power_of("2026-06");
  const PowerFigure& july = *b200.power_of("2026-07");
  EXPECT_EQ(june.kw.value, 2.17);
  EXPECT_EQ(june.counts, PowerScope::kFacility);
  EXPECT_EQ(july.kw.value, 1.71);
  EXPECT_EQ(july.counts, PowerScope::kIt);
  // With a PUE of 1.27 the two tell the same.
  EXPECT_NEAR(kw_per_gpu(june, PowerScope::kIt, 1.27).value(), 1.71, 0.005);
  EXPECT_NEAR(kw_per_gpu(july, PowerScope::kFacility, 1.27).value(), 2.17, 0.005);
  EXPECT_FALSE(kw_per_gpu(july, PowerScope::kFacility, 0.9).has_value());

  const auto price = [&](const char* key, const char* era, PriceTier tier) {
    const PriceFigure* found = catalogue.accelerator(key).price_of(era, tier);
    return found == nullptr ? std::nullopt : found->usd_per_gpu_hour.value;
  };
  EXPECT_EQ(price("b200", "2026-06", PriceTier::kNeocloud), 2.34);
  EXPECT_EQ(price("gb300", "2026-06", PriceTier::kHyperscaler), 2.652);
  EXPECT_EQ(price("gb300", "2026-07", PriceTier::kHyperscaler), 2.31);
  EXPECT_EQ(price("gb300", "2026-09", PriceTier::kRental), 5.00);
  EXPECT_EQ(price("gb300", "2026-09", PriceTier::kNeocloud), std::nullopt);
  EXPECT_EQ(price("mi355x", "2026-07", PriceTier::kNeocloud), 2.09);
  EXPECT_EQ(catalogue.accelerator("mi355x").power_of("2026-06")->kw.value, 2.65);
  EXPECT_EQ(catalogue.era("").key, "2026-09");
  EXPECT_EQ(catalogue.default_pue(), 1.2);
  EXPECT_EQ(catalogue.accelerator("vr200").fp4_tflops.value, std::nullopt);
  EXPECT_EQ(catalogue.accelerator("vr200").fp4_tflops.high, 50000);
  EXPECT_EQ(catalogue.processor("epyc-genoa-9654").bandwidth_gb_s.value, 460.8);
}

TEST(HardwareCatalogue, IsAddedToByAFileOfTheUser) {
  HardwareCatalogue catalogue = HardwareCatalogue::built_in();
  const size_t before = catalogue.accelerators().size();
  catalogue.read(R"(
[[accelerators]]
key = "b200"
memory_gb = 183
[[accelerators.prices]]
tier = "rental"
usd_per_gpu_hour = 2.49
note = "our contract"
[[accelerators]]
key = "home-card"
name = "A card at home"
tdp_w = { value = 350, date = "2026-01" }
)",
                 "mine.toml");
  EXPECT_EQ(catalogue.accelerators().size(), before + 1);
  const Accelerator& b200 = catalogue.accelerator("b200");
  EXPECT_EQ(b200.memory_gb.value, 183);
  EXPECT_EQ(b200.memory_gb.source, "mine.toml");
  EXPECT_EQ(b200.bandwidth_tb_s.value, 8);
  // Whatever the era: of this tier there is one price now.
  for (const char* era : {"2026-06", "2026-07", "2026-09"}) {
    EXPECT_EQ(b200.price_of(era, PriceTier::kRental)->usd_per_gpu_hour.value, 2.49);
    EXPECT_EQ(b200.price_of(era, PriceTier::kRental)->usd_per_gpu_hour.source, "mine.toml");
  }
  EXPECT_EQ(b200.price_of("2026-06", PriceTier::kNeocloud)->usd_per_gpu_hour.value, 2.34);
  EXPECT_EQ(catalogue.accelerator("home-card").tdp_w.date, "2026-01");
}

TEST(HardwareCatalogue, RefusesByNameWhatItDoesNotKnow) {
  const auto says = [](const std::string& text, const std::string& part) {
    const std::string refused = refusal_of(text);
    EXPECT_NE(refused.find("mine.toml"), std::string::npos) << text;
    EXPECT_NE(refused.find(part), std::string::npos) << refused;
  };
  says("[[accelerators]]\nkey = \"b200\"\nmemory_bg = 1\n",
       "accelerators[0].memory_bg is not a known key; did you mean \"memory_gb\"?");
  says("[[accelerator]]\nkey = \"b200\"\n", "did you mean \"accelerators\"?");
  says("[[accelerators]]\nname = \"x\"\n", "accelerators[0].key");
  says("[[accelerators]]\nkey = \"B 200\"\n", "lower-case");
  says("[[accelerators]]\nkey = \"b200\"\nmemory_gb = -1\n", "must be a number from 0");
  says("[[accelerators]]\nkey = \"b200\"\nmemory_gb = \"1\"\n", "must be a number");
  says("[[accelerators]]\nkey = \"b200\"\nmemory_gb = { low = 2 }\n", "low");
  says("[[accelerators]]\nkey = \"b200\"\n[[accelerators.power]]\ncounts = \"all\"\nkw = 1\n",
       "must be \"it\" or \"facility\"");
  says("[pue]\nair = 0.5\n", "at least 1");
  says("schema = \"hadal.hardware/2\"\n", "hadal.hardware/1");
  says("[[accelerators]", "line 1");
  EXPECT_NE(refusal_of("[1]", "mine.json").find("mine.json"), std::string::npos);

  const HardwareCatalogue& catalogue = HardwareCatalogue::built_in();
  EXPECT_NE(refusal([&] { catalogue.accelerator("b2000"); }).find("did you mean b200?"),
            std::string::npos);
  EXPECT_NE(refusal([&] { catalogue.era("2025-06"); }).find("did you mean 2026-06?"),
            std::string::npos);
}

ApiPriceQuery pro_at(std::string_view time) {
  return {.provider = "DeepSeek", .model = "deepseek-v4-pro", .unix_seconds = *unix_time(time)};
}

TEST(PriceCatalogue, KnowsWhatTheHourAndTheDayCost) {
  const PriceCatalogue& catalogue = PriceCatalogue::built_in();
  const auto input_at = [&](std::string_view time) {
    const ApiPrice* price = catalogue.price_at(pro_at(time));
    return price == nullptr ? -1 : price->per_million.input;
  };
  EXPECT_EQ(input_at("2026-04-23"), -1);
  EXPECT_EQ(input_at("2026-04-25"), 0.435);
  EXPECT_EQ(catalogue.price_at(pro_at("2026-04-25"))->per_million.cached_input, 0.0145);
  EXPECT_EQ(catalogue.price_at(pro_at("2026-05-01"))->per_million.cached_input, 0.003625);
  EXPECT_EQ(input_at("2026-08-16T15:59Z"), 0.435);
  EXPECT_EQ(input_at("2026-08-16T16:00Z"), 0.66);
  // The 7th of September was a Monday.
  EXPECT_EQ(input_at("2026-09-07T02:00Z"), 1.32);
  EXPECT_EQ(input_at("2026-09-07T04:00Z"), 0.66);
  EXPECT_EQ(input_at("2026-09-07T09:59Z"), 1.32);
  EXPECT_EQ(input_at("2026-09-12T02:00Z"), 0.66);
  ApiPriceQuery yuan = pro_at("2026-09-07T02:00Z");
  yuan.currency = "CNY";
  EXPECT_EQ(catalogue.price_at(yuan)->per_million.output, 27);
  EXPECT_EQ(catalogue.price_at({.provider = "DeepSeek", .model = "other"}), nullptr);
}

TEST(PriceCatalogue, WeighsTheHoursOfAWeekByTheLoad) {
  const PriceCatalogue& catalogue = PriceCatalogue::built_in();
  // 35 of the 168 hours are dear.
  const double flat = (133 * 0.66 + 35 * 1.32) / 168;
  EXPECT_NEAR(catalogue.mean_of_week(pro_at("2026-09-07"))->input, flat, 1e-9);
  EXPECT_NEAR(catalogue.mean_of_week(pro_at("2026-09-09T13:00Z"))->input, flat, 1e-9);
  std::vector<double> load(24, 0.0);
  load[2] = 5;  // always at two in the morning: dear on five days of seven
  const TokenPrices nightly = *catalogue.mean_of_week(pro_at("2026-09-07"), load);
  EXPECT_NEAR(nightly.output, (5 * 3.96 + 2 * 1.98) / 7, 1e-9);
  EXPECT_NEAR(nightly.cached_input.value(), (5 * 0.044 + 2 * 0.022) / 7, 1e-9);
  EXPECT_FALSE(catalogue.mean_of_week(pro_at("2026-04-20")).has_value());
  EXPECT_THROW(catalogue.mean_of_week(pro_at("2026-09-07"), std::vector<double>(23, 1)), Error);
  EXPECT_THROW(catalogue.mean_of_week(pro_at("2026-09-07"), std::vector<double>(24, 0)), Error);
  EXPECT_NEAR(api_cost({.input = 2, .cached_input = 0.5, .output = 8}, 3e6, 4e6, 1e6), 16, 1e-9);
  EXPECT_NEAR(api_cost({.input = 2, .output = 8}, 3e6, 4e6, 1e6), 22, 1e-9);
}

TEST(PriceCatalogue, ReadsAUsersPricesAndRefusesWhatIsNone) {
  PriceCatalogue catalogue = PriceCatalogue::built_in();
  catalogue.read(R"(
[[prices]]
provider = "DeepSeek"
model = "deepseek-v4-pro"
input = 0.5
output = 1.5
from = 2026-09-20
)",
                 "prices.toml");
  EXPECT_EQ(catalogue.price_at(pro_at("2026-10-05T02:00Z"))->per_million.input, 0.5);
  EXPECT_EQ(catalogue.price_at(pro_at("2026-09-07T02:00Z"))->per_million.input, 1.32);
  const auto says = [&](const std::string& text, const std::string& part) {
    const std::string refused = refusal([&] { catalogue.read(text, "prices.toml"); });
    EXPECT_NE(refused.find(part), std::string::npos) << refused;
  };
  says("[[prices]]\nprovider = \"a\"\nmodel = \"b\"\noutput = 1\n", "prices[0].input");
  says("[[prices]]\nprovider = \"a\"\nmodel = \"b\"\ninput = 1\noutput = 1\nfrm = \"2026\"\n",
       "did you mean \"from\"?");
  says("[[prices]]\nprovider = \"a\"\nmodel = \"b\"\ninput = 1\noutput = 1\nto = \"2026\"\n",
       "must be a date");
  says("[[peak_hours]]\nprovider = \"a\"\nutc = [\"1-2\"]\n", "peak_hours[0]");
}

TEST(CatalogueTimes, AreDaysMonthsOrMinutes) {
  EXPECT_EQ(unix_time("1970-01"), 0);
  EXPECT_EQ(unix_time("2026-08-17T00:30Z"), 1786926600);
  for (const char* bad : {"", "2026", "2026-13", "2026-02-30", "2026-08-1", "2026/08/17",
                          "2026-08-17T24:00Z", "2026-08-17T00:30", "2026-08-17T00:30Zx"}) {
    EXPECT_FALSE(unix_time(bad).has_value()) << bad;
  }
}

TEST(PublishedPoints, AllSayWhereTheyStandAndWhen) {
  const std::span<const PublishedPoint> points = published_points();
  EXPECT_GT(points.size(), 600U);
  std::set<std::string> ids;
  const PublishedPoint* famous = nullptr;
  for (const PublishedPoint& point : points) {
    EXPECT_TRUE(ids.insert(point.id).second) << point.id;
    EXPECT_FALSE(point.source.empty()) << point.id;
    EXPECT_GE(point.date.size(), 4U) << point.id;
    EXPECT_FALSE(point.model.empty()) << point.id;
    if (point.output_rate_per_decode_gpu.value_or(0) > 4000) famous = &point;
  }
  // Of $ 2.652 an hour, 0.156 for a million output tokens.
  ASSERT_NE(famous, nullptr);
  EXPECT_EQ(famous->hardware, "gb300");
  EXPECT_NEAR(*famous->output_rate_per_decode_gpu, 4722, 1);
}

TEST(PublishedPoints, AreRefusedWithoutASource) {
  const char* text = R"({"schema": "hadal.published/1", "sources": [{"name": "a"}],
    "points": [{"id": "x", "quality": "blog", "date": "2026", "source": 1}]})";
  EXPECT_NE(refusal([&] { read_published_points(text, "p.json"); }).find("points[0].source"),
            std::string::npos);
}

}  // namespace
}  // namespace hadal
