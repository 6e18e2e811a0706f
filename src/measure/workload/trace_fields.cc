#include "measure/workload/trace_fields.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "measure/workload/limits.h"
#include "measure/workload/random_stream.h"

namespace hadal {

FieldsSource trace_line_source(const TraceLineReader& lines) {
  return {.code = ErrorCode::kInvalidFile,
          .file = lines.place(),
          .remedy = "correct the line or leave it out",
          .tells_values = true};
}

int64_t read_tokens(const Fields& fields, std::string_view key, int64_t least) {
  const std::optional<uint64_t> value = fields.integer(key);
  if (!value) fields.refuse(key, "is missing", FieldFault::kMissing);
  const auto tokens = static_cast<int64_t>(*value);
  if (tokens < least || tokens > kMostTokens) {
    fields.refuse(key, "is not from " + std::to_string(least) + " to " +
                           std::to_string(kMostTokens) + " tokens");
  }
  return tokens;
}

std::optional<double> read_seconds(const Fields& fields, std::string_view key) {
  const std::optional<double> seconds = fields.number(key);
  if (seconds && !(*seconds >= 0 && *seconds <= kMostSeconds)) {
    fields.refuse(key, "is not from 0 to 1e9 seconds");
  }
  return seconds;
}

std::optional<int64_t> whole_number(const nlohmann::ordered_json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  const bool fits = !value.is_number_unsigned() || value.get<uint64_t>() <= uint64_t{INT64_MAX};
  if (!fits || value.get<int64_t>() < 0) return std::nullopt;
  return value.get<int64_t>();
}

int64_t read_block_id(const nlohmann::ordered_json& value, const std::string& path,
                      const FieldsSource& source) {
  const std::optional<int64_t> plain = whole_number(value);
  if (plain && *plain < kBlockIds) return *plain;
  uint64_t key = 0;
  if (value.is_binary()) {  // an integer of more than 64 bits, by its digits
    for (const uint8_t digit : value.get_binary()) key = stream_key({key, digit});
  } else if (value.is_number_integer()) {
    key = stream_key({value.get<uint64_t>()});
  } else {
    refuse_type(path, value, "must be a whole number", source);
  }
  return static_cast<int64_t>(key % static_cast<uint64_t>(kBlockIds));
}

std::vector<BlockRun> read_block_ids(const Fields& fields, std::string_view key, int64_t most) {
  std::vector<BlockRun> runs;
  const nlohmann::ordered_json* ids = fields.array(key);
  if (ids == nullptr) return runs;
  if (ids->size() > static_cast<size_t>(most)) {
    fields.refuse(key, "has " + std::to_string(ids->size()) + " blocks, and the prompt only " +
                           std::to_string(most));
  }
  for (size_t i = 0; i < ids->size(); ++i) {
    append_block(runs,
                 read_block_id((*ids)[i], element_path(fields.path(key), i), fields.source()));
  }
  return runs;
}

void TraceSize::add(const TraceSession& session, const TraceLineReader& lines) {
  const auto refuse = [&](size_t most, const std::string& of_what) {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = lines.place(),
                 .what = "goes beyond " + std::to_string(most) + " " + of_what,
                 .remedy = "cut the trace into several files"});
  };
  if (session.requests.size() > kMostRequestsOfSession) {
    refuse(kMostRequestsOfSession, "requests of a session");
  }
  ++sessions_;
  requests_ += session.requests.size();
  for (const TraceRequest& request : session.requests) runs_ += request.blocks.size();
  if (sessions_ > kMostSessions) refuse(kMostSessions, "sessions");
  if (requests_ > kMostRequests) refuse(kMostRequests, "requests");
  if (runs_ > kMostBlockRuns) refuse(kMostBlockRuns, "runs of blocks");
}

}  // namespace hadal
