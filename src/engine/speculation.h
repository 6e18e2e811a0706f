// How an engine or a request wants its tokens guessed ahead: by whom, and how many. Guesses are
// checked in the step that would have computed the next token anyway and kept where it samples the
// same, so that none of this changes an answer (drafter.h).
#pragma once

#include <string>
#include <string_view>

namespace hadal {

enum class SpeculationKind {
  kAuto,    // whatever there is, as far as it pays
  kOff,     // nobody guesses
  kMtp,     // the checkpoint's MTP block
  kDspark,  // the checkpoint's block drafter
  kLookup,  // what followed the last tokens where they stood before in the same sequence
};

// Guesses in one step for one sequence, at most, whoever makes them.
constexpr int kMostDrafts = 8;

struct Speculation {
  SpeculationKind kind = SpeculationKind::kAuto;
  // Of an engine: so many guesses in every step, as far as there are so many. Of a request: no
  // more, for what others pay is not for it to say. 0: as many as pay.
  int drafts = 0;

  bool operator==(const Speculation&) const = default;
};

// As --speculation and the field of requests spell it.
std::string_view speculation_name(SpeculationKind kind);
std::string speculation_text(const Speculation& speculation);

// KIND or KIND:K, K from 1 to kMostDrafts and none after auto and off. Throws Error
// kInvalidArgument, naming `where`.
Speculation parse_speculation(std::string_view text, const std::string& where);

}  // namespace hadal
