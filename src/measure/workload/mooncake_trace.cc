#include "measure/workload/mooncake_trace.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "json/python_json.h"
#include "json/unknown_fields.h"
#include "measure/workload/limits.h"
#include "measure/workload/trace_fields.h"

namespace hadal {
namespace {

constexpr std::array<std::string_view, 4> kKnown = {"timestamp", "input_length", "output_length",
                                                    "hash_ids"};
constexpr double kMillisecond = 1e-3;

}  // namespace

Trace read_mooncake_trace(TraceLineReader& lines) {
  Trace trace{.name = lines.name(),
              .format = "mooncake",
              .block_tokens = kMooncakeBlock,
              .blocks_are_global = true};
  UnknownFields unknown(false);
  TraceSize size;
  bool is_in_order = true;
  std::string_view line;
  while (lines.next(line)) {
    const FieldsSource source = trace_line_source(lines);
    const nlohmann::ordered_json json =
        parse_json(line, source.file, source.code, {.allows_non_finite = false});
    const Fields fields(json, "", source);
    unknown.check(fields, kKnown);
    TraceRequest request;
    request.input_tokens = read_tokens(fields, "input_length", 1);
    request.output_tokens = std::max<int64_t>(1, read_tokens(fields, "output_length", 0));
    const int64_t blocks = (request.input_tokens + kMooncakeBlock - 1) / kMooncakeBlock;
    request.blocks = read_block_ids(fields, "hash_ids", blocks);
    const std::optional<double> milliseconds = fields.number("timestamp");
    if (!milliseconds) fields.refuse("timestamp", "is missing", FieldFault::kMissing);
    const double starts = *milliseconds * kMillisecond;
    if (!(starts >= 0 && starts <= kMostSeconds)) {
      fields.refuse("timestamp", "is not from 0 to 1e12 milliseconds");
    }
    if (!trace.sessions.empty() && starts < trace.sessions.back().starts) is_in_order = false;
    trace.sessions.push_back({.starts = starts, .requests = {std::move(request)}});
    size.add(trace.sessions.back(), lines);
  }
  if (!is_in_order) {
    std::stable_sort(trace.sessions.begin(), trace.sessions.end(),
                     [](const auto& a, const auto& b) { return a.starts < b.starts; });
    trace.remarks.emplace_back("lines were not in the order of their timestamps; they are now");
  }
  for (const std::string& name : unknown.names()) {
    trace.remarks.push_back("unknown field " + name + " was not used");
  }
  return trace;
}

}  // namespace hadal
