// A regular file open for reading. Whatever else a path may lead to (a named pipe, a socket, a
// device, a directory, a link to nothing) is refused at once with the reason, and never opened: to
// open a pipe may wait for ever, and to open a device may do something.
#pragma once

#include <cstdint>
#include <filesystem>

namespace hadal {

// Which file it is, whatever its name.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;

  bool operator==(const FileIdentity&) const = default;
};

class InputFile {
 public:
  // Throws Error: kNotFound, kPermissionDenied, kInvalidFile (no regular file) or
  // kResourceExhausted.
  explicit InputFile(const std::filesystem::path& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  int fd() const { return fd_; }
  uint64_t size() const { return size_; }  // bytes when it was opened
  FileIdentity identity() const { return identity_; }

 private:
  int fd_ = -1;
  uint64_t size_ = 0;
  FileIdentity identity_;
};

// Whether the directory has an entry of that name, even one that cannot be opened such as a link to
// nothing. False as well when that cannot be told.
bool has_entry(const std::filesystem::path& path);

}  // namespace hadal
