// Runs as the views see them: stored and published ones alike, out of the documents that the page
// gets, grouped into series of what was measured alike. The rules are those of the page
// (web/dashboard/src: model.ts, series.ts); the browser tests hold both to the same figures.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "measure/records.h"

namespace hadal {

struct ViewPoint {
  int64_t number = 0;
  std::string load = {};  // "16 at once", "2 requests/s"
  bool limited = false;
  // In the order of "metric_columns".
  std::map<std::string, std::vector<std::optional<double>>, std::less<>> metrics = {};
  struct Other {  // of published points: by a statistic of another name
    std::string id = {};
    std::string statistic = {};
    double value = 0;
  };
  std::vector<Other> other = {};
};

struct ViewRun {
  std::string id = {};
  std::optional<double> created = {};
  std::string day = {};  // UTC; empty: unknown
  std::string origin = {};
  std::string state = {};
  std::string gate = {};
  std::string reason = {};
  // By the names of the documents: hardware, engine, engine_version, precision, …; unknown ones are
  // not in it.
  std::map<std::string, std::string, std::less<>> texts = {};
  std::string gpus = {};  // "×8", "8P+16D"
  std::vector<ViewPoint> points = {};

  bool published() const { return origin == "published"; }
  std::string text(std::string_view name) const;
};

struct ViewFigure {
  double value = 0;
  std::optional<double> low = {};
  std::optional<double> high = {};
  std::string statistic = {};  // that was taken
};

// Of a page of runs (run_pages.h), or of the array of published ones (catalogue_json.h), with the
// figures of `metrics` alone: a point has sixty, and a view needs few.
std::vector<ViewRun> view_runs(std::string_view document, const std::vector<std::string>& metrics);

// None where the point has none. What has one value a point has its mean for any statistic.
std::optional<ViewFigure> view_figure(const ViewRun& run, const ViewPoint& point,
                                      std::string_view metric, std::string_view statistic);

// Why a point may stand on no frontier; empty: it may.
std::vector<std::string> view_doubts(const ViewRun& run, const ViewPoint& point);

struct ViewSeries {
  std::vector<const ViewRun*> runs = {};  // the newest first
  bool published = false;
};

// Own ones first, then those of the most runs. The runs must outlive it.
std::vector<ViewSeries> view_series(const std::vector<const ViewRun*>& runs);

}  // namespace hadal
