#include "engine/step_message.h"

#include <bit>
#include <cstring>
#include <string>
#include <type_traits>

#include "base/error.h"

namespace hadal {
namespace {

static_assert(std::endian::native == std::endian::little);

class Writer {
 public:
  void put(int value) { put_all(std::span(&value, 1)); }
  template <typename T>
  void put_list(std::span<const T> values) {
    put(static_cast<int>(values.size()));
    put_all(values);
  }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  template <typename T>
  void put_all(std::span<const T> values) {
    static_assert(sizeof(T) == 4 && std::is_trivially_copyable_v<T>);
    const auto raw = std::as_bytes(values);
    bytes_.insert(bytes_.end(), raw.begin(), raw.end());
  }
  void put_all(std::span<int> values) { put_all(std::span<const int>(values)); }

  std::vector<std::byte> bytes_;
};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  int get() {
    int value = 0;
    std::memcpy(&value, take(sizeof(value)).data(), sizeof(value));
    return value;
  }
  int get_count() {
    const int count = get();
    // Whatever is counted takes at least a word each.
    if (count < 0 || static_cast<size_t>(count) > bytes_.size() / sizeof(int)) fail("a count");
    return count;
  }
  template <typename T>
  std::vector<T> get_list() {
    std::vector<T> values(static_cast<size_t>(get_count()));
    const auto raw = take(values.size() * sizeof(T));
    if (!raw.empty()) std::memcpy(values.data(), raw.data(), raw.size());
    return values;
  }
  void finish() const {
    if (!bytes_.empty()) fail("its end");
  }
  [[noreturn]] static void fail(const std::string& what) {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = "a message of a step",
                 .what = "is damaged at " + what,
                 .remedy = "both sides must be of the same version"});
  }

 private:
  std::span<const std::byte> take(size_t count) {
    if (count > bytes_.size()) fail("its end");
    const auto taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }

  std::span<const std::byte> bytes_;
};

void put_lists(Writer& out, std::span<const std::span<const float>> lists) {
  out.put(static_cast<int>(lists.size()));
  for (const std::span<const float> list : lists) out.put_list(list);
}

// Views of `memory`, which holds them one after the other.
std::vector<std::span<const float>> get_lists(Reader& in, std::vector<float>& memory) {
  std::vector<size_t> counts(static_cast<size_t>(in.get_count()));
  for (size_t& count : counts) {
    const std::vector<float> list = in.get_list<float>();
    count = list.size();
    memory.insert(memory.end(), list.begin(), list.end());
  }
  std::vector<std::span<const float>> lists;
  std::span<const float> rest = memory;
  for (const size_t count : counts) {
    lists.push_back(rest.first(count));
    rest = rest.subspan(count);
  }
  return lists;
}

}  // namespace

std::vector<std::byte> to_bytes(const StepMessage& message) {
  Writer out;
  out.put(message.feeds_drafter ? 1 : 0);
  out.put(static_cast<int>(message.sequences.size()));
  for (const SequenceRows& rows : message.sequences) {
    out.put(rows.cache.length);
    out.put(rows.cache.drafter_rows);
    out.put_list(std::span<const int32_t>(rows.cache.pages));
    out.put_list(std::span<const int32_t>(rows.cache.state_units));
    out.put_list(std::span<const int32_t>(rows.tokens));
    out.put(rows.logit_rows);
    out.put(rows.droppable_rows);
  }
  return out.take();
}

StepMessage read_step_message(std::span<const std::byte> bytes) {
  Reader in(bytes);
  StepMessage message{.feeds_drafter = in.get() != 0};
  message.sequences.resize(static_cast<size_t>(in.get_count()));
  for (SequenceRows& rows : message.sequences) {
    rows.cache.length = in.get();
    rows.cache.drafter_rows = in.get();
    rows.cache.pages = in.get_list<int32_t>();
    rows.cache.state_units = in.get_list<int32_t>();
    rows.tokens = in.get_list<int32_t>();
    rows.logit_rows = in.get();
    rows.droppable_rows = in.get();
    const int count = static_cast<int>(rows.tokens.size());
    if (rows.cache.length < 0 || rows.cache.drafter_rows < 0) Reader::fail("a length");
    if (rows.logit_rows < 0 || rows.logit_rows > count) Reader::fail("the rows with logits");
    if (rows.droppable_rows < 0 || rows.droppable_rows > count) Reader::fail("the rows to drop");
  }
  in.finish();
  return message;
}

std::vector<std::byte> to_bytes(std::span<const CommitMessage> messages) {
  Writer out;
  out.put(static_cast<int>(messages.size()));
  for (const CommitMessage& message : messages) {
    out.put(message.sequence);
    out.put(message.rows);
  }
  return out.take();
}

std::vector<CommitMessage> read_commit_messages(std::span<const std::byte> bytes) {
  Reader in(bytes);
  std::vector<CommitMessage> messages(static_cast<size_t>(in.get_count()));
  for (CommitMessage& message : messages) {
    message.sequence = in.get();
    message.rows = in.get();
  }
  in.finish();
  return messages;
}

std::vector<std::byte> to_bytes(const StepResult& result) {
  Writer out;
  out.put(result.vocab_size);
  put_lists(out, result.logits);
  return out.take();
}

ReceivedResult read_step_result(std::span<const std::byte> bytes) {
  Reader in(bytes);
  ReceivedResult received;
  received.result.vocab_size = in.get();
  if (received.result.vocab_size <= 0) Reader::fail("the vocabulary");
  received.result.logits = get_lists(in, received.memory);
  in.finish();
  for (const std::span<const float> logits : received.result.logits) {
    if (logits.size() % static_cast<size_t>(received.result.vocab_size) != 0) {
      Reader::fail("the logits");
    }
  }
  return received;
}

std::vector<std::byte> to_bytes(const DraftMessage& message) {
  Writer out;
  out.put(message.begins ? 1 : 0);
  out.put(static_cast<int>(message.rows.size()));
  for (const DraftRow& row : message.rows) {
    out.put(row.sequence);
    out.put(row.token);
  }
  return out.take();
}

DraftMessage read_draft_message(std::span<const std::byte> bytes) {
  Reader in(bytes);
  DraftMessage message{.begins = in.get() != 0};
  message.rows.resize(static_cast<size_t>(in.get_count()));
  for (DraftRow& row : message.rows) {
    row.sequence = in.get();
    row.token = in.get();
  }
  in.finish();
  return message;
}

std::vector<std::byte> to_bytes(const DraftResult& result) {
  Writer out;
  out.put_list(std::span<const float>(result.confidence));
  put_lists(out, result.logits);
  return out.take();
}

ReceivedDrafts read_draft_result(std::span<const std::byte> bytes) {
  Reader in(bytes);
  ReceivedDrafts received;
  received.result.confidence = in.get_list<float>();
  received.result.logits = get_lists(in, received.memory);
  in.finish();
  return received;
}

}  // namespace hadal
