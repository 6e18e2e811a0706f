// RAPL and hwmon on trees of files that look like the kernel's.
#include <filesystem>
#include <gtest/gtest.h>
#include <map>
#include <unistd.h>

#include "base/error.h"
#include "measure/meters/hwmon_meter.h"
#include "measure/meters/meter_log.h"
#include "measure/meters/power_recorder.h"
#include "measure/meters/rapl_meter.h"
#include "support/scripts.h"

namespace hadal {
namespace {

using test::TemporaryDirectory;
using test::write_file;

void add_zone(const std::filesystem::path& powercap, const std::string& zone,
              const std::string& name, const std::string& energy) {
  write_file(powercap / zone / "name", name + "\n");
  write_file(powercap / zone / "energy_uj", energy + "\n");
  write_file(powercap / zone / "max_energy_range_uj", "262143328850\n");
}

std::map<std::string, double> joules_by_device(PowerMeter& meter) {
  std::map<std::string, double> joules;
  for (const MeterReading& reading : meter.read()) {
    EXPECT_FALSE(reading.watts);
    if (!reading.joules) continue;  // could not be read
    joules[reading.device] = reading.joules.value_or(-1);
  }
  return joules;
}

// Two sockets as a server shows them: sub-domains, psys and the same package again over MMIO.
void add_server(const TemporaryDirectory& powercap) {
  std::filesystem::create_directories(powercap / "intel-rapl");
  add_zone(powercap, "intel-rapl:0", "package-0", "5000000");
  add_zone(powercap, "intel-rapl:0:0", "core", "1");
  add_zone(powercap, "intel-rapl:0:1", "dram", "700000");
  add_zone(powercap, "intel-rapl:1", "package-1", "262143328000");
  add_zone(powercap, "intel-rapl:1:0", "dram", "100000");
  add_zone(powercap, "intel-rapl:2", "psys", "9000000");
  add_zone(powercap, "intel-rapl-mmio:0", "package-0", "123");
}

TEST(RaplMeter, CountsPackagesAndDramOnceEach) {
  const TemporaryDirectory powercap;
  add_server(powercap);
  const auto meter = open_rapl_meter(powercap.path());
  EXPECT_EQ(meter->description().name, "rapl");
  std::vector<std::string> names;
  for (const MeterDevice& device : meter->description().devices) names.push_back(device.name);
  EXPECT_EQ(names, (std::vector<std::string>{"package-0", "dram-0", "package-1", "dram-1"}));
  joules_by_device(*meter);
  write_file(powercap / "intel-rapl:0/energy_uj", "125500000\n");
  write_file(powercap / "intel-rapl:0:1/energy_uj", "1200000\n");
  const auto joules = joules_by_device(*meter);
  EXPECT_DOUBLE_EQ(joules.at("package-0"), 120.5);
  EXPECT_DOUBLE_EQ(joules.at("dram-0"), 0.5);
  EXPECT_DOUBLE_EQ(joules.at("dram-1"), 0);
}

TEST(RaplMeter, UndoesWrapAround) {
  const TemporaryDirectory powercap;
  add_server(powercap);
  const auto meter = open_rapl_meter(powercap.path());
  joules_by_device(*meter);
  // 850 µJ to the greatest value, and 1,000,000 beyond it.
  write_file(powercap / "intel-rapl:1/energy_uj", "1000000\n");
  EXPECT_NEAR(joules_by_device(*meter).at("package-1"), 1.00085, 1e-9);
  write_file(powercap / "intel-rapl:1/energy_uj", "3000000\n");
  EXPECT_NEAR(joules_by_device(*meter).at("package-1"), 3.00085, 1e-9);
}

TEST(WrappingCounter, ShowsWhatItCannotUndo) {
  WrappingCounter unknown(0);
  EXPECT_EQ(unknown.update(500), 0);
  EXPECT_EQ(unknown.update(100), -400);
  WrappingCounter beyond(200);
  beyond.update(500);
  EXPECT_EQ(beyond.update(100), -400);
}

TEST(RaplMeter, KeepsGoingWithoutADomainThatVanishes) {
  const TemporaryDirectory powercap;
  add_server(powercap);
  const auto meter = open_rapl_meter(powercap.path());
  std::filesystem::remove(powercap / "intel-rapl:0/energy_uj");
  write_file(powercap / "intel-rapl:1/energy_uj", "not a number\n");
  EXPECT_EQ(joules_by_device(*meter).size(), 2U);  // dram-0, dram-1
  MeterLog log("rapl");
  log.add(1, meter->read());
  ASSERT_EQ(log.warnings().size(), 2U);
  EXPECT_NE(log.warnings()[0].find("package-0 could not be read"), std::string::npos);
  std::filesystem::remove(powercap / "intel-rapl:0:1/energy_uj");
  std::filesystem::remove(powercap / "intel-rapl:1:0/energy_uj");
  EXPECT_THROW(meter->read(), Error);
}

TEST(RaplMeter, NamesCountersThatItHasToLeaveOut) {
  const TemporaryDirectory powercap;
  add_server(powercap);
  std::filesystem::remove(powercap / "intel-rapl:1/energy_uj");
  const auto meter = open_rapl_meter(powercap.path());
  EXPECT_EQ(meter->description().devices.size(), 3U);
  ASSERT_EQ(meter->description().warnings.size(), 1U);
  EXPECT_EQ(meter->description().warnings[0].find("package-1 is left out"), 0U);
}

TEST(HwmonMeter, NamesSensorsThatItHasToLeaveOut) {
  const TemporaryDirectory hwmon;
  for (const std::string monitor : {"hwmon1", "hwmon2"}) {
    write_file(hwmon / monitor / "name", "amdgpu\n");
    write_file(hwmon / monitor / "power1_input", "5000000\n");
  }
  std::filesystem::remove(hwmon / "hwmon2/power1_input");
  std::filesystem::create_directory(hwmon / "hwmon2/power1_input");
  auto meter = open_hwmon_meter(hwmon.path());
  ASSERT_EQ(meter->description().warnings.size(), 1U);
  EXPECT_EQ(meter->description().warnings[0].find("gpu1 (amdgpu, hwmon2) is left out"), 0U);
  std::vector<std::unique_ptr<PowerMeter>> meters;
  meters.push_back(std::move(meter));
  const PowerRecorder recorder(std::move(meters));
  ASSERT_EQ(recorder.warnings().size(), 1U);
  EXPECT_EQ(recorder.warnings()[0].find("meter hwmon: gpu1"), 0U);
}

TEST(RaplMeter, SaysThatThereIsNone) {
  const TemporaryDirectory powercap;
  for (const std::string& path : {powercap.path().string(), (powercap / "missing").string()}) {
    try {
      open_rapl_meter(path);
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kNotFound);
      EXPECT_NE(error.parts().remedy.find("modprobe intel_rapl_msr"), std::string::npos);
    }
  }
}

// A folder in its place cannot be read by anyone, not even by root, as whom tests may run.
TEST(RaplMeter, SaysWhatToDoWhereTheCountersMayNotBeRead) {
  const TemporaryDirectory powercap;
  add_zone(powercap, "intel-rapl:0", "package-0", "1");
  std::filesystem::remove(powercap / "intel-rapl:0/energy_uj");
  std::filesystem::create_directory(powercap / "intel-rapl:0/energy_uj");
  try {
    open_rapl_meter(powercap.path());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kPermissionDenied);
    EXPECT_NE(error.parts().remedy.find("sudo chmod a+r"), std::string::npos);
    EXPECT_NE(error.parts().remedy.find("sudo chgrp"), std::string::npos);
  }
}

