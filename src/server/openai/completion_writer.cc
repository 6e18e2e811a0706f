#include "server/openai/completion_writer.h"

#include <span>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/as_size.h"
#include "server/openai/answer_json.h"
#include "server/random_id.h"
#include "text/detokenizer.h"

namespace hadal {

using nlohmann::ordered_json;

namespace {

const char* finish_reason_of(const GenerationEnd& end) {
  return end.reason == FinishReason::kLength ? "length" : "stop";
}

}  // namespace

CompletionWriter::CompletionWriter(CompletionForm form, const Tokenizer& tokenizer)
    : form_(std::move(form)),
      tokenizer_(tokenizer),
      id_(make_random_id("cmpl-")),
      created_(seconds_now()) {
  for (size_t i = 0; i < form_.prompts.size(); ++i) {
    choices_.push_back(
        {.logprobs = CompletionLogprobs(tokenizer, form_.shows_special, form_.tokens_as_ids)});
  }
}

void CompletionWriter::add_prompt(int choice, std::vector<TokenLogprobs> logprobs) {
  choices_[as_size(choice)].prompt_logprobs = std::move(logprobs);
}

void CompletionWriter::add_token(int choice, const GeneratedToken& token) {
  Choice& known = choices_[as_size(choice)];
  if (form_.token_ids) known.token_ids.push_back(token.token);
  if (!form_.logprobs || !token.logprobs) return;
  begin_tokens(choice);
  known.logprobs.add(token.token, *token.logprobs, token.is_stop);
}

// The prompt's tokens come before those of the answer; all of them are known with the first.
void CompletionWriter::begin_tokens(int choice) {
  Choice& known = choices_[as_size(choice)];
  if (std::exchange(known.tokens_begun, true) || !form_.echo || !form_.logprobs) return;
  const CompletionForm::Prompt& prompt = form_.prompts[as_size(choice)];
  known.logprobs.add_prompt(prompt.tokens, std::move(known.prompt_logprobs), prompt.bos_added);
}

std::string CompletionWriter::prompt_text(int choice) const {
  const CompletionForm::Prompt& prompt = form_.prompts[as_size(choice)];
  Detokenizer detokenizer(tokenizer_);
  std::string text;
  for (const int32_t token : std::span(prompt.tokens).subspan(prompt.bos_added ? 1 : 0)) {
    text += detokenizer.push(token);
  }
  return text + detokenizer.finish();
}

ordered_json CompletionWriter::head() const {
  return {
      {"id", id_}, {"object", "text_completion"}, {"created", created_}, {"model", form_.model}};
}

ordered_json CompletionWriter::choice_json(int choice, const std::string& text,
                                           const char* finish_reason) {
  Choice& known = choices_[as_size(choice)];
  const bool is_first = !std::exchange(known.told, true);
  begin_tokens(choice);
  ordered_json json = {{"index", choice},
                       {"text", is_first && form_.echo ? prompt_text(choice) + text : text},
                       {"logprobs", known.logprobs.take()},
                       {"finish_reason", nullptr}};
  if (finish_reason != nullptr) json["finish_reason"] = finish_reason;
  if (!form_.token_ids) return json;
  json["token_ids"] = std::exchange(known.token_ids, {});
  if (is_first) json["prompt_token_ids"] = form_.prompts[as_size(choice)].tokens;
  return json;
}

HttpResponse CompletionWriter::whole(const std::vector<AnswerChoice>& choices) {
  ordered_json value = head();
  value["choices"] = ordered_json::array();
  GenerationUsage all;
  for (size_t i = 0; i < choices.size(); ++i) {
    const auto& [answer, end] = choices[i];
    value["choices"].push_back(
        choice_json(static_cast<int>(i), answer.content, finish_reason_of(end)));
    all.add(end.usage);
  }
  value["usage"] = usage_json(all);
  return {.body = dump_answer(value) + "\n"};
}

HttpResponse CompletionWriter::refusal(const ApiError& error) { return api_error_response(error); }

// A choice's first chunk comes with its first text.
HttpResponse CompletionWriter::begin() { return event_stream({}); }

std::string CompletionWriter::chunk(int choice, const std::string& text, const char* finish_reason,
                                    const GenerationUsage& usage) {
  ordered_json value = head();
  value["choices"] = ordered_json::array({choice_json(choice, text, finish_reason)});
  if (form_.continuous_usage) {
    value["usage"] = usage_json(usage);
  } else if (form_.usage_event) {
    value["usage"] = nullptr;
  }
  return answer_event(value);
}

std::string CompletionWriter::delta(int choice, const CompletionEvent& completion_event,
                                    const GenerationUsage& usage) {
  if (completion_event.kind != CompletionEvent::Kind::kContent) return {};
  return chunk(choice, completion_event.text, nullptr, usage);
}

std::string CompletionWriter::end_choice(int choice, const GenerationEnd& end) {
  return chunk(choice, {}, finish_reason_of(end), end.usage);
}

std::string CompletionWriter::end(const GenerationUsage& all) {
  std::string text;
  if (form_.usage_event) {
    ordered_json last = head();
    last["choices"] = ordered_json::array();
    last["usage"] = usage_json(all);
    text = answer_event(last);
  }
  return text + "data: [DONE]\n\n";
}

std::string CompletionWriter::error(const ApiError& error) { return error_event(error); }

}  // namespace hadal
