// What answers tell beside their text: usage as it grows, token ids, and where the engine's time
// went.
#include <gtest/gtest.h>
#include <mutex>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/server_fixture.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;
using test::ClientResponse;
using test::kNotes;
using test::kPath;
using test::TestClient;

constexpr char kCountedCompletions[] = "/v1/completions";

class UsageTest : public test::ServerTest {
 protected:
  static ordered_json question() {
    return chat(std::string(kNotes) + " What is the code for the blue door?");
  }
  std::vector<ordered_json> stream(ordered_json request, const std::string& path) {
    request["stream"] = true;
    const ClientResponse response = ask(request, path);
    EXPECT_EQ(response.status, 200) << response.body;
    return events_of(response.body);
  }
  double metric(const std::string& name) {
    TestClient client(server_->port());
    client.send(test::get_request("/metrics"));
    const std::string text = client.read_response().body;
    std::smatch match;
    EXPECT_TRUE(std::regex_search(text, match, std::regex("\n" + name + " ([0-9.e+-]+)\n")))
        << name;
    return match.empty() ? 0 : std::stod(match[1]);
  }
};

TEST_F(UsageTest, GrowsWithTheStreamWhereThatIsAskedFor) {
  start();
  for (const std::string path : {kPath, kCountedCompletions}) {
    ordered_json request = question();
    if (path == kCountedCompletions) {
      request["prompt"] = answer(request, "/tokenize")["tokens"];
      request.erase("messages");
    }
    const ordered_json whole = answer(request, path)["usage"];
    request["stream_options"] = {{"continuous_usage_stats", true}, {"include_usage", true}};
    std::vector<ordered_json> events = stream(request, path);
    const ordered_json last = events.back()["usage"];
    EXPECT_TRUE(events.back()["choices"].empty());
    int tokens = 0;
    for (const ordered_json& event : events) {
      const ordered_json& usage = event["usage"];
      EXPECT_EQ(usage["prompt_tokens"], whole["prompt_tokens"]);
      EXPECT_GE(usage["completion_tokens"], tokens);
      tokens = usage["completion_tokens"];
      EXPECT_EQ(usage["total_tokens"], usage["prompt_tokens"].get<int>() + tokens);
    }
    EXPECT_EQ(tokens, whole["completion_tokens"]);
    // One token a step: the counts in between are there as well.
    EXPECT_EQ(events[events.size() / 2]["usage"].contains("hadal"), false);
    EXPECT_GT(events[events.size() / 2]["usage"]["completion_tokens"], 0);
    EXPECT_LT(events[events.size() / 2]["usage"]["completion_tokens"], tokens);
    EXPECT_TRUE(last.contains("hadal"));
    // Without the last event the one with the finish reason has it all.
    request["stream_options"] = {{"continuous_usage_stats", true}};
    events = stream(request, path);
    EXPECT_FALSE(events.back()["choices"][0]["finish_reason"].is_null());
    EXPECT_EQ(events.back()["usage"]["completion_tokens"], tokens);
    EXPECT_TRUE(events.back()["usage"].contains("hadal"));
  }
}

TEST_F(UsageTest, TokenIdsOfAChat) {
  start();
  ordered_json request = question();
  request["return_token_ids"] = true;
  const ordered_json body = answer(request);
  const ordered_json& ids = body["choices"][0]["token_ids"];
  EXPECT_EQ(ids.size(), body["usage"]["completion_tokens"]);
  EXPECT_EQ(body["prompt_token_ids"].size(), body["usage"]["prompt_tokens"]);
  EXPECT_EQ(body["prompt_token_ids"], answer(question(), "/tokenize")["tokens"]);
  const std::string text = answer({{"tokens", ids}}, "/detokenize")["prompt"];
  EXPECT_EQ(text,
            body["choices"][0]["message"]["content"].get<std::string>() + "<｜end▁of▁sentence｜>");
  ordered_json streamed = ordered_json::array();
  const std::vector<ordered_json> events = stream(request, kPath);
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].contains("prompt_token_ids"), i == 0);
    for (const ordered_json& id : events[i]["choices"][0]["token_ids"]) streamed.push_back(id);
  }
  EXPECT_EQ(events[0]["prompt_token_ids"], body["prompt_token_ids"]);
  EXPECT_EQ(streamed, ids);
  EXPECT_FALSE(answer(question()).contains("prompt_token_ids"));
}

