#include "measure/run/workload_choice.h"

#include <array>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/suggest.h"
#include "measure/workload/conversations.h"
#include "measure/workload/fixed_lengths.h"
#include "measure/workload/prompt_file.h"
#include "measure/workload/synthetic_traces.h"
#include "measure/workload/trace_file.h"
#include "measure/workload/trace_line_reader.h"
#include "measure/workload/trace_replay.h"

namespace hadal {
namespace {

constexpr std::array<std::string_view, 8> kNames = {
    "8k1k", "1k1k", "1k8k", "agentx", "mooncake", "trace", "conversations", "prompts"};

[[noreturn]] void refuse(std::string where, std::string what, std::string remedy) {
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = std::move(where),
               .what = std::move(what),
               .remedy = std::move(remedy)});
}

std::unique_ptr<Workload> replay(const WorkloadOptions& options, const WorkloadPass& pass) {
  Trace trace;
  if (!options.trace.empty()) {
    trace = read_trace(options.trace);
  } else if (options.name == "mooncake") {
    trace = make_request_trace({.seed = options.seed});
  } else {
    trace = make_agent_trace({.seed = options.seed});
  }
  ReplayOptions replay_options = {.name = options.name,
                                  .content = {.seed = options.seed, .salt = pass.salt},
                                  .length_scale = options.length_scale,
                                  .context_limit = options.context_limit};
  if (options.name == "agentx") {
    // As InferenceX runs it (its warm-up requests a lane as well).
    constexpr int kWarmUpRequests = 10;
    replay_options.lanes = pass.lanes;
    replay_options.warm_up_requests = kWarmUpRequests;
  }
  return std::make_unique<TraceReplay>(std::move(trace), std::move(replay_options));
}

}  // namespace

void check_workload_name(const WorkloadOptions& options) {
  const std::string& name = options.name;
  bool known = is_length_shape(name);
  for (const std::string_view candidate : kNames) known |= name == candidate;
  if (!known) {
    const std::vector<std::string> candidates(kNames.begin(), kNames.end());
    const std::string meant = nearest(name, candidates);
    refuse("--workload", "cannot be '" + printable(name) + "'",
           meant.empty() ? "give lengths such as 8192:1024, or one of 8k1k, 1k1k, 1k8k, agentx, "
                           "mooncake, trace, conversations, prompts"
                         : "did you mean " + meant + "?");
  }
  if (is_length_shape(name)) static_cast<void>(parse_length_shape(name));
  if (options.trace.empty() && (name == "trace" || name == "prompts")) {
    refuse("--workload " + name, "needs a file", "name it with --trace FILE");
  }
  const bool takes_file =
      name == "agentx" || name == "mooncake" || name == "trace" || name == "prompts";
  if (!options.trace.empty() && !takes_file) {
    refuse("--trace", "does nothing under --workload " + name,
           "leave it out, or use --workload trace");
  }
}

std::unique_ptr<Workload> make_workload(const WorkloadOptions& options, const WorkloadPass& pass) {
  check_workload_name(options);
  const ContentSeed content = {.seed = options.seed, .salt = pass.salt};
  if (is_length_shape(options.name)) {
    return std::make_unique<FixedLengths>(
        FixedLengthsOptions{.shape = parse_length_shape(options.name),
                            .requests = pass.sessions,
                            .content = content,
                            .context_limit = options.context_limit});
  }
  if (options.name == "conversations") {
    ConversationsOptions conversations = {
        .sessions = pass.sessions, .content = content, .context_limit = options.context_limit};
    const auto scale = [&](int64_t& tokens) {
      tokens = std::max<int64_t>(
          1, static_cast<int64_t>(static_cast<double>(tokens) * options.length_scale));
    };
    for (int64_t* tokens : {&conversations.system_tokens, &conversations.user_tokens.low,
                            &conversations.user_tokens.high, &conversations.answer_tokens.low,
                            &conversations.answer_tokens.high}) {
      scale(*tokens);
    }
    return std::make_unique<Conversations>(conversations);
  }
  if (options.name == "prompts") {
    TraceLineReader lines{std::filesystem::path(options.trace)};
    return std::make_unique<WrittenPrompts>(
        read_prompts(lines, form_of_prompt_file(options.trace)),
        WrittenPromptsOptions{.name = std::filesystem::path(options.trace).filename().string(),
                              .content = content,
                              .requests = pass.sessions});
  }
  return replay(options, pass);
}

}  // namespace hadal
