// JSON the way Python's json module reads and writes it, because prompts are made of it and every
// byte of a prompt counts: separators ", " and ": ", insertion order, floats as repr() writes them
// ("1e2" becomes 100.0), characters beyond ASCII kept, integers of any size kept exactly.
// nlohmann::ordered_json is the document; an integer beyond 64 bits, which it cannot hold, is kept
// as a binary value with the decimal digits as its bytes (JSON itself has no binary values).
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/error.h"
#include "json/json_reader.h"

namespace hadal {

// Reads what json.loads reads. Of equal keys the last value wins, in the place of the first. Throws
// Error with `code` and `where` for malformed text, text that is not UTF-8, lone surrogates,
// integers of more than 4,300 digits, nesting deeper than JsonReader::kMaxDepth, and what `rules`
// forbid.
nlohmann::ordered_json parse_json(std::string_view text, const std::string& where,
                                  ErrorCode code = ErrorCode::kInvalidArgument,
                                  JsonRules rules = {});

// Of a file that came with a model: errors are kInvalidFile and name `where`; NaN, numbers out of
// range and names given twice in one object are refused.
nlohmann::ordered_json parse_json_file_text(std::string_view text, const std::string& where);

// Whether `text` is one JSON value by the standard (no NaN), nested at most JsonReader::kMaxDepth
// deep.
bool is_json(std::string_view text);

// json.dumps(value, ensure_ascii=False). Strings that are not UTF-8 throw Error (kInvalidArgument).
std::string dump_json(const nlohmann::ordered_json& value);

// A string value with its quotes. `text` must be UTF-8 or Error (kInvalidArgument) is thrown.
std::string json_string(std::string_view text);

// As json_string without the quotes; `text` may be any part of a UTF-8 string, even of a character.
void append_json_escaped(std::string& out, std::string_view text);

// repr() of a float as json.dumps writes it: 100.0, 1e-05, 1e+16, -0.0, NaN, Infinity.
std::string python_float(double value);

}  // namespace hadal
