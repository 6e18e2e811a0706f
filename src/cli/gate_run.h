// The correctness gate as commands use it: the reference from a file or from hadal's own run of a
// checkpoint, the endpoint's answers, and the verdict kept with the run.
#pragma once

#include <string>

#include "cli/command_line.h"
#include "measure/gate/gate_report.h"
#include "measure/gate/reference.h"
#include "measure/records.h"
#include "measure/run/endpoint.h"
#include "measure/store/run_store.h"

namespace hadal {

// Of --reference: a recorded file, or a checkpoint's directory, which is then served by this
// program for as long as its answers take.
Reference reference_of(const std::string& path);

// Where --reference was given: judges the endpoint, keeps the verdict in `run` and `store` (may be
// null), and says it on standard error.
void pass_gate(const ParsedLine& line, const Endpoint& endpoint, RunRecord& run, RunStore* store);

// One sentence for the end of a report.
std::string gate_sentence(const RunRecord& run);

}  // namespace hadal
