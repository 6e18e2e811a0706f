#include "cache/disk_directory.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "cache/cache_secret.h"
#include "cache/prefix_chain.h"

namespace hadal {
namespace {

constexpr char kLockName[] = "lock";
constexpr char kSecretName[] = "secret";
constexpr std::string_view kTemporarySuffix = ".tmp";
constexpr mode_t kOwnerOnly = 0600;

int write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return 0;
}

[[noreturn]] void refuse_foreign(const std::filesystem::path& path, const std::string& what) {
  throw Error({.code = ErrorCode::kInvalidFile,
               .where = path.string(),
               .what = what + ", and hadal keeps a file of this name in the cache directory",
               .remedy = "give the cache another directory, or move this file away"});
}

}  // namespace

bool read_exactly(int fd, std::span<std::byte> bytes, uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t n = ::pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return true;
}

DiskDirectory::DiskDirectory(const std::filesystem::path& path) : path_(path) {
  std::error_code error;
  if (std::filesystem::create_directories(path, error)) {
    std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
  }
  directory_ = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory_ < 0) throw_system_error(path, "cannot be used for the cache", errno);
  try {
    lock();
    load_secret();
  } catch (...) {
    if (lock_ >= 0) ::close(lock_);
    ::close(directory_);
    throw;
  }
}

DiskDirectory::~DiskDirectory() {
  ::close(lock_);
  ::close(directory_);
}

void DiskDirectory::lock() {
  struct stat status = {};
  if (::fstatat(directory_, kLockName, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
      !S_ISREG(status.st_mode)) {
    refuse_foreign(path_ / kLockName, "is no regular file");
  }
  lock_ = ::openat(directory_, kLockName,
                   O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, kOwnerOnly);
  if (lock_ < 0) throw_system_error(path_ / kLockName, "cannot be used as a lock", errno);
  if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) throw_system_error(path_ / kLockName, "cannot be locked", errno);
  throw Error({.code = ErrorCode::kUnavailable,
               .where = path_.string(),
               .what = "is in use by another process",
               .remedy = "give each server a directory of its own"});
}

void DiskDirectory::load_secret() {
  const std::filesystem::path path = path_ / kSecretName;
  struct stat status = {};
  if (::fstatat(directory_, kSecretName, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno != ENOENT) throw_system_error(path, "cannot be read", errno);
    make_secret();
    return;
  }
  if (!S_ISREG(status.st_mode)) refuse_foreign(path, "is no regular file");
  const int fd = ::openat(directory_, kSecretName, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) throw_system_error(path, "cannot be read", errno);
  std::array<std::byte, kMaxSecretBytes + 1> bytes = {};
  const ssize_t count = ::pread(fd, bytes.data(), bytes.size(), 0);
  const int error = errno;
  ::close(fd);
  if (count < 0) throw_system_error(path, "cannot be read", error);
  const DecodedSecret decoded = decode_secret(std::span(bytes).first(static_cast<size_t>(count)));
  switch (decoded.state) {
    case SecretState::kGood:
      secret_ = decoded.secret;
      // 16 bytes of an earlier version may be somebody else's after all: only read them.
      if (count != static_cast<ssize_t>(sizeof(SipKey))) {
        ::fchmodat(directory_, kSecretName, kOwnerOnly, 0);
      }
      return;
    case SecretState::kDamaged:
      lost_secret_ = true;
      make_secret();
      return;
    case SecretState::kOlder:
      make_secret();
      return;
    case SecretState::kNewer:
      throw Error({.code = ErrorCode::kInvalidFile,
                   .where = path.string(),
                   .what = "is of a newer version of hadal",
                   .remedy = "use that version, or another directory"});
    case SecretState::kForeign:
      refuse_foreign(path, "is not a secret that hadal wrote");
  }
}

void DiskDirectory::make_secret() {
  secret_ = random_secret();
  const std::string text = encode_secret(secret_);
  if (const int error = write_file(kSecretName, std::as_bytes(std::span(text)), {})) {
    // Only the temporary file can be in the way: load_secret() has looked at the other.
    if (error == EEXIST) {
      refuse_foreign(path_ / (kSecretName + std::string(kTemporarySuffix)),
                     "is not a file that hadal wrote");
    }
    throw_system_error(path_ / kSecretName, "cannot be written", error);
  }
}