// What requests are told adds up to what the engine was busy for: nobody's time is counted twice,
// and none is lost, whatever ran together and however answers ended.
TEST_F(UsageTest, SecondsOfAllRequestsAreTheEnginesBusyTime) {
  start({.max_running = 4,
         .prefill_chunk = 64,
         .speculation = {.kind = SpeculationKind::kMtp, .drafts = 2}});
  std::mutex mutex;
  double prefill = 0;
  double decode = 0;
  double draft = 0;
  const auto take = [&](const ordered_json& usage, bool one_token) {
    const std::lock_guard lock(mutex);
    const ordered_json& seconds = usage["hadal"];
    EXPECT_GE(seconds["queue_seconds"], 0);
    EXPECT_GT(seconds["prefill_seconds"], 0);
    EXPECT_EQ(seconds["decode_seconds"] == 0.0, one_token) << seconds;
    EXPECT_EQ(seconds.contains("draft_seconds"), !one_token) << seconds;
    draft += seconds.value("draft_seconds", 0.0);
    prefill += seconds["prefill_seconds"].get<double>();
    decode += seconds["decode_seconds"].get<double>();
  };
  std::vector<std::thread> clients;
  for (int i = 0; i < 6; ++i) {
    clients.emplace_back([&, i] {
      ordered_json request = question();
      request["cache_salt"] = std::to_string(i);
      switch (i) {
        case 0:
          take(answer(request)["usage"], false);
          break;
        case 1:
          request["stream_options"] = {{"include_usage", true}};
          take(stream(request, kPath).back()["usage"], false);
          break;
        case 2:
          request["stop"] = "blue";
          take(answer(request)["usage"], false);
          break;
        case 3:
          request["max_tokens"] = 1;
          take(answer(request)["usage"], true);
          break;
        default:
          request = {{"prompt", {{5, 6, 7}, std::vector<int>(150, i), {8, 9}}},
                     {"max_tokens", 9},
                     {"echo", i == 4},
                     {"logprobs", 1},
                     {"ignore_eos", true}};
          take(answer(request, kCountedCompletions)["usage"], false);
          break;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  const double busy = metric("hadal_step_seconds_sum");
  EXPECT_GT(busy, 0);
  EXPECT_NEAR(prefill + decode, busy, 1e-6 * busy);
  EXPECT_NEAR(metric("hadal_prefill_seconds_total"), prefill, 1e-6 * busy);
  EXPECT_NEAR(metric("hadal_decode_seconds_total"), decode, 1e-6 * busy);
  EXPECT_GT(draft, 0);
  EXPECT_NEAR(metric("hadal_spec_decode_draft_seconds_total"), draft, 1e-6 * busy);
}

TEST_F(UsageTest, TheServerSaysWhichVersionItIs) {
  start();
  TestClient client(server_->port());
  client.send(test::get_request("/version"));
  const ClientResponse response = client.read_response();
  const std::string version = ordered_json::parse(response.body)["version"];
  EXPECT_TRUE(std::regex_match(version, std::regex("[0-9]+\\.[0-9]+\\.[0-9]+"))) << version;
  EXPECT_NE(response.head.find("\r\nServer: hadal/" + version + "\r\n"), std::string::npos);
  TestClient broken(server_->port());
  broken.send("nonsense\r\n\r\n");
  EXPECT_NE(broken.read_response().head.find("\r\nServer: hadal/"), std::string::npos);
}

}  // namespace
}  // namespace hadal
