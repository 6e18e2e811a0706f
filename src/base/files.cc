#include "base/files.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "base/input_file.h"

namespace hadal {
namespace {

ErrorCode code_of(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      return ErrorCode::kResourceExhausted;
    default:
      return ErrorCode::kInvalidFile;
  }
}

std::string remedy_of(int error_number) {
  switch (code_of(error_number)) {
    case ErrorCode::kNotFound:
      return "check the path";
    case ErrorCode::kPermissionDenied:
      return "check the permissions or choose another place";
    case ErrorCode::kResourceExhausted:
      return error_number == EMFILE || error_number == ENFILE ? "raise the limit of open files"
                                                              : "free some space and try again";
    default:
      return "check that it is a readable file";
  }
}

}  // namespace

void throw_system_error(const std::filesystem::path& path, std::string_view what,
                        int error_number) {
  throw Error(
      {.code = code_of(error_number),
       .where = path.string(),
       .what = std::string(what) + " (" + std::generic_category().message(error_number) + ")",
       .remedy = remedy_of(error_number)});
}

std::string read_text_file(const std::filesystem::path& path, size_t max_bytes) {
  const InputFile file(path);
  std::string text;
  char buffer[64 * 1024];
  while (true) {
    const ssize_t n = ::read(file.fd(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_system_error(path, "cannot be read", errno);
    if (n == 0) break;
    if (text.size() + static_cast<size_t>(n) > max_bytes) {
      throw Error({.code = ErrorCode::kInvalidFile,
                   .where = path.string(),
                   .what = "is larger than " + std::to_string(max_bytes) + " bytes",
                   .remedy = "check that this is the intended file"});
    }
    text.append(buffer, static_cast<size_t>(n));
  }
  return text;
}

namespace {

// The file that `path` stands for: what a symbolic link leads to is replaced, not the link. Only
// regular files are: a device or a pipe would become a file, for everyone.
std::filesystem::path replaceable_file(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  const bool is_link = std::filesystem::is_symlink(std::filesystem::symlink_status(path, error));
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = path.string(),
                 .what = std::filesystem::is_directory(status)
                             ? "is a directory, and a file is to be written"
                             : "is no regular file, and a file is to be written",
                 .remedy = "name a new file"});
  }
  if (!is_link) return path;
  std::filesystem::path target = std::filesystem::canonical(path, error);
  if (!error) return target;
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = path.string(),
               .what = "is a symbolic link that leads nowhere",
               .remedy = "name a new file, or delete the link"});
}

}  // namespace

AtomicFile::AtomicFile(const std::filesystem::path& path)
    : path_(replaceable_file(path)),
      leftover_(
          [this] {
            std::string name = path_.string() + ".tmp-XXXXXX";
            fd_ = ::mkostemp(name.data(), O_CLOEXEC);
            if (fd_ < 0) throw_system_error(path_, "cannot be written", errno);
            temporary_ = name;
          },
          [this] { ::unlink(temporary_.c_str()); }) {}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_system_error(path_, "cannot be written", errno);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
}

void AtomicFile::write_at(size_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_system_error(path_, "cannot be written", errno);
    offset += static_cast<size_t>(n);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
}

void AtomicFile::commit() {
  constexpr mode_t kMode = 0644;
  if (::fchmod(fd_, kMode) != 0 || ::fsync(fd_) != 0) {
    throw_system_error(path_, "cannot be written", errno);
  }
  ::close(fd_);
  fd_ = -1;
  leftover_.keep([this] {
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
      throw_system_error(path_, "cannot be renamed into place", errno);
    }
  });
  temporary_.clear();
}

}  // namespace hadal
