// What others measured and published of serving DeepSeek V4 (data/published.json), so that a first
// measurement has something to stand beside. Third-party figures, each with its source and date;
// none of them was measured by this project.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hadal {

// A statistic of a distribution: "median", "mean", "p90", "unspecified", ... to its value.
using Statistics = std::map<std::string, double, std::less<>>;

struct PublishedPoint {
  std::string id = {};
  std::string group = {};    // the curve it is a point of
  std::string quality = {};  // "measured-row", "blog" or "issue-claim"
  std::string model = {};
  std::string precision = {};
  std::string hardware = {};     // a key of the hardware catalogue, where that has one
  std::optional<int> gpus = {};  // of all roles
  std::string topology = {};     // "agg", "disagg", "prefill-only", "decode-only", ...
  std::string engine = {};
  std::string engine_version = {};
  std::string date = {};
  std::string workload = {};             // "fixed", "agentx", ...
  std::optional<int> input_length = {};  // nominal, tokens
  std::optional<int> output_length = {};
  std::optional<int> concurrency = {};
  std::string speculation = {};  // "none", "mtp", ...
  // Tokens per second of the system; per GPU over all GPUs, but for the last, over those that
  // decode.
  std::optional<double> total_rate = {};
  std::optional<double> output_rate = {};
  std::optional<double> total_rate_per_gpu = {};
  std::optional<double> output_rate_per_gpu = {};
  std::optional<double> output_rate_per_decode_gpu = {};
  Statistics tpot_ms = {};
  Statistics interactivity = {};  // tokens per second of a user
  Statistics ttft_s = {};
  std::optional<double> power_w_per_gpu = {};  // measured, GPU boards only
  std::vector<std::string> flags = {};         // data/README.md
  std::string notes = {};
  std::string source = {};  // where it stands: name, reference, commit or address
};

// The built-in collection, read once.
std::span<const PublishedPoint> published_points();

// Reads a collection of the same form; fields of it that are not above are passed over. Throws
// Error kInvalidFile that names the field.
std::vector<PublishedPoint> read_published_points(std::string_view text, const std::string& where);

}  // namespace hadal
