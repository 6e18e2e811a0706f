// An executor behind a wire: every message becomes bytes and is read back before it reaches the
// executor that computes, and every result on its way back.
#pragma once

#include <utility>
#include <vector>

#include "engine/executor.h"
#include "engine/local_executor.h"

namespace hadal {

class WireExecutor final : public Executor {
 public:
  explicit WireExecutor(Executor& remote) : remote_(remote) {}

  const CacheGeometry& geometry() const override { return remote_.geometry(); }
  int vocab_size() const override { return remote_.vocab_size(); }
  const StepResult& run(const StepMessage& message) override {
    const StepMessage arrived = read_step_message(sent(to_bytes(message)));
    received_ = read_step_result(sent(to_bytes(remote_.run(arrived))));
    return received_.result;
  }
  void commit(std::span<const CommitMessage> messages) override {
    remote_.commit(read_commit_messages(sent(to_bytes(messages))));
  }
  ModelDrafter drafter() const override { return remote_.drafter(); }
  const DraftResult& draft(const DraftMessage& message) override {
    const DraftMessage arrived = read_draft_message(sent(to_bytes(message)));
    drafts_ = read_draft_result(sent(to_bytes(remote_.draft(arrived))));
    return drafts_.result;
  }
  size_t step_buffer_bytes() const override { return remote_.step_buffer_bytes(); }
  int host_threads() const override { return remote_.host_threads(); }
  void for_each(int items, FunctionRef<void(int item, int thread)> body) override {
    remote_.for_each(items, body);
  }

  size_t bytes() const { return bytes_; }  // that went over the wire

 private:
  const std::vector<std::byte>& sent(std::vector<std::byte> bytes) {
    bytes_ += bytes.size();
    wire_ = std::move(bytes);
    return wire_;
  }

  Executor& remote_;
  std::vector<std::byte> wire_;
  ReceivedResult received_;
  ReceivedDrafts drafts_;
  size_t bytes_ = 0;
};

}  // namespace hadal
