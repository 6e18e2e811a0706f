#include "text/pre_tokenizer.h"

#include <utility>

#include "base/utf8.h"

namespace hadal {
namespace {

// In characters, as everything here. `piece` is cut at the matches of `pattern`.
void split_isolated(const Regex& pattern, std::string_view classes, const TextRange& piece,
                    Regex::Scratch& scratch, std::vector<TextRange>& pieces) {
  const std::string_view text = classes.substr(piece.begin, piece.end - piece.begin);
  size_t done = 0;    // everything before is in pieces
  size_t search = 0;  // an empty match moves the search on without adding a piece
  const auto add = [&](size_t begin, size_t end) {
    if (begin < end) pieces.push_back({piece.begin + begin, piece.begin + end});
  };
  while (search < text.size()) {
    const auto match = pattern.find(text, search, scratch);
    if (!match || match->begin >= text.size()) break;
    add(done, match->begin);
    add(match->begin, match->end);
    done = match->end;
    search = match->begin < match->end ? match->end : match->end + 1;
  }
  add(done, text.size());
}

size_t utf8_length(char32_t c) { return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4; }

}  // namespace

std::vector<TextRange> PreTokenizer::split(std::string_view text, Regex::Scratch& scratch) const {
  std::vector<TextRange> pieces;
  if (text.empty()) return pieces;
  std::u32string characters;
  utf8_decode(text, characters);
  pieces.push_back({0, characters.size()});
  std::vector<TextRange> finer;
  std::string classes;
  for (const Regex& stage : stages_) {
    finer.clear();
    stage.classify(characters, classes);
    for (const TextRange& piece : pieces) split_isolated(stage, classes, piece, scratch, finer);
    std::swap(pieces, finer);
  }
  // The pieces follow each other without gaps.
  size_t byte = 0;
  for (TextRange& piece : pieces) {
    const size_t begin = byte;
    for (size_t i = piece.begin; i < piece.end; ++i) byte += utf8_length(characters[i]);
    piece = {begin, byte};
  }
  return pieces;
}

}  // namespace hadal
