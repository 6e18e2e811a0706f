// The correctness gate: asks an endpoint a reference's canaries and judges whether its answers are
// those of the same model, honestly computed. How, and how the bounds were found:
// docs/measuring.md.
#pragma once

#include <optional>

#include "measure/gate/gate_report.h"
#include "measure/gate/reference.h"

namespace hadal {

struct GateOptions {
  // Whether the endpoint is the engine that recorded the reference, and so must begin every answer
  // with the very numbers of one of its variants. Unset: when both say that they are hadal, the one
  // engine known to compute the same whatever the batch.
  std::optional<bool> same_engine = {};
};

// Throws Error where the endpoint cannot be asked at all.
GateReport verify_endpoint(GateEndpoint& endpoint, const ProbeOptions& probe,
                           const Reference& reference, const GateOptions& options = {},
                           const CanaryProgress& progress = {});

// Judges answers that are there already, one for each canary of the reference in its order.
GateReport judge_answers(const Reference& reference, const EndpointTraits& traits,
                         const std::vector<CanaryAnswer>& answers, const GateOptions& options = {});

}  // namespace hadal
