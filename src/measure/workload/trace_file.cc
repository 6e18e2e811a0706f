#include "measure/workload/trace_file.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "json/known_keys.h"
#include "json/python_json.h"
#include "measure/workload/limits.h"
#include "measure/workload/mooncake_trace.h"
#include "measure/workload/trace_fields.h"
#include "measure/workload/weka_trace.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

constexpr std::array<std::string_view, 4> kHeaderKeys = {"schema", "name", "block_tokens",
                                                         "block_scope"};
constexpr std::array<std::string_view, 3> kSessionKeys = {"id", "starts", "requests"};
constexpr std::array<std::string_view, 9> kRequestKeys = {
    "at", "took", "in", "out", "blocks", "agent", "after", "after_sent", "delay"};

ordered_json parse_line(std::string_view line, const FieldsSource& source) {
  return parse_json(line, source.file, source.code,
                    {.allows_non_finite = false, .refuses_repeated_names = true});
}

std::vector<BlockRun> read_runs(const Fields& fields, int64_t most) {
  std::vector<BlockRun> runs;
  int64_t blocks = 0;
  fields.each("blocks", [&](const ordered_json& entry, const std::string& path) {
    const bool is_run = entry.is_array();
    if (is_run && entry.size() != 2) {
      refuse_field(path, "must be an id or [first id, count]", FieldFault::kValue, fields.source());
    }
    BlockRun run{.first = read_block_id(is_run ? entry[0] : entry, path, fields.source()),
                 .count = 1};
    if (is_run) {
      run.count = whole_number(entry[1]).value_or(0);
      if (run.count < 1 || run.count > kMostTokens || run.first > kBlockIds - run.count) {
        refuse_field(path, "has a count of blocks that cannot be", FieldFault::kValue,
                     fields.source());
      }
    }
    blocks += run.count;
    if (blocks > most) {
      fields.refuse("blocks", "are more than the prompt holds, " + std::to_string(most));
    }
    const bool goes_on = !runs.empty() && run.first == runs.back().first + runs.back().count;
    if (goes_on) {
      runs.back().count += run.count;
    } else {
      runs.push_back(run);
    }
  });
  return runs;
}

std::vector<int> read_places(const Fields& fields, std::string_view key, size_t before) {
  std::vector<int> places;
  fields.each(key, [&](const ordered_json& entry, const std::string& path) {
    const std::optional<int64_t> place = whole_number(entry);
    if (!place || *place >= static_cast<int64_t>(before)) {
      refuse_field(path, "must be the place of a request before this one", FieldFault::kValue,
                   fields.source());
    }
    places.push_back(static_cast<int>(*place));
  });
  std::sort(places.begin(), places.end());
  if (std::adjacent_find(places.begin(), places.end()) != places.end()) {
    fields.refuse(key, "names a request twice");
  }
  return places;
}

TraceRequest read_request(const Fields& fields, const Trace& trace,
                          const std::vector<TraceRequest>& before) {
  refuse_unknown_keys(fields, kRequestKeys);
  TraceRequest request;
  request.at = read_seconds(fields, "at").value_or(before.empty() ? 0 : before.back().at);
  if (!before.empty() && request.at < before.back().at) {
    fields.refuse("at", "lies before that of the request before it");
  }
  request.took = read_seconds(fields, "took").value_or(0);
  request.input_tokens = read_tokens(fields, "in", 1);
  request.output_tokens = read_tokens(fields, "out", 1);
  request.blocks =
      read_runs(fields, (request.input_tokens + trace.block_tokens - 1) / trace.block_tokens);
  request.agent = fields.count("agent", 0).value_or(0);
  if (request.agent > static_cast<int>(kMostRequestsOfSession)) {
    fields.refuse("agent", "is not from 0 to " + std::to_string(kMostRequestsOfSession));
  }
  request.after_end = read_places(fields, "after", before.size());
  request.after_sent = read_places(fields, "after_sent", before.size());
  request.delay = read_seconds(fields, "delay").value_or(0);
  return request;
}

ordered_json request_json(const TraceRequest& request) {
  ordered_json json;
  json["at"] = request.at;
  if (request.took > 0) json["took"] = request.took;
  json["in"] = request.input_tokens;
  json["out"] = request.output_tokens;
  if (!request.blocks.empty()) {
    ordered_json& runs = json["blocks"] = ordered_json::array();
    for (const BlockRun& run : request.blocks) {
      if (run.count == 1) {
        runs.push_back(run.first);
      } else {
        runs.push_back({run.first, run.count});
      }
    }
  }
  if (request.agent != 0) json["agent"] = request.agent;
  if (!request.after_end.empty()) json["after"] = request.after_end;
  if (!request.after_sent.empty()) json["after_sent"] = request.after_sent;
  if (request.delay > 0) json["delay"] = request.delay;
  return json;
}

