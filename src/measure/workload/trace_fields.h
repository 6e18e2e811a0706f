// What the readers of traces have in common: fields of a line of JSON within the limits of a plan.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/fields.h"
#include "measure/workload/trace.h"
#include "measure/workload/trace_line_reader.h"

namespace hadal {

// How errors speak of the line that `lines` stands at.
FieldsSource trace_line_source(const TraceLineReader& lines);

// A whole number of tokens from `least` to kMostTokens; refused when absent.
int64_t read_tokens(const Fields& fields, std::string_view key, int64_t least);
// Seconds from 0 to kMostSeconds; none when absent.
std::optional<double> read_seconds(const Fields& fields, std::string_view key);

// A whole number from 0 up that fits 64 bits; none for any other value.
std::optional<int64_t> whole_number(const nlohmann::ordered_json& value);

// A whole number as an id. Negative ones and those from kBlockIds on become a hash of themselves.
int64_t read_block_id(const nlohmann::ordered_json& value, const std::string& path,
                      const FieldsSource& source);
// An array of ids; empty when absent. Refuses more than `most`.
std::vector<BlockRun> read_block_ids(const Fields& fields, std::string_view key, int64_t most);

// Adds up what a whole trace holds and refuses, naming the line, what is beyond the limits.
class TraceSize {
 public:
  void add(const TraceSession& session, const TraceLineReader& lines);

 private:
  size_t sessions_ = 0;
  size_t requests_ = 0;
  size_t runs_ = 0;
};

}  // namespace hadal
