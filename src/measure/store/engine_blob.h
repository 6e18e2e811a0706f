// Samples of an engine's own figures as bytes of the store, and back: a JSON object with the
// figures' names, so that they may become more.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "measure/records.h"

namespace hadal {

std::string encode_engine_samples(std::span<const EngineSample> samples);
// Throws kInvalidFile, naming `where`, for what is not such an object. Figures of other names are
// left out.
std::vector<EngineSample> decode_engine_samples(std::string_view bytes, const std::string& where);

}  // namespace hadal
