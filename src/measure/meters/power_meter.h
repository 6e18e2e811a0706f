// What every meter of electric power is to the rest: a name, what it covers, and a reading of all
// its devices at once. Knows no time: the recorder stamps what is read (power_recorder.h).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hadal {

// What a device's figure covers. A device's name begins with its class: "gpu3", "package-0",
// "node", "wall:rack-7".
namespace meter_class {
constexpr std::string_view kGpu = "gpu";  // an accelerator's board, memory included; not its host
constexpr std::string_view kNpu = "npu";  // the same of Huawei's
constexpr std::string_view kPackage = "package";  // a processor's socket, without its memory
constexpr std::string_view kDram = "dram";        // memory of a socket
constexpr std::string_view kNode = "node";        // a whole machine, at its power supplies
constexpr std::string_view kWall = "wall";        // by a meter outside the machine
}  // namespace meter_class

// The class that a device's name begins with; empty where it begins with none.
std::string_view device_class(std::string_view device);
// All of them, the parts of a machine first.
const std::vector<std::string>& meter_classes();

// The name of the meter that measures nothing: watts that somebody gave (constant_meter.h).
constexpr std::string_view kConstantMeter = "constant";
// Whether a meter of this name ("constant", "constant-2") measures nothing, so that its figures are
// labelled "provisioned".
bool is_provisioned(std::string_view meter);

struct MeterDevice {
  std::string name = {};    // "gpu0", "package-1"
  std::string detail = {};  // what the machine calls it, such as "NVIDIA H200"; may be empty
};

struct MeterDescription {
  std::string name = {};                  // "rapl"; PowerSample::meter
  std::string covers = {};                // in words, for people
  std::vector<MeterDevice> devices = {};  // those that answered when the meter was opened
  // What it should show and does not, for people: sensors that are there and cannot be read.
  std::vector<std::string> warnings = {};
};

// Power, energy, or both of one device; neither where the device could not be read this time.
struct MeterReading {
  std::string device = {};
  std::optional<double> watts = {};
  // Energy since any moment, which stays the same while the meter lives: wrap-around of the
  // counter behind it is undone.
  std::optional<double> joules = {};
};

class PowerMeter {
 public:
  explicit PowerMeter(MeterDescription description) : description_(std::move(description)) {}
  virtual ~PowerMeter() = default;
  PowerMeter(const PowerMeter&) = delete;
  PowerMeter& operator=(const PowerMeter&) = delete;

  const MeterDescription& description() const { return description_; }
  // Where there are two of a name, before the first reading.
  void rename(std::string name) { description_.name = std::move(name); }

  // All devices of the description. Throws Error when none answers; takes at most as long as the
  // meter's own time limit. One thread at a time.
  virtual std::vector<MeterReading> read() = 0;

 private:
  MeterDescription description_;
};

using PowerMeters = std::vector<std::unique_ptr<PowerMeter>>;

}  // namespace hadal
