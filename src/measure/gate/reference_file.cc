#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <iterator>
#include <span>
#include <unordered_map>

#include <nlohmann/json.hpp>

#include "base/checksum.h"
#include "base/error.h"
#include "base/files.h"
#include "json/fields.h"
#include "json/python_json.h"
#include "measure/gate/reference.h"

namespace hadal {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kSchema = "hadal.reference/1";
constexpr size_t kMaxFileBytes = size_t{2} << 30;
constexpr std::string_view kKinds[] = {"score", "generate", "chat"};
constexpr std::string_view kDigestName = "xxh3-128:";

std::string digest_of(std::string_view text) {
  return std::string(kDigestName) + to_hex(checksum(std::as_bytes(std::span(text))));
}

// --- writing ---------------------------------------------------------------------------------

// Five decimals: a hundredth of the smallest difference that counts.
void append_logprob(std::string& out, double value) {
  fmt::format_to(std::back_inserter(out), "{:.5f}", value);
}

void append_scores(std::string& out, const std::vector<TokenScore>& tokens) {
  out += ",\"tokens\":[";
  for (size_t i = 0; i < tokens.size(); ++i) {
    out += (i == 0 ? "" : ",") + json_string(tokens[i].text);
  }
  out += "],\"logprobs\":[";
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i != 0) out += ',';
    if (tokens[i].known) {
      append_logprob(out, tokens[i].logprob);
    } else {
      out += "null";
    }
  }
  out += "],\"top\":[";
  for (size_t i = 0; i < tokens.size(); ++i) {
    out += i == 0 ? "[" : ",[";
    const auto& top = tokens[i].top;
    for (size_t j = 0; j < top.size(); ++j) {
      out += (j == 0 ? "[" : ",[") + json_string(top[j].first) + ",";
      append_logprob(out, top[j].second);
      out += ']';
    }
    out += ']';
  }
  out += ']';
}

void append_header(std::string& out, const Reference& reference) {
  Json variants = Json::array();
  for (const ReferenceVariant& variant : reference.variants) {
    variants.push_back({{"name", variant.name},
                        {"engine", variant.engine},
                        {"engine_version", variant.engine_version}});
  }
  const Json header = {{"schema", kSchema},
                       {"model", reference.model},
                       {"checkpoint", reference.checkpoint},
                       {"recorded_unix", reference.recorded_unix},
                       {"seed", reference.seed},
                       {"canaries", reference.canaries.size()},
                       {"variants", variants}};
  out += header.dump() + "\n";
}

void append_canary(std::string& out, const Canary& canary) {
  Json line = {{"canary", canary.id},
               {"group", canary.group},
               {"kind", kKinds[static_cast<size_t>(canary.kind)]},
               {"max_tokens", canary.max_tokens}};
  if (canary.kind == CanaryKind::kChat) {
    line["messages"] = Json::parse(canary.messages);
    if (!canary.tools.empty()) line["tools"] = Json::parse(canary.tools);
    if (canary.thinking) line["thinking"] = true;
  } else {
    line["prompt"] = canary.prompt;
  }
  for (const auto& [key, value] :
       {std::pair<const char*, const std::string*>{"expected", &canary.expected},
        {"same_as", &canary.same_as},
        {"not_as", &canary.not_as}}) {
    if (!value->empty()) line[key] = *value;
  }
  out += line.dump() + "\n";
}

void append_answer(std::string& out, const std::string& variant, const CanaryAnswer& answer) {
  out += "{\"answer\":" + json_string(answer.canary) + ",\"variant\":" + json_string(variant);
  if (!answer.error.empty()) {
    out += ",\"error\":" + json_string(answer.error) + "}\n";
    return;
  }
  if (answer.prompt_tokens >= 0) out += fmt::format(",\"prompt_tokens\":{}", answer.prompt_tokens);
  out += ",\"text\":" + json_string(answer.text);
  if (!answer.tokens.empty()) append_scores(out, answer.tokens);
  out += "}\n";
}

// --- reading ---------------------------------------------------------------------------------

class ReferenceReader {
 public:
  ReferenceReader(std::string_view text, std::string where)
      : text_(text), where_(std::move(where)) {}

