#include "bench/steps/model_bench.h"

#include <algorithm>
#include <atomic>
#include <span>
#include <utility>

#include "base/as_size.h"
#include "base/error.h"
#include "base/machine.h"
#include "base/statistics.h"
#include "bench/kernels/weight_arena.h"
#include "bench/steps/step_runner.h"
#include "checkpoint/v4/catalogue.h"

namespace hadal {
namespace {

constexpr int kDecodeSteps = 32;
constexpr int kPrefillTokens = 512;
constexpr int kDecodeContext = 4096;
constexpr int kWarmSteps = 2;
constexpr int kProfiledSteps = 4;

Course make_course(const ModelConfig& config, const ModelBenchOptions& options) {
  Course course{.kind = options.kind, .batch = options.batch};
  if (options.kind == BenchKind::kDecode) {
    course.timed = options.tokens > 0 ? options.tokens : kDecodeSteps;
    course.warm = kWarmSteps;
    course.profiled = std::min(course.timed, kProfiledSteps);
    course.context = kDecodeContext;
  } else {
    course.rows = options.tokens > 0 ? options.tokens : kPrefillTokens;
    course.timed = options.repetitions;
    course.warm = 1;
    course.profiled = 1;
  }
  const int room = config.max_positions - (course.longest() - course.context);
  if (options.context >= 0) {
    course.context = options.context;
  } else if (options.kind == BenchKind::kDecode) {
    course.context = std::clamp(room, 0, kDecodeContext);
  }
  if (course.context > room) {
    throw Error({.code = ErrorCode::kInvalidArgument,
                 .where = "--context " + std::to_string(course.context),
                 .what = "and the tokens after it exceed the model's " +
                         std::to_string(config.max_positions) + " positions",
                 .remedy = room < 0 ? "lower --tokens" : "give at most " + std::to_string(room)});
  }
  return course;
}

// Counts the distinct experts of a step from what its layers choose.
class ExpertCounter {
 public:
  explicit ExpertCounter(int experts) : seen_(as_size(experts)) {}

  void start() { used_ = 0; }
  void add(std::span<const int32_t> experts) {
    std::fill(seen_.begin(), seen_.end(), 0);
    for (const int32_t expert : experts) seen_[as_size(expert)] = 1;
    used_ += std::count(seen_.begin(), seen_.end(), 1);
  }
  double used() const { return static_cast<double>(used_); }

