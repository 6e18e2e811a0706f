// What the serving benchmarks of one family write: vLLM's, SGLang's and InferenceX's fork, one
// object a run. Times are milliseconds where the name ends in _ms and seconds where it does not;
// their size tells nothing.
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/units.h"
#include "json/python_json.h"
#include "measure/exchange/import_formats.h"
#include "measure/exchange/point_builder.h"

namespace hadal {
namespace {

using nlohmann::ordered_json;

struct Family {
  std::string_view stem;
  MetricName name;
};

constexpr std::array kFamilies = {
    Family{"tpot", metric::kTpot},
    Family{"itl", metric::kItl},
    Family{"e2el", metric::kE2e},
    Family{"e2e_latency", metric::kE2e},
};

// "tp8" between separators in a file's name, as benchmark scripts name their results.
int gpus_in_name(std::string_view name) {
  for (size_t at = name.find("tp"); at != std::string_view::npos; at = name.find("tp", at + 1)) {
    if (at > 0 && name[at - 1] != '_' && name[at - 1] != '-') continue;
    int value = 0;
    size_t end = at + 2;
    for (; end < name.size() && name[end] >= '0' && name[end] <= '9' && value < 10'000; ++end) {
      value = value * 10 + (name[end] - '0');
    }
    const bool is_closed =
        end == name.size() || name[end] == '_' || name[end] == '-' || name[end] == '.';
    if (end > at + 2 && is_closed) return value;
  }
  return 0;
}

bool is_whole(double value) { return value == std::floor(value); }

class ClientReader {
 public:
  ClientReader(const ordered_json& document, ImportFormat format, const ImportContext& context)
      : format_(format), context_(context), fields_(document, "", context.source) {}

  void read(Imported& imported) {
    deployment();
    requests();
    load();
    statistics();
    rates();
    lengths();
    gpus();
    if (fields_.has("request_goodput:")) fields_.take("request_goodput:");
    builder_.note_not_finite(fields_);
    note_repeated(builder_, context_.repeated);
    ordered_json rest = fields_.rest();
    rest.erase("request_goodput:");
    builder_.keep_fields(rest);
    run_.provenance_json = dump_json(keepable_json(provenance_));
    add_point(imported.runs, std::move(run_), builder_.finish());
  }

 private:
  bool is_sglang() const { return format_ == ImportFormat::kSglangBench; }

  void deployment() {
    run_.origin = "imported";
    run_.state = RunState::kComplete;
    run_.source = context_.run_source(format_);
    run_.model = fields_.string("model_id").value_or("");
    if (run_.model.empty()) builder_.warn("no_model_name");
    const std::string backend = fields_.string("backend").value_or("");
    // The backend is the way the client speaks; only these two name a server by it.
    for (const char* engine : {"vllm", "sglang"}) {
      if (backend.starts_with(engine)) run_.engine = engine;
    }
    is_chat_ = backend.ends_with("-chat") ||
               fields_.string("endpoint_type").value_or("").ends_with("-chat");
    for (const char* key : {"backend", "endpoint_type", "tokenizer_id", "label"}) {
      if (const auto text = fields_.text(key); text.has_value()) provenance_[key] = *text;
    }
    if (const auto date = fields_.string("date"); date.has_value()) {
      const std::optional<double> time = parse_time(*date);
      if (!time.has_value()) fields_.fields().refuse("date", "must be as in 20260314-200445");
      run_.created_unix = *time;
      builder_.warn("date_is_YYYYMMDD-HHMMSS");  // the clock of which zone, it does not say
    }
    const ordered_json& json = fields_.fields().json();
    if (json.contains("request_goodput:")) builder_.warn("key_request_goodput_colon");
  }

  void requests() {
    RequestCounts& counts = builder_.point.requests;
    const std::optional<int64_t> completed = fields_.count("completed");
    if (!completed.has_value()) {
      fields_.fields().refuse("completed", "is missing: the number of requests that succeeded",
                              FieldFault::kMissing);
    }
    counts.ok = *completed;
    const std::optional<int64_t> asked = fields_.count("num_prompts");
    const std::optional<int64_t> failed = fields_.count("failed");
    counts.failed = failed.value_or(std::max<int64_t>(0, asked.value_or(counts.ok) - counts.ok));
    counts.attempted = counts.ok + counts.failed;
    if (counts.failed > 0) builder_.warn("failed_requests_present");
    duration_ = fields_.amount("duration").value_or(0);
    builder_.point.window = {.rule = "the tool's: the whole run, ramp and drain included",
                             .end = duration_};
  }

