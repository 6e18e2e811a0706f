// A replica of a simulated fleet that works step by step: what waits, what runs and what of its
// memory is kept is its own affair. fleet.h says what arrives and when, and counts what comes of
// it; the program puts the engine's scheduler here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace hadal {

// A request as a replica gets it, all lengths in tokens.
struct FleetTurn {
  uint32_t request = 0;
  int64_t session = 0;  // turns of one session begin alike
  double input = 0;     // with what came before in the session
  double output = 0;
};

struct ReplicaStep {
  struct Beginning {
    uint32_t request = 0;
    double cached_tokens = 0;  // of its input, not computed
  };
  double seconds = 0;                       // 0: there was nothing to do
  std::vector<Beginning> beginnings = {};   // have their first rows in this step
  std::vector<uint32_t> first_tokens = {};  // have their first token at the end of this step
  std::vector<uint32_t> ended = {};         // have their last one
};

class ReplicaSteps {
 public:
  virtual ~ReplicaSteps() = default;
  // Between steps. False where its memory could never hold it.
  virtual bool submit(const FleetTurn& turn) = 0;
  // The next step, done at once; it lasts until the call after this one.
  virtual const ReplicaStep& step() = 0;
};

using ReplicaFactory = std::function<std::unique_ptr<ReplicaSteps>()>;

}  // namespace hadal
