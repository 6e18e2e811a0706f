// A reference: canaries and what a right engine answers, under one or several honest arithmetics
// ("variants": rounding of activations, instruction sets), whose distance from each other says how
// far honest answers of this model lie apart. Read and written as a file that anyone can publish
// (docs/measuring.md, hadal.reference/1).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "measure/gate/ask_canaries.h"

namespace hadal {

struct ReferenceVariant {
  std::string name = {};  // "fp8", "int8", ...; what the endpoint was told, for people
  std::string engine = {};
  std::string engine_version = {};
  std::vector<CanaryAnswer> answers = {};  // in the order of the canaries
};

struct Reference {
  std::string model = {};       // the name it was asked by
  std::string checkpoint = {};  // a fingerprint of the weights; empty: unknown
  double recorded_unix = 0;     // seconds
  uint64_t seed = 0;            // of the canaries
  std::vector<Canary> canaries = {};
  std::vector<ReferenceVariant> variants = {};
};

// Throws Error (kInvalidFile) that names the line, for anything that is not a whole reference of a
// version that is known; its digest is checked.
Reference parse_reference(std::string_view text, const std::string& where);
Reference load_reference(const std::filesystem::path& path);

std::string reference_text(const Reference& reference);
// Whole or not at all.
void save_reference(const Reference& reference, const std::filesystem::path& path);

struct RecordOptions {
  uint64_t seed = 1;
  std::string variant = "recorded";
  std::string checkpoint = {};
  double now_unix = 0;
  int longest_score = 2048;
};

// Asks the endpoint all canaries. Throws Error where it answers too few of them to serve as a
// reference.
Reference record_reference(GateEndpoint& endpoint, const ProbeOptions& probe,
                           const RecordOptions& options, const CanaryProgress& progress = {});

// The same canaries of another endpoint, which serves the same model in another honest way.
void record_variant(Reference& reference, GateEndpoint& endpoint, const ProbeOptions& probe,
                    const std::string& name, const CanaryProgress& progress = {});

}  // namespace hadal
