// Which directory a path to a model means: the directory itself, or the snapshot in a folder of the
// Hugging Face cache. Says what a path is that is no model at all. Reads no config and no weights.
#pragma once

#include <filesystem>
#include <string>

namespace hadal {

// The directory that holds the model's files. A folder models--ORG--NAME of the Hugging Face cache
// stands for its snapshot: the one that refs/main names, or the only one. Throws Error: kNotFound,
// kInvalidFile where the path is a file (named by its kind), a cache with several models or an
// unfinished one.
std::filesystem::path resolve_model_directory(const std::filesystem::path& path);

// What to call the model in `directory`: the directory's name; NAME in models--ORG--NAME, with or
// without /snapshots/HASH.
std::string model_name(const std::filesystem::path& directory);

}  // namespace hadal
