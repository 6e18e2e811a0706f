#include "measure/dashboard/openapi.h"

#include <span>

#include "measure/dashboard/json_text.h"

namespace hadal {
namespace {

struct Parameter {
  std::string_view name;
  std::string_view in;    // "path" or "query"
  std::string_view type;  // "string" or "integer"
  std::string_view about;
};

struct Route {
  std::string_view path;
  std::string_view summary;
  std::string_view content_type;
  std::span<const Parameter> parameters = {};
};

constexpr Parameter kRunParameter = {"run", "path", "string",
                                     "A run's id, or the beginning of it that no other shares"};
constexpr Parameter kPointParameter = {"point", "path", "integer", "The point's number, from 0"};
constexpr Parameter kOverviewParameters[] = {
    {"runs", "query", "integer", "How many runs the first page holds; 60 without"}};
constexpr Parameter kPageParameters[] = {
    {"offset", "query", "integer", "How many runs to pass over, from the newest"},
    {"most", "query", "integer", "How many runs to give, at most 1000"}};
constexpr Parameter kRunParameters[] = {kRunParameter};
constexpr Parameter kPointParameters[] = {kRunParameter, kPointParameter};
constexpr Parameter kFilterParameters[] = {
    {"model", "query", "string", "Part of the model's name"},
    {"engine", "query", "string", "Part of the engine's name"},
    {"hardware", "query", "string", "Part of the hardware's name"},
    {"workload", "query", "string", "Part of the workload's name"},
    {"label", "query", "string", "Part of the label"},
    {"last", "query", "integer", "How many runs, from the newest; 60 without, at most 5000"}};
constexpr Parameter kCompareParameters[] = {{"a", "query", "string", "A run, as in a path"},
                                            {"b", "query", "string", "Another run"}};
// The query is that of the page's own address; these matter the most.
constexpr Parameter kViewParameters[] = {
    {"view", "path", "string", "frontier, history, compare or cost"},
    {"model", "query", "string", "The model; without, that of most points"},
    {"workload", "query", "string", "The workload; without, that of most points"},
    {"x", "query", "string", "A figure's id; interactivity.tpot/1 without"},
    {"y", "query", "string", "A figure's id; rate.total_tokens_per_gpu/1 without"},
    {"at", "query", "number", "Of history: where on x the days are read"},
    {"a", "query", "string", "Of compare: a run, the measure"},
    {"b", "query", "string", "Of compare: the other run"},
    {"last", "query", "integer", "How many runs, from the newest; 1000 without, at most 5000"}};
// The others are those that /api/v1/planner lists.
constexpr Parameter kPlanParameters[] = {
    {"model", "query", "string", "pro, flash, …"},
    {"hardware", "query", "string", "A key of the catalogue of accelerators"},
    {"workload", "query", "string", "8k1k, …, or INPUT:OUTPUT[:HIT]"},
    {"engine", "query", "string", "vllm, sglang, …; ideal"},
    {"interactivity", "query", "number", "Tokens per second of a user, at least"},
    {"ttft", "query", "number", "Seconds to the first token, at most"},
    {"assume", "query", "string", "Constants of the planner, NAME[.FAMILY]=VALUE with commas"}};

constexpr std::string_view kJson = "application/json";
constexpr Route kRoutes[] = {
    {"/api/v1/overview",
     "Catalogues, published points and the newest runs with all figures of their points "
     "(hadal.dashboard/1)",
     kJson, kOverviewParameters},
    {"/api/v1/runs", "Further runs, page by page", kJson, kPageParameters},
    {"/api/v1/runs/{run}", "One run as hadal.run/1, as hadal measure runs show --json prints it",
     kJson, kRunParameters},
    {"/api/v1/runs/{run}.csv", "One run, a line each point", "text/csv", kRunParameters},
    {"/api/v1/runs/{run}/points/{point}",
     "Time slices, lanes of requests, distributions and failures of one point "
     "(hadal.dashboard.point/1)",
     kJson, kPointParameters},
    {"/api/v1/runs/{run}/points/{point}.jsonl", "Every request and power sample of one point",
     "application/jsonl", kPointParameters},
    {"/api/v1/points.csv", "All points of the newest runs that fit a filter", "text/csv",
     kFilterParameters},
    {"/api/v1/views/{view}.csv", "A view of the page as a table with every digit", "text/csv",
     kViewParameters},
    {"/api/v1/compare", "Two runs at the loads that both have (hadal.comparison/1)", kJson,
     kCompareParameters},
    {"/api/v1/planner", "What a question to the planner is made of (hadal.planner/1)", kJson},
    {"/api/v1/plan",
     "What it would take, as hadal plan ask --json prints it for one hardware (hadal.plan/1); 422 "
     "where no deployment meets the question",
     kJson, kPlanParameters},
    {"/api/v1/openapi.json", "This document", kJson}};

void write_response(JsonText& json, std::string_view status, std::string_view about,
                    std::string_view content_type) {
  json.key(status).begin_object().member("description", about);
  json.key("content").begin_object().key(content_type).begin_object().end_object().end_object();
  json.end_object();
}

void write_route(JsonText& json, const Route& route) {
  json.key(route.path).begin_object().key("get").begin_object();
  json.member("summary", route.summary).key("parameters").begin_array();
  for (const Parameter& parameter : route.parameters) {
    json.begin_object().member("name", parameter.name).member("in", parameter.in);
    json.member("required", parameter.in == "path").member("description", parameter.about);
    json.key("schema").begin_object().member("type", parameter.type).end_object().end_object();
  }
  json.end_array().key("responses").begin_object();
  write_response(json, "200", "What was asked for", route.content_type);
  write_response(json, "400", "A parameter that cannot be used", kJson);
  write_response(json, "401", "A token is asked for, and this is not it", kJson);
  write_response(json, "404", "No such run, point or address", kJson);
  write_response(json, "503", "The store is locked by others; ask again", kJson);
  json.end_object().end_object().end_object();
}

}  // namespace

std::string openapi_json(std::string_view version) {
  JsonText json;
  json.begin_object().member("openapi", "3.1.0");
  json.key("info").begin_object().member("title", "hadal dashboard");
  json.member("version", version);
  json.member("description",
              "Read-only. With --key-file every request carries Authorization: Bearer.");
  json.end_object().key("paths").begin_object();
  for (const Route& route : kRoutes) write_route(json, route);
  json.end_object().key("components").begin_object().key("securitySchemes").begin_object();
  json.key("token").begin_object().member("type", "http").member("scheme", "bearer").end_object();
  json.end_object().end_object().key("security").begin_array();
  json.begin_object().end_object().begin_object().key("token").begin_array().end_array();
  json.end_object().end_array().end_object();
  return json.take();
}

}  // namespace hadal
