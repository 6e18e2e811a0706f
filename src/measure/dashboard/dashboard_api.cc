#include "measure/dashboard/dashboard_api.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <vector>

#include "base/error.h"
#include "measure/dashboard/catalogue_json.h"
#include "measure/dashboard/json_text.h"
#include "measure/dashboard/openapi.h"
#include "measure/dashboard/point_detail.h"
#include "measure/dashboard/run_pages.h"
#include "measure/dashboard/view_csv.h"
#include "measure/dashboard/view_runs.h"
#include "measure/dashboard/web_page.h"
#include "measure/exchange/export.h"
#include "measure/store/run_comparison.h"
#include "measure/store/run_json.h"
#include "measure/store/run_report.h"
#include "measure/store/run_store.h"

namespace hadal {
namespace {

constexpr std::string_view kApi = "/api/v1/";
constexpr int64_t kFirstRuns = 60;   // with the overview: enough for a first chart
constexpr int64_t kMostRuns = 1000;  // of one page
constexpr int64_t kMostCsvRuns = 5000;
constexpr int64_t kPageRuns = 250;  // of a view
constexpr const char* kCsv = "text/csv; charset=utf-8";

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return 400;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kResourceExhausted:
      return 422;  // a plan that nothing meets
    case ErrorCode::kUnavailable:
      return 503;
    default:
      return 500;
  }
}

void write_error(JsonText& json, const Error& error) {
  json.begin_object().member("code", error_code_name(error.code()));
  json.member("message", error.what()).end_object();
}

ApiAnswer error_answer(const Error& error) {
  JsonText json;
  json.begin_object().key("error");
  write_error(json, error);
  json.end_object();
  return {.status = status_of(error.code()), .body = json.take()};
}

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw Error({.code = ErrorCode::kInvalidArgument, .where = where, .what = what});
}

[[noreturn]] void not_there(std::string_view path) {
  throw Error({.code = ErrorCode::kNotFound,
               .where = printable(path, 80),
               .what = "is no address of this dashboard",
               .remedy = "/api/v1/openapi.json lists them"});
}

int64_t integer_of(std::string_view text, const std::string& where) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) {
    refuse(where, "must be a whole number from 0");
  }
  return value;
}

int64_t query_integer(const ApiRequest& request, std::string_view name, int64_t fallback,
                      int64_t most) {
  const auto found = request.query.find(name);
  if (found == request.query.end()) return fallback;
  return std::min(integer_of(found->second, std::string(name)), most);
}

std::string query_text(const ApiRequest& request, std::string_view name) {
  const auto found = request.query.find(name);
  return found == request.query.end() ? "" : found->second;
}

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts(1);
  for (const char c : path) {
    if (c == '/') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// What stays the same while the program runs.
const std::string& catalogue_members() {
  static const std::string members = [] {
    JsonText json;
    json.begin_object().key("metrics");
    write_metric_catalogue(json);
    json.key("hardware");
    write_hardware(json);
    json.key("published");
    write_published_runs(json);
    json.end_object();
    const std::string object = json.take();
    return object.substr(1, object.size() - 2);
  }();
  return members;
}

void write_empty_page(JsonText& json) {
  json.begin_object().member("total", 0).member("offset", 0).key("metric_columns");
  write_metric_columns(json);
  json.key("runs").begin_array().end_array().key("damaged").begin_array().end_array();
  json.key("next").null().end_object();
}

ApiAnswer jsonl_of(RunStore& store, const RunRecord& run, size_t point) {
  ApiAnswer answer{.content_type = "application/jsonl",
                   .file_name = run.id + "-" + std::to_string(point) + ".jsonl"};
  export_requests(run, run.points[point], store.load_samples(run.id, static_cast<int64_t>(point)),
                  [&](std::string_view row) { answer.body += row; });
  return answer;
}

}  // namespace

std::string DashboardApi::overview_json(int64_t runs) const {
  JsonText page;
  std::optional<Error> problem;
  std::string name = store_;
  try {
    RunStore store = RunStore::open(store_, StoreAccess::kRead);
    name = store.name();
    write_runs_page(page, store, {.most = runs});
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) problem = error;
    page = JsonText();
    write_empty_page(page);
  }
  using Seconds = std::chrono::duration<double>;
  JsonText json;
  json.begin_object().member("schema", "hadal.dashboard/1").member("hadal", version_);
  json.member("generated", Seconds(std::chrono::system_clock::now().time_since_epoch()).count());
  json.member("store", name).key("problem");
  if (problem) {
    write_error(json, *problem);
  } else {
    json.null();
  }
  json.key("page").raw(page.take()).end_object();
  std::string text = json.take();
  text.pop_back();
  return text + "," + catalogue_members() + "}";
}

