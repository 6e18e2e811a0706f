#include "checkpoint/model_directory.h"

#include <algorithm>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/downloads.h"
#include "base/error.h"
#include "base/files.h"
#include "base/input_file.h"
#include "base/mapped_file.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

constexpr char kNameADirectory[] =
    "name the directory of a model (with config.json and *.safetensors)";
constexpr std::string_view kHubPrefix = "models--";

[[noreturn]] void refuse_directory(ErrorCode code, const fs::path& path, const std::string& what,
                                   const std::string& remedy) {
  throw Error({.code = code, .where = path.string(), .what = what, .remedy = remedy});
}

// A path without the "/" or "/." at its end, so that its filename is its name.
fs::path plain(const fs::path& path) {
  fs::path normal = fs::absolute(path).lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

std::vector<std::string> subdirectories(const fs::path& directory, std::string_view prefix) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    const std::string name = it->path().filename().string();
    if (name.starts_with(prefix) && fs::is_directory(it->path(), ignored)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string list(const std::vector<std::string>& names) {
  constexpr size_t kShown = 5;
  std::string text;
  for (size_t i = 0; i < std::min(kShown, names.size()); ++i) {
    text += (i == 0 ? "" : ", ") + printable(names[i]);
  }
  return names.size() > kShown ? text + ", ..." : text;
}

[[noreturn]] void refuse_file(const fs::path& path) {
  const MappedFile file(path);  // throws for what is no regular file
  const auto bytes = file.bytes();
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()),
                              std::min<size_t>(bytes.size(), 4096));
  const std::string extension = path.extension().string();
  if (extension == ".safetensors" || extension == ".json") {
    refuse_directory(ErrorCode::kInvalidFile, path,
                     "is a file of a model, and its directory is asked for",
                     "name the directory that it lies in");
  }
  if (const auto found = foreign_contents(head, bytes.size()); found && !bytes.empty()) {
    refuse_directory(
        ErrorCode::kInvalidFile, path, found->what + ", not the directory of a model",
        "use the checkpoint as it is released: a directory with config.json, tokenizer.json and "
        "*.safetensors");
  }
  refuse_directory(ErrorCode::kInvalidFile, path, "is not a directory", kNameADirectory);
}

// The snapshot of a folder models--ORG--NAME of the cache.
fs::path snapshot_of(const fs::path& path, const fs::path& snapshots) {
  const fs::path main = path / "refs" / "main";
  if (has_entry(main)) {
    constexpr size_t kMaxRef = 256;
    std::string revision = read_text_file(main, kMaxRef);
    while (!revision.empty() &&
           std::string_view(" \t\r\n").find(revision.back()) != std::string_view::npos) {
      revision.pop_back();
    }
    const bool is_name = !revision.empty() && revision.find('/') == std::string::npos &&
                         revision != "." && revision != "..";
    if (!is_name) {
      refuse_directory(ErrorCode::kInvalidFile, main,
                       "does not name a snapshot: " + printable(revision, 80),
                       "fetch the model again (hf download), or name a directory in snapshots/");
    }
    std::error_code ignored;
    if (fs::is_directory(snapshots / revision, ignored)) return snapshots / revision;
    refuse_directory(
        ErrorCode::kNotFound, path,
        "is a cache of downloads whose snapshot " + printable(revision, 80) + " is not there",
        "fetch the model again (hf download)");
  }
  const std::vector<std::string> names = subdirectories(snapshots, "");
  if (names.size() == 1) return snapshots / names.front();
  if (names.empty()) {
    refuse_directory(ErrorCode::kNotFound, path,
                     "is a cache of downloads without a snapshot of the model",
                     "fetch the model again (hf download)");
  }
  refuse_directory(ErrorCode::kInvalidFile, path,
                   "is a cache of downloads with " + std::to_string(names.size()) +
                       " snapshots and no refs/main: " + list(names),
                   "name one of the directories in snapshots/");
}

}  // namespace

fs::path resolve_model_directory(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    if (has_entry(path)) refuse_file(path);
    refuse_directory(ErrorCode::kNotFound, path, "does not exist", kNameADirectory);
  }
  if (has_entry(path / "config.json")) return path;
  const fs::path snapshots = path / "snapshots";
  if (fs::is_directory(snapshots, error)) return snapshot_of(path, snapshots);
  if (const auto models = subdirectories(path, kHubPrefix); !models.empty()) {
    refuse_directory(ErrorCode::kInvalidFile, path,
                     "is a cache of downloads with " + std::to_string(models.size()) +
                         (models.size() == 1 ? " model: " : " models: ") + list(models),
                     "name the directory of the model in it");
  }
  return path;
}

std::string model_name(const fs::path& directory) {
  const fs::path path = plain(directory);
  for (const fs::path& place : {path, path.parent_path().parent_path()}) {
    const std::string name = place.filename().string();
    const bool is_snapshot = place == path || path.parent_path().filename() == "snapshots";
    if (!name.starts_with(kHubPrefix) || !is_snapshot) continue;
    const size_t separator = name.rfind("--");
    if (separator + 2 < name.size()) return name.substr(separator + 2);
  }
  return path.filename().empty() ? "model" : path.filename().string();
}

}  // namespace hadal
