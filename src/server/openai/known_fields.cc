#include "server/openai/known_fields.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "json/python_json.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

// A field that asks for what this server does not do, unless it has one of `harmless` (JSON).
struct UnsupportedField {
  std::string_view name;
  std::string_view harmless;
  std::string_view remedy;
};

constexpr std::string_view kUseMessages = "put what the model shall know into messages";
constexpr std::string_view kUseTools = "describe the form in a message, or as a tool";
constexpr std::string_view kUseBias = "use logit_bias";
constexpr std::string_view kUseSampling = "use temperature, top_p and min_p";

constexpr std::array<UnsupportedField, 35> kUnsupported = {{
    {"allowed_token_ids", "[]", kUseBias},
    {"audio", "[]", "the model writes text only"},
    {"bad_words", "[[]]", kUseBias},
    {"best_of", "[1]", "send several requests"},
    {"chat_template", "[]", "prompts are in the model's own form"},
    {"documents", "[[]]", kUseMessages},
    {"early_stopping", "[false]", ""},
    {"grammar", "[\"\"]", kUseTools},
    {"guided_choice", "[]", kUseTools},
    {"guided_grammar", "[]", kUseTools},
    {"guided_json", "[]", kUseTools},
    {"guided_regex", "[]", kUseTools},
    {"include_stop_str_in_output", "[false]", "append the stop string yourself"},
    {"json_schema", "[{}]", kUseTools},
    {"length_penalty", "[1]", ""},
    {"mirostat", "[0]", kUseSampling},
    {"modalities", "[[\"text\"]]", "the model writes text only"},
    {"mm_processor_kwargs", "[{}]", "the model reads text only"},
    {"plugins", "[[]]", ""},
    {"prompt_logprobs", "[]", "use echo and logprobs of /v1/completions"},
    {"regex", "[\"\"]", kUseTools},
    {"structural_tag", "[]", kUseTools},
    {"structured_outputs", "[{}]", kUseTools},
    {"thinking_budget", "[]", "use reasoning_effort"},
    {"thinking_token_budget", "[]", "use reasoning_effort"},
    {"top_a", "[0]", kUseSampling},
    {"tfs_z", "[1]", kUseSampling},
    {"transforms", "[[]]", "shorten the messages yourself"},
    {"truncate_prompt_tokens", "[]", "shorten the messages yourself"},
    {"typical_p", "[1]", kUseSampling},
    {"use_beam_search", "[false]", kUseSampling},
    {"verbosity", "[\"medium\"]", "ask for it in a message"},
    {"web_search_options", "[]", "offer a tool that searches"},
    {"xtc_probability", "[0]", kUseSampling},
    {"dry_multiplier", "[0]", "use repetition_penalty or frequency_penalty"},
}};

// Of one API alone.
constexpr std::array<UnsupportedField, 2> kUnsupportedOfChats = {{
    {"echo", "[false]", "use /v1/completions"},
    {"return_tokens_as_token_ids", "[false]",
     "use return_token_ids, or the bytes of logprobs; /v1/completions knows it"},
}};
constexpr std::array<UnsupportedField, 2> kUnsupportedOfCompletions = {{
    {"prompt_embeds", "[]", "send text or token ids as prompt"},
    {"suffix", "[\"\"]", "put what follows into the prompt"},
}};

// What both do.
constexpr std::array<std::string_view, 26> kKnownOfAll = {"model",
                                                          "max_tokens",
                                                          "max_completion_tokens",
                                                          "min_tokens",
                                                          "ignore_eos",
                                                          "temperature",
                                                          "top_k",
                                                          "top_p",
                                                          "min_p",
                                                          "seed",
                                                          "repetition_penalty",
                                                          "presence_penalty",
                                                          "frequency_penalty",
                                                          "logit_bias",
                                                          "logprobs",
                                                          "stop_token_ids",
                                                          "priority",
                                                          "speculation",
                                                          "timeout",
                                                          "cache_salt",
                                                          "stop",
                                                          "stream",
                                                          "stream_options",
                                                          "skip_special_tokens",
                                                          "return_token_ids",
                                                          "n"};
