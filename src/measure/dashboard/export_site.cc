#include "measure/dashboard/export_site.h"

#include <algorithm>
#include <optional>
#include <system_error>
#include <vector>

#include "base/files.h"
#include "measure/dashboard/json_text.h"
#include "measure/dashboard/point_detail.h"
#include "measure/dashboard/run_pages.h"
#include "measure/dashboard/web_page.h"
#include "measure/store/run_json.h"
#include "measure/store/run_store.h"

namespace hadal {
namespace {

constexpr int64_t kRunsOfPage = 200;
// In one file every byte is looked at: half the slices, and lanes enough for a picture.
constexpr PointDetailOptions kSmallDetail = {.slices = 60, .lanes = 80, .bins = 24};

// `object` ends with "}"; gives it with one more member.
std::string with_member(std::string object, std::string_view name, std::string_view json) {
  object.pop_back();
  return object + ",\"" + std::string(name) + "\":" + std::string(json) + "}";
}

struct RunDetail {
  std::string id = {};
  std::string document = {};
  std::vector<std::string> points = {};
  size_t bytes() const {
    size_t sum = bytes_in_page(document) + 2 * id.size();
    for (const std::string& point : points) sum += bytes_in_page(point) + id.size();
    return sum;
  }
};

// None for a run that cannot be read: the page tells of it already.
std::optional<RunDetail> detail_of(RunStore& store, const std::string& id,
                                   const PointDetailOptions& options) {
  try {
    const RunRecord run = store.load(id).run;
    RunDetail detail{.id = id, .document = run_to_json(run)};
    for (int64_t i = 0; i < std::ssize(run.points); ++i) {
      detail.points.push_back(point_detail_json(
          store, id, i, {.all = run.gpus, .prefill = run.prefill_gpus, .decode = run.decode_gpus},
          options));
    }
    return detail;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInvalidFile) throw;
    return std::nullopt;
  }
}

std::vector<std::string> newest_ids(RunStore& store) {
  std::vector<std::string> ids;
  store.connection().query(
      "SELECT id FROM runs ORDER BY created_unix DESC, id DESC", {},
      [&](SqlRow& row) { ids.push_back(SqlRowReader(row, store.name()).text()); });
  return ids;
}

size_t write_file(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
  return text.size();
}

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw_system_error(folder, "cannot be made", error.value());
}

}  // namespace

ExportReport export_single_file(const std::string& store_place, const std::string& version,
                                const std::filesystem::path& file, size_t most_bytes) {
  RunStore store = RunStore::open(store_place, StoreAccess::kRead);
  ExportReport report;
  const std::vector<std::string> ids = newest_ids(store);
  report.of_runs = std::ssize(ids);
  const std::string shell = DashboardApi(store_place, version).overview_json(0);
  const size_t fixed = single_file_page(shell).size() + 1000;
  size_t room = most_bytes > fixed ? most_bytes - fixed : 0;

  // Runs first, in what two thirds of the room hold. The last third gives way where their texts
  // are longer within the page.
  JsonText pages;
  pages.begin_array();
  for (std::optional<int64_t> offset = 0; offset;) {
    const size_t limit = room * 2 / 3;
    if (pages.size() >= limit) break;
    JsonText page;
    offset = write_runs_page(
        page, store, {.offset = *offset, .most = kRunsOfPage, .most_bytes = limit - pages.size()});
    report.runs = offset.value_or(report.of_runs);
    pages.raw(page.take());
  }
  pages.end_array();
  const std::string runs = pages.take();
  room -= std::min(room, bytes_in_page(runs));

  size_t taken = 0;
  JsonText details;
  details.begin_object();
  for (int64_t i = 0; i < report.runs; ++i) {
    const std::optional<RunDetail> detail =
        detail_of(store, ids[static_cast<size_t>(i)], kSmallDetail);
    if (!detail) continue;
    taken += detail->bytes() + 200;  // and the keys
    if (taken > room) break;
    details.key(detail->id).raw(detail->document);
    for (size_t point = 0; point < detail->points.size(); ++point) {
      details.key(detail->id + "/" + std::to_string(point)).raw(detail->points[point]);
    }
    ++report.detailed;
  }
  details.end_object();
  const std::string page =
      single_file_page(with_member(with_member(shell, "pages", runs), "details", details.take()));
  report.bytes = write_file(file, page);
  return report;
}

ExportReport export_folder(const std::string& store_place, const std::string& version,
                           const std::filesystem::path& folder) {
  RunStore store = RunStore::open(store_place, StoreAccess::kRead);
  const std::filesystem::path data = folder / "data";
  make_folder(data / "runs");
  ExportReport report;
  report.bytes += write_file(folder / "index.html", static_site_page());
  for (const char* name : {"app.js", "app.css"}) {
    report.bytes += write_file(folder / name, web_file(name)->text);
  }
  const DashboardApi api(store_place, version);
  report.bytes += write_file(data / "overview.json", api.overview_json(kRunsOfPage));
  for (std::optional<int64_t> offset = 0; offset;) {
    const std::string name = "runs-" + std::to_string(*offset) + ".json";
    JsonText page;
    offset = write_runs_page(page, store, {.offset = *offset, .most = kRunsOfPage});
    report.bytes += write_file(data / name, page.take());
  }
  for (const std::string& id : newest_ids(store)) {
    ++report.of_runs;
    ++report.runs;
    const std::optional<RunDetail> detail = detail_of(store, id, {});
    if (!detail) continue;
    ++report.detailed;
    report.bytes += write_file(data / "runs" / (id + ".json"), detail->document);
    for (size_t i = 0; i < detail->points.size(); ++i) {
      report.bytes +=
          write_file(data / "runs" / (id + "-" + std::to_string(i) + ".json"), detail->points[i]);
    }
  }
  return report;
}

}  // namespace hadal
