#include "measure/meters/prometheus_text.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <map>
#include <set>

#include "base/error.h"
#include "base/system_files.h"
#include "measure/meters/meter_text.h"

namespace hadal {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kBlanks = " \t\r";
constexpr size_t kLongestDevice = 120;  // bytes of a name made of labels

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == ':' || c == '.';
}

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
}

std::string_view take_name(std::string_view& text) {
  const auto* const end = std::ranges::find_if_not(text, is_name_character);
  const std::string_view name = text.substr(0, static_cast<size_t>(end - text.begin()));
  text.remove_prefix(name.size());
  return name;
}

// Takes {a="b",c="d"} from the beginning of `text`; false where it is malformed.
bool take_labels(std::string_view& text, Labels& labels) {
  text.remove_prefix(1);
  while (true) {
    skip_blanks(text);
    if (text.starts_with('}')) {
      text.remove_prefix(1);
      return true;
    }
    const std::string_view name = take_name(text);
    skip_blanks(text);
    if (name.empty() || !text.starts_with('=')) return false;
    text.remove_prefix(1);
    skip_blanks(text);
    if (!text.starts_with('"')) return false;
    text.remove_prefix(1);
    std::string value;
    while (!text.empty() && text.front() != '"') {
      if (text.front() == '\\' && text.size() > 1) {
        text.remove_prefix(1);
        value += text.front() == 'n' ? '\n' : text.front();
      } else {
        value += text.front();
      }
      text.remove_prefix(1);
    }
    if (text.empty()) return false;
    text.remove_prefix(1);
    labels.emplace_back(name, std::move(value));
    skip_blanks(text);
    if (text.starts_with(',')) {
      text.remove_prefix(1);
    } else if (!text.starts_with('}')) {
      return false;
    }
  }
}

std::optional<double> value_of(std::string_view text) {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "+Inf" || text == "Inf") return std::numeric_limits<double>::infinity();
  if (text == "-Inf") return -std::numeric_limits<double>::infinity();
  if (text.starts_with('+')) text.remove_prefix(1);
  return parse_decimal(text);
}

bool has_labels(const PrometheusSample& sample, const Labels& wanted) {
  return std::ranges::all_of(
      wanted, [&](const auto& label) { return sample.label(label.first) == label.second; });
}

// DCGM shows "blank" values, far beyond what a board takes, where it has none.
bool is_dcgm_blank(double value) { return value >= 1e12; }

}  // namespace

std::string_view PrometheusSample::label(std::string_view name) const {
  const auto found =
      std::ranges::find(labels, name, [](const auto& l) -> std::string_view { return l.first; });
  return found == labels.end() ? std::string_view() : std::string_view(found->second);
}

std::vector<PrometheusSample> read_prometheus_text(std::string_view text, std::string_view name) {
  std::vector<PrometheusSample> samples;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    std::string_view rest = line;
    skip_blanks(rest);
    if (take_name(rest) != name) continue;
    skip_blanks(rest);
    PrometheusSample sample;
    bool good = !rest.starts_with('{') || take_labels(rest, sample.labels);
    skip_blanks(rest);
    // A time in milliseconds may follow the value, and after '#' an exemplar.
    const auto value = value_of(rest.substr(0, rest.find_first_of(kBlanks)));
    good = good && value;
    if (!good) {
      throw Error({.code = ErrorCode::kInvalidFile,
                   .where = printable(name, 80),
                   .what = fmt::format("a line that Prometheus' format does not have: \"{}\"",
                                       printable(line, 120))});
    }
    sample.value = *value;
    samples.push_back(std::move(sample));
  }
  return samples;
}

PrometheusSelector parse_prometheus_selector(std::string_view text) {
  PrometheusSelector selector;
  std::string_view rest = text;
  skip_blanks(rest);
  selector.name = take_name(rest);
  skip_blanks(rest);
  const bool good = !selector.name.empty() &&
                    (rest.empty() || (rest.front() == '{' && take_labels(rest, selector.labels)));
  skip_blanks(rest);
  if (!good || !rest.empty()) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = printable(text, 120),
                 .what = "is no metric of Prometheus",
                 .remedy = "write it as node_power_watts or node_power_watts{host=\"a\"}"});
  }
  return selector;
}

std::vector<MeterReading> read_dcgm_power(std::string_view text) {
  const std::vector<PrometheusSample> powers = read_prometheus_text(text, kDcgmPower);
  const std::vector<PrometheusSample> energies = read_prometheus_text(text, kDcgmEnergy);
  std::set<std::string, std::less<>> hosts;
  for (const PrometheusSample& sample : powers) hosts.emplace(sample.label("Hostname"));
  const auto device_of = [&](const PrometheusSample& sample) {
    const std::string number = printable(sample.label("gpu"), 40);
    std::string device = fmt::format("gpu{}{}", parse_number(number) ? "" : ":", number);
    if (hosts.size() > 1) device += fmt::format("@{}", printable(sample.label("Hostname"), 80));
    return device;
  };
  std::map<std::string, MeterReading> by_device;
  std::vector<std::string> order;
  for (const PrometheusSample& sample : powers) {
    const std::string device = device_of(sample);
    if (is_dcgm_blank(sample.value)) continue;
    if (by_device.try_emplace(device, MeterReading{.device = device, .watts = sample.value})
            .second) {
      order.push_back(device);
    }
  }
  for (const PrometheusSample& sample : energies) {
    const auto found = by_device.find(device_of(sample));
    if (found == by_device.end() || found->second.joules || sample.value >= 9e18) continue;
    found->second.joules = sample.value * 1e-3;
  }
  std::vector<MeterReading> readings;
  readings.reserve(order.size());
  for (const std::string& device : order) readings.push_back(std::move(by_device[device]));
  return readings;
}

std::vector<MeterReading> read_prometheus_power(std::string_view text,
                                                const PrometheusSelector& selector,
                                                std::string_view covers) {
  std::vector<PrometheusSample> samples = read_prometheus_text(text, selector.name);
  std::erase_if(samples, [&](const PrometheusSample& sample) {
    return !has_labels(sample, selector.labels);
  });
  const auto is_in_name = [&](std::string_view part) {
    return selector.name.find(part) != std::string::npos;
  };
  double factor = 1;
  if (is_in_name("millijoules") || is_in_name("milliwatts")) factor = 1e-3;
  if (is_in_name("microjoules") || is_in_name("microwatts")) factor = 1e-6;
  if (is_in_name("kilowatts")) factor = 1e3;
  const bool is_energy = is_in_name("joules");
  std::vector<MeterReading> readings;
  for (const PrometheusSample& sample : samples) {
    MeterReading reading = {.device = std::string(covers)};
    if (samples.size() > 1) {
      std::string labels;
      for (const auto& [key, value] : sample.labels) {
        labels += fmt::format("{}{}={}", labels.empty() ? "" : ",", key, value);
      }
      reading.device += ":" + printable(labels, kLongestDevice);
    }
    (is_energy ? reading.joules : reading.watts) = sample.value * factor;
    readings.push_back(std::move(reading));
  }
  return readings;
}

}  // namespace hadal
