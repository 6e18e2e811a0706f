// Writes metrics in the text format of Prometheus, version 0.0.4: for each metric its help, its
// type and its samples. Knows nothing of what is measured.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/statistics.h"

namespace hadal {

using MetricLabels = std::vector<std::pair<std::string_view, std::string_view>>;

class MetricsText {
 public:
  enum class Type { kCounter, kGauge };

  // The metric that the samples to come belong to; counters' names end in _total. `help` is one
  // line.
  void begin(std::string_view name, Type type, std::string_view help);
  void sample(double value, const MetricLabels& labels = {});
  void sample(int64_t value, const MetricLabels& labels = {});

  // A metric of one sample.
  template <typename Value>
  void counter(std::string_view name, Value value, std::string_view help) {
    begin(name, Type::kCounter, help);
    sample(value);
  }
  template <typename Value>
  void gauge(std::string_view name, Value value, std::string_view help) {
    begin(name, Type::kGauge, help);
    sample(value);
  }
  void histogram(std::string_view name, const TimeHistogram& times, std::string_view help);

  std::string take() { return std::move(text_); }

 private:
  void write(std::string_view suffix, const MetricLabels& labels, std::string_view value);

  std::string name_;
  std::string text_;
};

}  // namespace hadal
