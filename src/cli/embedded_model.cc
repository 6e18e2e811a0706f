#include "cli/embedded_model.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <span>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/leftovers.h"
#include "base/mapped_file.h"
#include "checkpoint/model_directory.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kOnlyOwner = 0700;

std::optional<fs::path> environment_path(const char* name) {
  const char* value = std::getenv(name);
  // The XDG specification has relative paths ignored.
  if (value == nullptr || value[0] != '/') return std::nullopt;
  return fs::path(value);
}

std::optional<fs::path> cache_directory() {
  if (const auto cache = environment_path("XDG_CACHE_HOME")) return *cache / "hadal";
  if (const auto home = environment_path("HOME")) return *home / ".cache" / "hadal";
  return std::nullopt;
}

// Whether nobody but this user can have put files there.
bool is_private_directory(const fs::path& path) {
  struct stat status = {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
         status.st_uid == ::geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

bool holds(const fs::path& path, std::span<const std::byte> bytes) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return false;
  const MappedFile file(path);
  return std::ranges::equal(file.bytes(), bytes);
}

// Puts every file there that is not there already. Throws Error.
void unpack(const fs::path& directory) {
  for (const EmbeddedFile& file : embedded_model_files()) {
    const fs::path path = directory / file.name;
    if (holds(path, file.bytes)) continue;
    AtomicFile out(path);
    out.write(file.bytes);
    out.commit();
  }
}

bool unpack_into_cache(const fs::path& directory) {
  try {
    fs::create_directories(directory.parent_path());
    if (::mkdir(directory.c_str(), kOnlyOwner) != 0 && errno != EEXIST) return false;
    if (!is_private_directory(directory)) return false;
    unpack(directory);
    return true;
  } catch (const Error&) {
    return false;
  } catch (const fs::filesystem_error&) {
    return false;
  }
}

}  // namespace

ModelDirectory::ModelDirectory(fs::path path) : path_(std::move(path)) {}

ModelDirectory ModelDirectory::built_in() {
  if (const auto cache = cache_directory()) {
    const fs::path directory = *cache / "nano-" HADAL_NANO_HASH;
    if (unpack_into_cache(directory)) {
      ModelDirectory found(directory);
      found.built_in_ = true;
      return found;
    }
  }
  const fs::path parent = environment_path("TMPDIR").value_or("/tmp");
  std::unique_ptr<ScratchDirectory> scratch;
  try {
    scratch = std::make_unique<ScratchDirectory>(parent, "hadal-nano-");
  } catch (const fs::filesystem_error& error) {
    throw Error({.code = ErrorCode::kPermissionDenied,
                 .where = "the built-in model",
                 .what = "can be unpacked neither into the cache directory nor into " +
                         parent.string() + " (" + error.code().message() + ")",
                 .remedy = "set XDG_CACHE_HOME or TMPDIR to a directory that can be written"});
  }
  ModelDirectory found(scratch->path());
  found.built_in_ = true;
  found.scratch_ = std::move(scratch);
  unpack(found.path_);
  return found;
}

std::string ModelDirectory::name() const {
  if (built_in_) return "hadal-nano";
  return model_name(path_);
}

}  // namespace hadal