 private:
  std::vector<char> seen_;
  int64_t used_ = 0;
};

size_t tensor_bytes(const TensorView& tensor) {
  size_t bytes = dtype_bytes(tensor.dtype);
  for (const int64_t extent : tensor.shape) bytes *= static_cast<size_t>(extent);
  return bytes;
}

// Reads the experts' weights once where all of them fit into memory, so that the first use of an
// expert is not a read from disk. Everything else the warm steps read.
void warm_experts(const Checkpoint& checkpoint, ThreadPool& threads) {
  constexpr size_t kPage = 4096;
  const CatalogueTotals totals = catalogue_totals(checkpoint.config());
  if (totals.part(Part::kRoutedExperts) > least_memory(memory_bounds()).limit_bytes / 4 * 3) return;
  std::vector<const TensorView*> tensors;
  for (const TensorSpec& spec : catalogue(checkpoint.config())) {
    if (spec.part == Part::kRoutedExperts) tensors.push_back(&checkpoint.tensor(spec.name));
  }
  std::atomic<unsigned> sum{0};
  threads.parallel_for(static_cast<int>(tensors.size()), 1, [&](int begin, int end, int) {
    unsigned bytes_seen = 0;
    for (int i = begin; i < end; ++i) {
      const TensorView& tensor = *tensors[as_size(i)];
      const size_t bytes = tensor_bytes(tensor);
      for (size_t at = 0; at < bytes; at += kPage) {
        bytes_seen += std::to_integer<unsigned>(tensor.data[at]);
      }
    }
    sum.fetch_add(bytes_seen, std::memory_order_relaxed);
  });
}

double form_bytes(const OpKey& key) {
  const auto bytes_in = [&](WeightFormat format) {
    return static_cast<double>(weight_bytes(format, key.out_features, key.in_features).all());
  };
  if (key.form == "f32") return bytes_in(WeightFormat::kF32);
  if (key.form == "bf16") return bytes_in(WeightFormat::kBf16);
  if (key.form == "fp8") return bytes_in(WeightFormat::kFp8);
  if (key.form == "int8") {
    return static_cast<double>(int8_tile_bytes(key.out_features, key.in_features).all());
  }
  return bytes_in(WeightFormat::kFp4);
}

// Shares of the profiled steps; what no operation claims is "other".
std::vector<OpShare> op_shares(const OpProfile& profile, int steps, double step_seconds,
                               double expert_bytes) {
  std::vector<OpShare> shares;
  double claimed = 0;
  for (const OpProfile::Entry& entry : profile.entries()) {
    OpShare share{.key = entry.key,
                  .calls = static_cast<double>(entry.calls) / steps,
                  .seconds = static_cast<double>(entry.nanoseconds) * 1e-9 / steps};
    if (entry.key.op == "linear") share.bytes = share.calls * form_bytes(entry.key);
    if (entry.key.op == "experts") share.bytes = expert_bytes;
    claimed += share.seconds;
    shares.push_back(share);
  }
  shares.push_back({.key = {.op = "other"}, .seconds = std::max(0.0, step_seconds - claimed)});
  std::sort(shares.begin(), shares.end(),
            [](const OpShare& a, const OpShare& b) { return a.seconds > b.seconds; });
  return shares;
}

// Not the layers': embedding, head and sampling.
bool outside_layers(const OpKey& key, const ModelConfig& config) {
  return key.op == "embed" || key.op == "hyper_head" || key.op == "sample" ||
         (key.op == "linear" && key.out_features == config.vocab_size);
}

std::string directory_name(const std::filesystem::path& directory) {
  const std::string last = directory.filename().string();
  return last.empty() ? directory.parent_path().filename().string() : last;
}

// A model with what its steps showed.
class MeasuredModel {
 public:
  MeasuredModel(const std::filesystem::path& directory, const ModelBenchOptions& options,
                ThreadPool& threads)
      : options_(options),
        name_(directory_name(directory)),
        checkpoint_(Checkpoint::open(directory)),
        course_(make_course(checkpoint_.config(), options)),
        counter_(checkpoint_.config().routed_experts),
        model_(checkpoint_, threads, options.model),
        runner_(model_, course_) {
    warm_experts(checkpoint_, threads);
    LayerObserver observer;
    observer.on_experts = [this](int, std::span<const int32_t> chosen) { counter_.add(chosen); };
    model_.set_observer(observer);
  }

  const Course& course() const { return course_; }
  // What a step reads however few experts it uses.
  double least_step_bytes() const {
    const StepWork work{.rows = 1, .context = 0, .experts_used = 0};
    return step_costs(checkpoint_.config(), work, options_.model.activations).bytes();
  }
  // Of the timed steps, in order.
  const std::vector<double>& times() const { return times_; }

  // Step `index` of the course.
  void step(int index) {
    const bool profiled = course_.is_profiled(index);
    OpProfile* profile = profiled ? &profile_ : nullptr;
    model_.set_profile(profile);
    counter_.start();
    const double seconds = seconds_of([&] { runner_.run(profile); });
    if (profiled) {
      profiled_seconds_ += seconds / course_.profiled;
    } else if (course_.is_timed(index)) {
      times_.push_back(seconds);
      experts_.push_back(counter_.used());
    }
  }

  ModelFigures figures() const;

