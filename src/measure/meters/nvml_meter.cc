#include "measure/meters/nvml_meter.h"

#include <array>
#include <dlfcn.h>
#include <fmt/format.h>
#include <utility>

#include "base/error.h"

namespace hadal {
namespace {

// Of nvml.h, what is used here. The names with _v2 are those that its macros stand for.
using Device = void*;
using Status = int;
constexpr Status kSuccess = 0;
constexpr Status kNoPermission = 4;

class Library {
 public:
  explicit Library(const std::string& name) : name_(name) {
    handle_ = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) {
      const char* reason = ::dlerror();
      throw Error({.code = ErrorCode::kNotFound,
                   .where = "nvml",
                   .what = fmt::format("NVIDIA's {} cannot be loaded ({})", name,
                                       printable(reason == nullptr ? "no reason given" : reason)),
                   .remedy = "it comes with NVIDIA's driver; a container needs it passed in "
                             "(--gpus all, NVIDIA_DRIVER_CAPABILITIES=utility)"});
    }
    try {
      find("nvmlInit_v2", init_);
      find("nvmlShutdown", shutdown_);
      find("nvmlErrorString", error_string_);
      find("nvmlDeviceGetCount_v2", count_);
      find("nvmlDeviceGetHandleByIndex_v2", handle_by_index_);
      find("nvmlDeviceGetName", device_name_);
      find("nvmlDeviceGetPowerUsage", power_);
      find("nvmlDeviceGetTotalEnergyConsumption", energy_);
      const Status status = init_();
      if (status != kSuccess) fail(status, "cannot be started");
    } catch (...) {
      ::dlclose(handle_);
      throw;
    }
  }
  ~Library() {
    shutdown_();
    ::dlclose(handle_);
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  [[noreturn]] void fail(Status status, const std::string& what) const {
    const char* text = error_string_(status);
    throw Error(
        {.code = status == kNoPermission ? ErrorCode::kPermissionDenied : ErrorCode::kUnavailable,
         .where = "nvml",
         .what = fmt::format("{}: {}", what, printable(text == nullptr ? "?" : text)),
         .remedy = "see whether nvidia-smi works"});
  }

  int count() const {
    unsigned number = 0;
    const Status status = count_(&number);
    if (status != kSuccess) fail(status, "cannot count the boards");
    return static_cast<int>(number);
  }

  Device device(int index) const {
    Device device = nullptr;
    const Status status = handle_by_index_(static_cast<unsigned>(index), &device);
    if (status != kSuccess) fail(status, fmt::format("gpu{} cannot be reached", index));
    return device;
  }

  std::string name(Device device) const {
    std::array<char, 128> text = {};
    const bool told =
        device_name_(device, text.data(), static_cast<unsigned>(text.size())) == kSuccess;
    text.back() = '\0';
    return told ? printable(text.data()) : std::string();
  }

  std::optional<double> watts(Device device) const {
    unsigned milliwatts = 0;
    if (power_(device, &milliwatts) != kSuccess) return std::nullopt;
    return milliwatts * 1e-3;
  }

  std::optional<double> joules(Device device) const {
    unsigned long long millijoules = 0;
    if (energy_(device, &millijoules) != kSuccess) return std::nullopt;
    return static_cast<double>(millijoules) * 1e-3;
  }

 private:
  template <typename Function>
  void find(const char* symbol, Function*& function) {
    function = reinterpret_cast<Function*>(::dlsym(handle_, symbol));
    if (function == nullptr) {
      throw Error({.code = ErrorCode::kUnavailable,
                   .where = "nvml",
                   .what = fmt::format("{} has no {}", name_, symbol),
                   .remedy = "NVIDIA's driver is too old, or this is not its library"});
    }
  }

  std::string name_;
  void* handle_ = nullptr;
  Status (*init_)() = nullptr;
  Status (*shutdown_)() = nullptr;
  const char* (*error_string_)(Status) = nullptr;
  Status (*count_)(unsigned*) = nullptr;
  Status (*handle_by_index_)(unsigned, Device*) = nullptr;
  Status (*device_name_)(Device, char*, unsigned) = nullptr;
  Status (*power_)(Device, unsigned*) = nullptr;
  Status (*energy_)(Device, unsigned long long*) = nullptr;
};

struct Board {
  std::string name = {};
  Device device = nullptr;
};

class NvmlMeter : public PowerMeter {
 public:
  NvmlMeter(MeterDescription description, std::unique_ptr<Library> library,
            std::vector<Board> boards)
      : PowerMeter(std::move(description)),
        library_(std::move(library)),
        boards_(std::move(boards)) {}

  std::vector<MeterReading> read() override {
    std::vector<MeterReading> readings;
    for (const Board& board : boards_) {
      MeterReading reading = {.device = board.name,
                              .watts = library_->watts(board.device),
                              .joules = library_->joules(board.device)};
      if (reading.watts || reading.joules) readings.push_back(std::move(reading));
    }
    if (readings.empty()) {
      throw Error({.code = ErrorCode::kUnavailable,
                   .where = "nvml",
                   .what = "no board shows its power",
                   .remedy = "see what `nvidia-smi -q -d POWER` says; vGPUs and MIG instances of a "
                             "guest have none"});
    }
    return readings;
  }

 private:
  std::unique_ptr<Library> library_;
  std::vector<Board> boards_;
};

}  // namespace

std::unique_ptr<PowerMeter> open_nvml_meter(const NvmlMeterArgs& args) {
  auto library = std::make_unique<Library>(args.library);
  const int count = library->count();
  std::vector<int> indexes = args.gpus;
  if (indexes.empty()) {
    for (int i = 0; i < count; ++i) indexes.push_back(i);
  }
  if (indexes.empty()) {
    throw Error(
        {.code = ErrorCode::kNotFound, .where = "nvml", .what = "the driver knows no board"});
  }
  MeterDescription description = {.name = "nvml", .covers = "GPU boards, without their host"};
  std::vector<Board> boards;
  for (const int index : indexes) {
    if (index < 0 || index >= count) {
      throw Error({.code = ErrorCode::kNotFound,
                   .where = "nvml",
                   .what = fmt::format("there is no gpu{}; the driver knows {} boards, from 0",
                                       index, count)});
    }
    const Device device = library->device(index);
    boards.push_back({.name = fmt::format("gpu{}", index), .device = device});
    description.devices.push_back({.name = boards.back().name, .detail = library->name(device)});
  }
  auto meter =
      std::make_unique<NvmlMeter>(std::move(description), std::move(library), std::move(boards));
  meter->read();
  return meter;
}

}  // namespace hadal