// Whether the file is there and hadal's own.
bool DiskDirectory::is_own(const std::string& file) const {
  struct stat status = {};
  if (::fstatat(directory_, file.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
      !S_ISREG(status.st_mode)) {
    return false;
  }
  const int fd = ::openat(directory_, file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return false;
  CacheFileHeader header = {};
  const auto head = std::span(header).first(
      std::min<uint64_t>(header.size(), static_cast<uint64_t>(status.st_size)));
  const bool is_read = read_exactly(fd, head, 0);
  ::close(fd);
  std::string_view name = file;
  if (name.ends_with(kTemporarySuffix)) name.remove_suffix(kTemporarySuffix.size());
  return is_read && is_own_file(head, parse_file_name(name));
}

void DiskDirectory::scan(const std::function<void(const Found&)>& found) const {
  const int fd = ::openat(directory_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) throw_system_error(path_, "cannot be read", errno);
  const auto close = [](DIR* open_directory) { ::closedir(open_directory); };
  const std::unique_ptr<DIR, decltype(close)> entries(::fdopendir(fd), close);
  if (entries == nullptr) {
    ::close(fd);
    throw_system_error(path_, "cannot be read", ENOMEM);
  }
  while (const dirent* entry = ::readdir(entries.get())) {
    std::string_view text = entry->d_name;
    if (text.ends_with(kTemporarySuffix)) {
      text.remove_suffix(kTemporarySuffix.size());
      const bool has_own_name = parse_file_name(text) || text == kSecretName;
      if (has_own_name && is_own(entry->d_name)) ::unlinkat(directory_, entry->d_name, 0);
      continue;
    }
    const auto name = parse_file_name(text);
    if (!name) continue;
    const int file = open(*name);
    if (file < 0) continue;
    struct stat status = {};
    CacheFileHeader header = {};
    if (::fstat(file, &status) == 0 && S_ISREG(status.st_mode)) {
      const size_t count = std::min<uint64_t>(header.size(), static_cast<uint64_t>(status.st_size));
      const std::span<std::byte> head = std::span(header).first(count);
      const bool is_read = read_exactly(file, head, 0);
      found({.name = *name,
             .bytes = static_cast<uint64_t>(status.st_size),
             .modified_ns = int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec,
             .is_own = is_read && is_own_file(head, name),
             .header = is_read ? decode_header(head) : DecodedHeader{}});
    }
    ::close(file);
  }
}

int DiskDirectory::write_file(const std::string& name, std::span<const std::byte> head,
                              std::span<const std::byte> rest) const {
  const std::string temporary = name + std::string(kTemporarySuffix);
  if (is_own(temporary)) ::unlinkat(directory_, temporary.c_str(), 0);
  struct stat status = {};
  if (::fstatat(directory_, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && !is_own(name)) {
    return EEXIST;
  }
  const int fd = ::openat(directory_, temporary.c_str(),
                          O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly);
  if (fd < 0) return errno;
  int error = write_all(fd, head);
  if (error == 0) error = write_all(fd, rest);
  if (error == 0 && ::fsync(fd) != 0) error = errno;
  if (::close(fd) != 0 && error == 0) error = errno;
  if (error == 0 && ::renameat(directory_, temporary.c_str(), directory_, name.c_str()) != 0) {
    error = errno;
  }
  if (error != 0) ::unlinkat(directory_, temporary.c_str(), 0);
  return error;
}

int DiskDirectory::write(const CacheFileName& name, std::span<const std::byte> header,
                         std::span<const std::byte> payload) const {
  const int error = write_file(file_name(name), header, payload);
  if (error == 0) mark_used(name);
  return error;
}

bool DiskDirectory::remove(const CacheFileName& name) const {
  const std::string file = file_name(name);
  return is_own(file) && ::unlinkat(directory_, file.c_str(), 0) == 0;
}

void DiskDirectory::mark_used(const CacheFileName& name) const {
  // The kernel's own time of a write or of "now" moves on in steps of milliseconds, in which many
  // files are used.
  struct timespec now = {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const struct timespec times[2] = {now, now};
  ::utimensat(directory_, file_name(name).c_str(), times, AT_SYMLINK_NOFOLLOW);
}

int DiskDirectory::open(const CacheFileName& name) const {
  return ::openat(directory_, file_name(name).c_str(),
                  O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

}  // namespace hadal
