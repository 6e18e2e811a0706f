// What an executor is asked to compute and what it gives back: plain data, which can be written to
// a socket and read on another machine. Says nothing of threads, devices or models.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cache/sequence_cache.h"

namespace hadal {

// Consecutive rows of one sequence.
struct SequenceRows {
  SequenceCache cache;               // its blocks; its length is the position of the first row
  std::vector<int32_t> tokens = {};  // one a row: known ones, then drafts
  int logit_rows = 0;                // how many of the last rows need logits
  int droppable_rows = 0;            // how many of the last rows the commit may leave out

  bool operator==(const SequenceRows&) const = default;
};

struct StepMessage {
  std::vector<SequenceRows> sequences = {};
  // Where there is a drafter. Otherwise its state of these sequences is lost, and nobody asks it
  // for guesses after the step.
  bool feeds_drafter = true;

  bool operator==(const StepMessage&) const = default;
};

// Rows [what was committed of them before, `rows`) of a sequence of the step become part of it.
struct CommitMessage {
  int sequence = 0;  // index into the step's sequences
  int rows = 0;

  bool operator==(const CommitMessage&) const = default;
};

struct StepResult {
  int vocab_size = 0;
  // [sequences]: of each its logits, [logit_rows, vocab]; views that last until the next step.
  std::vector<std::span<const float>> logits = {};

  std::span<const float> row(int sequence, int logit_row) const {
    const auto vocab = static_cast<size_t>(vocab_size);
    return logits[static_cast<size_t>(sequence)].subspan(static_cast<size_t>(logit_row) * vocab,
                                                         vocab);
  }
};

// Asks the model's drafter for guesses of what follows sequences of the step run last, as they
// stand after its commit: once for each token that is guessed.
struct DraftRow {
  int sequence = 0;   // index into the step's sequences
  int32_t token = 0;  // the last known or guessed one

  bool operator==(const DraftRow&) const = default;
};

struct DraftMessage {
  // The tokens are the known ones that follow the sequences' committed rows. Otherwise they are
  // guesses made from the last result, of those of its sequences that go on, in its order.
  bool begins = true;
  std::vector<DraftRow> rows = {};

  bool operator==(const DraftMessage&) const = default;
};

struct DraftResult {
  // [rows], each [vocab]: what the token after the row's is guessed from; views that last until the
  // next message.
  std::vector<std::span<const float>> logits = {};
  std::vector<float> confidence = {};  // [rows]: how likely the guess is right; or nothing
};

// Results that own their logits, as they come off the wire.
struct ReceivedResult {
  std::vector<float> memory;
  StepResult result;
};

struct ReceivedDrafts {
  std::vector<float> memory;
  DraftResult result;
};

// Little-endian words: counts before what they count. Reading throws Error kInvalidFile when bytes
// are missing, left over or contradict each other.
std::vector<std::byte> to_bytes(const StepMessage& message);
std::vector<std::byte> to_bytes(std::span<const CommitMessage> messages);
std::vector<std::byte> to_bytes(const StepResult& result);
std::vector<std::byte> to_bytes(const DraftMessage& message);
std::vector<std::byte> to_bytes(const DraftResult& result);
StepMessage read_step_message(std::span<const std::byte> bytes);
std::vector<CommitMessage> read_commit_messages(std::span<const std::byte> bytes);
ReceivedResult read_step_result(std::span<const std::byte> bytes);
DraftMessage read_draft_message(std::span<const std::byte> bytes);
ReceivedDrafts read_draft_result(std::span<const std::byte> bytes);

}  // namespace hadal
