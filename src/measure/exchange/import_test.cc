// Finding the format, and what is said of files that are none.
#include "measure/exchange/import.h"

#include <algorithm>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <string>

#include "base/files.h"
#include "measure/exchange/export.h"
#include "measure/exchange/foreign_document.h"
#include "measure/metrics/metric_catalogue.h"
#include "measure/store/run_json.h"
#include "support/imported_runs.h"
#include "support/source_dir.h"
#include "support/temporary_directory.h"

namespace hadal {
namespace {

TEST(Import, NamesOfFormatsReadBack) {
  for (const char* name : {"inferencex", "guidellm", "hadal-csv", "hadal-requests"}) {
    ASSERT_TRUE(find_import_format(name).has_value()) << name;
    EXPECT_EQ(import_format_name(*find_import_format(name)), name);
  }
  EXPECT_FALSE(find_import_format("csv").has_value());
}

TEST(Import, AnUnknownDocumentIsDescribedAndTheFormatsAreNamed) {
  const std::string refusal = refusal_of(R"({"colour": 1, "shape": 2})");
  EXPECT_NE(refusal.find("an object with colour, shape"), std::string::npos) << refusal;
  EXPECT_NE(refusal.find("benchmark-report"), std::string::npos) << refusal;
}

TEST(Import, AWronglyNamedFormatSaysWhatItLooksLike) {
  const std::string refusal =
      refusal_of(R"([{"conc": 4}])", {.format = ImportFormat::kBenchmarkReport});
  EXPECT_NE(refusal.find("looks like inferencex"), std::string::npos) << refusal;
}

TEST(Import, EmptyAndBrokenFilesAreRefused) {
  EXPECT_NE(refusal_of(" \n").find("is empty"), std::string::npos);
  EXPECT_NE(refusal_of("{\"conc\": 4").find("not valid JSON"), std::string::npos);
  EXPECT_NE(refusal_of("a: [1").find("not valid YAML"), std::string::npos);
  EXPECT_NE(refusal_of("[]").find("of no format"), std::string::npos);
  EXPECT_NE(refusal_of(R"({"benchmarks": []})").find("holds no results"), std::string::npos);
  EXPECT_NE(refusal_of(R"({"benchmarks": 3})").find("benchmarks"), std::string::npos);
}

TEST(Import, NamesGivenTwiceAreToldAndTheFirstStands) {
  const Imported imported =
      import_text(R"({"conc": 4, "tput_per_gpu": 10, "tput_per_gpu": 20})", "rows.json");
  const PointRecord& point = only_point(imported);
  EXPECT_EQ(figure_of(point, "rate.total_tokens_per_gpu/1"), 10);
  EXPECT_TRUE(warns(point, "duplicate_json_key_tput_per_gpu"));
  EXPECT_EQ(extra_of(point)["repeated"][0]["not_taken"], 20);
}

TEST(Import, KeysAreNotKept) {
  const Imported imported = import_text(
      R"({"conc": 4, "env": {"HF_TOKEN": "hf_x", "openai_api_key": "k", "tokens": "12"}})",
      "r.json");
  const nlohmann::json kept = extra_of(only_point(imported))["fields"]["env"];
  EXPECT_EQ(kept["HF_TOKEN"], "(removed)");
  EXPECT_EQ(kept["openai_api_key"], "(removed)");
  EXPECT_EQ(kept["tokens"], "12");
}

// `text` with members that hold secrets in the first object of each of its lines that is one, or
// else of the whole.
std::string with_secrets(const std::string& text) {
  constexpr std::string_view kMembers =
      R"("api_key": "hush-1", "password": "hush-2", "base_url": "http://u:hush-3@h/v1",
"command": "serve --api-key hush-4", "settings": {"token": "hush-5"},)";
  std::string members(kMembers);
  std::ranges::replace(members, '\n', ' ');
  std::string out = text;
  size_t at = out.find('{');
  while (at != std::string::npos) {
    out.insert(at + 1, members);
    const size_t line = out.find("\n{\"", at);
    at = line == std::string::npos ? line : line + 1;
  }
  return out;
}

TEST(Import, NoFormatKeepsSecrets) {
  const std::filesystem::path seeds = test::source_path("tests/fuzz/seeds/import");
  std::set<ImportFormat> formats;
  for (const auto& entry : std::filesystem::directory_iterator(seeds)) {
    const std::string name = entry.path().filename().string();
    const std::string text = read_text_file(entry.path(), 1 << 20).substr(1);
    const ImportFormat format = import_text(text, name).format;
    // Own files have no room for members of others, and are tested below.
    if (import_format_name(format).starts_with("hadal-")) continue;
    if (text.find('{') == std::string::npos) continue;  // YAML, which becomes the same as JSON
    formats.insert(format);
    const Imported imported = import_text(with_secrets(text), name);
    EXPECT_EQ(imported.format, format) << name;
    for (const RunRecord& run : imported.runs) {
      EXPECT_EQ(run_to_json(run).find("hush"), std::string::npos) << name << run_to_json(run);
    }
  }
  EXPECT_GE(formats.size(), 8U);
}

TEST(Import, OwnFilesAreClearedOfSecrets) {
  RunRecord run{
      .state = RunState::kComplete,
      .url = "http://ann:hush@h:8000",
      .provenance_json = R"({"launch_command": "serve --api-key hush"})",
      .points = {
          {.load = {.concurrency = 1},
           .metrics = {{.id = "rate.output_tokens/1", .unit = "tokens/s", .count = 1, .mean = 2}},
           .extra_json = R"({"fields": {"api_key": "hush"}})"}}};
  std::string lines;
  const PointSamples samples = {.requests = {{.outcome = RequestOutcome::kFailed,
                                              .failure = "http_401",
                                              .failure_text = "bad key: sk-hush-hush-hush"}}};
  export_requests(run, run.points[0], samples, [&](std::string_view line) { lines += line; });
  for (const std::string& text : {run_to_json(run), export_csv({run}), lines}) {
    const Imported imported = import_text(text, "own");
    const std::string kept = run_to_json(imported.runs.at(0));
    EXPECT_EQ(kept.find("hush"), std::string::npos) << kept;
    EXPECT_NE(kept.find("serve --api-key (removed)"), std::string::npos) << kept;
    for (const ImportedSamples& point : imported.samples) {
      EXPECT_EQ(point.samples.requests.at(0).failure_text, "bad key: (removed)");
    }
  }
}

TEST(Import, LinesOfAPointHaveEachFigureOnce) {
  const std::string refusal = refusal_of(
      R"({"schema": "hadal.requests/1", "metrics": [{"id": "e2e/1"}, {"id": "e2e/1"}]})");
  EXPECT_NE(refusal.find("metrics[1].id is given twice"), std::string::npos) << refusal;
}

TEST(Import, FilesOfLinesAreReadLineByLine) {
  const test::TemporaryDirectory folder;
  const std::filesystem::path path = folder.path() / "bench.jsonl";
  {
    std::ofstream file(path);
    for (int i = 1; i <= 500; ++i) {
      file << R"({"completed": 1, "accept_length": null, "max_concurrency": )" << i
           << R"(, "duration": 2, "total_input_tokens": 7, "total_output_tokens": 3, "pad": ")"
           << std::string(5000, 'x') << "\"}\n";
    }
  }
  const Imported imported = import_file(path);
  ASSERT_EQ(imported.runs.size(), 1U);
  ASSERT_EQ(imported.runs[0].points.size(), 500U);
  EXPECT_EQ(imported.runs[0].points[499].load.concurrency, 500);
  EXPECT_EQ(imported.runs[0].source, "sglang-bench bench.jsonl");
}

