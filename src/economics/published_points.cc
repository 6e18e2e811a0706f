#include "economics/published_points.h"

#include <nlohmann/json.hpp>

#include "economics/catalogue_fields.h"
#include "economics/catalogue_files.h"
#include "json/python_json.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

std::string source_text(const Fields& source) {
  std::string text = source.required_string("name");
  const std::string commit = source.string("commit").value_or("");
  const std::string url = source.string("url").value_or("");
  if (!commit.empty()) text += " @" + commit.substr(0, 12);
  if (!url.empty()) text += ", " + url;
  return text;
}

Statistics statistics_at(const Fields& row, std::string_view key) {
  Statistics values;
  const ordered_json* object = row.object(key);
  if (object == nullptr) return values;
  const Fields fields(*object, row.path(key), row.source());
  for (const auto& [name, value] : object->items()) {
    if (const auto number = fields.number(name)) values[name] = *number;
  }
  return values;
}

std::string text_inside(const Fields& row, std::string_view object_key, std::string_view key) {
  const ordered_json* object = row.object(object_key);
  if (object == nullptr) return "";
  return Fields(*object, row.path(object_key), row.source()).string(key).value_or("");
}

PublishedPoint read_point(const Fields& row, std::span<const std::string> sources) {
  PublishedPoint point{.id = row.required_string("id"),
                       .group = row.string("group").value_or(""),
                       .quality = row.required_string("quality"),
                       .model = row.string("model").value_or(""),
                       .precision = row.string("precision").value_or(""),
                       .hardware = row.string("sku").value_or(""),
                       .gpus = row.count("n_gpu", 1),
                       .topology = text_inside(row, "topology", "kind"),
                       .engine = row.string("engine").value_or(""),
                       .engine_version = row.string("engine_version").value_or(""),
                       .date = row.required_string("date"),
                       .workload = row.string("workload").value_or(""),
                       .input_length = row.count("isl", 0),
                       .output_length = row.count("osl", 0),
                       .concurrency = row.count("concurrency", 1),
                       .speculation = text_inside(row, "spec", "method"),
                       .total_rate = row.number("total_tok_s"),
                       .output_rate = row.number("output_tok_s"),
                       .total_rate_per_gpu = row.number("total_tok_s_per_gpu"),
                       .output_rate_per_gpu = row.number("output_tok_s_per_gpu"),
                       .output_rate_per_decode_gpu = row.number("output_tok_s_per_decode_gpu"),
                       .tpot_ms = statistics_at(row, "tpot_ms"),
                       .interactivity = statistics_at(row, "interactivity"),
                       .ttft_s = statistics_at(row, "ttft_s"),
                       .power_w_per_gpu = row.number("power_w_per_gpu"),
                       .notes = row.string("notes").value_or("")};
  read_texts_at(row, "flags", point.flags);
  const std::optional<int> source = row.count("source", 0);
  if (!source || static_cast<size_t>(*source) >= sources.size()) {
    row.refuse("source", "must be the place of one of the sources");
  }
  point.source = sources[static_cast<size_t>(*source)];
  if (const auto ref = row.string("ref")) point.source += ", " + *ref;
  return point;
}

}  // namespace

std::span<const PublishedPoint> published_points() {
  static const std::vector<PublishedPoint> points =
      read_published_points(built_in_published_points(), "published.json");
  return points;
}

std::vector<PublishedPoint> read_published_points(std::string_view text, const std::string& where) {
  const ordered_json json = parse_json_file_text(text, where);
  const FieldsSource source = catalogue_source(where);
  const Fields document(json, "", source);
  check_schema(document, "hadal.published/1");
  std::vector<std::string> sources;
  document.each("sources", [&](const ordered_json& value, const std::string& path) {
    sources.push_back(source_text(Fields(value, path, source)));
  });
  std::vector<PublishedPoint> points;
  document.each("points", [&](const ordered_json& value, const std::string& path) {
    points.push_back(read_point(Fields(value, path, source), sources));
  });
  return points;
}

}  // namespace hadal
