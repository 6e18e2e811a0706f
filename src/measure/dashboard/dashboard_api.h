// The dashboard's answers as plain data: from a path and its query to a status and a body. Reads a
// run store and never writes to it; knows no sockets (http_server.h). docs/dashboard.md describes
// every address, /api/v1/openapi.json does so for programs.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "measure/dashboard/dashboard_planner.h"

namespace hadal {

struct ApiRequest {
  std::string path = {};  // decoded, without the query
  std::map<std::string, std::string, std::less<>> query = {};
};

struct ApiAnswer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  std::string file_name = {};  // under which a browser saves it; empty: it is shown
};

class DashboardApi {
 public:
  // `store` as RunStore::open takes it; it need not exist yet. `planner` must outlive this.
  DashboardApi(std::string store, std::string version, const DashboardPlanner* planner = nullptr)
      : store_(std::move(store)), version_(std::move(version)), planner_(planner) {}

  // Everything below /api/v1/ and the page's own files. Errors become answers. For any number of
  // threads: each call opens the store for itself.
  ApiAnswer answer(const ApiRequest& request) const;

  // {"schema": "hadal.dashboard/1", …, "page": the newest runs}. A store that is not there counts
  // as empty; one that cannot be read is told in "problem".
  std::string overview_json(int64_t runs) const;

 private:
  ApiAnswer run_answer(const ApiRequest& request, std::string_view rest) const;
  ApiAnswer points_csv(const ApiRequest& request) const;
  ApiAnswer view_answer(const ApiRequest& request, std::string_view rest) const;

  std::string store_;
  std::string version_;
  const DashboardPlanner* planner_;
};

}  // namespace hadal