 private:
  const ModelBenchOptions& options_;
  std::string name_;
  Checkpoint checkpoint_;
  Course course_;
  ExpertCounter counter_;
  V4Model model_;
  StepRunner runner_;
  std::vector<double> times_;
  std::vector<double> experts_;
  OpProfile profile_;
  double profiled_seconds_ = 0;
};

ModelFigures MeasuredModel::figures() const {
  const ModelConfig& config = checkpoint_.config();
  ModelFigures figures{.model = name_, .config = config};
  figures.kind = course_.kind;
  figures.weight_place = model_.weight_place();
  figures.context = course_.context;
  figures.batch = course_.batch;
  figures.rows = course_.rows;
  figures.measured = course_.timed;
  figures.seconds = median(times_);
  figures.fast_seconds = quantile(times_, 0.05);
  figures.slow_seconds = quantile(times_, 0.95);
  figures.experts_used = median(experts_);
  // In the middle of a decode the context has grown by half of its steps.
  const int grown = course_.kind == BenchKind::kDecode ? course_.warm + course_.timed / 2 : 0;
  figures.costs = step_costs(config,
                             {.sequences = course_.batch,
                              .rows = course_.rows,
                              .context = course_.context + grown,
                              .logit_rows = course_.batch,
                              .experts_used = figures.experts_used},
                             options_.model.activations);
  figures.ops =
      op_shares(profile_, course_.profiled, profiled_seconds_, figures.costs.expert_bytes);
  double outside = 0;
  for (const OpShare& share : figures.ops) {
    if (outside_layers(share.key, config)) outside += share.seconds;
  }
  figures.layer_seconds = std::max(0.0, figures.seconds - outside) / config.layers;
  return figures;
}

// Before anything is measured: the second model must be the first with fewer layers.
void check_difference(const std::filesystem::path& directory,
                      const std::filesystem::path& difference) {
  const ModelConfig a = load_config(directory);
  const ModelConfig b = load_config(difference);
  if (a.layers > b.layers && a.hidden_size == b.hidden_size && a.heads == b.heads &&
      a.expert_width == b.expert_width && a.routed_experts == b.routed_experts &&
      a.vocab_size == b.vocab_size) {
    return;
  }
  throw Error(
      {.code = ErrorCode::kInvalidArgument,
       .where = "--difference " + difference.string(),
       .what = "must have fewer layers than " + directory.string() + " and otherwise its sizes",
       .remedy = "make both with hadal synth and different --layers"});
}

// Of the two models' timed steps, pair by pair: what slows the machine down for a while slows both.
double paired_difference(const MeasuredModel& a, const MeasuredModel& b) {
  std::vector<double> differences;
  for (size_t i = 0; i < a.times().size(); ++i) {
    differences.push_back(a.times()[i] - b.times()[i]);
  }
  return median(std::move(differences));
}

}  // namespace

ModelReport bench_model(const std::filesystem::path& directory,
                        const std::filesystem::path& difference, const ModelBenchOptions& options) {
  ThreadPool threads(options.threads);
  threads.pin();  // as the engine does
  ModelReport report{.processor = processor_name(),
                     .isa = options.model.isa,
                     .activations = options.model.activations};
  kernels_for(options.model.isa);
  make_course(load_config(directory), options);
  if (!difference.empty()) check_difference(directory, difference);
  if (options.progress) options.progress(0, 1);
  const WeightArena arena(options.arena_bytes, threads);
  const auto measure = [&] {
    return measure_machine(threads, options.model.isa, arena, options.timing);
  };
  report.machine = measure();
  ReadRateSampler read_rate(threads, options.model.isa, report.machine, arena);
  MeasuredModel model(directory, options, threads);
  std::optional<MeasuredModel> other;
  if (!difference.empty()) other.emplace(difference, options, threads);
  const int steps = model.course().steps();
  const bool cold = model.least_step_bytes() > static_cast<double>(read_rate.sample_bytes());
  for (int i = 0; i < steps; ++i) {
    if (cold && model.course().is_timed(i)) read_rate.sample();
    model.step(i);
    if (other) other->step(i);
    if (options.progress) options.progress(as_size(i + 1), as_size(steps));
  }
  report.machine = best_of(report.machine, measure());
  report.read_samples = read_rate.samples();
  if (cold) report.machine.read_gb_per_s = read_rate.median_gb_per_s();
  report.figures = model.figures();
  if (!other) return report;
  const ModelFigures fewer = other->figures();
  report.difference = {.other = fewer.model,
                       .layers = report.figures.config.layers - fewer.config.layers,
                       .seconds = paired_difference(model, *other),
                       .costs = report.figures.costs - fewer.costs};
  return report;
}

}  // namespace hadal
