// Which efforts of reasoning a model knows, by its directory: nothing in config.json tells, but the
// releases bring the encoder that they were trained with. The encoding itself is chat_encoding.h's.
#pragma once

#include <filesystem>
#include <string_view>

#include "chat/chat_encoding.h"

namespace hadal {

// As `model_directory`/encoding/encoding_dsv4.py has them; of a directory without that file those
// of the first releases. Throws Error where the file is there and cannot be read.
ReasoningEfforts reasoning_efforts(const std::filesystem::path& model_directory);

// "high-max" or "low-high-max".
std::string_view efforts_name(ReasoningEfforts efforts);

}  // namespace hadal
