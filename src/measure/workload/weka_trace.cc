#include "measure/workload/weka_trace.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/as_size.h"
#include "json/python_json.h"
#include "json/unknown_fields.h"
#include "measure/workload/limits.h"
#include "measure/workload/trace_fields.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

constexpr std::array<std::string_view, 7> kPlayFields = {
    "id", "models", "block_size", "hash_id_scope", "tool_tokens", "system_tokens", "requests"};
constexpr std::array<std::string_view, 14> kRequestFields = {
    "t",        "type",     "model",      "in",   "out",  "input_length", "output_length",
    "hash_ids", "api_time", "think_time", "ttft", "stop", "input_types",  "output_types"};
constexpr std::array<std::string_view, 12> kHelperFields = {
    "t",           "type",          "agent_id",       "subagent_type",
    "duration_ms", "total_tokens",  "tool_use_count", "status",
    "tool_tokens", "system_tokens", "models",         "requests"};

// Recorded times are rounded to milliseconds, so that an answer may seem to end just after the
// request that it led to.
constexpr double kRounding = 0.005;

// A request and where in the walk through the play it was met.
struct Item {
  TraceRequest request;
  double end = 0;  // recorded; `at` where not known
};

// A request whose end nothing has waited for yet.
struct Open {
  int item = 0;
  double end = 0;
  bool must_be_joined = false;
};

// What the first request of an agent waits for, and the instant that its delay counts from.
struct Beginning {
  std::vector<int> after_end = {};
  std::vector<int> after_sent = {};
  double instant = 0;
};

class PlayReader {
 public:
  PlayReader(const FieldsSource& source, int64_t block_tokens, UnknownFields& unknown)
      : source_(source), block_tokens_(block_tokens), unknown_(unknown) {}

  TraceSession read(const Fields& play);
  int64_t left_out() const { return left_out_; }
  int64_t cut() const { return cut_; }

 private:
  // Entries of `owner`, times shifted by `shift`. Gives back what nobody joined.
  std::vector<Open> read_agent(const Fields& owner, int agent, double shift, int depth,
                               const Beginning& beginning);
  int read_request(const Fields& fields, int agent, double at);
  void wait(Item& item, std::vector<Open>& open, int previous, const Beginning& beginning,
            std::optional<double> think_time);
  std::vector<Open> read_helper(const Fields& fields, double at, int depth, int previous,
                                const Beginning& beginning);

  const FieldsSource& source_;
  int64_t block_tokens_;
  UnknownFields& unknown_;
  std::vector<Item> items_;
  int agents_ = 0;
  int64_t left_out_ = 0;
  int64_t cut_ = 0;
};

double required_seconds(const Fields& fields, std::string_view key) {
  const std::optional<double> seconds = read_seconds(fields, key);
  if (!seconds) fields.refuse(key, "is missing", FieldFault::kMissing);
  return *seconds;
}

int64_t tokens_by_either_name(const Fields& fields, std::string_view name, std::string_view other) {
  return read_tokens(fields, fields.has(name) || !fields.has(other) ? name : other, 0);
}

// The place of a new item; -1: the request was left out.
int PlayReader::read_request(const Fields& fields, int agent, double at) {
  unknown_.check(fields, kRequestFields);
  Item item;
  item.request.at = at;
  item.request.agent = agent;
  item.request.took = read_seconds(fields, "api_time").value_or(0);
  item.end = at + item.request.took;
  item.request.input_tokens = tokens_by_either_name(fields, "in", "input_length");
  item.request.output_tokens =
      std::max<int64_t>(1, tokens_by_either_name(fields, "out", "output_length"));
  if (item.request.input_tokens == 0) {
    ++left_out_;
    return -1;
  }
  item.request.blocks = read_block_ids(fields, "hash_ids", kMostTokens);
  const int64_t most = (item.request.input_tokens + block_tokens_ - 1) / block_tokens_;
  int64_t beyond = count_blocks(item.request.blocks) - most;
  if (beyond > 0) ++cut_;
  while (beyond > 0) {
    BlockRun& last = item.request.blocks.back();
    const int64_t off = std::min(beyond, last.count);
    last.count -= off;
    beyond -= off;
    if (last.count == 0) item.request.blocks.pop_back();
  }
  items_.push_back(std::move(item));
  return static_cast<int>(items_.size()) - 1;
}

