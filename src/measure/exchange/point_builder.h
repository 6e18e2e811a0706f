// Building blocks of imports: taking fields of a foreign object one by one so that what is left is
// known, collecting figures into a PointRecord, and putting points of one deployment into one run.
// Knows no format.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "json/fields.h"
#include "measure/exchange/metric_names.h"
#include "measure/records.h"

namespace hadal {

// Fields of one object, each marked as taken when asked for. A figure that is NaN or infinite
// counts as absent.
class TakenFields {
 public:
  // The object and the source must outlive it.
  TakenFields(const nlohmann::ordered_json& object, std::string path, const FieldsSource& source)
      : fields_(object, std::move(path), source) {}

  const Fields& fields() const { return fields_; }
  bool has(std::string_view key) const { return fields_.has(key); }

  std::optional<double> number(std::string_view key);
  // Refuses negative figures.
  std::optional<double> amount(std::string_view key);
  // A whole number from 0 to 10^15, also written as 5.0.
  std::optional<int64_t> count(std::string_view key);
  std::optional<std::string> string(std::string_view key);
  // A string, or a number or boolean as text.
  std::optional<std::string> text(std::string_view key);
  // true or false, or those words as a string; `was_string` is set then.
  std::optional<bool> flag(std::string_view key, bool* was_string = nullptr);
  // Any value; null when absent.
  const nlohmann::ordered_json* value(std::string_view key);
  void take(std::string_view key) { taken_.emplace(key); }

  // Paths of figures that were NaN or infinite.
  const std::vector<std::string>& not_finite() const { return not_finite_; }
  // The members that nobody took and that are not null, as keepable_json leaves them.
  nlohmann::ordered_json rest() const;

 private:
  Fields fields_;
  std::set<std::string, std::less<>> taken_;
  std::vector<std::string> not_finite_;
};

// "median_ttft" is the median of "ttft"; "p99.9_itl" and "std_tpot" likewise. `statistic` is as
// PointBuilder takes it.
struct StatisticKey {
  std::string statistic = {};
  std::string_view stem = {};
};
std::optional<StatisticKey> split_statistic(std::string_view key);

class PointBuilder {
 public:
  // Everything but metrics, warnings and extra_json is set here directly.
  PointRecord point = {};

  // `statistic`: "mean", "p50", "p90", "p95", "p99" go into the metric; all others ("min", "max",
  // "std", "p75", "p99.9", "sum", ...) are kept in extra_json's "statistics". The figure is in the
  // metric's unit. Of figures given twice the first stands.
  void add(const MetricName& name, std::string_view statistic, std::optional<double> figure);
  // A figure that the file does not give but that follows from others of it.
  void derive(const MetricName& name, std::string_view statistic, std::optional<double> figure);
  void count(const MetricName& name, int64_t samples);
  std::optional<double> get(const MetricName& name, std::string_view statistic) const;
  bool has(const MetricName& name) const { return find(name.id) != nullptr; }

  // Adds interactivity where there is time per output token but no interactivity.
  void derive_interactivity();

  // Once each, in the order they came.
  void warn(std::string_view name);
  void keep(std::string_view key, const nlohmann::ordered_json& value);  // in extra_json
  void keep_fields(const nlohmann::ordered_json& fields);                // in extra_json's "fields"
  void note_not_finite(const TakenFields& fields);
  // Takes over what finish() wrote into extra_json before: statistics and fields are added to those
  // that are there, all else replaces it.
  void restore(const nlohmann::ordered_json& extra);

  PointRecord finish();

 private:
  const MetricValue* find(std::string_view id) const;
  MetricValue& metric(const MetricName& name);

  nlohmann::ordered_json extra_ = nlohmann::ordered_json::object();
  nlohmann::ordered_json statistics_ = nlohmann::ordered_json::object();
  nlohmann::ordered_json fields_ = nlohmann::ordered_json::object();
  nlohmann::ordered_json derived_ = nlohmann::ordered_json::array();
};

// The value as it may be kept: keys and passwords removed, long lists by their length only, numbers
// that JSON lacks as text.
nlohmann::ordered_json keepable_json(const nlohmann::ordered_json& value);

// Appends the point to the run of the same deployment and workload, or to a new one. A second point
// of the same load gets the next `repeat`.
void add_point(std::vector<RunRecord>& runs, RunRecord run, PointRecord point);

// A key of data/hardware.json found in a name such as "cluster:h100-dgxc" or
// "NVIDIA-H100-80GB-HBM3"; otherwise the name itself in small letters.
std::string hardware_key(std::string_view name);

// "8k1k" and the like for lengths that have such a name, otherwise "ISL:OSL".
std::string workload_name(int64_t input_length, int64_t output_length);

// Seconds since 1970 of "2026-09-03", "2026-09-03 22:38:12+00", "2025-11-05T18:00:42Z" or
// "20260314-200445" (taken as UTC); nothing for other texts.
std::optional<double> parse_time(std::string_view text);
// "2025-11-05T18:00:42Z", with microseconds where there are any.
std::string format_time(double unix_seconds);

}  // namespace hadal
