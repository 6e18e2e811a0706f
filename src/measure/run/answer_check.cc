#include "measure/run/answer_check.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fmt/format.h>
#include <string_view>

#include "base/error.h"
#include "measure/run/ask_once.h"

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

std::string ask(const Endpoint& endpoint, std::string_view question, double until) {
  constexpr int64_t kLongest = 512;  // tokens: some models think first
  constexpr double kPatience = 30;   // seconds
  const double patience = std::clamp(until - monotonic_seconds(), 0.1, kPatience);
  Prompt prompt = {.form = PromptForm::kText, .text = std::string(question)};
  return ask_once(endpoint, prompt, {.output_tokens = kLongest, .ignore_eos = false}, patience)
      .text;
}

bool is_letter(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

// As a word of its own: "5", and not the end of "2025".
bool holds_word(const std::string& text, std::string_view word) {
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    if ((at == 0 || !is_letter(text[at - 1])) && (end == text.size() || !is_letter(text[end]))) {
      return true;
    }
  }
  return false;
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

AnswerCheck check_answers(const Endpoint& endpoint, double seconds, const std::atomic<bool>& stop) {
  const double until = monotonic_seconds() + seconds;
  const auto is_over = [&] { return stop || monotonic_seconds() >= until; };
  // Questions need the chat template, whatever the load goes through.
  Endpoint chat = endpoint;
  chat.is_chat = true;
  std::string first = ask(chat, kQuestions[0].text, until);
  if (first.empty() && !endpoint.is_chat) {
    chat.is_chat = false;
    first = ask(chat, kQuestions[0].text, until);
  }
  AnswerCheck check;
  for (const Question& question : kQuestions) {
    if (check.asked > 0 && is_over()) break;
    const std::string answer = check.asked == 0 ? first : ask(chat, question.text, until);
    ++check.asked;
    if (!answer.empty()) ++check.answered;
    if (holds_word(lower_case(answer), question.answer)) {
      ++check.right;
    } else {
      constexpr size_t kShown = 80;
      check.wrong.push_back(fmt::format("{} {}", question.text, printable(answer, kShown)));
    }
  }
  check.alike = first.empty() || is_over() || ask(chat, kQuestions[0].text, until) == first;
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
