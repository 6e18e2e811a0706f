#include "base/input_file.h"

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"

namespace hadal {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& what,
                         const std::string& remedy) {
  throw Error(
      {.code = ErrorCode::kInvalidFile, .where = path.string(), .what = what, .remedy = remedy});
}

[[noreturn]] void refuse_kind(const std::filesystem::path& path, mode_t mode) {
  if (S_ISDIR(mode)) refuse(path, "is a directory, not a file", "name a file");
  if (S_ISFIFO(mode)) {
    refuse(path, "is a pipe, not a file",
           "name a file; what comes out of a pipe, such as <(...) or a piped /dev/stdin, must be "
           "written to one first");
  }
  if (S_ISSOCK(mode)) refuse(path, "is a socket, not a file", "name a file");
  refuse(path, "is a device, not a file", "name a file; a terminal's /dev/stdin is a device, too");
}

// A link in place of a file that is not there: the usual form of a cache of downloads, whose links
// stay when the files behind them go.
[[noreturn]] void refuse_missing(const std::filesystem::path& path, int error_number) {
  std::error_code no_link;
  const std::filesystem::path target = std::filesystem::read_symlink(path, no_link);
  if (no_link) throw_system_error(path, "cannot be opened", error_number);
  const bool of_hub = target.string().find("/blobs/") != std::string::npos;
  throw Error(
      {.code = ErrorCode::kNotFound,
       .where = path.string(),
       .what = "is a symbolic link to " + printable(target.string()) +
               (error_number == ELOOP ? ", which leads round in a circle" : ", which is not there"),
       .remedy = of_hub ? "fetch the model again (hf download), or copy a cache of downloads "
                          "with its folder blobs"
                        : "mend the link or put the file itself there"});
}

}  // namespace

InputFile::InputFile(const std::filesystem::path& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ELOOP) refuse_missing(path, errno);
    throw_system_error(path, "cannot be opened", errno);
  }
  if (!S_ISREG(status.st_mode)) refuse_kind(path, status.st_mode);
  // The path may lead elsewhere by now: do not wait, and look again at what is open.
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd_ < 0) throw_system_error(path, "cannot be opened", errno);
  if (::fstat(fd_, &status) != 0 || !S_ISREG(status.st_mode)) {
    const mode_t mode = status.st_mode;
    ::close(fd_);
    refuse_kind(path, mode);
  }
  size_ = static_cast<uint64_t>(status.st_size);
  identity_ = {.device = status.st_dev, .inode = status.st_ino};
}

InputFile::~InputFile() { ::close(fd_); }

bool has_entry(const std::filesystem::path& path) {
  struct stat status = {};
  return ::lstat(path.c_str(), &status) == 0;
}

}  // namespace hadal
