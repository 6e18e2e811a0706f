#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/downloads.h"
#include "base/error.h"
#include "base/unaligned.h"
#include "checkpoint/safetensors.h"

namespace hadal {
namespace {

using HeaderJson = nlohmann::json;

constexpr uint64_t kLengthBytes = 8;
// The limit of the reference implementation. The largest header of a released V4 shard is below
// 1 MB.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr size_t kMaxDimensions = 8;

[[noreturn]] void refuse_header(const std::string& where, const std::string& what) {
  throw Error({.code = ErrorCode::kInvalidFile,
               .where = where,
               .what = what,
               .remedy = "fetch the file again and compare its size or hash with the source's"});
}

std::string tensor_text(const std::string& name) { return "tensor '" + printable(name) + "'"; }

std::optional<DType> dtype_of(const std::string& name) {
  for (const DType dtype : {DType::kBf16, DType::kF32, DType::kF8E4m3, DType::kF8E8m0, DType::kI8,
                            DType::kI32, DType::kI64}) {
    if (dtype_name(dtype) == name) return dtype;
  }
  return std::nullopt;
}

// Takes the header as a stream of events, so that its depth costs no stack and nothing but the
// tensors is ever held. The offsets of the entries still count from the end of the header.
class HeaderReader final : public nlohmann::json_sax<HeaderJson> {
 public:
  explicit HeaderReader(const std::string& where) : where_(where) {}

  std::vector<SafetensorsEntry> take_entries() { return std::move(entries_); }

  bool start_object(size_t) override {
    switch (state_) {
      case State::kStart:
        state_ = State::kTensors;
        return true;
      case State::kTensors:
        state_ = in_metadata_ ? State::kMetadata : State::kFields;
        return true;
      default:
        refuse_value();
    }
  }

  bool key(string_t& text) override {
    switch (state_) {
      case State::kTensors:
        in_metadata_ = text == "__metadata__";
        if (!in_metadata_) {
          entries_.push_back({.name = text});
          has_dtype_ = has_shape_ = false;
          offsets_ = 0;
        }
        break;
      case State::kFields:
        begin_field(text);
        break;
      default:
        break;
    }
    return true;
  }

  bool end_object() override {
    switch (state_) {
      case State::kFields:
        if (!has_dtype_) refuse_tensor("has no dtype");
        if (!has_shape_) refuse_tensor("has no shape");
        if (offsets_ != 2) refuse_tensor("needs two data_offsets");
        state_ = State::kTensors;
        return true;
      case State::kMetadata:
        state_ = State::kTensors;
        return true;
      default:
        return true;
    }
  }

  bool start_array(size_t) override {
    if (state_ != State::kFields || (field_ != Field::kShape && field_ != Field::kOffsets)) {
      refuse_value();
    }
    state_ = State::kNumbers;
    if (field_ == Field::kShape) has_shape_ = true;
    return true;
  }

  bool end_array() override {
    state_ = State::kFields;
    return true;
  }

  bool number_unsigned(number_unsigned_t value) override {
    if (state_ != State::kNumbers) refuse_value();
    SafetensorsEntry& entry = entries_.back();
    if (field_ == Field::kShape) {
      if (entry.shape.size() == kMaxDimensions) refuse_tensor("has more than 8 dimensions");
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        refuse_tensor("has a dimension of " + std::to_string(value));
      }
      entry.shape.push_back(static_cast<int64_t>(value));
    } else {
      if (offsets_ == 2) refuse_tensor("has more than two data_offsets");
      (offsets_ == 0 ? entry.begin : entry.end) = value;
      ++offsets_;
    }
    return true;
  }

  bool string(string_t& text) override {
    if (state_ == State::kMetadata) return true;
    if (state_ != State::kFields || field_ != Field::kDtype) refuse_value();
    const std::optional<DType> dtype = dtype_of(text);
    if (!dtype) {
      throw Error({.code = ErrorCode::kInvalidFile,
                   .where = where_,
                   .what = tensor_text(entries_.back().name) + " has the dtype " +
                           printable(text, 32) + ", which hadal does not read",
                   .remedy = "use the checkpoint as released (BF16, F32, F8_E4M3, F8_E8M0, I8, "
                             "I32, I64)"});
    }
    entries_.back().dtype = *dtype;
    has_dtype_ = true;
    return true;
  }

  bool null() override { refuse_value(); }
  bool boolean(bool) override { refuse_value(); }
  bool number_integer(number_integer_t) override { refuse_value(); }
  bool number_float(number_float_t, const string_t&) override { refuse_value(); }
  bool binary(binary_t&) override { refuse_value(); }

  bool parse_error(size_t position, const std::string&, const HeaderJson::exception&) override {
    refuse_header(where_,
                  "its header is not valid JSON (near byte " + std::to_string(position) + ")");
  }

 private:
  // The object or array whose members come next.
  enum class State { kStart, kTensors, kMetadata, kFields, kNumbers };
  enum class Field { kDtype, kShape, kOffsets };

  void begin_field(const std::string& name) {
    bool again = false;
    if (name == "dtype") {
      field_ = Field::kDtype;
      again = has_dtype_;
    } else if (name == "shape") {
      field_ = Field::kShape;
      again = has_shape_;
    } else if (name == "data_offsets") {
      field_ = Field::kOffsets;
      again = offsets_ > 0;
    } else {
      refuse_tensor("has the unknown field '" + printable(name, 64) + "'");
    }
    if (again) refuse_tensor("gives its " + name + " twice");
  }

