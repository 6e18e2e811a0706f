#include "measure/workload/fixed_lengths.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/error.h"
#include "json/python_json.h"
#include "measure/workload/keys.h"
#include "measure/workload/limits.h"
#include "numeric/elementary.h"

namespace hadal {
namespace {

[[noreturn]] void refuse_shape(const std::string& what, const std::string& remedy) {
  throw Error(
      {.code = ErrorCode::kInvalidArgument, .where = "workload", .what = what, .remedy = remedy});
}

template <typename Number>
std::optional<Number> whole_number(std::string_view text) {
  Number value{};
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string_view> parts_of(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t colon = text.find(':');
    parts.push_back(text.substr(0, colon));
    if (colon == std::string_view::npos) return parts;
    text.remove_prefix(colon + 1);
  }
}

int64_t shortest(int64_t length, double range) {
  return std::max<int64_t>(
      1, static_cast<int64_t>(elementary::ceil(range * static_cast<double>(length))));
}

}  // namespace

bool is_length_shape(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789k:.") == std::string_view::npos;
}

LengthShape parse_length_shape(std::string_view text) {
  constexpr int64_t k8 = 8192;
  constexpr int64_t k1 = 1024;
  if (text == "8k1k") return {.name = "8k1k", .input = k8, .output = k1, .range = 0.8};
  if (text == "1k1k") return {.name = "1k1k", .input = k1, .output = k1, .range = 0.8};
  if (text == "1k8k") return {.name = "1k8k", .input = k1, .output = k8, .range = 0.8};
  const std::vector<std::string_view> parts = parts_of(text);
  const std::string remedy =
      "give 8k1k, 1k1k, 1k8k, INPUT:OUTPUT or INPUT:OUTPUT:RANGE, for example 8192:1024:0.8";
  if (parts.size() < 2 || parts.size() > 3) {
    refuse_shape(printable(text, 40) + " is no pair of lengths", remedy);
  }
  const std::optional<int64_t> input = whole_number<int64_t>(parts[0]);
  const std::optional<int64_t> output = whole_number<int64_t>(parts[1]);
  const std::optional<double> range =
      parts.size() == 3 ? whole_number<double>(parts[2]) : std::optional<double>(1);
  const auto is_length = [](std::optional<int64_t> length) {
    return length && *length >= 1 && *length <= kMostTokens;
  };
  if (!is_length(input) || !is_length(output)) {
    refuse_shape(printable(text, 40) + " has a length that is not from 1 to " +
                     std::to_string(kMostTokens) + " tokens",
                 remedy);
  }
  if (!range || !(*range > 0 && *range <= 1)) {
    refuse_shape(printable(text, 40) + " has a range that is not above 0 and at most 1", remedy);
  }
  return {.name = std::string(text), .input = *input, .output = *output, .range = *range};
}

FixedLengths::FixedLengths(FixedLengthsOptions options) : options_(std::move(options)) {
  const LengthShape& shape = options_.shape;
  HADAL_CHECK(shape.input >= 1 && shape.output >= 1 && shape.range > 0 && shape.range <= 1);
  HADAL_CHECK(options_.requests >= 0);
  const int64_t longest = shape.input + shape.output;
  if (options_.context_limit > 0 && longest > options_.context_limit) {
    refuse_shape(shape.name + " needs a context of " + std::to_string(longest) +
                     " tokens, and the server has " + std::to_string(options_.context_limit),
                 "ask for shorter prompts or answers, for example " +
                     std::to_string(options_.context_limit / 2) + ":" +
                     std::to_string(options_.context_limit / 4));
  }
}

std::optional<int64_t> FixedLengths::sessions() const {
  if (options_.requests == 0) return std::nullopt;
  return options_.requests;
}

PlannedSession FixedLengths::session(int64_t number, RequestPhase space) const {
  const LengthShape& shape = options_.shape;
  RandomStream random(
      shape_key(options_.content, space, StreamUse::kLengths, static_cast<uint64_t>(number)));
  PlannedRequest request{.index = number, .session = number, .phase = space};
  request.input_tokens = random.between(shortest(shape.input, shape.range), shape.input);
  request.output_tokens = random.between(shortest(shape.output, shape.range), shape.output);
  request.source = number;
  request.space = space;
  return {.number = number, .requests = {std::move(request)}};
}

Prompt FixedLengths::prompt(const PlannedRequest& request, const PromptStyle& style) const {
  const ContentPiece piece{
      .stream = content_key(options_.content, request.space, StreamUse::kPrompt,
                            static_cast<uint64_t>(request.source)),
      .tokens = request.input_tokens};
  return make_prompt({&piece, 1}, style);
}

std::string FixedLengths::describe() const {
  const LengthShape& shape = options_.shape;
  nlohmann::ordered_json plan;
  plan["workload"] = shape.name;
  plan["kind"] = "fixed_lengths";
  plan["input_tokens"] = {shortest(shape.input, shape.range), shape.input};
  plan["output_tokens"] = {shortest(shape.output, shape.range), shape.output};
  plan["lengths"] = "uniform integers, both ends included";
  plan["ignore_eos"] = true;
  if (options_.requests > 0) plan["requests"] = options_.requests;
  plan["content"] = "random tokens, no prompt shares a beginning with another";
  plan["expected_hit_rate"] = 0.0;
  if (options_.context_limit > 0) plan["context_limit"] = options_.context_limit;
  plan["seed"] = options_.content.seed;
  plan["salt"] = options_.content.salt;
  return dump_json(plan);
}

}  // namespace hadal
