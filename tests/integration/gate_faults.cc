#include "gate_faults.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace hadal::integration {

using Json = nlohmann::ordered_json;
using test::FaultyModel;

std::vector<ModelFault> model_faults(int window) {
  const auto config = [](const char* key, const Json& value) {
    return [key, value](FaultyModel& model) {
      model.edit_config([&](Json& json) { json[key] = value; });
    };
  };
  return {
      // The mean of squares taken over 224 of the 256 values there are.
      {"WrongHiddenSize", "",
       [](FaultyModel& model) {
         model.scale_bf16(R"((layers\.\d+\.(attn|ffn)_)?norm\.weight)", std::sqrt(224.0F / 256));
       }},
      {"TransposedMatrix", "wrong",
       [](FaultyModel& model) { model.transpose(R"(layers\.1\.attn\.wo_b\.weight)"); }},
      {"MissingRopeScaling", "a constant of the model",
       [](FaultyModel& model) {
         model.edit_config([](Json& json) { json.erase("rope_scaling"); });
       }},
      {"WindowOneShort", "sliding window", config("sliding_window", window - 1)},
      {"WindowOneLong", "sliding window", config("sliding_window", window + 1)},
      {"ExpertIdsShifted", "",
       [](FaultyModel& model) { model.shift_rows(R"(layers\.2\.ffn\.gate\.(weight|bias))"); }},
      {"Fp8WeightsOneBitCoarser", "",
       [](FaultyModel& model) { model.coarsen_e4m3(R"(layers\..*\.weight)"); }},
      {"Fp8WeightsOfOneLayerOneBitCoarser", "",
       [](FaultyModel& model) { model.coarsen_e4m3(R"(layers\.2\..*\.weight)"); }},
      {"Fp4WeightsOneBitCoarser", "",
       [](FaultyModel& model) { model.coarsen_e2m1(R"(layers\..*\.experts\..*\.weight)"); }},
      // Selects the entries that matter least.
      {"LongContextIndexerNegated", "indexer",
       [](FaultyModel& model) {
         model.scale_bf16(R"(layers\..*\.indexer\.weights_proj\.weight)", -1);
       }},
      {"LongContextCompressorUnplaced", "compression of 4",
       [](FaultyModel& model) { model.clear(R"(layers\..*\.attn\.compressor\.ape)"); }},
      {"SinksForgotten", "", [](FaultyModel& model) { model.clear(R"(layers\..*\.attn_sink)"); }},
  };
}

GateReply ChangedQuestions::ask(std::string_view path, const std::string& json) {
  if (json.empty()) return endpoint_.ask(path, json);
  Json body = Json::parse(json);
  change_(path, body);
  return endpoint_.ask(path, body.dump());
}

ChangedQuestions::Change stale_page() {
  return [page = std::vector<int>()](std::string_view path, Json& body) mutable {
    constexpr size_t kPage = 256;
    if (path != "/v1/completions" || !body["prompt"].is_array()) return;
    Json& prompt = body["prompt"];
    // Prompts whose log-probabilities are asked for are computed, not looked up.
    if (prompt.size() < kPage || body.value("echo", false)) return;
    if (page.empty()) {
      for (size_t i = 0; i < kPage; ++i) page.push_back(prompt[i].get<int>());
    }
    std::copy(page.begin(), page.end(), prompt.begin());
  };
}

ChangedQuestions::Change mistaken_prompt() {
  return [seen = std::map<std::vector<int>, Json>()](std::string_view path, Json& body) mutable {
    constexpr size_t kEnd = 12;
    if (path != "/v1/completions" || !body["prompt"].is_array()) return;
    if (body["prompt"].size() < kEnd || body.value("echo", false)) return;
    const std::vector<int> ids = body["prompt"].get<std::vector<int>>();
    body["prompt"] = seen.emplace(std::vector<int>(ids.end() - kEnd, ids.end()), ids).first->second;
  };
}

ChangedQuestions::Change other_template() {
  return [](std::string_view path, Json& body) {
    if (path != "/v1/chat/completions") return;
    Json& messages = body["messages"];
    messages.insert(messages.begin(),
                    Json{{"role", "system"}, {"content", "You are a helpful assistant."}});
  };
}

ChangedQuestions::Change template_with_a_line_break() {
  return [](std::string_view path, Json& body) {
    if (path != "/v1/chat/completions") return;
    for (Json& message : body["messages"]) {
      if (message["role"] == "user") {
        message["content"] = message["content"].get<std::string>() + "\n";
      }
    }
  };
}

}  // namespace hadal::integration
