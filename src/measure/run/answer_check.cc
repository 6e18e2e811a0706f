#include "measure/run/answer_check.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fmt/format.h>
#include <string_view>

#include "base/error.h"
#include "measure/client/answer_stream.h"
#include "measure/client/http_loop.h"

namespace hadal {
namespace {

struct Question {
  std::string_view text;
  std::string_view answer;  // in lower case, somewhere in what comes
};

constexpr std::array<Question, 5> kQuestions = {{{"What is 12 plus 30?", "42"},
                                                 {"What is 9 minus 4?", "5"},
                                                 {"What is the capital of France?", "paris"},
                                                 {"Which number comes after 99?", "100"},
                                                 {"What is the opposite of hot?", "cold"}}};

std::string ask(const Endpoint& endpoint, std::string_view question) {
  constexpr int64_t kLongest = 512;  // tokens: some models think first
  constexpr double kPatience = 60;   // seconds
  Endpoint chat = endpoint;
  Prompt prompt = {.form = PromptForm::kText, .text = std::string(question)};
  if (chat.is_chat) {
    prompt = {.form = PromptForm::kMessages,
              .messages = {{.role = "user", .content = std::string(question)}}};
  }
  HttpLoop loop(chat.http);
  FinishedAnswer answer;
  bool ended = false;
  AnswerStream stream({.keep_text = true}, {}, [&](FinishedAnswer&& got) {
    answer = std::move(got);
    ended = true;
  });
  loop.start({.url = chat.url(),
              .body = request_body(chat, prompt, {.output_tokens = kLongest, .ignore_eos = false}),
              .timeout = kPatience},
             stream);
  loop.run([&] { return ended; });
  return answer.text;
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

AnswerCheck check_answers(const Endpoint& endpoint) {
  // Questions need the chat template, whatever the load goes through.
  Endpoint chat = endpoint;
  chat.is_chat = true;
  if (ask(chat, kQuestions[0].text).empty()) chat.is_chat = endpoint.is_chat;
  AnswerCheck check;
  std::string first;
  for (const Question& question : kQuestions) {
    const std::string answer = ask(chat, question.text);
    if (check.asked == 0) first = answer;
    ++check.asked;
    if (!answer.empty()) ++check.answered;
    if (lower_case(answer).find(question.answer) != std::string::npos) {
      ++check.right;
    } else {
      constexpr size_t kShown = 80;
      check.wrong.push_back(fmt::format("{} {}", question.text, printable(answer, kShown)));
    }
  }
  check.alike = !first.empty() && ask(chat, kQuestions[0].text) == first;
  return check;
}

std::string answer_check_text(const AnswerCheck& check) {
  if (check.answered == 0) return "none of the simple questions had an answer";
  return fmt::format(
      "{} of {} simple questions were answered right{}. Whether every answer is exactly what the "
      "model says, only a reference tells (hadal measure verify)",
      check.right, check.asked,
      check.alike ? "" : ", and the same question asked twice was answered differently");
}

}  // namespace hadal