// The first line that is not blank, or nothing.
std::string first_line_of(TraceLineReader& lines) {
  std::string_view line;
  return lines.next(line) ? std::string(line) : std::string();
}

enum class TraceForm { kHadal, kWeka, kMooncake };

TraceForm form_of(const std::string& line, const TraceLineReader& lines) {
  const auto refuse = [&] {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = lines.name(),
                 .what = "is no trace that hadal knows",
                 .remedy = "give JSONL that begins with {\"schema\": \"hadal.trace/1\", ...}, "
                           "Weka's plays, or Mooncake's requests"});
  };
  if (line.empty()) refuse();
  const FieldsSource source = trace_line_source(lines);
  const ordered_json json = parse_json(line, source.file, source.code);
  if (!json.is_object()) refuse();
  if (json.contains("schema")) return TraceForm::kHadal;
  if (json.contains("requests")) return TraceForm::kWeka;
  if (!json.contains("input_length")) refuse();
  return TraceForm::kMooncake;
}

Trace read_form(TraceForm form, TraceLineReader& lines) {
  switch (form) {
    case TraceForm::kWeka:
      return read_weka_trace(lines);
    case TraceForm::kMooncake:
      return read_mooncake_trace(lines);
    case TraceForm::kHadal:
      break;
  }
  return read_hadal_trace(lines);
}

Trace required_sessions(Trace trace) {
  if (!trace.sessions.empty()) return trace;
  throw Error({.code = ErrorCode::kInvalidFile,
               .where = trace.name,
               .what = "has no requests",
               .remedy = "give a trace with at least one"});
}

}  // namespace

Trace read_hadal_trace(TraceLineReader& lines) {
  Trace trace{.name = lines.name(), .format = std::string(kTraceSchema)};
  TraceSize size;
  bool is_header = true;
  std::string_view line;
  while (lines.next(line)) {
    const FieldsSource source = trace_line_source(lines);
    const ordered_json json = parse_line(line, source);
    const Fields fields(json, "", source);
    if (std::exchange(is_header, false)) {
      const std::string schema = fields.required_string("schema");
      if (schema != kTraceSchema) {
        fields.refuse("schema", "is not \"" + std::string(kTraceSchema) + "\"");
      }
      refuse_unknown_keys(fields, kHeaderKeys);
      trace.name = fields.string("name").value_or(lines.name());
      if (fields.has("block_tokens")) trace.block_tokens = read_tokens(fields, "block_tokens", 1);
      const std::string scope = fields.string("block_scope").value_or("session");
      if (scope != "session" && scope != "trace") {
        fields.refuse("block_scope", "is neither \"session\" nor \"trace\"");
      }
      trace.blocks_are_global = scope == "trace";
      continue;
    }
    refuse_unknown_keys(fields, kSessionKeys);
    TraceSession session{.id = fields.string("id").value_or(""),
                         .starts = read_seconds(fields, "starts")};
    fields.each("requests", [&](const ordered_json& entry, const std::string& path) {
      session.requests.push_back(
          read_request(Fields(entry, path, source), trace, session.requests));
    });
    if (session.requests.empty()) fields.refuse("requests", "are none");
    size.add(session, lines);
    trace.sessions.push_back(std::move(session));
  }
  return trace;
}

void write_hadal_trace(const Trace& trace, const std::function<void(std::string_view)>& write) {
  ordered_json header;
  header["schema"] = kTraceSchema;
  header["name"] = trace.name;
  header["block_tokens"] = trace.block_tokens;
  header["block_scope"] = trace.blocks_are_global ? "trace" : "session";
  write(dump_json(header) + "\n");
  for (const TraceSession& session : trace.sessions) {
    ordered_json json;
    if (!session.id.empty()) json["id"] = session.id;
    if (session.starts) json["starts"] = *session.starts;
    ordered_json& requests = json["requests"] = ordered_json::array();
    for (const TraceRequest& request : session.requests) requests.push_back(request_json(request));
    write(dump_json(json) + "\n");
  }
}

Trace read_trace(const std::filesystem::path& path) {
  TraceLineReader peek(path);
  const std::string first = first_line_of(peek);
  const TraceForm form = form_of(first, peek);
  TraceLineReader lines(path);
  return required_sessions(read_form(form, lines));
}

Trace read_trace_text(std::string_view text, const std::string& name) {
  TraceLineReader peek(text, name);
  const std::string first = first_line_of(peek);
  const TraceForm form = form_of(first, peek);
  TraceLineReader lines(text, name);
  return required_sessions(read_form(form, lines));
}

}  // namespace hadal
