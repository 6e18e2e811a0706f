// A file that lies in the program's own binary; hadal_embed of cmake/HadalEmbed.cmake puts it
// there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace hadal {

struct EmbeddedFile {
  std::string_view name;
  std::span<const std::byte> bytes;

  // Of a text file.
  std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

}  // namespace hadal
