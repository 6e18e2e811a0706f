#include "measure/meters/meter_text.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "measure/meters/prometheus_text.h"

namespace hadal {
namespace {

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "no Error";
  return "";
}

TEST(AmdSmi, ReadsTheArrayOfOlderVersionsAfterWarnings) {
  const auto readings = read_amd_smi(R"(WARNING: User is missing the following groups
[{"gpu": 0, "power": {"socket_power": {"value": 174, "unit": "W"}, "throttle_status": "N/A"},
  "energy": {"total_energy_consumption": {"value": 1234567.5, "unit": "J"}}},
 {"gpu": 1, "power": {"average_socket_power": 90}, "energy": "N/A"},
 {"gpu": 2, "power": {"socket_power": "N/A"}}])");
  ASSERT_EQ(readings.size(), 2U);
  EXPECT_EQ(readings[0].device, "gpu0");
  EXPECT_DOUBLE_EQ(readings[0].watts.value_or(-1), 174);
  EXPECT_DOUBLE_EQ(readings[0].joules.value_or(-1), 1234567.5);
  EXPECT_EQ(readings[1].device, "gpu1");
  EXPECT_DOUBLE_EQ(readings[1].watts.value_or(-1), 90);
  EXPECT_FALSE(readings[1].joules);
}

TEST(AmdSmi, ReadsTheObjectOfNewerVersions) {
  const auto readings =
      read_amd_smi(R"({"gpu_data": [{"gpu": 7, "power": {"socket_power": {"value": 1350.5}}}]})");
  ASSERT_EQ(readings.size(), 1U);
  EXPECT_EQ(readings[0].device, "gpu7");
  EXPECT_DOUBLE_EQ(readings[0].watts.value_or(-1), 1350.5);
}

TEST(AmdSmi, RefusesWhatShowsNoPower) {
  EXPECT_NE(error_of([] { read_amd_smi("command not understood"); }).find("no JSON"),
            std::string::npos);
  EXPECT_NE(error_of([] { read_amd_smi("[]"); }).find("no GPU shows its power"), std::string::npos);
  EXPECT_NE(error_of([] {
              read_amd_smi(R"([{"gpu":0,"power":{"socket_power":{"value":1,"unit":"mW"}}}])");
            }).find("not in W"),
            std::string::npos);
  EXPECT_THROW(read_amd_smi("[{\"gpu\": 0, \"power\":"), Error);
  EXPECT_THROW(read_amd_smi("{\"gpu_data\": 5}"), Error);
}

TEST(NpuSmi, ReadsCardsAndTheirPower) {
  EXPECT_EQ(read_npu_smi_list("\tTotal Count                    : 2\n\n"
                              "\tNPU ID                         : 0\n\tChip Count : 1\n"
                              "\tNPU ID                         : 4\n\tChip Count : 1\n"),
            (std::vector<int>{0, 4}));
  const std::string one =
      "\tNPU ID                         : 0\n"
      "\tChip Count                     : 1\n\n"
      "\tPower Dissipation(W)           : 92.3\n"
      "\tChip ID                        : 0\n";
  EXPECT_DOUBLE_EQ(read_npu_smi_power(one).value_or(-1), 92.3);
  EXPECT_DOUBLE_EQ(
      read_npu_smi_power("NPU Real-time Power(W) : 70\nNPU Real-time Power(W) : 71.5").value_or(-1),
      141.5);
  // What it is built for is nothing measured.
  EXPECT_FALSE(read_npu_smi_power("\tRated Power Dissipation(W)     : 8.0\n"));
  EXPECT_FALSE(read_npu_smi_power("\tPower Dissipation(W)           : NA\n"));
}

TEST(IpmiDcmi, ReadsTheInstantaneousPowerOfAnActiveController) {
  const std::string text =
      "\n    Instantaneous power reading:                   1212 Watts\n"
      "    Minimum during sampling period:                 740 Watts\n"
      "    Average power reading over sample period:      1100 Watts\n"
      "    Power reading state is:                   ";
  EXPECT_DOUBLE_EQ(read_ipmi_dcmi(text + "activated\n").value_or(-1), 1212);
  EXPECT_FALSE(read_ipmi_dcmi(text + "deactivated\n"));
  EXPECT_FALSE(read_ipmi_dcmi("DCMI request failed because: Invalid command (c1)\n"));
}

TEST(MeterLine, ReadsNumbersWithTheirUnits) {
  EXPECT_DOUBLE_EQ(read_meter_line(" 213.5 \r", "wall")->watts.value_or(-1), 213.5);
  EXPECT_DOUBLE_EQ(read_meter_line("2.1 kW", "wall")->watts.value_or(-1), 2100);
  EXPECT_DOUBLE_EQ(read_meter_line("500mW", "wall")->watts.value_or(-1), 0.5);
  EXPECT_DOUBLE_EQ(read_meter_line("1e3 J", "wall")->joules.value_or(-1), 1000);
  EXPECT_DOUBLE_EQ(read_meter_line("2 kWh", "wall")->joules.value_or(-1), 7.2e6);
  EXPECT_EQ(read_meter_line("5", "wall")->device, "wall");
  EXPECT_FALSE(read_meter_line("  ", "wall"));
  EXPECT_FALSE(read_meter_line("# watts", "wall"));
}

TEST(MeterLine, ReadsJsonLines) {
  const auto gpu = read_meter_line(R"({"device": "gpu3", "watts": 700, "joules": 5.5})", "wall");
  EXPECT_EQ(gpu->device, "gpu3");
  EXPECT_DOUBLE_EQ(gpu->watts.value_or(-1), 700);
  EXPECT_DOUBLE_EQ(gpu->joules.value_or(-1), 5.5);
  EXPECT_EQ(read_meter_line(R"({"device": "left", "watts": 1})", "wall")->device, "wall:left");
}

TEST(MeterLine, RefusesWhatIsNoFigureAndNamesTheNearestKey) {
  for (const char* line : {"213,5", "NaN", "inf", "watts: 5", "5 V", "--", "1e999", "{", "{}",
                           R"({"watts": NaN})", R"({"watts": "5"})", R"({"watts": 1e999})"}) {
    EXPECT_THROW(read_meter_line(line, "wall"), Error) << line;
  }
  EXPECT_NE(error_of([] {
              read_meter_line(R"({"wats": 5})", "wall");
            }).find("\"wats\" is unknown; is \"watts\" meant?"),
            std::string::npos);
}

TEST(PrometheusText, ReadsSeriesOfOneMetric) {
  const auto samples = read_prometheus_text(
      "# HELP power_watts Power.\n# TYPE power_watts gauge\n"
      "power_watts{host=\"a\", path=\"x\\\\y \\\"z\\\"\",} 12.5 1700000000000\n"
      "power_watts 3e2\n"
      "power_watts_other{broken 1\n"
      "power_watts{} NaN\n",
      "power_watts");
  ASSERT_EQ(samples.size(), 3U);
  EXPECT_EQ(samples[0].label("host"), "a");
  EXPECT_EQ(samples[0].label("path"), "x\\y \"z\"");
  EXPECT_DOUBLE_EQ(samples[0].value, 12.5);
  EXPECT_DOUBLE_EQ(samples[1].value, 300);
  EXPECT_NE(samples[2].value, samples[2].value);
}

TEST(PrometheusText, RefusesMalformedLines) {
  for (const char* line : {"m{a=\"b\" 1", "m{a=b} 1", "m{a=\"b\"} one", "m", "m{a=\"b\"c=\"d\"} 1",
                           "m{a=\"b", "m{=\"b\"} 1"}) {
    EXPECT_THROW(read_prometheus_text(line, "m"), Error) << line;
  }
}

TEST(PrometheusText, ReadsDcgmsBoardsOnceEach) {
  // A board in two instances (MIG) and one of another machine; energy is in mJ.
  const auto readings = read_dcgm_power(
      "DCGM_FI_DEV_POWER_USAGE{gpu=\"0\",UUID=\"G-a\",GPU_I_ID=\"1\",Hostname=\"a\"} 321.5\n"
      "DCGM_FI_DEV_POWER_USAGE{gpu=\"0\",UUID=\"G-a\",GPU_I_ID=\"2\",Hostname=\"a\"} 321.5\n"
      "DCGM_FI_DEV_POWER_USAGE{gpu=\"0\",UUID=\"G-b\",Hostname=\"b\"} 100\n"
      "DCGM_FI_DEV_POWER_USAGE{gpu=\"1\",UUID=\"G-c\",Hostname=\"b\"} 9223372036854775794\n"
      "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu=\"0\",UUID=\"G-b\",Hostname=\"b\"} 15347724978\n");
  ASSERT_EQ(readings.size(), 2U);
  EXPECT_EQ(readings[0].device, "gpu0@a");
  EXPECT_DOUBLE_EQ(readings[0].watts.value_or(-1), 321.5);
  EXPECT_FALSE(readings[0].joules);
  EXPECT_EQ(readings[1].device, "gpu0@b");
  EXPECT_DOUBLE_EQ(readings[1].joules.value_or(-1), 15347724.978);
}

TEST(PrometheusText, TakesTheUnitFromTheName) {
  const auto read = [](const std::string& metric) {
    return read_prometheus_power(metric + " 2000\n", parse_prometheus_selector(metric), "node")[0];
  };
  EXPECT_DOUBLE_EQ(read("node_power_watts").watts.value_or(-1), 2000);
  EXPECT_DOUBLE_EQ(read("pdu_milliwatts").watts.value_or(-1), 2);
  EXPECT_DOUBLE_EQ(read("node_rapl_package_joules_total").joules.value_or(-1), 2000);
  EXPECT_DOUBLE_EQ(read("x_microjoules_total").joules.value_or(-1), 0.002);
  EXPECT_EQ(read("node_power_watts").device, "node");
}

TEST(PrometheusText, ChoosesSeriesByTheirLabels) {
  const std::string page =
      "w{host=\"a\",psu=\"1\"} 5\nw{host=\"a\",psu=\"2\"} 6\nw{host=\"b\"} 7\n";
  const auto some = read_prometheus_power(page, parse_prometheus_selector("w{host=\"a\"}"), "node");
  ASSERT_EQ(some.size(), 2U);
  EXPECT_EQ(some[1].device, "node:host=a,psu=2");
  EXPECT_DOUBLE_EQ(some[1].watts.value_or(-1), 6);
  for (const char* selector : {"", "{host=\"a\"}", "w{host=a}", "w{} x", "a b"}) {
    EXPECT_THROW(parse_prometheus_selector(selector), Error) << selector;
  }
}

}  // namespace
}  // namespace hadal