constexpr std::array<std::string_view, 16> kKnownOfChats = {"messages",
                                                            "top_logprobs",
                                                            "thinking",
                                                            "enable_thinking",
                                                            "reasoning",
                                                            "include_reasoning",
                                                            "reasoning_effort",
                                                            "chat_template_kwargs",
                                                            "tools",
                                                            "tool_choice",
                                                            "parallel_tool_calls",
                                                            "functions",
                                                            "function_call",
                                                            "continue_final_message",
                                                            "add_generation_prompt",
                                                            "add_special_tokens"};
constexpr std::array<std::string_view, 4> kKnownOfCompletions = {
    "prompt", "echo", "add_special_tokens", "return_tokens_as_token_ids"};

// What changes nothing here: nothing is stored, billed or run elsewhere.
constexpr std::array<std::string_view, 13> kWithoutEffect = {"user",
                                                             "store",
                                                             "metadata",
                                                             "service_tier",
                                                             "safety_identifier",
                                                             "prompt_cache_key",
                                                             "prompt_cache_retention",
                                                             "prediction",
                                                             "request_id",
                                                             "spaces_between_special_tokens",
                                                             "guided_decoding_backend",
                                                             "detokenize",
                                                             "response_format"};

void check_unsupported(const Fields& body, std::span<const UnsupportedField> unsupported) {
  for (const UnsupportedField& field : unsupported) {
    const ordered_json* value = body.find(field.name);
    if (value == nullptr) continue;
    const ordered_json harmless = parse_json(field.harmless, "harmless");
    if (std::find(harmless.begin(), harmless.end(), *value) != harmless.end()) continue;
    std::string what = "is not supported";
    if (!harmless.empty()) what += " but with the value " + harmless[0].dump();
    if (!field.remedy.empty()) what += "; " + std::string(field.remedy);
    refuse_unsupported(std::string(field.name), what);
  }
}

// Fields whose default this server already fulfils, and nothing else.
void check_defaults(const Fields& body) {
  if (body.count("n", 1).value_or(1) != 1) {
    refuse_unsupported("n", "only one answer a request is supported");
  }
  if (const ordered_json* format = body.find("response_format"); format != nullptr) {
    const Fields fields(*format, "response_format");
    if (fields.string("type").value_or("") != "text") {
      refuse_unsupported("response_format", "only {\"type\": \"text\"} is supported");
    }
  }
}

using Names = std::vector<std::string_view>;

Names all_names(std::span<const std::string_view> known,
                std::span<const UnsupportedField> unsupported) {
  Names names;
  for (const auto list : {std::span<const std::string_view>(kKnownOfAll),
                          std::span<const std::string_view>(kWithoutEffect), known}) {
    names.insert(names.end(), list.begin(), list.end());
  }
  for (const auto list : {std::span<const UnsupportedField>(kUnsupported), unsupported}) {
    for (const UnsupportedField& field : list) names.push_back(field.name);
  }
  return names;
}

}  // namespace

void check_chat_fields(const Fields& body, UnknownFields& unknown) {
  static const Names known = all_names(kKnownOfChats, kUnsupportedOfChats);
  unknown.check(body, known);
  check_defaults(body);
  check_unsupported(body, kUnsupported);
  check_unsupported(body, kUnsupportedOfChats);
}

void check_completion_fields(const Fields& body, UnknownFields& unknown) {
  static const Names known = all_names(kKnownOfCompletions, kUnsupportedOfCompletions);
  unknown.check(body, known);
  check_defaults(body);
  check_unsupported(body, kUnsupported);
  check_unsupported(body, kUnsupportedOfCompletions);
}

}  // namespace hadal
