// Traces and prompt files: any text is refused with an Error, or gives sessions that can be
// written, read back equal, replayed to their end and made into prompts of the lengths that they
// say.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "measure/workload/prompt_file.h"
#include "measure/workload/session_walk.h"
#include "measure/workload/trace_file.h"
#include "measure/workload/trace_replay.h"

namespace {

void require(bool condition) {
  if (!condition) {
    __builtin_trap();
  }
}

void read_as_prompts(std::string_view text) {
  for (const hadal::PromptFileForm form :
       {hadal::PromptFileForm::kJsonl, hadal::PromptFileForm::kPlainLines}) {
    try {
      hadal::TraceLineReader lines(text, "prompts");
      const hadal::WrittenPrompts workload(hadal::read_prompts(lines, form), {});
      const hadal::PlannedSession session = workload.session(0, hadal::RequestPhase::kMeasured);
      const hadal::Prompt prompt =
          workload.prompt(session.requests.at(0), {.form = hadal::PromptForm::kMessages});
      require(!prompt.messages.empty());
    } catch (const hadal::Error&) {
      continue;
    }
  }
}

void play(const hadal::PlannedSession& session) {
  hadal::SessionWalk walk(session, 0);
  double now = 0;
  while (!walk.done()) {
    const auto due = walk.next();
    require(due.has_value());  // everything sent so far has ended
    require(due->instant >= 0);
    now = std::max(now, due->instant);
    walk.sent(due->place, now);
    walk.ended(due->place, now);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_as_prompts(text);
  hadal::Trace trace;
  try {
    trace = hadal::read_trace_text(text, "trace");
  } catch (const hadal::Error&) {
    return 0;
  }
  std::string written;
  hadal::write_hadal_trace(trace, [&](std::string_view line) { written += line; });
  require(hadal::read_trace_text(written, "trace").sessions == trace.sessions);
  const bool is_midway = size % 2 == 0;
  const hadal::TraceReplay replay(
      std::move(trace),
      {.length_scale = is_midway ? 0.01 : 1, .lanes = is_midway ? 3 : 0, .warm_up_requests = 1});
  for (const int64_t number : {int64_t{0}, int64_t{1}, int64_t{7}}) {
    const hadal::PlannedSession session = replay.session(number, hadal::RequestPhase::kMeasured);
    play(session);
    if (session.requests.empty()) continue;
    const hadal::PlannedRequest& request = session.requests.back();
    require(request.expected_cached_tokens >= 0 &&
            request.expected_cached_tokens <= request.input_tokens);
    const hadal::Prompt prompt = replay.prompt(request, {.most_tokens = 4096});
    require(static_cast<int64_t>(prompt.tokens.size()) ==
            std::min<int64_t>(4096, request.input_tokens));
  }
  require(!replay.describe().empty());
  return 0;
}
