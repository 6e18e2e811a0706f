#include "checkpoint/v4/synth_tokenizer.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/error.h"

namespace hadal {
namespace {

using TokenizerJson = nlohmann::json;

constexpr const char* kBos = "<｜begin▁of▁sentence｜>";
constexpr const char* kEos = "<｜end▁of▁sentence｜>";
constexpr const char* kPad = "<｜▁pad▁｜>";

struct AddedToken {
  const char* text;
  bool special;  // left out of decoded text
};

constexpr std::array<AddedToken, 16> kAddedTokens = {{{kBos, true},
                                                      {kEos, true},
                                                      {kPad, true},
                                                      {"<｜User｜>", true},
                                                      {"<｜Assistant｜>", true},
                                                      {"<think>", false},
                                                      {"</think>", false},
                                                      {"｜DSML｜", false},
                                                      {"<｜latest_reminder｜>", true},
                                                      {"<｜action｜>", true},
                                                      {"<｜query｜>", true},
                                                      {"<｜authority｜>", true},
                                                      {"<｜domain｜>", true},
                                                      {"<｜title｜>", true},
                                                      {"<｜read_url｜>", true},
                                                      {"<｜extracted_url｜>", true}}};

static_assert(kAddedTokens.size() + 256 == kSynthTokenizerMinVocab);

// The character that byte-level BPE writes for a byte: printable Latin-1 stands for itself, the
// rest follows from U+0100 on, in ascending order.
std::string byte_symbol(int byte) {
  const auto printable = [](int b) {
    return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
  };
  int code_point = byte;
  if (!printable(byte)) {
    code_point = 256;
    for (int b = 0; b < byte; ++b) {
      code_point += printable(b) ? 0 : 1;
    }
  }
  if (code_point < 0x80) {
    return std::string(1, static_cast<char>(code_point));
  }
  return {static_cast<char>(0xc0 | (code_point >> 6)),
          static_cast<char>(0x80 | (code_point & 0x3f))};
}

using Merge = std::pair<std::string, std::string>;

// Up to `limit` pairs of one of `left` and one of `right`, by the sum of their places.
std::vector<Merge> pairs_by_rank(const std::vector<std::string>& left,
                                 const std::vector<std::string>& right, size_t limit) {
  std::vector<Merge> merges;
  for (size_t sum = 0; sum + 1 < left.size() + right.size(); ++sum) {
    const size_t begin = sum < right.size() ? 0 : sum - right.size() + 1;
    for (size_t i = begin; i <= sum && i < left.size(); ++i) {
      if (merges.size() == limit) return merges;
      merges.emplace_back(left[i], right[sum - i]);
    }
  }
  return merges;
}

// Letters in the order of their frequency in English, the space that leads a word before them.
std::vector<Merge> make_merges(size_t count) {
  constexpr std::string_view kLetters = "etaoinshrdlucmfwypvbgkjqxz";
  std::vector<std::string> letters;
  for (const char letter : kLetters) {
    letters.emplace_back(1, letter);
  }
  std::vector<std::string> starts = letters;
  starts.insert(starts.begin(), byte_symbol(' '));
  std::vector<Merge> merges = pairs_by_rank(starts, letters, count);
  std::vector<std::string> all_pairs;
  std::vector<std::string> inner_pairs;
  for (const auto& [left, right] : merges) {
    all_pairs.push_back(left + right);
    if (left != starts.front()) {
      inner_pairs.push_back(left + right);
    }
  }
  if (count > merges.size()) {
    const std::vector<Merge> quads = pairs_by_rank(all_pairs, inner_pairs, count - merges.size());
    merges.insert(merges.end(), quads.begin(), quads.end());
  }
  return merges;
}

TokenizerJson split_rule(const char* pattern) {
  return {{"type", "Split"},
          {"pattern", {{"Regex", pattern}}},
          {"behavior", "Isolated"},
          {"invert", false}};
}

TokenizerJson byte_level(bool add_prefix_space, bool trim_offsets, bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", add_prefix_space},
          {"trim_offsets", trim_offsets},
          {"use_regex", use_regex}};
}

// The split rules of the released tokenizer: numbers by three digits, CJK runs, words and
// punctuation.
TokenizerJson pre_tokenizer() {
  return {
      {"type", "Sequence"},
      {"pretokenizers",
       {split_rule(R"(\p{N}{1,3})"), split_rule("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"),
        split_rule(
            R"([!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"),
        byte_level(false, true, false)}}};
}

TokenizerJson added_token(const char* text, bool special) {
  return {{"content", text}, {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false},  {"special", special}};
}

}  // namespace

