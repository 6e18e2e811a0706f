// How files look that a download has not brought, or not whole: pointers of Git LFS, pages and
// error messages of a server saved under the file's name, archives and other formats, zeros,
// remains of download programs. Only the beginning of a file is looked at, and only where the
// contents are not what they must be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hadal {

struct ForeignContents {
  std::string what;    // reads on from the file's name: "is ..." or "holds ..."
  std::string remedy;  // what to do about it
};

// What the file with this beginning is in place of JSON or of a safetensors file; nothing when it
// cannot be told. `head`: the first bytes, 4 KiB or all; `size`: of the whole file.
std::optional<ForeignContents> foreign_contents(std::string_view head, uint64_t size);

// Throws Error (kInvalidFile) with what foreign_contents() says, if it says anything.
void refuse_foreign_contents(const std::string& where, std::string_view head, uint64_t size);

// Throws Error (kInvalidFile) when a download program's file beside `path` says that it is still
// being written (aria2 keeps NAME.aria2 until NAME is whole).
void refuse_unfinished_download(const std::filesystem::path& path);

// The remains of a download of `path`, which is not there, beside it: "NAME.part" and the like.
// Empty when there are none.
std::string unfinished_download_of(const std::filesystem::path& path);

// The text of a JSON file as people have it: a byte order mark is taken off; UTF-16, an unfinished
// download and whatever foreign_contents() recognises are refused by name. Throws Error as
// read_text_file() does.
std::string read_json_file(const std::filesystem::path& path, size_t max_bytes);

}  // namespace hadal
