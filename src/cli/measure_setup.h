// What the commands of `hadal measure` share: from their options to a server's address, a plan, a
// store.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "economics/hardware_catalogue.h"
#include "measure/records.h"
#include "measure/run/endpoint.h"
#include "measure/run/measurement.h"
#include "measure/store/run_store.h"

namespace hadal {

// Exit statuses of what was measured; those of program.h besides.
inline constexpr int kExitPartial = 3;
inline constexpr int kExitInvalid = 4;
inline constexpr int kExitFailed = 5;
inline constexpr int kExitGateFailed = 6;
inline constexpr int kExitNotKept = 7;  // complete, and the store could not keep it
int exit_status(RunState state, GateVerdict gate);

// --seed, or a new one: a server's cache may know the prompts of an earlier run.
uint64_t load_seed(const ParsedLine& line);

// `url` as --url, --a or --b has it.
EndpointOptions endpoint_options(const ParsedLine& line, const std::string& url);

// Of `measure run` and `measure compare`, for the endpoint that was found.
MeasureOptions measure_options(const ParsedLine& line, const Endpoint& endpoint);

// What the options and the endpoint say of the server, and the run's provenance. `plan`: of
// `workload`, as JSON.
RunRecord run_description(const ParsedLine& line, const Endpoint& endpoint,
                          const std::string& workload, std::string plan,
                          const std::vector<std::string>& meters = {});

// The built-in catalogue with what --catalogue adds. Read once; for the life of the program.
const HardwareCatalogue& hardware_catalogue(const ParsedLine& line);

// None for --store none.
std::optional<RunStore> open_store(const ParsedLine& line,
                                   StoreAccess access = StoreAccess::kWrite);

}  // namespace hadal
