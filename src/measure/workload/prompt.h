// What a prompt consists of, in pieces of random content that a key decides, and the making of the
// prompt from them: token ids, a text or chat messages. Equal pieces after equal pieces give equal
// tokens, which is how prompts share prefixes. Nothing is kept: a prompt is made when it is sent.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "measure/workload/vocabulary.h"

namespace hadal {

enum class PieceRole { kUser, kSystem, kAssistant };

struct ContentPiece {
  uint64_t stream = 0;  // the key of its content
  int64_t tokens = 0;
  PieceRole role = PieceRole::kUser;
};

struct PromptMessage {
  std::string role = {};  // "system", "user", "assistant"
  std::string content = {};
};

enum class PromptForm { kTokens, kText, kMessages };

// How many tokens a server counts for a text of words that prompts are made of
// (prompt_text.h measures it).
struct TextMeasure {
  double tokens_per_word = 1;
  double overhead_tokens = 0;  // for the whole prompt: begin of text, chat template
};

struct PromptStyle {
  PromptForm form = PromptForm::kTokens;
  Vocabulary vocabulary = Vocabulary(0, 256);                 // of kTokens
  TextMeasure text = {};                                      // of the other two
  int64_t most_tokens = std::numeric_limits<int64_t>::max();  // only the prompt's beginning
};

// One of them is filled, by the form.
struct Prompt {
  PromptForm form = PromptForm::kTokens;
  std::vector<int32_t> tokens = {};
  std::string text = {};
  std::vector<PromptMessage> messages = {};
};

// Tokens: exactly as many as the pieces have. Text and messages: as many words as `style.text` says
// are so many tokens; the last piece is shorter by the overhead. Pieces of one role in a row are
// one message.
Prompt make_prompt(std::span<const ContentPiece> pieces, const PromptStyle& style);

int64_t token_sum(std::span<const ContentPiece> pieces);

std::string_view role_name(PieceRole role);

}  // namespace hadal
