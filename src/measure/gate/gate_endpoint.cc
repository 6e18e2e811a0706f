#include "measure/gate/gate_endpoint.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "measure/client/http_fetch.h"
#include "measure/client/secrets.h"

namespace hadal {
namespace {

// The logprobs of a prompt of 100,000 tokens take about 50 MB.
constexpr size_t kMaxAnswerBytes = size_t{512} << 20;
constexpr double kAnswerSeconds = 1200;
constexpr int kTries = 5;
constexpr double kLongestPause = 10;

bool is_busy(int status) {
  constexpr int kTooManyRequests = 429;
  constexpr int kUnavailable = 503;
  return status == kTooManyRequests || status == kUnavailable;
}

}  // namespace

std::string endpoint_url(std::string_view base, std::string_view path) {
  const auto drop_slashes = [&] {
    while (base.ends_with('/')) base.remove_suffix(1);
  };
  drop_slashes();
  if (base.ends_with("/v1")) base.remove_suffix(3);
  drop_slashes();
  return std::string(base) + std::string(path);
}

HttpGateEndpoint::HttpGateEndpoint(std::string url, HttpLoopOptions options)
    : url_(std::move(url)), options_(std::move(options)), secrets_(secrets_of(options_.headers)) {}

GateReply HttpGateEndpoint::ask(std::string_view path, const std::string& json) {
  for (int left = kTries;; --left) {
    HttpAnswer answer =
        fetch(options_, {.url = endpoint_url(url_, path), .body = json, .timeout = kAnswerSeconds},
              kMaxAnswerBytes);
    if (left > 1 && is_busy(answer.end.status)) {
      const double pause = std::clamp(answer.end.retry_after.value_or(1), 0.0, kLongestPause);
      std::this_thread::sleep_for(std::chrono::duration<double>(pause));
      continue;
    }
    GateReply reply{.status = answer.end.status, .body = std::move(answer.body)};
    if (reply.status != kHttpOk) reply.body = without_secrets(std::move(reply.body), secrets_);
    if (!answer.end.failure.empty()) {
      reply.status = 0;
      reply.failure = without_secrets(answer.end.failure + ": " + answer.end.text, secrets_);
    }
    return reply;
  }
}

}  // namespace hadal