TEST(HwmonMeter, TakesWhatCoversAWholeThing) {
  const TemporaryDirectory hwmon;
  write_file(hwmon / "hwmon10/name", "amdgpu\n");
  write_file(hwmon / "hwmon10/power1_average", "41000000\n");
  write_file(hwmon / "hwmon10/power1_input", "99000000\n");
  write_file(hwmon / "hwmon2/name", "amdgpu\n");
  write_file(hwmon / "hwmon2/power1_input", "750500000\n");
  write_file(hwmon / "hwmon3/name", "amd_energy\n");
  write_file(hwmon / "hwmon3/energy1_label", "Ecore000\n");
  write_file(hwmon / "hwmon3/energy1_input", "5\n");
  write_file(hwmon / "hwmon3/energy2_label", "Esocket0\n");
  write_file(hwmon / "hwmon3/energy2_input", "123000000\n");
  write_file(hwmon / "hwmon4/name", "power_meter\n");
  write_file(hwmon / "hwmon4/power1_average", "1500000000\n");
  write_file(hwmon / "hwmon5/name", "ina3221\n");  // a rail of a board
  write_file(hwmon / "hwmon5/power1_input", "7000000\n");
  const auto meter = open_hwmon_meter(hwmon.path());
  std::map<std::string, MeterReading> readings;
  for (const MeterReading& reading : meter->read()) readings[reading.device] = reading;
  ASSERT_EQ(readings.size(), 4U);
  EXPECT_DOUBLE_EQ(readings["gpu0"].watts.value_or(-1), 750.5);  // hwmon2 comes before hwmon10
  EXPECT_DOUBLE_EQ(readings["gpu1"].watts.value_or(-1), 41);
  EXPECT_DOUBLE_EQ(readings["package-0"].joules.value_or(-1), 123);
  EXPECT_DOUBLE_EQ(readings["node"].watts.value_or(-1), 1500);
}

TEST(HwmonMeter, DoesNotCountPartsOfGraceTwice) {
  const TemporaryDirectory hwmon;
  const char* const infos[] = {"Module Power Socket 0", "Grace Power Socket 0",
                               "CPU Power Socket 0", "SysIO Power Socket 0"};
  for (int i = 0; i < 4; ++i) {
    const std::string folder = "hwmon" + std::to_string(i);
    write_file(hwmon / (folder + "/name"), "power_meter\n");
    write_file(hwmon / (folder + "/power1_average"), std::to_string(i + 1) + "00000000\n");
    write_file(hwmon / (folder + "/power1_oem_info"), std::string(infos[i]) + "\n");
  }
  const auto readings = open_hwmon_meter(hwmon.path())->read();
  ASSERT_EQ(readings.size(), 1U);
  EXPECT_EQ(readings[0].device, "package-0");
  EXPECT_DOUBLE_EQ(readings[0].watts.value_or(-1), 200);
}

TEST(HwmonMeter, SaysThatThereIsNone) {
  const TemporaryDirectory hwmon;
  write_file(hwmon / "hwmon0/name", "coretemp\n");
  EXPECT_THROW(open_hwmon_meter(hwmon.path()), Error);
}

}  // namespace
}  // namespace hadal
