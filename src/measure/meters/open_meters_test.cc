#include "measure/meters/open_meters.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/scripts.h"

namespace hadal {
namespace {

using test::TemporaryDirectory;
using test::write_file;
using test::write_script;

// A machine with nothing but what a test puts there.
class OpenMeters : public testing::Test {
 protected:
  OpenMeters() {
    surroundings_ = {.powercap = folder_ / "powercap",
                     .hwmon = folder_ / "hwmon",
                     .nvml = folder_ / "libnvidia-ml.so.1",
                     .amd_smi = folder_ / "amd-smi",
                     .npu_smi = folder_ / "npu-smi",
                     .ipmitool = folder_ / "ipmitool",
                     .command_seconds = 60,
                     .http_get = [this](const std::string& url) {
                       urls_.push_back(url);
                       return page_;
                     }};
  }
  void add_rapl() {
    write_file(folder_ / "powercap/intel-rapl:0/name", "package-0\n");
    write_file(folder_ / "powercap/intel-rapl:0/energy_uj", "5\n");
  }
  std::string refusal(const std::vector<std::string>& specs) {
    try {
      open_meters(specs, surroundings_);
    } catch (const Error& error) {
      return error.what();
    }
    ADD_FAILURE() << "opened";
    return "";
  }
  std::vector<std::string> names(const std::vector<std::string>& specs) {
    std::vector<std::string> result;
    for (const auto& meter : open_meters(specs, surroundings_)) {
      result.push_back(meter->description().name);
    }
    return result;
  }

  TemporaryDirectory folder_;
  MeterSurroundings surroundings_;
  std::vector<std::string> urls_;
  std::string page_;
};

using Names = std::vector<std::string>;

TEST_F(OpenMeters, FindNothingOnABareMachine) {
  EXPECT_TRUE(names({"auto"}).empty());
  EXPECT_TRUE(names({"none"}).empty());
  EXPECT_TRUE(names({}).empty());
}

TEST_F(OpenMeters, FindWhatThereIs) {
  add_rapl();
  write_script(folder_ / "ipmitool", "echo 'Instantaneous power reading: 300 Watts'\n");
  EXPECT_EQ(names({"auto"}), (Names{"rapl", "ipmi"}));
  const auto meters = open_meters(Names{"auto"}, surroundings_);
  EXPECT_EQ(meters.at(0)->description().devices.at(0).name, "package-0");
  EXPECT_EQ(meters.at(1)->description().covers, "the whole machine at its power supplies");
}

TEST_F(OpenMeters, AreThoseNamedInTheirOrderAndEachOnce) {
  add_rapl();
  EXPECT_EQ(names({"auto", "constant:500", "rapl"}), (Names{"constant", "rapl"}));
  EXPECT_EQ(names({"command:echo 1", "command:echo 2"}), (Names{"command", "command-2"}));
  const auto meters = open_meters(Names{"constant@gpu:8x700", "constant:2500"}, surroundings_);
  EXPECT_TRUE(is_provisioned(meters.at(1)->description().name));
  EXPECT_EQ(meters.at(0)->read().size(), 8U);
  EXPECT_EQ(meters.at(0)->read().at(7).device, "gpu7");
  EXPECT_EQ(meters.at(1)->read().at(0).device, "node");
}

TEST_F(OpenMeters, ReadPagesOfMetrics) {
  page_ =
      "DCGM_FI_DEV_POWER_USAGE{gpu=\"0\"} 60.5\n"
      "psu_watts{n=\"1\"} 700\npsu_watts{n=\"2\"} 800\n";
  const auto meters = open_meters(
      Names{"prometheus:http://h:9400/metrics", "prometheus@wall:http://h/m#psu_watts{n=\"2\"}"},
      surroundings_);
  EXPECT_EQ(meters.at(0)->description().name, "dcgm");
  EXPECT_EQ(meters.at(0)->read().at(0).device, "gpu0");
  EXPECT_EQ(meters.at(1)->read().at(0).device, "wall");
  EXPECT_DOUBLE_EQ(meters.at(1)->read().at(0).watts.value_or(-1), 800);
  EXPECT_EQ(urls_.front(), "http://h:9400/metrics");
  EXPECT_EQ(urls_.back(), "http://h/m");
  EXPECT_NE(refusal({"prometheus:http://user:secret@h/m#other"}).find("http://h/m: shows no other"),
            std::string::npos);
  EXPECT_NE(refusal({"prometheus:file:///etc/passwd"}).find("must begin with http://"),
            std::string::npos);
}

TEST_F(OpenMeters, RefuseUnknownNamesWithTheNearest) {
  EXPECT_NE(refusal({"rappl"}).find("no such meter; is \"rapl\" meant?"), std::string::npos);
  EXPECT_NE(refusal({"nmvl:0"}).find("is \"nvml\" meant?"), std::string::npos);
  EXPECT_NE(refusal({"xyzzy"}).find("there are auto, none, nvml"), std::string::npos);
  EXPECT_NE(refusal({"constant@nod:5"})
                .find("meter constant@nod:5: \"nod\" is nothing that a meter covers; is "
                      "\"node\" meant?"),
            std::string::npos);
}

TEST_F(OpenMeters, RefuseWhatIsIncompleteOrTooMuch) {
  for (const char* spec : {"",
                           "auto:1",
                           "none@gpu",
                           "rapl:0",
                           "rapl:",
                           "rapl@gpu",
                           "nvml:",
                           "nvml:a",
                           "nvml:0,",
                           "nvml:0,0",
                           "nvml:99999999999999999999",
                           "prometheus",
                           "prometheus:",
                           "command",
                           "command:",
                           "command: ",
                           "constant",
                           "constant:",
                           "constant:lots",
                           "constant:-5",
                           "constant:nan",
                           "constant:0x5",
                           "constant:9999x1",
                           "constant:1x",
                           "ipmi:host"}) {
    EXPECT_FALSE(refusal({spec}).empty()) << spec;
  }
  EXPECT_NE(refusal({"none", "constant:5"}).find("stands beside other meters"), std::string::npos);
  EXPECT_NE(refusal({"constant:5", "constant:5"}).find("is given twice"), std::string::npos);
}

TEST_F(OpenMeters, FailWhereAMeterThatIsNamedIsNotThere) {
  EXPECT_NE(refusal({"constant:5", "rapl"}).find("no energy counters of processors"),
            std::string::npos);
}

}  // namespace
}  // namespace hadal
