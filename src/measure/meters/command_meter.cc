#include "measure/meters/command_meter.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/error.h"
#include "measure/meters/child_process.h"
#include "measure/meters/command_words.h"
#include "measure/meters/meter_text.h"

namespace hadal {
namespace {

constexpr size_t kLongestLine = 4096;             // bytes
constexpr size_t kMostBytes = size_t{256} << 10;  // between two readings
constexpr size_t kMostReadings = 1024;
// How long further lines are waited for after one: a command that prints a line per device and
// ends has done so by then, and its status belongs to the reading.
constexpr auto kSettling = std::chrono::milliseconds(50);

// The newest reading of each device.
class Newest {
 public:
  void add(MeterReading reading) {
    const auto known = std::ranges::find(readings_, reading.device, &MeterReading::device);
    if (known != readings_.end()) {
      *known = std::move(reading);
    } else if (readings_.size() < kMostReadings) {
      readings_.push_back(std::move(reading));
    }
  }
  bool empty() const { return readings_.empty(); }
  std::vector<MeterReading> take() { return std::move(readings_); }

 private:
  std::vector<MeterReading> readings_;
};

class CommandReader {
 public:
  explicit CommandReader(const CommandMeterArgs& args)
      : args_(args), words_(command_words(args.command)) {}

  std::vector<MeterReading> read() {
    try {
      return read_lines();
    } catch (...) {
      child_.reset();
      throw;
    }
  }

 private:
  std::vector<MeterReading> read_lines() {
    const auto deadline = seconds_from_now(args_.seconds);
    auto until = deadline;
    Newest newest;
    size_t bytes = 0;
    bool started = false;
    while (true) {
      if (child_ == nullptr) {
        child_ = std::make_unique<ChildProcess>(words_);
        has_spoken_ = false;
        started = true;
      }
      const size_t before = child_->output().size();
      const bool more = child_->wait(until);
      bytes += child_->output().size() - before;
      if (bytes > kMostBytes) {
        fail(ErrorCode::kResourceExhausted, "floods: it prints more than 256 KiB a reading",
             "let it print a line a second");
      }
      const bool was_empty = newest.empty();
      take_lines(newest);
      if (child_->output_ended()) {
        child_->expect_success(deadline);
        child_.reset();
        if (!newest.empty()) return newest.take();
        if (started) fail(ErrorCode::kUnavailable, "ended without a figure", "");
        continue;  // it ended after the reading before
      }
      if (!more) {
        if (!newest.empty()) return newest.take();
        fail(ErrorCode::kDeadlineExceeded,
             fmt::format("has said nothing for {} s and was stopped", args_.seconds),
             has_spoken_ ? "it must print at least a line a second"
                         : "if it ends by itself, it takes too long; if not, it may hold its lines "
                           "back (stdbuf -oL CMD)");
      }
      if (was_empty && !newest.empty()) until = ChildProcess::TimePoint::clock::now() + kSettling;
    }
  }

  void take_lines(Newest& newest) {
    std::string& output = child_->output();
    while (true) {
      size_t end = output.find('\n');
      if (end == std::string::npos) {
        if (output.size() > kLongestLine) {
          fail(ErrorCode::kResourceExhausted, "prints a line of more than 4096 bytes", "");
        }
        if (!child_->output_ended() || output.empty()) return;
        end = output.size();
      }
      const std::string line = output.substr(0, end);
      output.erase(0, end + 1);
      if (auto reading = read_meter_line(line, args_.covers)) {
        newest.add(*std::move(reading));
        has_spoken_ = true;
      }
    }
  }

  [[noreturn]] void fail(ErrorCode code, const std::string& what, const std::string& remedy) const {
    throw Error({.code = code,
                 .where = "command:" + printable(args_.command, 120),
                 .what = what,
                 .remedy = remedy});
  }

  CommandMeterArgs args_;
  std::vector<std::string> words_;
  std::unique_ptr<ChildProcess> child_;
  bool has_spoken_ = false;  // since it was started
};

class CommandMeter : public PowerMeter {
 public:
  CommandMeter(MeterDescription description, std::unique_ptr<CommandReader> reader)
      : PowerMeter(std::move(description)), reader_(std::move(reader)) {}
  std::vector<MeterReading> read() override { return reader_->read(); }

 private:
  std::unique_ptr<CommandReader> reader_;
};

}  // namespace

std::unique_ptr<PowerMeter> open_command_meter(const CommandMeterArgs& args) {
  auto reader = std::make_unique<CommandReader>(args);
  MeterDescription description = {
      .name = "command", .covers = fmt::format("what `{}` prints", printable(args.command, 120))};
  for (const MeterReading& reading : reader->read()) {
    description.devices.push_back({.name = reading.device});
  }
  return std::make_unique<CommandMeter>(std::move(description), std::move(reader));
}

}  // namespace hadal
