#include "measure/workload/prefix_proof.h"

#include <algorithm>

#include "base/error.h"

namespace hadal {
namespace {

// Letters a word takes in a text, roughly: how much longer a text's beginning is than a block.
constexpr int64_t kBytesPerToken = 4;

std::string text_of(const Prompt& prompt) {
  if (prompt.form == PromptForm::kText) return prompt.text;
  std::string text;
  for (const PromptMessage& message : prompt.messages) {
    text += message.role;
    text += '\n';
    text += message.content;
    text += '\n';
  }
  return text;
}

}  // namespace

std::string PrefixProver::place(const Beginning& beginning) const {
  return labels_[beginning.label] + " prompt " + std::to_string(beginning.session);
}

void PrefixProver::add(const Workload& workload, RequestPhase space, int64_t sessions,
                       const PromptStyle& style, const std::string& label) {
  labels_.push_back(label);
  PromptStyle beginning_style = style;
  beginning_style.most_tokens = limit_ + 1;
  for (int64_t number = 0; number < sessions; ++number) {
    const PlannedSession session = workload.session(number, space);
    if (session.requests.empty()) continue;
    const Prompt prompt = workload.prompt(session.requests.front(), beginning_style);
    Beginning beginning{.label = labels_.size() - 1, .session = number};
    size_t most = static_cast<size_t>(limit_);
    if (prompt.form == PromptForm::kTokens) {
      beginning.units = prompt.tokens;
    } else {
      most *= kBytesPerToken;
      for (const char c : text_of(prompt)) {
        beginning.units.push_back(static_cast<unsigned char>(c));
        if (beginning.units.size() > most) break;
      }
    }
    beginning.is_whole = beginning.units.size() <= most;
    if (!beginning.is_whole) beginning.units.resize(most);
    beginnings_.push_back(std::move(beginning));
  }
}

PrefixProof PrefixProver::prove() const {
  std::vector<const Beginning*> sorted;
  sorted.reserve(beginnings_.size());
  for (const Beginning& beginning : beginnings_) sorted.push_back(&beginning);
  std::sort(sorted.begin(), sorted.end(), [](const Beginning* a, const Beginning* b) {
    if (a->units != b->units) return a->units < b->units;
    return std::pair(a->label, a->session) < std::pair(b->label, b->session);
  });
  PrefixProof proof{.prompts = static_cast<int64_t>(sorted.size())};
  // The longest common beginning of a sorted list is one of neighbours.
  for (size_t i = 1; i < sorted.size(); ++i) {
    const Beginning& a = *sorted[i - 1];
    const Beginning& b = *sorted[i];
    const auto [end, other] =
        std::mismatch(a.units.begin(), a.units.end(), b.units.begin(), b.units.end());
    const auto shared = static_cast<int64_t>(end - a.units.begin());
    proof.longest_shared = std::max(proof.longest_shared, shared);
    if (end != a.units.end()) continue;
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "workload",
                 .what = place(a) + " and " + place(b) + " begin alike (" + std::to_string(shared) +
                         (a.is_whole ? " tokens, all that the first has)" : " tokens or more)"),
                 .remedy = "ask for longer prompts, a larger vocabulary or another seed"});
  }
  return proof;
}

}  // namespace hadal
