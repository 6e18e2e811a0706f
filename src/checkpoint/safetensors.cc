#include "checkpoint/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/error.h"

namespace hadal {

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : file_(path),
      entries_(parse_safetensors_header(file_.bytes(), file_.bytes().size(), path.string())) {}

TensorView SafetensorsFile::view(const SafetensorsEntry& entry) const {
  HADAL_CHECK(entry.begin <= entry.end && entry.end <= file_.bytes().size());
  return {.data = file_.bytes().data() + entry.begin, .dtype = entry.dtype, .shape = entry.shape};
}

TensorView SafetensorsFile::tensor(std::string_view name) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const auto& entry) { return entry.name == name; });
  if (found == entries_.end()) {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = path().string(),
                 .what = "holds no tensor '" + printable(name) + "'",
                 .remedy = "check that this is the intended file"});
  }
  return view(*found);
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path,
                                     const std::vector<Declaration>& tensors)
    : file_(path) {
  constexpr size_t kAlignment = 8;  // of the first tensor
  nlohmann::ordered_json header;
  header["__metadata__"] = {{"format", "pt"}};  // other readers ask for it
  std::set<std::string_view> names;
  for (const Declaration& tensor : tensors) {
    HADAL_CHECK(names.insert(tensor.name).second);
    const size_t begin = expected_bytes_;
    size_t bytes = dtype_bytes(tensor.dtype);
    for (const int64_t extent : tensor.shape) {
      HADAL_CHECK(extent >= 0);
      HADAL_CHECK(!__builtin_mul_overflow(bytes, static_cast<size_t>(extent), &bytes));
    }
    HADAL_CHECK(!__builtin_add_overflow(begin, bytes, &expected_bytes_));
    // ordered_json looks a key up by a linear search; names are distinct, so append.
    header.get_ref<nlohmann::ordered_json::object_t&>().emplace_back(
        tensor.name, nlohmann::ordered_json{{"dtype", dtype_name(tensor.dtype)},
                                            {"shape", tensor.shape},
                                            {"data_offsets", {begin, expected_bytes_}}});
  }
  std::string text = header.dump();
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  const auto length = std::bit_cast<std::array<std::byte, 8>>(uint64_t{text.size()});
  file_.write(length);
  file_.write(text);
}

void SafetensorsWriter::write(std::span<const std::byte> bytes) {
  HADAL_CHECK(bytes.size() <= expected_bytes_ - written_bytes_);
  file_.write(bytes);
  written_bytes_ += bytes.size();
}

void SafetensorsWriter::finish() {
  HADAL_CHECK(written_bytes_ == expected_bytes_);
  file_.commit();
}

}  // namespace hadal
