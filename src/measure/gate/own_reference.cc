#include "measure/gate/own_reference.h"

#include <algorithm>
#include <fstream>
#include <span>

#include "base/checksum.h"
#include "base/error.h"
#include "measure/gate/reference_server.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

void add_text(Checksum& sum, const std::string& text) {
  sum.update(std::as_bytes(std::span(text)));
}

// The first and the last `kPart` bytes, which may overlap.
void add_file(Checksum& sum, const fs::path& path) {
  constexpr size_t kPart = size_t{1} << 20;
  std::error_code failed;
  const uintmax_t size = fs::file_size(path, failed);
  add_text(sum, path.filename().string() + " " + std::to_string(failed ? 0 : size) + "\n");
  std::ifstream file(path, std::ios::binary);
  std::string bytes(kPart, '\0');
  for (const uintmax_t begin : {uintmax_t{0}, size > kPart ? size - kPart : uintmax_t{0}}) {
    file.clear();
    file.seekg(static_cast<std::streamoff>(begin));
    file.read(bytes.data(), static_cast<std::streamsize>(kPart));
    sum.update(std::as_bytes(std::span(bytes.data(), static_cast<size_t>(file.gcount()))));
  }
}

}  // namespace

std::string checkpoint_fingerprint(const fs::path& model) {
  std::error_code failed;
  if (!fs::is_regular_file(model / "config.json", failed)) return {};
  std::vector<fs::path> files = {model / "config.json"};
  for (const auto& entry : fs::directory_iterator(model, failed)) {
    if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
  }
  std::sort(files.begin() + 1, files.end());
  Checksum sum;
  for (const fs::path& file : files) add_file(sum, file);
  return to_hex(sum.value());
}

Reference record_own_reference(const OwnReferenceOptions& options) {
  Reference reference;
  for (const std::string& policy : options.policies) {
    std::vector<std::string> arguments = options.arguments;
    arguments.insert(arguments.end(), {"--activations", policy});
    const ReferenceServer server(
        {.program = options.program, .model = options.model, .arguments = std::move(arguments)});
    HttpGateEndpoint endpoint(server.url());
    CanaryProgress progress;
    if (options.progress) {
      progress = [&](size_t done, size_t all) { options.progress(policy, done, all); };
    }
    if (reference.variants.empty()) {
      RecordOptions record = options.record;
      record.variant = policy;
      record.checkpoint = checkpoint_fingerprint(options.model);
      reference = record_reference(endpoint, {}, record, progress);
    } else {
      record_variant(reference, endpoint, {}, policy, progress);
    }
  }
  if (reference.variants.empty()) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "the reference",
                 .what = "would have no variant",
                 .remedy = "name at least one policy"});
  }
  return reference;
}

}  // namespace hadal
