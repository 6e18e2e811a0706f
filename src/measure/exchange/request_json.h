// The lines of "hadal.requests/1": names of a request's figures, shared by what writes them and
// what reads them back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "measure/records.h"

namespace hadal {

inline constexpr std::string_view kRequestsSchema = "hadal.requests/1";

struct RequestTime {
  std::string_view name;
  std::optional<double> RequestRecord::*value;
};
inline constexpr RequestTime kRequestTimes[] = {
    {"planned", &RequestRecord::planned},
    {"headers", &RequestRecord::headers},
    {"first_token", &RequestRecord::first_token},
    {"first_answer_token", &RequestRecord::first_answer_token},
    {"last_token", &RequestRecord::last_token},
    {"server_prefill_seconds", &RequestRecord::server_prefill_seconds},
    {"server_decode_seconds", &RequestRecord::server_decode_seconds},
};

struct RequestTokens {
  std::string_view name;
  std::optional<int64_t> RequestRecord::*value;
};
inline constexpr RequestTokens kRequestTokens[] = {
    {"input_tokens", &RequestRecord::input_tokens},
    {"cached_tokens", &RequestRecord::cached_tokens},
    {"output_tokens", &RequestRecord::output_tokens},
    {"reasoning_tokens", &RequestRecord::reasoning_tokens},
};

struct RequestAsked {
  std::string_view name;
  int64_t RequestRecord::*value;
};
inline constexpr RequestAsked kRequestAsked[] = {
    {"asked_input_tokens", &RequestRecord::asked_input_tokens},
    {"asked_output_tokens", &RequestRecord::asked_output_tokens},
    {"expected_cached_tokens", &RequestRecord::expected_cached_tokens},
};

struct RequestText {
  std::string_view name;
  std::string RequestRecord::*value;
};
inline constexpr RequestText kRequestTexts[] = {
    {"failure", &RequestRecord::failure},
    {"failure_text", &RequestRecord::failure_text},
    {"finish_reason", &RequestRecord::finish_reason},
};

}  // namespace hadal