std::string synthetic_tokenizer_json(int vocab_size) {
  HADAL_CHECK(vocab_size >= kSynthTokenizerMinVocab);
  TokenizerJson added = TokenizerJson::array();
  TokenizerJson vocab = TokenizerJson::object();
  int id = 0;
  for (const AddedToken& token : kAddedTokens) {
    TokenizerJson entry = {{"id", id}};
    entry.update(added_token(token.text, token.special));
    added.push_back(entry);
    vocab[token.text] = id++;
  }
  for (int byte = 0; byte < 256; ++byte) {
    vocab[byte_symbol(byte)] = id++;
  }
  TokenizerJson merges = TokenizerJson::array();
  for (const auto& [left, right] :
       make_merges(static_cast<size_t>(vocab_size - kSynthTokenizerMinVocab))) {
    merges.push_back(left + " " + right);
    vocab[left + right] = id++;
  }
  const TokenizerJson tokenizer = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", std::move(added)},
      {"normalizer", {{"type", "Sequence"}, {"normalizers", TokenizerJson::array()}}},
      {"pre_tokenizer", pre_tokenizer()},
      {"post_processor", byte_level(true, false, true)},
      {"decoder", byte_level(true, true, true)},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", nullptr},
        {"continuing_subword_prefix", nullptr},
        {"end_of_word_suffix", nullptr},
        {"fuse_unk", false},
        {"byte_fallback", false},
        {"vocab", std::move(vocab)},
        {"merges", std::move(merges)}}}};
  return tokenizer.dump(1) + "\n";
}

std::string synthetic_tokenizer_config_json() {
  const TokenizerJson config = {
      {"add_bos_token", false}, {"add_eos_token", false},
      {"bos_token", kBos},      {"eos_token", kEos},
      {"pad_token", kPad},      {"tokenizer_class", "PreTrainedTokenizerFast"}};
  return config.dump(1) + "\n";
}

TokenizerIds tokenizer_ids(const std::string& json_text, const std::string& where) {
  const auto refuse = [&](const std::string& what) -> Error {
    return Error({.code = ErrorCode::kInvalidFile,
                  .where = where,
                  .what = what,
                  .remedy = "name a tokenizer.json of the Hugging Face form"});
  };
  const TokenizerJson json = TokenizerJson::parse(json_text, nullptr, false);
  if (!json.is_object()) throw refuse("is not a JSON object");
  const auto model = json.find("model");
  if (model == json.end() || !model->is_object() || !model->contains("vocab") ||
      !(*model)["vocab"].is_object() || (*model)["vocab"].empty()) {
    throw refuse("has no model.vocab");
  }
  TokenizerIds ids;
  const auto take = [&](const std::string& text, const TokenizerJson& id) {
    constexpr int64_t kMaxIds = int64_t{1} << 24;
    if (!id.is_number_integer() || id < 0 || id >= kMaxIds) {
      throw refuse("gives token \"" + printable(text, 40) + "\" an id that is not in [0, " +
                   std::to_string(kMaxIds) + ")");
    }
    ids.count = std::max(ids.count, id.get<int>() + 1);
    if (text == kBos) ids.bos = id.get<int>();
    if (text == kEos) ids.eos = id.get<int>();
  };
  for (const auto& [text, id] : (*model)["vocab"].items()) {
    take(text, id);
  }
  if (const auto added = json.find("added_tokens"); added != json.end() && !added->is_null()) {
    if (!added->is_array()) throw refuse("has added_tokens that are no list");
    for (const TokenizerJson& token : *added) {
      if (!token.is_object() || !token.contains("content") || !token["content"].is_string() ||
          !token.contains("id")) {
        throw refuse("has an added token without content or id");
      }
      take(token["content"].get<std::string>(), token["id"]);
    }
  }
  return ids;
}

}  // namespace hadal
