// Reading and writing whole files with errors that name the file and the remedy.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/leftovers.h"

namespace hadal {

// Throws the Error that fits an errno met at `path`; `what` reads on from the path ("cannot be
// ...").
[[noreturn]] void throw_system_error(const std::filesystem::path& path, std::string_view what,
                                     int error_number);

// Reads a whole text file of at most `max_bytes`. Throws kNotFound, kPermissionDenied,
// kInvalidFile (no regular file, or larger).
std::string read_text_file(const std::filesystem::path& path, size_t max_bytes);

// A file that comes into being whole or not at all: written under a temporary name in the same
// folder, flushed, and renamed by commit(). Without commit() the destructor removes it, and so does
// an end by a signal. A file of that name is replaced (of a symbolic link the file it leads to);
// whatever is no regular file is refused.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Appends. Throws Error, for example kResourceExhausted on a full disk.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  // Overwrites bytes that were written before; the end stays where it is.
  void write_at(size_t offset, std::span<const std::byte> bytes);
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int fd_ = -1;
  Leftover leftover_;
};

}  // namespace hadal
