#include "measure/workload/prompt.h"

#include <algorithm>

#include "base/check.h"
#include "measure/workload/words.h"
#include "numeric/elementary.h"

namespace hadal {
namespace {

// How many words the first `tokens` tokens of a prompt are. By place from the prompt's beginning,
// so that rounding does not add up and equal beginnings stay equal.
int64_t words_until(int64_t tokens, const TextMeasure& measure) {
  const double words = static_cast<double>(tokens) / measure.tokens_per_word;
  return static_cast<int64_t>(elementary::floor(words + 0.5));
}

// Calls use(piece, its words).
template <typename Use>
void each_piece_in_words(std::span<const ContentPiece> pieces, const PromptStyle& style, Use use) {
  HADAL_CHECK(style.text.tokens_per_word > 0);
  const auto overhead = static_cast<int64_t>(elementary::floor(style.text.overhead_tokens + 0.5));
  const int64_t total = std::max<int64_t>(1, token_sum(pieces) - overhead);
  const int64_t end = std::min(total, style.most_tokens);
  int64_t place = 0;
  for (const ContentPiece& piece : pieces) {
    const int64_t next = std::min(end, place + piece.tokens);
    use(piece, words_until(next, style.text) - words_until(place, style.text));
    place = next;
  }
}

}  // namespace

int64_t token_sum(std::span<const ContentPiece> pieces) {
  int64_t sum = 0;
  for (const ContentPiece& piece : pieces) sum += piece.tokens;
  return sum;
}

std::string_view role_name(PieceRole role) {
  switch (role) {
    case PieceRole::kSystem:
      return "system";
    case PieceRole::kAssistant:
      return "assistant";
    case PieceRole::kUser:
      break;
  }
  return "user";
}

Prompt make_prompt(std::span<const ContentPiece> pieces, const PromptStyle& style) {
  Prompt prompt{.form = style.form};
  if (style.form == PromptForm::kTokens) {
    int64_t left = std::min(token_sum(pieces), style.most_tokens);
    prompt.tokens.reserve(static_cast<size_t>(left));
    for (const ContentPiece& piece : pieces) {
      const int64_t count = std::min(left, piece.tokens);
      left -= count;
      RandomStream random(piece.stream);
      for (int64_t i = 0; i < count; ++i) prompt.tokens.push_back(style.vocabulary.draw(random));
    }
    return prompt;
  }
  each_piece_in_words(pieces, style, [&](const ContentPiece& piece, int64_t words) {
    if (words == 0) return;
    if (style.form == PromptForm::kText) {
      append_random_words(prompt.text, piece.stream, words);
      return;
    }
    const std::string_view role = role_name(piece.role);
    if (prompt.messages.empty() || prompt.messages.back().role != role) {
      prompt.messages.push_back({.role = std::string(role)});
    }
    append_random_words(prompt.messages.back().content, piece.stream, words);
  });
  return prompt;
}

}  // namespace hadal
