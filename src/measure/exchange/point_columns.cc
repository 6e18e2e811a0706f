#include "measure/exchange/point_columns.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "json/python_json.h"
#include "measure/exchange/record_json.h"
#include "measure/store/run_words.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

constexpr const char* kNumber = "must be a number";
constexpr const char* kWhole = "must be a whole number";

bool read_whole(const std::string& cell, int64_t& value) {
  const auto parsed = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  return parsed.ec == std::errc() && parsed.ptr == cell.data() + cell.size();
}

bool read_int(const std::string& cell, int& value) {
  const auto parsed = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  return parsed.ec == std::errc() && parsed.ptr == cell.data() + cell.size() && value >= 0;
}

// Numbers of the window and of the run, by place in this list.
double& plain_number(RunRecord& run, PointRecord& point, size_t index) {
  double* const numbers[] = {&run.created_unix, &point.window.begin, &point.window.end};
  return *numbers[index];
}

int64_t& request_count(PointRecord& point, size_t index) {
  int64_t* const counts[] = {&point.requests.attempted, &point.requests.ok, &point.requests.failed,
                             &point.requests.cancelled};
  return *counts[index];
}

std::string& point_text(PointRecord& point, size_t index) {
  std::string* const texts[] = {&point.load.arrivals, &point.window.kind, &point.window.rule,
                                &point.extra_json};
  return *texts[index];
}

PointColumn run_text_column(size_t index) {
  return {.name = std::string(kRunTexts[index].name),
          .write = [](const RunRecord& run, const PointRecord&,
                      size_t i) { return run.*kRunTexts[i].text; },
          .read =
              [](const std::string& cell, RunRecord& run, PointRecord&, size_t i) {
                run.*kRunTexts[i].text = cell;
                return std::string(
                    is_text_of_run(kRunTexts[i].name, cell) ? "" : "must be a JSON object");
              },
          .index = index};
}

PointColumn run_count_column(size_t index) {
  return {.name = std::string(kRunCounts[index].name),
          .write =
              [](const RunRecord& run, const PointRecord&, size_t i) {
                const int count = run.*kRunCounts[i].count;
                return count == 0 ? std::string() : std::to_string(count);
              },
          .read =
              [](const std::string& cell, RunRecord& run, PointRecord&, size_t i) {
                if (cell.empty()) return std::string();
                return std::string(read_int(cell, run.*kRunCounts[i].count) ? "" : kWhole);
              },
          .index = index};
}

PointColumn number_column(const char* name, size_t index) {
  return {
      .name = name,
      .write =
          [](const RunRecord& run, const PointRecord& point, size_t i) {
            RunRecord run_copy{.created_unix = run.created_unix};
            PointRecord point_copy{.window = point.window};
            return number_cell(plain_number(run_copy, point_copy, i));
          },
      .read =
          [](const std::string& cell, RunRecord& run, PointRecord& point, size_t i) {
            return std::string(read_number_cell(cell, plain_number(run, point, i)) ? "" : kNumber);
          },
      .index = index};
}

PointColumn request_column(const char* name, size_t index) {
  return {.name = name,
          .write =
              [](const RunRecord&, const PointRecord& point, size_t i) {
                PointRecord copy{.requests = point.requests};
                return std::to_string(request_count(copy, i));
              },
          .read =
              [](const std::string& cell, RunRecord&, PointRecord& point, size_t i) {
                int64_t& count = request_count(point, i);
                return std::string(read_whole(cell, count) && count >= 0 ? "" : kWhole);
              },
          .index = index};
}

PointColumn text_column(const char* name, size_t index) {
  return {.name = name,
          .write =
              [](const RunRecord&, const PointRecord& point, size_t i) {
                PointRecord copy{
                    .load = point.load, .window = point.window, .extra_json = point.extra_json};
                return point_text(copy, i);
              },
          .read =
              [](const std::string& cell, RunRecord&, PointRecord& point, size_t i) {
                constexpr size_t kExtra = 3;
                if (i == kExtra && !cell.empty() && !(is_json(cell) && cell.front() == '{')) {
                  return std::string("must be a JSON object");
                }
                point_text(point, i) = cell;
                return std::string();
              },
          .index = index};
}

PointColumn state_column() {
  return {.name = "state",
          .write = [](const RunRecord& run, const PointRecord&,
                      size_t) { return std::string(run_state_word(run.state)); },
          .read =
              [](const std::string& cell, RunRecord& run, PointRecord&, size_t) {
                const std::optional<RunState> state = run_state_of(cell);
                if (!state) return std::string("must be a state such as complete");
                run.state = *state;
                return std::string();
              }};
}

PointColumn gate_column() {
  return {.name = "gate",
          .write = [](const RunRecord& run, const PointRecord&,
                      size_t) { return std::string(gate_verdict_word(run.gate)); },
          .read =
              [](const std::string& cell, RunRecord& run, PointRecord&, size_t) {
                const std::optional<GateVerdict> gate = gate_verdict_of(cell);
                if (!gate) return std::string("must be not_run, passed or failed");
                run.gate = *gate;
                return std::string();
              }};
}