// A file of each format; whoever adds an importer adds one, for the fuzzer too.
std::vector<Imported> one_of_each_format() {
  std::vector<Imported> all;
  const std::filesystem::path seeds = test::source_path("tests/fuzz/seeds/import");
  for (const auto& entry : std::filesystem::directory_iterator(seeds)) {
    // The first byte is the fuzzer's.
    const std::string text = read_text_file(entry.path(), 1 << 20).substr(1);
    all.push_back(import_text(text, entry.path().filename().string()));
  }
  return all;
}

// Two definitions under one id would be compared, and an id that nobody defines by nobody.
TEST(Import, EveryIdIsDefinedSomewhereAndHasThatUnit) {
  std::set<ImportFormat> formats;
  for (const Imported& imported : one_of_each_format()) {
    formats.insert(imported.format);
    for (const RunRecord& run : imported.runs) {
      for (const PointRecord& point : run.points) {
        for (const MetricValue& value : point.metrics) {
          EXPECT_NE(home_of(value.id), MetricHome::kUnknown)
              << value.id << " of " << import_format_name(imported.format);
          const MetricDefinition* definition = find_metric(value.id);
          if (definition != nullptr) {
            EXPECT_EQ(value.unit, definition->unit) << value.id;
          }
        }
      }
    }
  }
  for (int i = 0; i <= static_cast<int>(ImportFormat::kHadalRequests); ++i) {
    const auto format = static_cast<ImportFormat>(i);
    EXPECT_TRUE(formats.contains(format)) << import_format_name(format);
  }
}

}  // namespace
}  // namespace hadal