// RUN, RUN.csv, RUN/points/N, RUN/points/N.jsonl
ApiAnswer DashboardApi::run_answer(const ApiRequest& request, std::string_view rest) const {
  const std::vector<std::string> parts = parts_of(rest);
  RunStore store = RunStore::open(store_, StoreAccess::kRead);
  std::string_view name = parts[0];
  const bool as_csv = name.ends_with(".csv");
  if (as_csv) name.remove_suffix(4);
  const std::string id = store.resolve(name);
  if (parts.size() == 1) {
    const RunRecord run = store.load(id).run;
    if (!as_csv) return {.body = run_to_json(run)};
    return {.content_type = kCsv, .body = export_csv({run}), .file_name = id + ".csv"};
  }
  if (parts.size() != 3 || parts[1] != "points" || as_csv) not_there(request.path);
  std::string_view number = parts[2];
  if (!number.ends_with(".jsonl")) {
    const RunRecord run = store.load(id).summary.run;
    return {.body = point_detail_json(
                store, id, integer_of(number, "point"),
                {.all = run.gpus, .prefill = run.prefill_gpus, .decode = run.decode_gpus})};
  }
  number.remove_suffix(6);
  const RunRecord run = store.load(id).run;
  const int64_t point = integer_of(number, "point");
  if (point >= std::ssize(run.points)) not_there(request.path);
  return jsonl_of(store, run, static_cast<size_t>(point));
}

ApiAnswer DashboardApi::points_csv(const ApiRequest& request) const {
  RunStore store = RunStore::open(store_, StoreAccess::kRead);
  const std::vector<RunSummary> found = store.list(
      {.model = query_text(request, "model"),
       .engine = query_text(request, "engine"),
       .hardware = query_text(request, "hardware"),
       .workload = query_text(request, "workload"),
       .label = query_text(request, "label"),
       .most = static_cast<size_t>(query_integer(request, "last", kFirstRuns, kMostCsvRuns))});
  std::vector<RunRecord> runs;
  for (const RunSummary& summary : found) runs.push_back(store.load(summary.run.id).run);
  return {.content_type = kCsv, .body = export_csv(runs), .file_name = "points.csv"};
}

// VIEW.csv over the newest runs and what others published.
ApiAnswer DashboardApi::view_answer(const ApiRequest& request, std::string_view rest) const {
  if (!rest.ends_with(".csv")) not_there(request.path);
  const std::string_view name = rest.substr(0, rest.size() - 4);
  if (!is_view_with_csv(name)) not_there(request.path);
  const std::vector<std::string> metrics = view_metrics(name, request.query);
  std::vector<ViewRun> runs;
  try {
    RunStore store = RunStore::open(store_, StoreAccess::kRead);
    // Page by page: the documents of thousands of runs take hundreds of megabytes.
    const int64_t most = query_integer(request, "last", kMostRuns, kMostCsvRuns);
    for (std::optional<int64_t> offset = 0; offset && *offset < most;) {
      JsonText page;
      const int64_t count = std::min(kPageRuns, most - *offset);
      offset = write_runs_page(page, store, {.offset = *offset, .most = count});
      for (ViewRun& run : view_runs(page.take(), metrics)) runs.push_back(std::move(run));
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
  }
  JsonText published;
  write_published_runs(published);
  for (ViewRun& run : view_runs(published.take(), metrics)) runs.push_back(std::move(run));
  return {.content_type = kCsv,
          .body = view_csv(name, request.query, runs),
          .file_name = std::string(rest)};
}

ApiAnswer DashboardApi::answer(const ApiRequest& request) const try {
  const std::string_view path = request.path;
  if (!path.starts_with(kApi)) {
    const std::optional<WebFile> file = web_file(path == "/" ? "index.html" : path.substr(1));
    if (!file) not_there(path);
    return {.content_type = std::string(file->content_type), .body = std::string(file->text)};
  }
  const std::string_view rest = path.substr(kApi.size());
  if (rest == "overview") {
    return {.body = overview_json(query_integer(request, "runs", kFirstRuns, kMostRuns))};
  }
  if (rest == "openapi.json") return {.body = openapi_json(version_)};
  if (rest == "points.csv") return points_csv(request);
  if (rest == "runs") {
    RunStore store = RunStore::open(store_, StoreAccess::kRead);
    JsonText json;
    write_runs_page(json, store,
                    {.offset = query_integer(request, "offset", 0, INT64_C(1) << 40),
                     .most = query_integer(request, "most", kFirstRuns, kMostRuns)});
    return {.body = json.take()};
  }
  if (rest == "compare") {
    RunStore store = RunStore::open(store_, StoreAccess::kRead);
    const RunRecord a = store.load(store.resolve(query_text(request, "a"))).run;
    const RunRecord b = store.load(store.resolve(query_text(request, "b"))).run;
    return {.body = comparison_json(compare_runs(a, b), a, b)};
  }
  if (rest.starts_with("views/")) return view_answer(request, rest.substr(6));
  if (planner_ != nullptr && rest == "planner") return {.body = planner_->choices_json()};
  if (planner_ != nullptr && rest == "plan") return {.body = planner_->plan_json(request.query)};
  if (rest.starts_with("runs/")) return run_answer(request, rest.substr(5));
  not_there(path);
} catch (const Error& error) {
  return error_answer(error);
}

}  // namespace hadal