void PlayReader::wait(Item& item, std::vector<Open>& open, int previous, const Beginning& beginning,
                      std::optional<double> think_time) {
  TraceRequest& request = item.request;
  double latest = 0;
  bool ends_known = true;
  const auto is_joined = [&](const Open& candidate) {
    const Item& other = items_[as_size(candidate.item)];
    return other.request.at <= request.at &&
           (candidate.must_be_joined || candidate.end <= request.at + kRounding);
  };
  for (const Open& candidate : open) {
    if (!is_joined(candidate)) continue;
    request.after_end.push_back(candidate.item);
    latest = std::max(latest, candidate.end);
    ends_known = ends_known && items_[as_size(candidate.item)].request.took > 0;
  }
  std::erase_if(open, is_joined);
  if (!request.after_end.empty()) {
    request.delay = ends_known ? request.at - latest : think_time.value_or(request.at - latest);
  } else if (previous >= 0) {
    request.after_sent = {previous};
    request.delay = request.at - items_[as_size(previous)].request.at;
  } else {
    request.after_end = beginning.after_end;
    request.after_sent = beginning.after_sent;
    request.delay = request.at - beginning.instant;
  }
  request.delay = std::max(0.0, request.delay);
}

std::vector<Open> PlayReader::read_helper(const Fields& fields, double at, int depth, int previous,
                                          const Beginning& beginning) {
  unknown_.check(fields, kHelperFields);
  if (depth >= kDeepestAgent) {
    fields.refuse("type",
                  "is a helper of helpers more than " + std::to_string(kDeepestAgent) + " deep");
  }
  // Begun by the request before it: by its answer, or while it ran.
  Beginning begun = beginning;
  if (previous >= 0) {
    const Item& by = items_[as_size(previous)];
    const bool had_ended = by.end <= at + kRounding;
    begun = had_ended ? Beginning{.after_end = {previous}, .instant = by.end}
                      : Beginning{.after_sent = {previous}, .instant = by.request.at};
  }
  // Times within a helper count from the play's beginning in some data sets, from the helper's own
  // in others: then they lie before it.
  double first = kMostSeconds;
  fields.each("requests", [&](const ordered_json& entry, const std::string& path) {
    first = std::min(first, required_seconds(Fields(entry, path, source_), "t"));
  });
  const double shift = first < at - kRounding ? at : 0;
  std::vector<Open> open = read_agent(fields, ++agents_, shift, depth + 1, begun);
  const std::string status = fields.string("status").value_or("");
  if (status == "async_launched") return {};
  for (Open& request : open) request.must_be_joined = status == "completed";
  return open;
}

std::vector<Open> PlayReader::read_agent(const Fields& owner, int agent, double shift, int depth,
                                         const Beginning& beginning) {
  struct Entry {
    double at;
    size_t place;
  };
  std::vector<Entry> order;
  const ordered_json* list = owner.array("requests");
  if (list == nullptr) return {};
  const std::string name = owner.path("requests");
  for (size_t i = 0; i < list->size(); ++i) {
    const Fields fields((*list)[i], element_path(name, i), source_);
    order.push_back({.at = shift + required_seconds(fields, "t"), .place = i});
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const Entry& a, const Entry& b) { return a.at < b.at; });
  std::vector<Open> open;
  int previous = -1;
  for (const Entry& entry : order) {
    const Fields fields((*list)[entry.place], element_path(name, entry.place), source_);
    const std::string type = fields.string("type").value_or("s");
    if (type == "subagent") {
      const std::vector<Open> helpers = read_helper(fields, entry.at, depth, previous, beginning);
      open.insert(open.end(), helpers.begin(), helpers.end());
      continue;
    }
    if (type != "s" && type != "n") {
      fields.refuse("type", "is neither \"s\", \"n\" nor \"subagent\"");
    }
    const int item = read_request(fields, agent, entry.at);
    if (item < 0) continue;
    wait(items_[as_size(item)], open, previous, beginning, read_seconds(fields, "think_time"));
    open.push_back({.item = item, .end = items_[as_size(item)].end});
    previous = item;
  }
  return open;
}

