#include "measure/meters/tool_meters.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/error.h"
#include "measure/meters/child_process.h"
#include "measure/meters/meter_text.h"

namespace hadal {
namespace {

constexpr size_t kMostBytes = size_t{4} << 20;

// Of the boards asked for, those that are there; throws where one is missing.
std::vector<MeterReading> chosen(std::vector<MeterReading> readings,
                                 const std::vector<int>& devices, const std::string& command) {
  if (devices.empty()) return readings;
  std::vector<MeterReading> result;
  for (const int device : devices) {
    const std::string name = fmt::format("gpu{}", device);
    const auto found = std::ranges::find(readings, name, &MeterReading::device);
    if (found == readings.end()) {
      throw Error({.code = ErrorCode::kNotFound,
                   .where = command,
                   .what = fmt::format("does not show the power of {}", name)});
    }
    result.push_back(std::move(*found));
  }
  return result;
}

std::vector<MeterDevice> devices_of(const std::vector<MeterReading>& readings) {
  std::vector<MeterDevice> devices;
  devices.reserve(readings.size());
  for (const MeterReading& reading : readings) devices.push_back({.name = reading.device});
  return devices;
}

std::vector<MeterReading> read_amd(const ToolMeterArgs& args) {
  const std::string text =
      run_command({args.command, "metric", "-p", "-E", "--json"}, args.seconds, kMostBytes);
  return chosen(read_amd_smi(text), args.devices, args.command);
}

class AmdSmiMeter : public PowerMeter {
 public:
  AmdSmiMeter(MeterDescription description, ToolMeterArgs args)
      : PowerMeter(std::move(description)), args_(std::move(args)) {}
  std::vector<MeterReading> read() override { return read_amd(args_); }

 private:
  ToolMeterArgs args_;
};

// One command a card: they run at once, or eight cards would take longer than a second.
std::vector<MeterReading> read_npus(const ToolMeterArgs& args, const std::vector<int>& cards) {
  std::vector<std::unique_ptr<ChildProcess>> children;
  children.reserve(cards.size());
  for (const int card : cards) {
    children.push_back(std::make_unique<ChildProcess>(
        std::vector<std::string>{args.command, "info", "-t", "power", "-i", std::to_string(card)}));
  }
  const auto until = seconds_from_now(args.seconds);
  std::vector<MeterReading> readings;
  for (size_t i = 0; i < cards.size(); ++i) {
    const auto watts = read_npu_smi_power(collect_output(*children[i], until, kMostBytes));
    if (watts) readings.push_back({.device = fmt::format("npu{}", cards[i]), .watts = watts});
  }
  if (readings.empty()) {
    throw Error({.code = ErrorCode::kUnavailable,
                 .where = args.command,
                 .what = "no card shows its power",
                 .remedy = fmt::format("see what `{} info -t power -i 0` prints", args.command)});
  }
  return readings;
}

class NpuSmiMeter : public PowerMeter {
 public:
  NpuSmiMeter(MeterDescription description, ToolMeterArgs args, std::vector<int> cards)
      : PowerMeter(std::move(description)), args_(std::move(args)), cards_(std::move(cards)) {}
  std::vector<MeterReading> read() override { return read_npus(args_, cards_); }

 private:
  ToolMeterArgs args_;
  std::vector<int> cards_;
};

double read_ipmi(const ToolMeterArgs& args) {
  const std::string text =
      run_command({args.command, "dcmi", "power", "reading"}, args.seconds, kMostBytes);
  const auto watts = read_ipmi_dcmi(text);
  if (!watts) {
    throw Error({.code = ErrorCode::kUnavailable,
                 .where = args.command,
                 .what = "the machine's controller (BMC) shows no power by DCMI",
                 .remedy = "not every controller measures; an external meter can be read with "
                           "command:CMD"});
  }
  return *watts;
}

class IpmiMeter : public PowerMeter {
 public:
  IpmiMeter(MeterDescription description, ToolMeterArgs args)
      : PowerMeter(std::move(description)), args_(std::move(args)) {}
  std::vector<MeterReading> read() override {
    return {{.device = std::string(meter_class::kNode), .watts = read_ipmi(args_)}};
  }

 private:
  ToolMeterArgs args_;
};

}  // namespace

std::unique_ptr<PowerMeter> open_amd_smi_meter(const ToolMeterArgs& args) {
  MeterDescription description = {.name = "amd-smi",
                                  .covers = "GPU boards, without their host",
                                  .devices = devices_of(read_amd(args))};
  return std::make_unique<AmdSmiMeter>(std::move(description), args);
}

std::unique_ptr<PowerMeter> open_npu_smi_meter(const ToolMeterArgs& args) {
  const std::vector<int> there =
      read_npu_smi_list(run_command({args.command, "info", "-l"}, args.seconds, kMostBytes));
  const std::vector<int> cards = args.devices.empty() ? there : args.devices;
  for (const int card : cards) {
    if (std::ranges::find(there, card) == there.end()) {
      throw Error({.code = ErrorCode::kNotFound,
                   .where = args.command,
                   .what = fmt::format("knows no card {}", card)});
    }
  }
  if (cards.empty()) {
    throw Error({.code = ErrorCode::kNotFound, .where = args.command, .what = "knows no card"});
  }
  MeterDescription description = {.name = "npu-smi",
                                  .covers = "NPU boards, without their host",
                                  .devices = devices_of(read_npus(args, cards))};
  return std::make_unique<NpuSmiMeter>(std::move(description), args, cards);
}

std::unique_ptr<PowerMeter> open_ipmi_meter(const ToolMeterArgs& args) {
  double watts = 0;
  try {
    watts = read_ipmi(args);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnavailable || !error.parts().remedy.empty()) throw;
    throw Error({.code = ErrorCode::kUnavailable,
                 .where = error.parts().where,
                 .what = error.parts().what,
                 .remedy = "as a rule it takes root and the driver (`sudo modprobe ipmi_devintf "
                           "ipmi_si`), or read rights on /dev/ipmi0"});
  }
  if (watts <= 0) {
    throw Error({.code = ErrorCode::kUnavailable,
                 .where = args.command,
                 .what = "the machine's controller (BMC) shows 0 W: it does not measure"});
  }
  MeterDescription description = {
      .name = "ipmi",
      .covers = "the whole machine at its power supplies",
      .devices = {{.name = std::string(meter_class::kNode), .detail = "DCMI power reading"}}};
  return std::make_unique<IpmiMeter>(std::move(description), args);
}

}  // namespace hadal
