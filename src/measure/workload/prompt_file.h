// Prompts that somebody wrote, from a file: a prompt a line, or JSONL with {"prompt": text} or
// {"messages": [{"role", "content"}]} and, where wanted, {"output_tokens": n}. Their lengths in
// tokens are the server's to count.
#pragma once

#include <string>
#include <vector>

#include "measure/workload/trace_line_reader.h"
#include "measure/workload/workload.h"

namespace hadal {

struct WrittenPrompt {
  std::string text = {};  // or else
  std::vector<PromptMessage> messages = {};
  int64_t output_tokens = 0;  // 0: the workload's
};

enum class PromptFileForm { kPlainLines, kJsonl };

// Throws Error kInvalidFile naming line and field; unknown keys are refused with the nearest known
// one. `.jsonl` and `.json` files are JSONL (form_of_prompt_file).
std::vector<WrittenPrompt> read_prompts(TraceLineReader& lines, PromptFileForm form);
PromptFileForm form_of_prompt_file(std::string_view path);

struct WrittenPromptsOptions {
  std::string name = "prompts";  // the file, without its folder
  ContentSeed content = {};
  int64_t requests = 0;         // 0: as many as are asked for; after the last comes the first again
  int64_t output_tokens = 256;  // of prompts that do not say
  bool ignore_eos = false;      // true: answers go on to their full length
  // Begins each prompt with a short mark of its own, "[3f9a...]", so that no repeat, warm-up or
  // second round finds the first one's cache.
  bool cache_bust = true;
};

class WrittenPrompts : public Workload {
 public:
  // Throws Error kInvalidArgument for no prompts.
  WrittenPrompts(std::vector<WrittenPrompt> prompts, WrittenPromptsOptions options);

  std::string name() const override { return options_.name; }
  std::optional<int64_t> sessions() const override;
  PlannedSession session(int64_t number, RequestPhase space) const override;
  Prompt prompt(const PlannedRequest& request, const PromptStyle& style) const override;
  std::string describe() const override;

 private:
  std::vector<WrittenPrompt> prompts_;
  WrittenPromptsOptions options_;
  int64_t repeated_ = 0;  // prompts that an earlier line had already
};

}  // namespace hadal