  void load() {
    const ordered_json* asked = fields_.value("request_rate");
    std::optional<double> rate;
    if (asked != nullptr && asked->is_number() && std::isfinite(asked->get<double>())) {
      rate = fields_.amount("request_rate");
    } else if (asked != nullptr && !asked->is_number() &&
               !(asked->is_string() && asked->get<std::string>() == "inf")) {
      fields_.fields().refuse("request_rate", "must be a number or \"inf\"", FieldFault::kType);
    }
    const double burstiness = fields_.amount("burstiness").value_or(1);
    const std::optional<int64_t> concurrency = fields_.count("max_concurrency");
    Load& load = builder_.point.load;
    if (rate.has_value()) {
      load.rate = rate;
      load.arrivals = burstiness == 1 ? "poisson" : "gamma";
      if (burstiness != 1) builder_.keep_fields({{"burstiness", burstiness}});
      if (concurrency.has_value()) {
        builder_.warn("max_concurrency_is_a_cap");
        builder_.keep_fields({{"max_concurrency", *concurrency}});
      } else {
        builder_.warn("open_loop_no_concurrency");
      }
    } else if (concurrency.has_value()) {
      if (*concurrency > 100'000'000) fields_.fields().refuse("max_concurrency", "is too large");
      load.concurrency = static_cast<int>(*concurrency);
    } else {
      load.arrivals = "all at once";
    }
  }

  void statistics() {
    bool in_seconds = false;
    for (const auto& [key, value] : fields_.fields().json().items()) {
      if (value.is_null()) continue;
      const std::optional<StatisticKey> split = split_statistic(key);
      if (!split.has_value()) continue;
      std::string_view stem = split->stem;
      const bool is_milli = stem.ends_with("_ms");
      if (is_milli) stem.remove_suffix(3);
      std::optional<MetricName> name;
      for (const Family& family : kFamilies) {
        if (family.stem == stem) name = family.name;
      }
      // With chat the first chunk tells only the role, and these clients count it.
      if (stem == "ttft") name = is_chat_ ? metric::kTtftEvent : metric::kTtft;
      if (!name.has_value()) continue;
      in_seconds = in_seconds || !is_milli;
      const std::optional<double> figure = fields_.amount(key);
      if (figure == 0.0 && split->statistic != "std" && split->statistic != "min") {
        builder_.warn("zero_latency_means_missing");
        continue;
      }
      if (figure) builder_.add(*name, split->statistic, is_milli ? *figure * kMilli : *figure);
    }
    if (in_seconds) builder_.warn("seconds_without_suffix");
    builder_.derive_interactivity();
  }

  void rates() {
    builder_.add(metric::kRequestRate, "mean", fields_.amount("request_throughput"));
    builder_.add(metric::kOutputRate, "mean", fields_.amount("output_throughput"));
    builder_.add(metric::kInputRate, "mean", fields_.amount("input_throughput"));
    if (fields_.has("total_token_throughput")) {
      builder_.add(metric::kTotalRate, "mean", fields_.amount("total_token_throughput"));
    } else if (fields_.has("total_throughput")) {
      builder_.add(metric::kTotalRate, "mean", fields_.amount("total_throughput"));
    } else if (!is_sglang()) {
      builder_.warn("total_throughput_key_absent");
    }
    builder_.add({"vllm.goodput/1", "requests/s"}, "mean", fields_.amount("request_goodput"));
    builder_.add({"vllm.output_tokens_peak_second/1", "tokens/s"}, "mean",
                 fields_.amount("max_output_tokens_per_s"));
    builder_.add(metric::kPeakConcurrency, "mean", fields_.amount("max_concurrent_requests"));
    builder_.add(metric::kMeanConcurrency, "mean", fields_.amount("concurrency"));
  }

