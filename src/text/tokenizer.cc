#include "text/tokenizer.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/downloads.h"
#include "base/error.h"
#include "base/utf8.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/byte_level.h"
#include "text/tokenizer_file.h"

namespace hadal {
namespace {

constexpr size_t kMaxFileBytes = 256 * 1024 * 1024;

// Equal pieces within one text are merged once. The bound keeps a huge text from filling memory.
constexpr size_t kMaxCachedPieces = 1 << 16;
constexpr size_t kMaxCachedPieceBytes = 64;

void check_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t length = utf8_sequence_length(text.substr(i));
    if (length == 0) {
      throw Error({.code = ErrorCode::kInvalidArgument,
                   .where = "text",
                   .what = "byte " + std::to_string(i) + " is not UTF-8",
                   .remedy = "send text as UTF-8"});
    }
    i += length;
  }
}

}  // namespace

struct Tokenizer::Tables {
  PreTokenizer pre_tokenizer;
  AddedTokenFinder added;
  BpeMerges merges;
  bool ignore_merges = false;
  // The bytes of token i are bytes[starts[i], starts[i + 1]).
  std::string bytes;
  std::vector<uint32_t> starts;
  std::vector<bool> special;
  std::unordered_map<std::string_view, int32_t> ordinary_ids;  // what merges can make, by bytes
  std::unordered_map<std::string_view, int32_t> added_ids;     // by spelling

  Tables(TokenizerFile file, const std::string& where);

  std::string_view token(int32_t id) const {
    const auto i = static_cast<size_t>(id);
    return std::string_view(bytes).substr(starts[i], starts[i + 1] - starts[i]);
  }

 private:
  struct Entry {
    int32_t id;
    std::string bytes;
    bool is_byte_level;
  };

  [[noreturn]] void refuse(const std::string& what) const {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = where_,
                 .what = what,
                 .remedy = "use the tokenizer.json that was released with the model"});
  }
  void index_added(std::vector<AddedToken> tokens, std::vector<Entry>& entries);
  void index_vocab(const TokenizerFile& file, std::vector<Entry>& entries);
  void store_bytes(std::vector<Entry>& entries);
  void add_merges(const TokenizerFile& file);

  std::string where_;
};

Tokenizer::Tables::Tables(TokenizerFile file, const std::string& where)
    : pre_tokenizer(std::move(file.pre_tokenizer)),
      ignore_merges(file.ignore_merges),
      where_(where) {
  std::vector<Entry> entries;
  entries.reserve(file.vocab.size() + file.added_tokens.size());
  index_added(std::move(file.added_tokens), entries);
  index_vocab(file, entries);
  store_bytes(entries);
  add_merges(file);
}

void Tokenizer::Tables::index_added(std::vector<AddedToken> tokens, std::vector<Entry>& entries) {
  added = AddedTokenFinder(std::move(tokens));
  for (const AddedToken& token : added.tokens()) {
    if (!added_ids.emplace(token.content, token.id).second) {
      refuse("the added token \"" + printable(token.content, 60) + "\" is there twice");
    }
    entries.push_back({.id = token.id, .bytes = token.content, .is_byte_level = false});
  }
}

// A vocabulary entry that is also an added token is left out: merges must not make it, or a user
// could spell it in plain text.
void Tokenizer::Tables::index_vocab(const TokenizerFile& file, std::vector<Entry>& entries) {
  for (const auto& [spelling, id] : file.vocab) {
    const auto decoded = byte_level_decode(spelling);
    const bool is_byte_level = decoded && !decoded->empty();
    if (is_byte_level && decoded->size() == 1) {
      merges.set_byte(static_cast<uint8_t>(decoded->front()), id);
    }
    if (const auto same = added_ids.find(spelling); same != added_ids.end()) {
      if (same->second != id) {
        refuse("token \"" + printable(spelling, 60) + "\" has the ids " + std::to_string(id) +
               " and " + std::to_string(same->second));
      }
      continue;
    }
    entries.push_back(
        {.id = id, .bytes = is_byte_level ? *decoded : spelling, .is_byte_level = is_byte_level});
  }
}

void Tokenizer::Tables::store_bytes(std::vector<Entry>& entries) {
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.id < b.id; });
  for (size_t i = 0; i < entries.size(); ++i) {
    if (i > 0 && entries[i].id == entries[i - 1].id) {
      refuse("the tokens \"" + printable(entries[i - 1].bytes, 60) + "\" and \"" +
             printable(entries[i].bytes, 60) + "\" have the same id " +
             std::to_string(entries[i].id));
    }
    // Ids between this one and the last are no token and empty.
    starts.resize(static_cast<size_t>(entries[i].id) + 1, static_cast<uint32_t>(bytes.size()));
    bytes += entries[i].bytes;
  }
  starts.push_back(static_cast<uint32_t>(bytes.size()));

  ordinary_ids.reserve(entries.size());
  for (const Entry& entry : entries) {
    if (entry.is_byte_level && !ordinary_ids.emplace(token(entry.id), entry.id).second) {
      refuse("token \"" + printable(entry.bytes, 60) + "\" is in the vocabulary twice");
    }
  }
  special.resize(starts.size() - 1);
  for (const AddedToken& token : added.tokens()) {
    special[static_cast<size_t>(token.id)] = token.special;
  }
}

