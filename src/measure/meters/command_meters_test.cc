// Meters that run commands: a user's own, and the tools of vendors, played by scripts.
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gtest/gtest.h>

#include "base/error.h"
#include "measure/meters/command_meter.h"
#include "measure/meters/tool_meters.h"
#include "support/error_code.h"
#include "support/scripts.h"

namespace hadal {
namespace {

using test::code_of;
using test::TemporaryDirectory;
using test::write_file;
using test::write_script;

constexpr double kLongCommand = 60;  // seconds; no test waits for it
constexpr double kShortCommand = 0.15;

std::unique_ptr<PowerMeter> open_command(const std::string& command,
                                         double seconds = kLongCommand) {
  return open_command_meter({.command = command, .covers = "wall", .seconds = seconds});
}

TEST(CommandMeter, RunsOneThatPrintsAFigureAndEndsForEachReading) {
  const TemporaryDirectory folder;
  write_file(folder / "value", "100\n");
  const std::string script =
      write_script(folder / "meter", fmt::format("cat {}\n", (folder / "value").string()));
  const auto meter = open_command(script);
  EXPECT_EQ(meter->description().devices.at(0).name, "wall");
  write_file(folder / "value", "250.5\n");
  const auto readings = meter->read();
  ASSERT_EQ(readings.size(), 1U);
  EXPECT_DOUBLE_EQ(readings[0].watts.value_or(-1), 250.5);
}

TEST(CommandMeter, TakesTheNewestLineOfOneThatKeepsRunning) {
  const TemporaryDirectory folder;
  const std::filesystem::path fifo = folder / "lines";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  // Held open for reading and writing, so that nobody waits for the other side.
  std::fstream lines(fifo, std::ios::in | std::ios::out);
  lines << "100\n" << std::flush;
  const auto meter = open_command(fmt::format("cat {}", fifo.string()));
  lines << "200\n300\n" << std::flush;
  EXPECT_DOUBLE_EQ(meter->read().at(0).watts.value_or(-1), 300);
  lines << R"({"device": "gpu0", "watts": 1})"
        << "\n"
        << R"({"device": "gpu1", "watts": 2})"
        << "\n"
        << std::flush;
  EXPECT_EQ(meter->read().size(), 2U);
}

TEST(CommandMeter, ReadsALastLineWithoutItsEnd) {
  EXPECT_DOUBLE_EQ(open_command("printf 55")->read().at(0).watts.value_or(-1), 55);
}

TEST(CommandMeter, TakesAPipelineToAShell) {
  EXPECT_DOUBLE_EQ(open_command("echo 5 6 | cut -d' ' -f2")->read().at(0).watts.value_or(-1), 6);
}

TEST(CommandMeter, TellsOfOneThatHangsAndGoesOnWhenItWorksAgain) {
  std::string text;
  EXPECT_EQ(code_of([] { open_command("sleep 1000", kShortCommand); }, &text),
            ErrorCode::kDeadlineExceeded);
  EXPECT_NE(text.find("has said nothing for 0.15 s and was stopped"), std::string::npos) << text;
  const TemporaryDirectory folder;
  write_file(folder / "works", "");
  const std::string script = write_script(
      folder / "meter",
      fmt::format("test -e {} && echo 7 || exec sleep 1000\n", (folder / "works").string()));
  const auto meter = open_command(script, 1);
  std::filesystem::remove(folder / "works");
  EXPECT_EQ(code_of([&] { meter->read(); }), ErrorCode::kDeadlineExceeded);
  write_file(folder / "works", "");
  EXPECT_DOUBLE_EQ(meter->read().at(0).watts.value_or(-1), 7);
}

TEST(CommandMeter, TellsOfOneThatFloods) {
  std::string text;
  EXPECT_EQ(code_of([] { open_command("yes 5"); }, &text), ErrorCode::kResourceExhausted);
  EXPECT_NE(text.find("floods"), std::string::npos) << text;
  EXPECT_EQ(code_of([] { open_command("head -c 100000 /dev/zero"); }, &text),
            ErrorCode::kResourceExhausted);
  EXPECT_NE(text.find("a line of more than 4096 bytes"), std::string::npos) << text;
}

TEST(CommandMeter, TellsOfOneThatDies) {
  std::string text;
  EXPECT_EQ(code_of([] { open_command("sh -c 'echo 5; echo no meter found >&2; exit 2'"); }, &text),
            ErrorCode::kUnavailable);
  EXPECT_NE(text.find("ended with status 2: \"no meter found\""), std::string::npos) << text;
  EXPECT_EQ(code_of([] { open_command("true"); }, &text), ErrorCode::kUnavailable);
  EXPECT_NE(text.find("ended without a figure"), std::string::npos) << text;
  EXPECT_EQ(code_of([] { open_command("echo off-line"); }), ErrorCode::kInvalidFile);
}

TEST(AmdSmiMeter, RunsTheToolForEachReading) {
  const TemporaryDirectory folder;
  const std::string tool = write_script(
      folder / "amd-smi",
      "test \"$*\" = 'metric -p -E --json' || exit 9\n"
      "echo '[{\"gpu\": 0, \"power\": {\"socket_power\": {\"value\": 800, \"unit\": \"W\"}}},"
      " {\"gpu\": 1, \"power\": {\"socket_power\": {\"value\": 900, \"unit\": \"W\"}}}]'\n");
  const auto meter = open_amd_smi_meter({.command = tool, .seconds = kLongCommand});
  EXPECT_EQ(meter->description().devices.size(), 2U);
  EXPECT_DOUBLE_EQ(meter->read().at(1).watts.value_or(-1), 900);
  const auto second =
      open_amd_smi_meter({.command = tool, .seconds = kLongCommand, .devices = {1}});
  EXPECT_EQ(second->read().size(), 1U);
  EXPECT_EQ(code_of([&] {
              open_amd_smi_meter({.command = tool, .seconds = kLongCommand, .devices = {2}});
            }),
            ErrorCode::kNotFound);
}

TEST(NpuSmiMeter, AsksEachCard) {
  const TemporaryDirectory folder;
  const std::string tool = write_script(folder / "npu-smi",
                                        "case \"$*\" in\n"
                                        "'info -l') printf 'NPU ID : 0\\nNPU ID : 3\\n';;\n"
                                        "'info -t power -i 0') echo 'Power Dissipation(W) : 90';;\n"
                                        "'info -t power -i 3') echo 'Power Dissipation(W) : 93';;\n"
                                        "*) exit 1;;\nesac\n");
  const auto readings = open_npu_smi_meter({.command = tool, .seconds = kLongCommand})->read();
  ASSERT_EQ(readings.size(), 2U);
  EXPECT_EQ(readings[1].device, "npu3");
  EXPECT_DOUBLE_EQ(readings[1].watts.value_or(-1), 93);
  EXPECT_EQ(code_of([&] {
              open_npu_smi_meter({.command = tool, .seconds = kLongCommand, .devices = {1}});
            }),
            ErrorCode::kNotFound);
}

TEST(IpmiMeter, ReadsTheWholeMachine) {
  const TemporaryDirectory folder;
  const std::string tool = write_script(folder / "ipmitool",
                                        "echo 'Instantaneous power reading: 1500 Watts'\n"
                                        "echo 'Power reading state is: activated'\n");
  const auto readings = open_ipmi_meter({.command = tool, .seconds = kLongCommand})->read();
  EXPECT_EQ(readings.at(0).device, "node");
  EXPECT_DOUBLE_EQ(readings.at(0).watts.value_or(-1), 1500);
}

TEST(IpmiMeter, TellsWhatItTakesAndOfControllersThatDoNotMeasure) {
  const TemporaryDirectory folder;
  std::string text;
  const std::string refused =
      write_script(folder / "refused", "echo 'Could not open device at /dev/ipmi0' >&2\nexit 1\n");
  EXPECT_EQ(code_of([&] { open_ipmi_meter({.command = refused, .seconds = kLongCommand}); }, &text),
            ErrorCode::kUnavailable);
  EXPECT_NE(text.find("modprobe ipmi_devintf"), std::string::npos) << text;
  const std::string zero =
      write_script(folder / "zero", "echo 'Instantaneous power reading: 0 Watts'\n");
  code_of([&] { open_ipmi_meter({.command = zero, .seconds = kLongCommand}); }, &text);
  EXPECT_NE(text.find("shows 0 W"), std::string::npos) << text;
}

}  // namespace
}  // namespace hadal
