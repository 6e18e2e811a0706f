#include "chat/reasoning_efforts.h"

#include <string>

#include "base/files.h"
#include "base/input_file.h"

namespace hadal {

ReasoningEfforts reasoning_efforts(const std::filesystem::path& model_directory) {
  constexpr size_t kMaxBytes = 1 << 20;
  const std::filesystem::path path = model_directory / "encoding" / "encoding_dsv4.py";
  if (!has_entry(path)) return ReasoningEfforts::kHighMax;
  // The text of the greatest effort begins so in the later encoders, and stands in no other.
  const std::string encoder = read_text_file(path, kMaxBytes);
  return encoder.find("Reasoning Effort: Beyond maximum") != std::string::npos
             ? ReasoningEfforts::kLowHighMax
             : ReasoningEfforts::kHighMax;
}

std::string_view efforts_name(ReasoningEfforts efforts) {
  return efforts == ReasoningEfforts::kHighMax ? "high-max" : "low-high-max";
}

}  // namespace hadal
