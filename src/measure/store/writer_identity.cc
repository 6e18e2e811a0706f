#include "measure/store/writer_identity.h"

#include <array>
#include <filesystem>
#include <optional>
#include <system_error>
#include <unistd.h>

#include "base/system_files.h"

namespace hadal {
namespace {

// The 22nd field of /proc/PID/stat (proc(5)); the second is a name in parentheses, which may hold
// anything. Nothing for a process that has ended and waits for its parent to notice (Z, X).
std::optional<int64_t> start_of(int64_t process) {
  const std::optional<std::string> text =
      read_system_file("/proc/" + std::to_string(process) + "/stat");
  if (!text) return std::nullopt;
  size_t at = text->rfind(')');
  if (at == std::string::npos || at + 2 >= text->size()) return std::nullopt;
  if ((*text)[at + 2] == 'Z' || (*text)[at + 2] == 'X') return std::nullopt;
  for (int field = 2; field < 22; ++field) {
    if (at == std::string::npos) return std::nullopt;
    at = text->find(' ', at + 1);
  }
  if (at == std::string::npos) return std::nullopt;
  const size_t end = text->find(' ', at + 1);
  return parse_number(std::string_view(*text).substr(at + 1, end - at - 1));
}

std::string process_space() {
  std::error_code error;
  const std::filesystem::path space = std::filesystem::read_symlink("/proc/self/ns/pid", error);
  return read_system_file("/proc/sys/kernel/random/boot_id").value_or("") + " " + space.string();
}

std::string host_name() {
  std::array<char, 256> name = {};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : "";
}

}  // namespace

WriterIdentity this_process() {
  return {.host = host_name(),
          .process_space = process_space(),
          .process = ::getpid(),
          .started = start_of(::getpid()).value_or(0)};
}

WriterState state_of(const WriterIdentity& writer) {
  if (writer.process_space != process_space() || writer.host != host_name()) {
    return WriterState::kElsewhere;
  }
  return start_of(writer.process) == writer.started ? WriterState::kAlive : WriterState::kGone;
}

}  // namespace hadal
