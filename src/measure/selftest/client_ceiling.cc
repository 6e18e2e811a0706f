#include "measure/selftest/client_ceiling.h"

#include <algorithm>
#include <memory>
#include <sched.h>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/machine.h"
#include "base/statistics.h"
#include "base/topology.h"
#include "measure/client/answer_stream.h"
#include "measure/client/http_loop.h"
#include "measure/selftest/scripted_server.h"

namespace hadal {
namespace {

// The calling thread on one physical core, and threads that it starts meanwhile, where asked, on
// another: the two ends of a test must not wait for each other. Does nothing where there is only
// one. Restores what was.
class CoresApart {
 public:
  CoresApart() {
    if (sched_getaffinity(0, sizeof before_, &before_) != 0) return;
    for (const NumaNode& node : system_topology().nodes) {
      for (const std::vector<int>& core : node.cores) {
        if (!core.empty() && CPU_ISSET(core.front(), &before_)) cores_.push_back(core.front());
      }
    }
  }
  ~CoresApart() {
    if (are_apart()) sched_setaffinity(0, sizeof before_, &before_);
  }
  CoresApart(const CoresApart&) = delete;
  CoresApart& operator=(const CoresApart&) = delete;

  bool are_apart() const { return cores_.size() > 1; }
  // What is started from here on belongs to the core with this number.
  void move_to(size_t core) const {
    if (!are_apart()) return;
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(cores_[core], &only);
    sched_setaffinity(0, sizeof only, &only);
  }

 private:
  cpu_set_t before_ = {};
  std::vector<int> cores_;
};

struct Trial {
  std::vector<FinishedAnswer> answers;
  LoopLag lag;
};

// `count` requests at once; answer i is that of the i-th one sent.
Trial ask(const ScriptedServer& server, int count) {
  HttpLoop loop({});
  Trial trial;
  trial.answers.resize(static_cast<size_t>(count));
  std::vector<std::unique_ptr<AnswerStream>> streams;
  int left = count;
  for (int i = 0; i < count; ++i) {
    streams.push_back(
        std::make_unique<AnswerStream>(AnswerStream::Options{}, RequestRecord{.index = i},
                                       [&trial, &left, i](FinishedAnswer&& answer) {
                                         trial.answers[static_cast<size_t>(i)] = std::move(answer);
                                         --left;
                                       }));
    // The path carries the number: the server sees requests in another order.
    loop.start({.url = server.url() + "/" + std::to_string(i), .body = "{}"}, *streams.back());
  }
  loop.run([&] { return left == 0; });
  trial.lag = loop.lag();
  for (const FinishedAnswer& answer : trial.answers) {
    if (answer.record.outcome == RequestOutcome::kOk) continue;
    throw Error(
        {.code = ErrorCode::kResourceExhausted,
         .where = "self-test of the load client",
         .what = "a request failed (" + answer.record.failure + "): " + answer.record.failure_text,
         .remedy = "measure with fewer streams, or raise ulimit -n"});
  }
  return trial;
}

void check_open_files(int streams) {
  // Each stream has two ends in this process.
  const int64_t needed = 2 * int64_t{streams} + 64;
  if (open_files_limit() >= needed) return;
  throw Error({.code = ErrorCode::kResourceExhausted,
               .where = "self-test of the load client",
               .what = std::to_string(streams) + " streams need " + std::to_string(needed) +
                       " open files and the limit is " + std::to_string(open_files_limit()),
               .remedy = "raise it (ulimit -n), or measure with fewer streams"});
}

void flood(const CeilingOptions& options, ClientCeiling& ceiling) {
  const int64_t each = options.flood_events / options.flood_streams;
  const ScriptedServer server([&](const ScriptedRequest&) { return paced_answer(each, 0, 0); });
  const Trial trial = ask(server, options.flood_streams);
  ceiling.flood_events_per_core_second =
      static_cast<double>(each * options.flood_streams) / trial.lag.cpu_seconds;
}

void pace(const CeilingOptions& options, ClientCeiling& ceiling) {
  const double gap = 1 / options.events_per_second;
  const auto each = static_cast<int64_t>(options.seconds * options.events_per_second);
  // All connections stand before the first event is due, and streams begin spread over one gap.
  const double first = 0.2 + 2e-4 * options.streams;
  std::vector<int64_t> order(static_cast<size_t>(options.streams));
  const CoresApart cores;
  cores.move_to(1);
  const ScriptedServer server([&](const ScriptedRequest& request) {
    const int number = std::stoi(request.path.substr(1));
    order[static_cast<size_t>(number)] = request.index;
    return paced_answer(each, first + gap * number / options.streams, gap);
  });
  cores.move_to(0);
  const Trial trial = ask(server, options.streams);
  const std::vector<ServedRequest> served = server.served();
  std::vector<double> added;
  double begin = 1e18;
  double end = 0;
  for (size_t i = 0; i < trial.answers.size(); ++i) {
    const std::vector<double>& written = served[static_cast<size_t>(order[i])].written;
    const std::vector<TokenStamp>& events = trial.answers[i].events;
    for (size_t k = 0; k < events.size(); ++k) {
      added.push_back(events[k].seconds - written[k]);
      begin = std::min(begin, written[k]);
      end = std::max(end, events[k].seconds);
    }
  }
  ceiling.apart = cores.are_apart();
  ceiling.paced_events = static_cast<int64_t>(added.size());
  ceiling.achieved_events_per_second = static_cast<double>(added.size()) / (end - begin);
  ceiling.paced_events_per_core_second = static_cast<double>(added.size()) / trial.lag.cpu_seconds;
  ceiling.paced_core_share = trial.lag.cpu_seconds / trial.lag.wall_seconds;
  ceiling.server_core_share = server.cpu_seconds() / trial.lag.wall_seconds;
  ceiling.added_p50 = quantile(added, 0.5);
  ceiling.added_p99 = quantile(added, 0.99);
  ceiling.added_max = *std::max_element(added.begin(), added.end());
  ceiling.own_lag_p99 = trial.lag.quantile(0.99);
}

}  // namespace

ClientCeiling measure_client_ceiling(const CeilingOptions& options) {
  check_open_files(std::max(options.streams, options.flood_streams));
  ClientCeiling ceiling;
  flood(options, ceiling);
  pace(options, ceiling);
  return ceiling;
}

}  // namespace hadal
