#include "text/pre_tokenizer.h"

#include <utility>

#include "base/utf8.h"

namespace hadal {
namespace {

void split_isolated(const Regex& pattern, std::string_view text, size_t offset,
                    Regex::Scratch& scratch, std::vector<TextRange>& pieces) {
  size_t done = 0;    // everything before is in pieces
  size_t search = 0;  // an empty match moves the search on without adding a piece
  const auto add = [&](size_t begin, size_t end) {
    if (begin < end) pieces.push_back({offset + begin, offset + end});
  };
  while (search < text.size()) {
    const auto match = pattern.find(text, search, scratch);
    if (!match || match->begin >= text.size()) break;
    add(done, match->begin);
    add(match->begin, match->end);
    done = match->end;
    search = match->begin < match->end ? match->end
                                       : match->end + utf8_sequence_length(text.substr(match->end));
  }
  add(done, text.size());
}

}  // namespace

std::vector<TextRange> PreTokenizer::split(std::string_view text, Regex::Scratch& scratch) const {
  std::vector<TextRange> pieces;
  if (text.empty()) return pieces;
  pieces.push_back({0, text.size()});
  std::vector<TextRange> finer;
  for (const Regex& stage : stages_) {
    finer.clear();
    for (const TextRange& piece : pieces) {
      split_isolated(stage, text.substr(piece.begin, piece.end - piece.begin), piece.begin, scratch,
                     finer);
    }
    std::swap(pieces, finer);
  }
  return pieces;
}

}  // namespace hadal
