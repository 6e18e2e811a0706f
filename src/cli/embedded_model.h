// The model that is part of the program: nano, used when no other is named. Its files lie in the
// binary; to be opened like any checkpoint they are unpacked once into the user's cache directory,
// or for the time of one run into a temporary one.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/embedded_file.h"
#include "base/leftovers.h"

namespace hadal {

std::vector<EmbeddedFile> embedded_model_files();

// The directory of a checkpoint to open. Removes it again if it was unpacked for this run only.
class ModelDirectory {
 public:
  // An existing directory, taken as it is.
  explicit ModelDirectory(std::filesystem::path path);
  // The built-in model. Looks for a place in $XDG_CACHE_HOME/hadal, ~/.cache/hadal and, for this
  // run only, $TMPDIR or /tmp. What lies there is compared byte for byte with the binary before
  // use. Throws Error kPermissionDenied when none of them can be written.
  static ModelDirectory built_in();

  const std::filesystem::path& path() const { return path_; }
  bool is_built_in() const { return built_in_; }
  // How the model is called towards users: the directory's last part, or "hadal-nano".
  std::string name() const;

 private:
  std::filesystem::path path_;
  bool built_in_ = false;
  std::unique_ptr<ScratchDirectory> scratch_;  // where the model is unpacked for one run only
};

}  // namespace hadal