  Reference read() {
    read_header();
    while (!ended_ && !text_.empty()) read_line();
    if (!ended_) fail("ends in the middle: its last line, the digest, is missing");
    if (!text_.empty()) fail("goes on after its digest");
    check_whole();
    return std::move(reference_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = fmt::format("{}, line {}", where_, line_number_),
                 .what = what,
                 .remedy = "record the reference again, or get a whole copy"});
  }

  Json next_line() {
    ++line_number_;
    const size_t end = text_.find('\n');
    if (end == std::string_view::npos) fail("ends in the middle of a line");
    const std::string_view line = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    source_ = {.code = ErrorCode::kInvalidFile,
               .file = fmt::format("{}, line {}", where_, line_number_),
               .remedy = "record the reference again, or get a whole copy"};
    Json document = parse_json(line, source_.file, ErrorCode::kInvalidFile,
                               {.allows_non_finite = false, .refuses_repeated_names = true});
    if (!document.is_object()) fail("is no JSON object");
    return document;
  }

  void check_known(const Fields& fields, std::span<const std::string_view> known) const {
    for (const auto& [key, value] : fields.json().items()) {
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      refuse_field(fields.path(printable(key)),
                   fmt::format("is not known here; a reference has {}", fmt::join(known, ", ")),
                   FieldFault::kUnknown, source_);
    }
  }

  void read_header() {
    whole_ = text_;
    const Json line = next_line();
    const Fields fields(line, "", source_);
    const std::string schema = fields.string("schema").value_or("");
    if (schema != kSchema) {
      fail(schema.starts_with("hadal.reference/")
               ? "is a reference of another version (" + printable(schema) +
                     "); this program reads " + std::string(kSchema)
               : "is no reference of answers: it does not begin with {\"schema\":\"" +
                     std::string(kSchema) + "\"");
    }
    static constexpr std::array<std::string_view, 7> kKnown = {
        "schema", "model", "checkpoint", "recorded_unix", "seed", "canaries", "variants"};
    check_known(fields, kKnown);
    reference_.model = fields.string("model").value_or("");
    reference_.checkpoint = fields.string("checkpoint").value_or("");
    reference_.recorded_unix = fields.number("recorded_unix").value_or(0);
    reference_.seed = fields.integer("seed").value_or(0);
    canaries_ = fields.count("canaries", 1).value_or(0);
    fields.each("variants", [&](const Json& variant, const std::string& path) {
      const Fields inner(variant, path, source_);
      static constexpr std::array<std::string_view, 3> kKnownOfVariant = {"name", "engine",
                                                                          "engine_version"};
      check_known(inner, kKnownOfVariant);
      reference_.variants.push_back(
          {.name = inner.required_string("name"),
           .engine = inner.string("engine").value_or(""),
           .engine_version = inner.string("engine_version").value_or("")});
    });
    if (reference_.variants.empty()) fail("names no variant");
  }

  void read_line() {
    const std::string_view before = whole_.substr(0, whole_.size() - text_.size());
    const Json line = next_line();
    const Fields fields(line, "", source_);
    if (fields.has("canary")) {
      read_canary(fields);
    } else if (fields.has("answer")) {
      read_answer_line(fields);
    } else if (fields.has("digest")) {
      if (fields.required_string("digest") != digest_of(before)) {
        fail("is not as it was written: the digest is another");
      }
      ended_ = true;
    } else {
      fail("is neither a canary, nor an answer, nor the digest");
    }
  }

  void read_canary(const Fields& fields) {
    static constexpr std::array<std::string_view, 11> kKnown = {
        "canary", "group",    "kind",     "max_tokens", "messages", "tools",
        "prompt", "thinking", "expected", "same_as",    "not_as"};
    check_known(fields, kKnown);
    Canary canary{.id = fields.required_string("canary"),
                  .group = fields.required_string("group"),
                  .max_tokens = fields.count("max_tokens", 0).value_or(0),
                  .expected = fields.string("expected").value_or(""),
                  .same_as = fields.string("same_as").value_or(""),
                  .not_as = fields.string("not_as").value_or("")};
    const std::string kind = fields.required_string("kind");
    const auto* const found = std::find(std::begin(kKinds), std::end(kKinds), kind);
    if (found == std::end(kKinds)) fields.refuse("kind", "must be score, generate or chat");
    canary.kind = static_cast<CanaryKind>(found - std::begin(kKinds));
    if (canary.kind == CanaryKind::kChat) {
      const Json* messages = fields.array("messages");
      if (messages == nullptr) fields.refuse("messages", "is missing", FieldFault::kMissing);
      canary.messages = messages->dump();
      if (const Json* tools = fields.array("tools")) canary.tools = tools->dump();
      canary.thinking = fields.boolean("thinking").value_or(false);
    } else {
      fields.each("prompt", [&](const Json& id, const std::string& path) {
        if (!id.is_number_integer() || id < 0 || id > INT32_MAX) {
          refuse_field(path, "must be the id of a token", FieldFault::kValue, source_);
        }
        canary.prompt.push_back(id.get<int32_t>());
      });
      if (canary.prompt.empty()) fields.refuse("prompt", "is missing", FieldFault::kMissing);
    }
    if (!ids_.emplace(canary.id, reference_.canaries.size()).second) {
      fields.refuse("canary", "was there before");
    }
    reference_.canaries.push_back(std::move(canary));
    for (ReferenceVariant& variant : reference_.variants) {
      variant.answers.push_back({.canary = reference_.canaries.back().id, .error = "not recorded"});
    }
  }

  void read_answer_line(const Fields& fields) {
    static constexpr std::array<std::string_view, 8> kKnown = {
        "answer", "variant", "error", "prompt_tokens", "text", "tokens", "logprobs", "top"};
    check_known(fields, kKnown);
    CanaryAnswer answer{.canary = fields.required_string("answer"),
                        .error = fields.string("error").value_or(""),
                        .prompt_tokens = fields.count("prompt_tokens", 0).value_or(-1),
                        .text = fields.string("text").value_or("")};
    read_scores(fields, answer);
    const auto canary = ids_.find(answer.canary);
    if (canary == ids_.end()) fields.refuse("answer", "is of no canary before it");
    const std::string name = fields.required_string("variant");
    const auto variant = std::find_if(reference_.variants.begin(), reference_.variants.end(),
                                      [&](const auto& v) { return v.name == name; });
    if (variant == reference_.variants.end()) fields.refuse("variant", "is not in the first line");
    variant->answers[canary->second] = std::move(answer);
  }

  void read_scores(const Fields& fields, CanaryAnswer& answer) const {
    const Json* tokens = fields.array("tokens");
    if (tokens == nullptr) return;
    const Json* logprobs = fields.array("logprobs");
    const Json* top = fields.array("top");
    if (logprobs == nullptr || logprobs->size() != tokens->size()) {
      fields.refuse("logprobs", "must be as many as tokens");
    }
    if (top == nullptr || top->size() != tokens->size()) {
      fields.refuse("top", "must be as many as tokens");
    }
    for (size_t i = 0; i < tokens->size(); ++i) {
      const Json& logprob = (*logprobs)[i];
      if (!(*tokens)[i].is_string()) fields.refuse("tokens", "must be strings");
      if (!logprob.is_null() && !logprob.is_number()) {
        fields.refuse("logprobs", "must be numbers or null");
      }
      TokenScore score{.text = (*tokens)[i].get<std::string>(), .known = logprob.is_number()};
      if (score.known) score.logprob = logprob.get<double>();
      for (const Json& pair : (*top)[i]) {
        if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_number()) {
          fields.refuse("top", "must be lists of [token, logprob]");
        }
        score.top.emplace_back(pair[0].get<std::string>(), pair[1].get<double>());
      }
      answer.tokens.push_back(std::move(score));
    }
  }

  void check_whole() const {
    if (reference_.canaries.empty() ||
        reference_.canaries.size() != static_cast<size_t>(canaries_)) {
      fail(fmt::format("holds {} canaries, where its first line says {}",
                       reference_.canaries.size(), canaries_));
    }
    for (const Canary& canary : reference_.canaries) {
      for (const std::string* other : {&canary.same_as, &canary.not_as}) {
        if (!other->empty() && !ids_.contains(*other)) {
          fail("canary " + printable(canary.id) + " speaks of one that is not there");
        }
      }
    }
  }

  std::string_view text_;
  std::string where_;
  std::string_view whole_;
  FieldsSource source_;
  int line_number_ = 0;
  int canaries_ = 0;
  bool ended_ = false;
  Reference reference_;
  std::unordered_map<std::string, size_t> ids_;
};

}  // namespace

Reference parse_reference(std::string_view text, const std::string& where) {
  return ReferenceReader(text, where).read();
}

Reference load_reference(const std::filesystem::path& path) {
  return parse_reference(read_text_file(path, kMaxFileBytes), path.string());
}

std::string reference_text(const Reference& reference) {
  std::string text;
  append_header(text, reference);
  for (const Canary& canary : reference.canaries) append_canary(text, canary);
  for (const ReferenceVariant& variant : reference.variants) {
    for (const CanaryAnswer& answer : variant.answers) append_answer(text, variant.name, answer);
  }
  return text + Json{{"digest", digest_of(text)}}.dump() + "\n";
}

void save_reference(const Reference& reference, const std::filesystem::path& path) {
  AtomicFile file(path);
  file.write(reference_text(reference));
  file.commit();
}

}  // namespace hadal
