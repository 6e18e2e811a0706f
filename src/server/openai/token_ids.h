// Tokens that a request gives by their ids.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace hadal {

// The array `list`, whose path in the request is `path`: whole numbers from 0 to vocab_size - 1.
// Throws FieldError naming the first element that is none.
std::vector<int32_t> read_token_ids(const nlohmann::ordered_json& list, const std::string& path,
                                    int64_t vocab_size);

}  // namespace hadal