PointColumn concurrency_column() {
  return {.name = "concurrency",
          .write =
              [](const RunRecord&, const PointRecord& point, size_t) {
                return point.load.concurrency ? std::to_string(*point.load.concurrency)
                                              : std::string();
              },
          .read =
              [](const std::string& cell, RunRecord&, PointRecord& point, size_t) {
                if (cell.empty()) return std::string();
                int value = 0;
                if (!read_int(cell, value)) return std::string(kWhole);
                point.load.concurrency = value;
                return std::string();
              }};
}

PointColumn rate_column() {
  return {.name = "rate",
          .write =
              [](const RunRecord&, const PointRecord& point, size_t) {
                return point.load.rate ? number_cell(*point.load.rate) : std::string();
              },
          .read =
              [](const std::string& cell, RunRecord&, PointRecord& point, size_t) {
                if (cell.empty()) return std::string();
                double value = 0;
                if (!read_number_cell(cell, value)) return std::string(kNumber);
                point.load.rate = value;
                return std::string();
              }};
}

PointColumn repeat_column() {
  return {.name = "repeat",
          .write = [](const RunRecord&, const PointRecord& point,
                      size_t) { return std::to_string(point.repeat); },
          .read = [](const std::string& cell, RunRecord&, PointRecord& point,
                     size_t) { return std::string(read_int(cell, point.repeat) ? "" : kWhole); }};
}

PointColumn client_column() {
  return {.name = "client",
          .write =
              [](const RunRecord&, const PointRecord& point, size_t) {
                const ordered_json client = client_to_json(point.client);
                return client.empty() ? std::string() : dump_json(client);
              },
          .read =
              [](const std::string& cell, RunRecord&, PointRecord& point, size_t) {
                if (cell.empty()) return std::string();
                if (!is_json(cell)) return std::string("must be JSON");
                point.client = client_from_json(parse_json(cell, "client"), "client",
                                                FieldsSource{.code = ErrorCode::kInvalidFile});
                return std::string();
              }};
}

PointColumn warnings_column() {
  return {.name = "warnings",
          .write =
              [](const RunRecord&, const PointRecord& point, size_t) {
                // Warnings are sentences: nothing but a list keeps them apart.
                return point.warnings.empty() ? std::string()
                                              : dump_json(ordered_json(point.warnings));
              },
          .read =
              [](const std::string& cell, RunRecord&, PointRecord& point, size_t) {
                if (cell.empty()) return std::string();
                constexpr const char* kTexts = "must be a JSON array of texts";
                if (!is_json(cell)) return std::string(kTexts);
                const ordered_json list = parse_json(cell, "warnings");
                if (!list.is_array()) return std::string(kTexts);
                for (const ordered_json& warning : list) {
                  if (!warning.is_string()) return std::string(kTexts);
                  point.warnings.push_back(warning.get<std::string>());
                }
                return std::string();
              }};
}

PointColumn schema_column() {
  return {.name = "schema",
          .write = [](const RunRecord&, const PointRecord&,
                      size_t) { return std::string(kPointsSchema); },
          .read =
              [](const std::string& cell, RunRecord&, PointRecord&, size_t) {
                return std::string(cell == kPointsSchema ? "" : "must be hadal.points/1");
              }};
}

std::vector<PointColumn> make_columns() {
  std::vector<PointColumn> columns = {schema_column()};
  for (size_t i = 0; i < std::size(kRunTexts); ++i) columns.push_back(run_text_column(i));
  for (size_t i = 0; i < std::size(kRunCounts); ++i) columns.push_back(run_count_column(i));
  columns.push_back(number_column("created_unix", 0));
  columns.push_back(state_column());
  columns.push_back(gate_column());
  columns.push_back(concurrency_column());
  columns.push_back(rate_column());
  columns.push_back(text_column("arrivals", 0));
  columns.push_back(repeat_column());
  columns.push_back(text_column("window_kind", 1));
  columns.push_back(text_column("window_rule", 2));
  columns.push_back(number_column("window_begin", 1));
  columns.push_back(number_column("window_end", 2));
  columns.push_back(request_column("attempted", 0));
  columns.push_back(request_column("ok", 1));
  columns.push_back(request_column("failed", 2));
  columns.push_back(request_column("cancelled", 3));
  columns.push_back(client_column());
  columns.push_back(warnings_column());
  columns.push_back(text_column("extra_json", 3));
  return columns;
}

}  // namespace

const std::vector<PointColumn>& point_columns() {
  static const std::vector<PointColumn> kColumns = make_columns();
  return kColumns;
}

std::string number_cell(double value) { return python_float(value); }

bool read_number_cell(const std::string& cell, double& value) {
  const auto parsed = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  return parsed.ec == std::errc() && parsed.ptr == cell.data() + cell.size() &&
         std::isfinite(value);
}

}  // namespace hadal
