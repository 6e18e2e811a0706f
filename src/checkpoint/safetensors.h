// The safetensors container: reading through a memory map (hostile headers are refused, tensors
// may lie at any byte offset) and writing as a stream. Knows nothing of what the tensors mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/mapped_file.h"
#include "base/tensor.h"

namespace hadal {

struct SafetensorsEntry {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape = {};
  size_t begin = 0;  // bytes from the start of the file
  size_t end = 0;
};

// Parses the header of `file` (the whole file's bytes, or more than the header's). Every length,
// offset and product is checked against `file_size`; tensors may not overlap. Throws Error
// kInvalidFile naming `where` and the tensor.
std::vector<SafetensorsEntry> parse_safetensors_header(std::span<const std::byte> file,
                                                       uint64_t file_size,
                                                       const std::string& where);

class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);
  const std::filesystem::path& path() const { return file_.path(); }
  const MappedFile& mapped() const { return file_; }
  const std::vector<SafetensorsEntry>& entries() const { return entries_; }
  TensorView view(const SafetensorsEntry& entry) const;
  // The view of the tensor called `name`. Throws Error kInvalidFile when there is none.
  TensorView tensor(std::string_view name) const;

 private:
  MappedFile file_;
  std::vector<SafetensorsEntry> entries_;
};

// Writes one safetensors file front to back in bounded memory: all tensors are declared first, then
// their bytes arrive in that order, in pieces of any size. The file appears on finish() only.
class SafetensorsWriter {
 public:
  struct Declaration {
    std::string name;
    DType dtype = DType::kF32;
    std::vector<int64_t> shape = {};
  };
  SafetensorsWriter(const std::filesystem::path& path, const std::vector<Declaration>& tensors);
  void write(std::span<const std::byte> bytes);
  void finish();  // throws InvariantError when bytes are missing

 private:
  AtomicFile file_;
  size_t expected_bytes_ = 0;
  size_t written_bytes_ = 0;
};

}  // namespace hadal