  [[noreturn]] void refuse_tensor(const std::string& what) const {
    refuse_header(where_, tensor_text(entries_.back().name) + " " + what);
  }

  [[noreturn]] void refuse_value() const {
    if (state_ == State::kStart) refuse_header(where_, "its header is not a JSON object");
    if (entries_.empty() || in_metadata_ || state_ == State::kMetadata) {
      refuse_header(where_, "its header's __metadata__ holds something else than strings");
    }
    refuse_tensor(
        "is described by something else than a dtype, a shape of non-negative integers "
        "and two data_offsets");
  }

  const std::string& where_;
  std::vector<SafetensorsEntry> entries_;
  State state_ = State::kStart;
  Field field_ = Field::kDtype;
  bool in_metadata_ = false;
  bool has_dtype_ = false;
  bool has_shape_ = false;
  int offsets_ = 0;
};

// shape × dtype in bytes, or nothing when that is more than 2^64.
std::optional<uint64_t> bytes_of(const SafetensorsEntry& entry) {
  uint64_t bytes = dtype_bytes(entry.dtype);
  for (const int64_t extent : entry.shape) {
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(extent), &bytes)) return std::nullopt;
  }
  return bytes;
}

void check_entry(const SafetensorsEntry& entry, uint64_t data_bytes, const std::string& where) {
  if (entry.begin > entry.end) {
    refuse_header(where, tensor_text(entry.name) + " ends at byte " + std::to_string(entry.end) +
                             " of the data, before its beginning at " +
                             std::to_string(entry.begin));
  }
  if (entry.end > data_bytes) {
    refuse_header(where, tensor_text(entry.name) + " ends at byte " + std::to_string(entry.end) +
                             " of the data, but the file has only " + std::to_string(data_bytes) +
                             " bytes of data: it is cut off");
  }
  const std::optional<uint64_t> bytes = bytes_of(entry);
  if (!bytes || *bytes != entry.end - entry.begin) {
    refuse_header(where, tensor_text(entry.name) + " takes " +
                             std::to_string(entry.end - entry.begin) + " bytes, but " +
                             std::string(dtype_name(entry.dtype)) + " " + shape_text(entry.shape) +
                             " needs " +
                             (bytes ? std::to_string(*bytes) : std::string("more than 2^64")));
  }
}

void check_names(const std::vector<SafetensorsEntry>& entries, const std::string& where) {
  std::vector<std::string_view> names;
  names.reserve(entries.size());
  for (const SafetensorsEntry& entry : entries) names.push_back(entry.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) {
    refuse_header(where, tensor_text(std::string(*twice)) + " is described twice");
  }
}

// The format allows neither overlaps nor holes; `entries` is in the order of the offsets.
void check_coverage(const std::vector<SafetensorsEntry>& entries, uint64_t data_bytes,
                    const std::string& where) {
  uint64_t covered = 0;
  const SafetensorsEntry* before = nullptr;
  for (const SafetensorsEntry& entry : entries) {
    if (entry.begin < covered) {
      refuse_header(where, tensor_text(entry.name) + " overlaps " + tensor_text(before->name));
    }
    if (entry.begin > covered) {
      refuse_header(where, "the " + std::to_string(entry.begin - covered) + " bytes before " +
                               tensor_text(entry.name) + " belong to no tensor");
    }
    covered = entry.end;
    before = &entry;
  }
  if (covered != data_bytes) {
    refuse_header(
        where, "its last " + std::to_string(data_bytes - covered) + " bytes belong to no tensor");
  }
}

}  // namespace

std::vector<SafetensorsEntry> parse_safetensors_header(std::span<const std::byte> file,
                                                       uint64_t file_size,
                                                       const std::string& where) {
  const std::string_view head(reinterpret_cast<const char*>(file.data()), file.size());
  if (file_size < kLengthBytes || file.size() < kLengthBytes) {
    refuse_foreign_contents(where, head, file_size);
    refuse_header(where,
                  "has " + std::to_string(file_size) + " bytes, too few for a safetensors file");
  }
  const auto header_bytes = load_unaligned<uint64_t>(file.data());
  // A header follows its length at once; anything else may be told by what it is.
  if (file.size() == kLengthBytes || head[kLengthBytes] != '{') {
    refuse_foreign_contents(where, head, file_size);
  }
  if (header_bytes > kMaxHeaderBytes) {
    refuse_foreign_contents(where, head, file_size);
    refuse_header(where, "claims a header of " + std::to_string(header_bytes) +
                             " bytes; it is no safetensors file");
  }
  if (header_bytes > file_size - kLengthBytes || header_bytes > file.size() - kLengthBytes) {
    refuse_header(where, "claims a header of " + std::to_string(header_bytes) +
                             " bytes, but has only " + std::to_string(file_size) +
                             " bytes: it is cut off");
  }
  const std::string_view header = head.substr(kLengthBytes, header_bytes);
  if (!header.starts_with('{')) refuse_header(where, "its header is not a JSON object");

  HeaderReader reader(where);
  HeaderJson::sax_parse(header, &reader);
  std::vector<SafetensorsEntry> entries = reader.take_entries();

  const uint64_t data_begin = kLengthBytes + header_bytes;
  const uint64_t data_bytes = file_size - data_begin;
  check_names(entries, where);
  for (const SafetensorsEntry& entry : entries) check_entry(entry, data_bytes, where);
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  check_coverage(entries, data_bytes, where);
  for (SafetensorsEntry& entry : entries) {
    entry.begin += data_begin;
    entry.end += data_begin;
  }
  return entries;
}

}  // namespace hadal
