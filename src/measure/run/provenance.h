// Who measured, from what machine: what a reader needs to take a run seriously, or to doubt it.
#pragma once

#include <string>
#include <vector>

#include "measure/run/endpoint.h"

namespace hadal {

struct ProvenanceInput {
  std::string hadal_version = {};
  std::string launch_command = {};       // of the server, as the user knows it; empty: unknown
  std::string price_era = {};            // of the catalogue's constants; empty: none were used
  std::vector<std::string> meters = {};  // of power
};

// A JSON object: hadal's version; the client machine's processor, cores, memory, kernel and whether
// it is also the server's; what the endpoint said of itself, and notes on it.
std::string describe_provenance(const Endpoint& endpoint, const ProvenanceInput& input);

}  // namespace hadal