  void lengths() {
    const std::optional<double> input = fields_.amount("total_input_tokens");
    const std::optional<double> output = fields_.amount("total_output_tokens");
    const auto completed = static_cast<double>(builder_.point.requests.ok);
    if (completed > 0) {
      if (input) builder_.derive(metric::kInputTokens, "mean", *input / completed);
      if (output) builder_.derive(metric::kOutputTokens, "mean", *output / completed);
    }
    if (duration_ > 0) {
      if (input) builder_.derive(metric::kInputRate, "mean", *input / duration_);
      if (output) builder_.derive(metric::kOutputRate, "mean", *output / duration_);
    }
    const auto input_rate = builder_.get(metric::kInputRate, "mean");
    const auto output_rate = builder_.get(metric::kOutputRate, "mean");
    if (input_rate && output_rate) {
      builder_.derive(metric::kTotalRate, "mean", *input_rate + *output_rate);
    }
    mean_concurrency();
    // Random prompts all of one length: the length asked for, which nobody counted.
    const bool is_requested =
        completed > 1 && input.value_or(0) > 0 && is_whole(*input / completed);
    if (is_requested) builder_.warn("input_tokens_equal_requested_length");
    if (is_requested && output && !is_whole(*output / completed)) {
      builder_.warn("output_shorter_than_requested");
    }
    const std::optional<double> again = fields_.amount("total_output_tokens_retokenized");
    if (again) builder_.add({"sglang.output_tokens_retokenized/1", "tokens"}, "mean", again);
    if (again && output && *again != *output) builder_.warn("retokenized_count_differs");
    if (is_sglang()) dataset();
  }

  // Little's law, with the time of a request from its parts where it is not given.
  void mean_concurrency() {
    std::optional<double> time = builder_.get(metric::kE2e, "mean");
    const auto first = builder_.get(is_chat_ ? metric::kTtftEvent : metric::kTtft, "mean");
    const auto each = builder_.get(metric::kTpot, "mean");
    const auto length = builder_.get(metric::kOutputTokens, "mean");
    if (!time && first && each && length) time = *first + *each * std::max(0.0, *length - 1);
    const auto rate = builder_.get(metric::kRequestRate, "mean");
    if (time && rate) builder_.derive(metric::kMeanConcurrency, "mean", *time * *rate);
  }

  void dataset() {
    const std::string dataset = fields_.string("dataset_name").value_or("");
    const std::optional<int64_t> input = fields_.count("random_input_len");
    const std::optional<int64_t> output = fields_.count("random_output_len");
    if (dataset.starts_with("random")) {
      if (input && output) {
        run_.workload = workload_name(*input, *output);
        run_.plan_json = dump_json(ordered_json{{"isl", *input}, {"osl", *output}});
      }
    } else {
      run_.workload = dataset;
      if (input || output) builder_.warn("random_len_fields_do_not_apply");
      if (input) builder_.keep_fields({{"random_input_len", *input}});
      if (output) builder_.keep_fields({{"random_output_len", *output}});
    }
  }

  void gpus() {
    run_.gpus = context_.gpus;
    if (run_.gpus == 0 && format_ == ImportFormat::kInferenceXClient) {
      run_.gpus = gpus_in_name(context_.name);
      if (run_.gpus > 0) builder_.warn("gpu_count_from_file_name");
    }
    derive_per_gpu(builder_, run_.gpus, "no_gpu_count_in_file");
  }

  ImportFormat format_;
  const ImportContext& context_;
  TakenFields fields_;
  PointBuilder builder_;
  RunRecord run_;
  ordered_json provenance_ = ordered_json::object();
  double duration_ = 0;
  bool is_chat_ = false;
};

class ClientLines : public LineImport {
 public:
  explicit ClientLines(ImportFormat format) : format_(format) {}

  void add(const ordered_json& line, const std::string& /*path*/,
           const ImportContext& context) override {
    import_client_json(line, format_, context, imported_);
  }
  void finish(Imported& imported) override { imported.runs = std::move(imported_.runs); }

 private:
  ImportFormat format_;
  Imported imported_;
};

}  // namespace

void import_client_json(const ordered_json& document, ImportFormat format,
                        const ImportContext& context, Imported& imported) {
  ClientReader(document, format, context).read(imported);
}

std::unique_ptr<LineImport> client_lines_import(ImportFormat format) {
  return std::make_unique<ClientLines>(format);
}

}  // namespace hadal
