// The correctness gate as commands use it: the reference from a file or from hadal's own run of a
// checkpoint, the endpoint's answers, and the verdict for the run.
#pragma once

#include <string>

#include "cli/command_line.h"
#include "measure/gate/gate_report.h"
#include "measure/gate/reference.h"
#include "measure/records.h"
#include "measure/run/endpoint.h"

namespace hadal {

// Of --reference: a recorded file, or a checkpoint's directory, which is then served by this
// program for as long as its answers take.
Reference reference_of(const std::string& path);

// Where --reference was given: judges the endpoint, sets the verdict in `run` and says it on
// standard error. False: there was nothing to judge by.
bool pass_gate(const ParsedLine& line, const Endpoint& endpoint, RunRecord& run);

// One sentence for the end of a report.
std::string gate_sentence(const RunRecord& run);

}  // namespace hadal
