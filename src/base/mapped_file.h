// A file mapped read-only into memory. Owns the mapping; the bytes live as long as the object.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "base/input_file.h"

namespace hadal {

class MappedFile {
 public:
  MappedFile() = default;
  // Throws Error kNotFound, kPermissionDenied or kInvalidFile (not a regular file).
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }
  // Whether `file` is the one that is mapped; path() may lead to another by now.
  bool is_open_as(const InputFile& file) const;

 private:
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  FileIdentity identity_;
};

}  // namespace hadal
