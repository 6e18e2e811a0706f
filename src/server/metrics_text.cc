#include "server/metrics_text.h"

#include <array>
#include <charconv>
#include <cmath>

namespace hadal {
namespace {

// The shortest text that reads back as `value`.
template <typename Value>
std::string number(Value value) {
  std::array<char, 32> buffer;
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), result.ptr};
}

std::string number_of(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return number(value);
}

void append_escaped(std::string& text, std::string_view value) {
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
}

}  // namespace

void MetricsText::begin(std::string_view name, Type type, std::string_view help) {
  name_ = name;
  text_ += "# HELP " + name_ + " " + std::string(help) + "\n";
  text_ += "# TYPE " + name_ + (type == Type::kCounter ? " counter\n" : " gauge\n");
}

void MetricsText::sample(double value, const MetricLabels& labels) {
  write("", labels, number_of(value));
}

void MetricsText::sample(int64_t value, const MetricLabels& labels) {
  write("", labels, number(value));
}

void MetricsText::histogram(std::string_view name, const TimeHistogram& times,
                            std::string_view help) {
  name_ = name;
  text_ += "# HELP " + name_ + " " + std::string(help) + "\n# TYPE " + name_ + " histogram\n";
  int64_t count = 0;
  for (size_t i = 0; i < times.counts.size(); ++i) {
    count += times.counts[i];
    const std::string bound =
        i < TimeHistogram::kBounds.size() ? number_of(TimeHistogram::kBounds[i]) : "+Inf";
    write("_bucket", {{"le", bound}}, number(count));
  }
  write("_sum", {}, number_of(times.sum));
  write("_count", {}, number(count));
}

void MetricsText::write(std::string_view suffix, const MetricLabels& labels,
                        std::string_view value) {
  text_ += name_;
  text_ += suffix;
  for (size_t i = 0; i < labels.size(); ++i) {
    text_ += i == 0 ? "{" : ",";
    text_ += labels[i].first;
    text_ += "=\"";
    append_escaped(text_, labels[i].second);
    text_ += '"';
  }
  if (!labels.empty()) text_ += '}';
  text_ += ' ';
  text_ += value;
  text_ += '\n';
}

}  // namespace hadal