TraceSession PlayReader::read(const Fields& play) {
  read_agent(play, 0, 0, 0, {});
  TraceSession session{.id = play.string("id").value_or("")};
  std::vector<int> order(items_.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return items_[as_size(a)].request.at < items_[as_size(b)].request.at;
  });
  std::vector<int> place_of(items_.size());
  for (size_t i = 0; i < order.size(); ++i) place_of[as_size(order[i])] = static_cast<int>(i);
  for (const int item : order) {
    TraceRequest request = std::move(items_[as_size(item)].request);
    for (std::vector<int>* places : {&request.after_end, &request.after_sent}) {
      for (int& place : *places) place = place_of[as_size(place)];
      std::sort(places->begin(), places->end());
    }
    session.requests.push_back(std::move(request));
  }
  if (session.requests.empty()) return session;
  // The session begins with its first request.
  const double first = session.requests.front().at;
  for (TraceRequest& request : session.requests) {
    request.at -= first;
    if (request.after_end.empty() && request.after_sent.empty()) request.delay = request.at;
  }
  return session;
}

// "local" where absent. Refuses what differs from the lines before.
void read_form(const Fields& play, bool is_first, Trace& trace) {
  const int64_t block = play.has("block_size") ? read_tokens(play, "block_size", 1) : 64;
  const std::string scope = play.string("hash_id_scope").value_or("local");
  if (scope != "local" && scope != "global") {
    play.refuse("hash_id_scope", "is neither \"local\" nor \"global\"");
  }
  if (is_first) {
    trace.block_tokens = block;
    trace.blocks_are_global = scope == "global";
  } else if (trace.block_tokens != block) {
    play.refuse("block_size", "is not that of the lines before");
  } else if (trace.blocks_are_global != (scope == "global")) {
    play.refuse("hash_id_scope", "is not that of the lines before");
  }
}

}  // namespace

Trace read_weka_trace(TraceLineReader& lines) {
  Trace trace{.name = lines.name(), .format = "weka"};
  UnknownFields unknown(false);
  TraceSize size;
  int64_t left_out = 0;
  int64_t cut = 0;
  int64_t empty = 0;
  bool is_first = true;
  std::string_view line;
  while (lines.next(line)) {
    const FieldsSource source = trace_line_source(lines);
    const ordered_json json =
        parse_json(line, source.file, source.code, {.allows_non_finite = false});
    const Fields play(json, "", source);
    unknown.check(play, kPlayFields);
    read_form(play, std::exchange(is_first, false), trace);
    if (play.array("requests") == nullptr) {
      play.refuse("requests", "is missing", FieldFault::kMissing);
    }
    PlayReader reader(source, trace.block_tokens, unknown);
    TraceSession session = reader.read(play);
    left_out += reader.left_out();
    cut += reader.cut();
    if (session.requests.empty()) {
      ++empty;
      continue;
    }
    size.add(session, lines);
    trace.sessions.push_back(std::move(session));
  }
  const auto remark = [&](int64_t count, const std::string& what) {
    if (count > 0) trace.remarks.push_back(std::to_string(count) + what);
  };
  remark(left_out, " requests without input were left out");
  remark(cut, " requests had more blocks than their input holds; those beyond were cut");
  remark(empty, " plays without requests were left out");
  for (const std::string& name : unknown.names()) {
    trace.remarks.push_back("unknown field " + name + " was not used");
  }
  return trace;
}

}  // namespace hadal
