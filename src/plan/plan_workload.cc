#include "plan/plan_workload.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <list>
#include <unordered_map>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "economics/catalogue_fields.h"
#include "json/fields.h"
#include "json/python_json.h"

namespace hadal {
namespace {

[[noreturn]] void refuse(const std::string& text, const std::string& what) {
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = "--workload " + printable(text),
               .what = what,
               .remedy = "write 8k1k, 1k1k, agentx, 8192:1024, 8192:1024:0.6 (60 % of the input "
                         "cached), or the name of a trace that ends in .jsonl"});
}

}  // namespace

RequestShape parse_plan_workload(const std::string& text) {
  // Means of lengths even in [0.8 L, L].
  constexpr double kMean = 0.9;
  if (text == "8k1k") return {.input = 8192 * kMean, .output = 1024 * kMean};
  if (text == "1k1k") return {.input = 1024 * kMean, .output = 1024 * kMean};
  if (text == "1k8k") return {.input = 1024 * kMean, .output = 8192 * kMean};
  // Means of InferenceX's run 440246 on B200 (2026-08-22); sub-agents and tools leave a place of
  // the load idle for about a third of the time there.
  if (text == "agentx") return {.input = 126019, .output = 984, .hit = 0.95, .busy = 0.7};
  RequestShape shape;
  double* const places[] = {&shape.input, &shape.output, &shape.hit};
  std::string_view rest = text;
  size_t count = 0;
  while (!rest.empty() && count < std::size(places)) {
    const std::string_view one = rest.substr(0, rest.find(':'));
    double value = 0;
    const auto parsed = std::from_chars(one.data(), one.data() + one.size(), value);
    if (one.empty() || parsed.ec != std::errc() || parsed.ptr != one.data() + one.size()) {
      refuse(text, "is no workload that is known");
    }
    *places[count++] = value;
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
  }
  if (count < 2 || !rest.empty()) refuse(text, "is no workload that is known");
  constexpr double kLongest = 1e7;
  if (!(shape.input >= 1 && shape.input <= kLongest && shape.output >= 1 &&
        shape.output <= kLongest)) {
    refuse(text, "has lengths that are not 1 to 10,000,000 tokens");
  }
  if (!(shape.hit >= 0 && shape.hit < 1)) refuse(text, "has a cached share that is not in [0, 1)");
  return shape;
}

PlanTrace::PlanTrace(std::string_view text, const std::string& where) {
  const FieldsSource source = catalogue_source(where);
  double blocks = 0;
  double tokens = 0;
  size_t number = 0;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string place = fmt::format("{}:{}", where, number);
    const nlohmann::ordered_json json = parse_json_file_text(line, place);
    const Fields row(json, "", source);
    Request request{.input = row.number("input_length").value_or(0),
                    .output = row.number("output_length").value_or(0)};
    if (!(request.input >= 1 && request.output >= 1 && request.input < 1e9 &&
          request.output < 1e9)) {
      throw Error({.code = ErrorCode::kInvalidFile,
                   .where = place,
                   .what = "has no input_length and output_length of at least 1",
                   .remedy = "give JSON lines in the form of Mooncake's traces"});
    }
    if (const nlohmann::ordered_json* ids = row.array("hash_ids")) {
      for (const nlohmann::ordered_json& id : *ids) {
        if (id.is_number_integer()) request.blocks.push_back(id.get<int64_t>());
      }
      blocks += static_cast<double>(request.blocks.size());
      tokens += request.input;
    }
    requests_.push_back(std::move(request));
  }
  if (requests_.empty()) {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = where,
                 .what = "holds no requests",
                 .remedy = "give JSON lines in the form of Mooncake's traces"});
  }
  // The last block of a request is part full: half, on the mean.
  if (blocks > 0) {
    const double full = blocks - 0.5 * static_cast<double>(requests_.size());
    block_tokens_ = std::exp2(std::round(std::log2(std::max(1.0, tokens / std::max(1.0, full)))));
  }
}

RequestShape PlanTrace::shape(double capacity_tokens) const {
  RequestShape mean;
  const double capacity = capacity_tokens / block_tokens_;
  std::list<int64_t> by_use;
  std::unordered_map<int64_t, std::list<int64_t>::iterator> held;
  double reused = 0;
  for (const Request& request : requests_) {
    mean.input += request.input;
    mean.output += request.output;
    bool prefix = true;  // only what comes before the first miss is a prefix
    double hits = 0;
    for (const int64_t block : request.blocks) {
      const auto found = held.find(block);
      prefix = prefix && found != held.end();
      if (prefix) hits += block_tokens_;
      if (found != held.end()) by_use.erase(found->second);
      by_use.push_front(block);
      held[block] = by_use.begin();
      while (static_cast<double>(held.size()) > capacity) {
        held.erase(by_use.back());
        by_use.pop_back();
      }
    }
    reused += std::min(hits, request.input - 1);
  }
  const auto count = static_cast<double>(requests_.size());
  mean.hit = reused / mean.input;
  mean.input /= count;
  mean.output /= count;
  return mean;
}

RequestShape PlanTrace::shape_without_limit() const {
  return shape(std::numeric_limits<double>::infinity());
}

}  // namespace hadal
