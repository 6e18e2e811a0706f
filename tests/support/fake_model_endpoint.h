// A model without sense as an endpoint, in the process of a test: its log-probabilities follow from
// the tokens before, with as much noise as the test wants, and where it wants. For tests only.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "measure/gate/gate_endpoint.h"

namespace hadal::test {

class FakeModelEndpoint final : public GateEndpoint {
 public:
  using Json = nlohmann::ordered_json;

  std::string engine = "hadal";
  uint64_t rounding = 0;  // another number, other noise
  std::function<double(int position)> noise = [](int) { return 0.0; };  // nats
  double steepness = 1;
  bool has_completions = true;
  bool echoes = true;
  bool tells_logprobs = true;
  bool has_chat = true;
  bool samples = false;            // takes the second likeliest token
  std::string token_prefix = "t";  // how tokens are written
  // Changes a prompt before it is computed.
  std::function<void(std::vector<int>& ids)> on_prompt = [](std::vector<int>&) {};

  GateReply ask(std::string_view path, const std::string& json) override {
    const Json body = json.empty() ? Json() : Json::parse(json);
    if (path == "/v1/models") {
      return ok({{"data", {{{"id", "fake"}, {"owned_by", engine}, {"max_model_len", 2000}}}}});
    }
    if (path == "/tokenize" && has_completions) {
      Json ids = Json::array();
      for (const char c : body["prompt"].get<std::string>()) {
        ids.push_back(static_cast<unsigned char>(c) % kVocabulary);
      }
      return ok({{"tokens", ids}});
    }
    if (path == "/v1/completions" && has_completions) return completion(body);
    if (path == "/v1/chat/completions" && has_chat) return chat(body);
    return {.status = 404, .body = R"({"error":{"message":"no such route"}})"};
  }
  std::string name() const override { return "fake"; }

 private:
  static constexpr int kVocabulary = 64;

  static GateReply ok(const Json& body) { return {.status = 200, .body = body.dump()}; }

  static uint64_t mix(uint64_t a, uint64_t b) {
    uint64_t z = a * 0x9e3779b97f4a7c15 + b + 0x632be59bd9b4e019;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // From -1 to 1.
  static double number(uint64_t hash) {
    return static_cast<double>(hash >> 11) / static_cast<double>(uint64_t{1} << 52) - 1;
  }

  // The log-probabilities of all tokens after `ids`.
  std::vector<double> logprobs_after(const std::vector<int>& ids) const {
    uint64_t context = 1;
    for (const int id : ids) context = mix(context, static_cast<uint64_t>(id));
    const double amplitude = noise(static_cast<int>(ids.size()));
    std::vector<double> logits;
    double sum = 0;
    for (uint64_t token = 0; token < kVocabulary; ++token) {
      constexpr double kSpread = 3;
      const double exact = kSpread * number(mix(context, token)) * steepness;
      logits.push_back(exact + 2 * amplitude * number(mix(mix(context, token), rounding + 7)));
      sum += std::exp(logits.back());
    }
    for (double& logit : logits) logit -= std::log(sum);
    return logits;
  }

  std::string text_of(int token) const { return token_prefix + std::to_string(token); }

  // (token, logprob), likeliest first.
  static std::vector<std::pair<int, double>> top_of(const std::vector<double>& logprobs) {
    std::vector<std::pair<int, double>> top;
    for (int token = 0; token < kVocabulary; ++token) {
      top.emplace_back(token, logprobs[static_cast<size_t>(token)]);
    }
    std::sort(top.begin(), top.end(),
              [](const auto& a, const auto& b) { return a.second > b.second; });
    top.resize(5);
    return top;
  }

  GateReply completion(const Json& body) {
    std::vector<int> ids = body["prompt"].get<std::vector<int>>();
    on_prompt(ids);
    const bool echo = body.value("echo", false);
    if (echo && !echoes) return {.status = 400, .body = R"({"error":{"message":"no echo"}})"};
    const size_t prompt = ids.size();
    Json tokens = Json::array();
    Json values = Json::array();
    Json tops = Json::array();
    std::string text;
    const auto write = [&](const std::vector<double>& logprobs, int token) {
      tokens.push_back(text_of(token));
      values.push_back(logprobs[static_cast<size_t>(token)]);
      Json top = Json::object();
      for (const auto& [other, logprob] : top_of(logprobs)) top[text_of(other)] = logprob;
      tops.push_back(std::move(top));
      text += text_of(token);
    };
    if (echo) {
      tokens.push_back(text_of(ids[0]));
      values.push_back(nullptr);
      tops.push_back(nullptr);
      for (size_t i = 1; i < prompt; ++i) {
        write(logprobs_after({ids.begin(), ids.begin() + static_cast<long>(i)}), ids[i]);
      }
    }
    for (int i = 0; i < body.value("max_tokens", 1); ++i) {
      const std::vector<double> logprobs = logprobs_after(ids);
      const int token = top_of(logprobs)[samples ? 1 : 0].first;
      write(logprobs, token);
      ids.push_back(token);
    }
    Json choice = {{"text", text}, {"logprobs", nullptr}};
    if (tells_logprobs && body.contains("logprobs")) {
      choice["logprobs"] = {{"tokens", tokens}, {"token_logprobs", values}, {"top_logprobs", tops}};
    }
    return ok({{"choices", Json::array({choice})}, {"usage", {{"prompt_tokens", prompt}}}});
  }

  GateReply chat(const Json& body) {
    std::vector<int> ids;
    for (const char c : body["messages"].dump()) ids.push_back(static_cast<unsigned char>(c));
    on_prompt(ids);
    const size_t prompt = ids.size();
    std::string text;
    Json content = Json::array();
    constexpr int kMost = 8;
    for (int i = 0; i < std::min(kMost, body.value("max_tokens", 1)); ++i) {
      const std::vector<double> logprobs = logprobs_after(ids);
      const auto top = top_of(logprobs);
      const auto [token, logprob] = top[samples ? 1 : 0];
      Json entry = {
          {"token", text_of(token)}, {"logprob", logprob}, {"top_logprobs", Json::array()}};
      for (const auto& [other, value] : top) {
        entry["top_logprobs"].push_back({{"token", text_of(other)}, {"logprob", value}});
      }
      content.push_back(std::move(entry));
      text += text_of(token);
      ids.push_back(token);
    }
    Json choice = {{"message", {{"role", "assistant"}, {"content", text}}}, {"logprobs", nullptr}};
    if (tells_logprobs && body.value("logprobs", false))
      choice["logprobs"] = {{"content", content}};
    return ok({{"choices", Json::array({choice})}, {"usage", {{"prompt_tokens", prompt}}}});
  }
};

}  // namespace hadal::test
