#include "cli/gate_run.h"

#include <chrono>
#include <filesystem>

#include "base/clock.h"
#include "base/error.h"
#include "cli/terminal.h"
#include "measure/gate/gate_endpoint.h"
#include "measure/gate/own_reference.h"
#include "measure/gate/verify.h"

namespace hadal {
Reference reference_of(const std::string& path) {
  if (!std::filesystem::is_directory(path)) return load_reference(path);
  Progress progress("recording the reference", "canaries", std::chrono::seconds(2));
  Reference reference =
      record_own_reference({.model = path,
                            .record = {.now_unix = unix_seconds()},
                            .progress = [&](const std::string& /*policy*/, size_t done,
                                            size_t all) { progress.update(done, all); }});
  progress.finish();
  return reference;
}

bool pass_gate(const ParsedLine& line, const Endpoint& endpoint, RunRecord& run) {
  const auto path = line.get(option::kReference);
  if (!path) return false;
  const Reference reference = reference_of(*path);
  Progress progress("gate", "canaries", std::chrono::seconds(2));
  HttpGateEndpoint asked(endpoint.base, endpoint.http);
  const GateReport report =
      verify_endpoint(asked, {.model = endpoint.model}, reference, {},
                      [&](size_t done, size_t all) { progress.update(done, all); });
  progress.finish();
  run.gate = report.verdict;
  run.gate_json = gate_report_json(report);
  write_err(gate_report_text(report) + "\n");
  return true;
}

std::string gate_sentence(const RunRecord& run) {
  switch (run.gate) {
    case GateVerdict::kPassed:
      return "The gate was passed: answers are those of the reference.";
    case GateVerdict::kFailed:
      return "The gate was NOT passed: answers differ from the reference; the figures say how fast "
             "wrong answers come.";
    case GateVerdict::kNotRun:
      return "Ungated: whether answers were right was not checked (--reference).";
  }
  return "";
}

}  // namespace hadal
