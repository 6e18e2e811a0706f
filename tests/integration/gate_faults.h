// The faults that the correctness gate has to catch, each put into a real served model: into a copy
// of its checkpoint, or between the gate and the server.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "measure/gate/gate_endpoint.h"
#include "support/faulty_model.h"

namespace hadal::integration {

struct ModelFault {
  const char* name;
  // What the diagnosis must speak of; empty: of anything.
  const char* diagnosis;
  std::function<void(test::FaultyModel&)> inject;
};

// Of a model with this sliding window.
std::vector<ModelFault> model_faults(int window);

// An endpoint that changes what is asked of another.
class ChangedQuestions final : public GateEndpoint {
 public:
  using Change = std::function<void(std::string_view path, nlohmann::ordered_json& body)>;
  ChangedQuestions(GateEndpoint& endpoint, Change change)
      : endpoint_(endpoint), change_(std::move(change)) {}

  GateReply ask(std::string_view path, const std::string& json) override;
  std::string name() const override { return endpoint_.name(); }

 private:
  GateEndpoint& endpoint_;
  Change change_;
};

// The first page of the cache is that of the first long prompt, whatever the prompt.
ChangedQuestions::Change stale_page();
// A prompt is taken for an earlier one that ends alike.
ChangedQuestions::Change mistaken_prompt();
// Conversations are written with a system message that nobody sent.
ChangedQuestions::Change other_template();
// The user's words end in a line break that the template should not have.
ChangedQuestions::Change template_with_a_line_break();

}  // namespace hadal::integration
