// hadal's own reference of a checkpoint: the program serves it to itself once for each honest
// arithmetic and records what it answers.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "measure/gate/reference.h"

namespace hadal {

struct OwnReferenceOptions {
  std::filesystem::path program = "/proc/self/exe";  // a hadal
  std::filesystem::path model = {};                  // empty: the built-in nano
  // One variant for each: how the inputs of quantised layers are rounded.
  std::vector<std::string> policies = {"fp8", "int8", "none"};
  std::vector<std::string> arguments = {};  // further ones of hadal serve
  RecordOptions record = {};                // its variant and checkpoint are filled in
  // Called with the policy that is recorded, and how far.
  std::function<void(const std::string& policy, size_t done, size_t all)> progress = {};
};

// Throws Error where the checkpoint cannot be served.
Reference record_own_reference(const OwnReferenceOptions& options);

// Names a checkpoint by its config and by sizes, beginnings and ends of its weight files: the same
// files, the same name. Empty where there is no config.json.
std::string checkpoint_fingerprint(const std::filesystem::path& model);

}  // namespace hadal
