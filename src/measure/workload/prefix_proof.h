// Proves before anything is sent that prompts which are to be unlike are: no two may begin with the
// same tokens, neither within a workload nor against its warm-up nor against another repeat.
// Otherwise a server's prefix cache answers for the server.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "measure/workload/workload.h"

namespace hadal {

struct PrefixProof {
  int64_t prompts = 0;
  int64_t longest_shared = 0;  // tokens that two of them begin with; of texts bytes
};

class PrefixProver {
 public:
  // `limit`: so many equal tokens at the beginning are too many (16 is the smallest block that
  // servers cache by default); a prompt shorter than that must not begin another.
  explicit PrefixProver(int64_t limit = 16) : limit_(limit) {}

  // Takes the first requests of the first `sessions` sessions, in token ids or else as text.
  // `label` names the workload in errors ("repeat 2").
  void add(const Workload& workload, RequestPhase space, int64_t sessions, const PromptStyle& style,
           const std::string& label);

  // Throws Error kInvalidArgument naming the first two prompts that begin alike.
  PrefixProof prove() const;

 private:
  struct Beginning {
    std::vector<int32_t> units = {};  // ids, or bytes of a text
    bool is_whole = false;
    size_t label = 0;
    int64_t session = 0;
  };
  std::string place(const Beginning& beginning) const;

  int64_t limit_;
  std::vector<std::string> labels_;
  std::vector<Beginning> beginnings_;
};

}  // namespace hadal
