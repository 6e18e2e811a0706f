#include "text/added_tokens.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/utf8.h"
#include "text/unicode_properties.h"

namespace hadal {
namespace {

// \w and \s as the library's regex crate has them.
struct Properties {
  CodePointSet word = set_union(known_unicode_property("word"), CodePointSet({{0x200C, 0x200D}}));
  CodePointSet space = known_unicode_property("space");
};

const Properties& properties() {
  static const Properties kProperties;
  return kProperties;
}

size_t character_before(std::string_view text, size_t position) {
  do --position;
  while (position > 0 && (static_cast<unsigned char>(text[position]) & 0xC0) == 0x80);
  return position;
}

// `character` is the UTF-8 of one.
bool is_one(const CodePointSet& set, std::string_view character) {
  std::u32string code_point;
  utf8_decode(character, code_point);
  return set.contains(code_point.front());
}

std::string_view character_at(std::string_view text, size_t position) {
  return text.substr(position, utf8_sequence_length(text.substr(position)));
}

bool touches_word(std::string_view text, const TextRange& range) {
  const CodePointSet& word = properties().word;
  if (range.begin > 0) {
    const size_t before = character_before(text, range.begin);
    if (is_one(word, text.substr(before, range.begin - before))) return true;
  }
  return range.end < text.size() && is_one(word, character_at(text, range.end));
}

}  // namespace

AddedTokenFinder::AddedTokenFinder(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  trie_.emplace_back();
  for (size_t t = 0; t < tokens_.size(); ++t) {
    uint32_t node = 0;
    for (const char c : tokens_[t].content) {
      const auto byte = static_cast<unsigned char>(c);
      auto& children = trie_[node].children;
      auto child = std::lower_bound(children.begin(), children.end(), byte,
                                    [](const auto& entry, auto key) { return entry.first < key; });
      if (child == children.end() || child->first != byte) {
        const auto fresh = static_cast<uint32_t>(trie_.size());
        children.insert(child, {byte, fresh});
        trie_.emplace_back();  // ends the life of `children`
        node = fresh;
      } else {
        node = child->second;
      }
    }
    trie_[node].token = static_cast<int32_t>(t);
  }
}

const AddedToken* AddedTokenFinder::longest_at(std::string_view text, size_t position, size_t end,
                                               bool normalized) const {
  const AddedToken* longest = nullptr;
  uint32_t node = 0;
  for (size_t i = position; i < end; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto& children = trie_[node].children;
    const auto child =
        std::lower_bound(children.begin(), children.end(), byte,
                         [](const auto& entry, auto key) { return entry.first < key; });
    if (child == children.end() || child->first != byte) break;
    node = child->second;
    if (trie_[node].token >= 0) {
      const AddedToken& token = tokens_[static_cast<size_t>(trie_[node].token)];
      if (token.normalized == normalized) longest = &token;
    }
  }
  return longest;
}

void AddedTokenFinder::find_pass(std::string_view text, std::span<const TextRange> allowed,
                                 bool normalized, std::vector<AddedTokenMatch>& matches) const {
  const std::vector<AddedTokenMatch> earlier = std::exchange(matches, {});
  size_t next_earlier = 0;
  size_t done = 0;  // the end of the last match, which lstrip must not cross
  const auto keep_earlier_until = [&](size_t position) {
    while (next_earlier < earlier.size() && earlier[next_earlier].range.begin <= position) {
      matches.push_back(earlier[next_earlier]);
      done = earlier[next_earlier++].range.end;
    }
  };
  for (const TextRange& zone : allowed) {
    for (size_t i = zone.begin; i < zone.end;) {
      keep_earlier_until(i);
      if (i < done) {
        i = done;
        continue;
      }
      const size_t limit = next_earlier < earlier.size()
                               ? std::min(zone.end, earlier[next_earlier].range.begin)
                               : zone.end;
      const AddedToken* token = longest_at(text, i, limit, normalized);
      TextRange range{i, i + (token != nullptr ? token->content.size() : 1)};
      if (token == nullptr || (token->single_word && touches_word(text, range))) {
        i = range.end;
        continue;
      }
      if (token->lstrip) {
        while (range.begin > done) {
          const size_t before = character_before(text, range.begin);
          const std::string_view character = text.substr(before, range.begin - before);
          if (!is_one(properties().space, character)) break;
          range.begin = before;
        }
      }
      if (token->rstrip) {
        const size_t end =
            next_earlier < earlier.size() ? earlier[next_earlier].range.begin : text.size();
        while (range.end < end) {
          const std::string_view character = character_at(text, range.end);
          if (!is_one(properties().space, character)) break;
          range.end += character.size();
        }
      }
      matches.push_back({range, token->id});
      done = range.end;
      i = range.end;
    }
  }
  keep_earlier_until(text.size());
}

std::vector<AddedTokenMatch> AddedTokenFinder::find(std::string_view text,
                                                    std::span<const TextRange> allowed) const {
  std::vector<AddedTokenMatch> matches;
  if (tokens_.empty() || allowed.empty()) return matches;
  find_pass(text, allowed, false, matches);
  const bool any_normalized = std::any_of(tokens_.begin(), tokens_.end(),
                                          [](const AddedToken& token) { return token.normalized; });
  if (any_normalized) find_pass(text, allowed, true, matches);
  return matches;
}

}  // namespace hadal