void Tokenizer::Tables::add_merges(const TokenizerFile& file) {
  merges.reserve(file.merges.size());
  for (size_t rank = 0; rank < file.merges.size(); ++rank) {
    const auto& [left, right] = file.merges[rank];
    const auto id_of = [&, &merge_left = left, &merge_right = right](
                           const std::string& spelling) -> std::optional<int32_t> {
      if (added_ids.contains(spelling)) return std::nullopt;
      const auto decoded = byte_level_decode(spelling);
      const auto found = decoded ? ordinary_ids.find(*decoded) : ordinary_ids.end();
      if (found == ordinary_ids.end()) {
        refuse("merge " + std::to_string(rank) + " (\"" + printable(merge_left, 60) + "\" and \"" +
               printable(merge_right, 60) + "\") needs the token \"" + printable(spelling, 60) +
               "\", which is not in the vocabulary");
      }
      return found->second;
    };
    const auto left_id = id_of(left);
    const auto right_id = id_of(right);
    const auto merged_id = id_of(left + right);
    if (left_id && right_id && merged_id) {
      merges.add_merge(*left_id, *right_id, static_cast<uint32_t>(rank), *merged_id);
    }
  }
}

// One encode() call: the working memory, the cache of pieces and the ids so far.
class Tokenizer::Encoder {
 public:
  explicit Encoder(const Tables& tables) : tables_(tables) {}

  void add_token(int32_t id) { ids_.push_back(id); }

  // `text` must stay where it is until the last call.
  void add_ordinary(std::string_view text) {
    for (const TextRange& range : tables_.pre_tokenizer.split(text, scratch_)) {
      add_piece(text.substr(range.begin, range.end - range.begin));
    }
  }

  std::vector<int32_t> take() { return std::move(ids_); }

 private:
  void add_piece(std::string_view piece) {
    if (tables_.ignore_merges) {
      if (const auto found = tables_.ordinary_ids.find(piece);
          found != tables_.ordinary_ids.end()) {
        ids_.push_back(found->second);
        return;
      }
    }
    if (const auto cached = cache_.find(piece); cached != cache_.end()) {
      for (size_t i = cached->second.begin; i < cached->second.end; ++i) ids_.push_back(ids_[i]);
      return;
    }
    const size_t begin = ids_.size();
    tables_.merges.encode(piece, ids_);
    if (piece.size() <= kMaxCachedPieceBytes && cache_.size() < kMaxCachedPieces) {
      cache_.emplace(piece, TextRange{begin, ids_.size()});
    }
  }

  const Tables& tables_;
  Regex::Scratch scratch_;
  std::vector<int32_t> ids_;
  std::unordered_map<std::string_view, TextRange> cache_;  // where in ids_ a piece's tokens are
};

Tokenizer Tokenizer::load(const std::filesystem::path& tokenizer_json) {
  return parse(read_json_file(tokenizer_json, kMaxFileBytes), tokenizer_json.string());
}

Tokenizer Tokenizer::parse(std::string_view json, const std::string& where) {
  return Tokenizer(std::make_shared<const Tables>(parse_tokenizer_file(json, where), where));
}

std::vector<int32_t> Tokenizer::encode(std::string_view text) const {
  const TextRange whole{0, text.size()};
  return encode(text, std::span(&whole, 1));
}

std::vector<int32_t> Tokenizer::encode_ordinary(std::string_view text) const {
  return encode(text, {});
}

std::vector<int32_t> Tokenizer::encode(std::string_view text,
                                       std::span<const TextRange> trusted) const {
  check_utf8(text);
  Encoder encoder(*tables_);
  size_t done = 0;
  for (const AddedTokenMatch& match : tables_->added.find(text, trusted)) {
    encoder.add_ordinary(text.substr(done, match.range.begin - done));
    encoder.add_token(match.id);
    done = match.range.end;
  }
  encoder.add_ordinary(text.substr(done));
  return encoder.take();
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string text;
  for (const int32_t id : ids) {
    const std::string_view bytes = token_bytes(id);
    if (!skip_special || !is_special(id)) text += bytes;
  }
  return utf8_replace_invalid(text);
}

std::string_view Tokenizer::token_bytes(int32_t id) const {
  if (id < 0 || id >= vocab_size()) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "token id " + std::to_string(id),
                 .what = "it is out of range",
                 .remedy = "give ids from 0 to " + std::to_string(vocab_size() - 1)});
  }
  return tables_->token(id);
}

std::optional<int32_t> Tokenizer::find(std::string_view token) const {
  for (const auto* ids : {&tables_->added_ids, &tables_->ordinary_ids}) {
    if (const auto found = ids->find(token); found != ids->end()) return found->second;
  }
  return std::nullopt;
}

bool Tokenizer::is_special(int32_t id) const {
  return id >= 0 && id < vocab_size() && tables_->special[static_cast<size_t>(id)];
}

int Tokenizer::vocab_size() const { return static_cast<int>(tables_->starts.size()) - 1; }

}  // namespace hadal
