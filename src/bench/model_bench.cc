#include "bench/model_bench.h"

#include <algorithm>
#include <atomic>
#include <span>

#include "base/check.h"
#include "base/error.h"
#include "bench/random_bits.h"
#include "bench/synthetic_prefix.h"
#include "cache/block_pool.h"
#include "checkpoint/catalogue.h"
#include "checkpoint/memory_plan.h"
#include "engine/sampler.h"

namespace hadal {
namespace {

constexpr int kDecodeSteps = 32;
constexpr int kPrefillTokens = 512;
constexpr int kDecodeContext = 4096;
constexpr int kWarmSteps = 2;
constexpr int kProfiledSteps = 4;

size_t as_size(int value) { return static_cast<size_t>(value); }

// How many steps of which size.
struct Course {
  BenchKind kind = BenchKind::kDecode;
  int context = 0;
  int batch = 1;
  int rows = 1;
  int warm = 0;
  int timed = 0;
  int profiled = 0;

  int steps() const { return warm + timed + profiled; }
  // A decode goes on from step to step; a prefill starts anew each time.
  int longest() const { return context + (kind == BenchKind::kDecode ? steps() : rows); }
};

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

// The sequences of a measurement with memory of their own.
class Sequences {
 public:
  Sequences(const Model& model, const Course& course)
      : pool_(model.cache_layout().block_bytes, blocks(model, course)),
        caches_(as_size(course.batch)) {
    for (size_t i = 0; i < caches_.size(); ++i) {
      HADAL_CHECK(reserve_sequence(pool_, model.cache_layout(), course.longest(), caches_[i]));
      fill_synthetic_prefix(model.config(), model.cache_layout(), pool_.view(), course.context,
                            i + 1, caches_[i]);
    }
  }

  CachePoolView pool() const { return pool_.view(); }
  std::vector<SequenceCache>& caches() { return caches_; }

 private:
  static int blocks(const Model& model, const Course& course) {
    const CacheLayout& layout = model.cache_layout();
    const int64_t count =
        static_cast<int64_t>(blocks_for_sequence(layout, course.longest())) * course.batch;
    const int64_t bytes = count * static_cast<int64_t>(layout.block_bytes);
    const int64_t memory = machine_memory().total_bytes;
    if (bytes > memory * 3 / 4) {
      throw Error({.code = ErrorCode::kResourceExhausted,
                   .where = "the cache",
                   .what = "would take " + std::to_string(bytes >> 20) + " MiB of " +
                           std::to_string(memory >> 20),
                   .remedy = "lower --context or --batch"});
    }
    return static_cast<int>(count);
  }

  BlockPool pool_;
  std::vector<SequenceCache> caches_;
};

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

// Runs the steps of a course on one model.
class StepRunner {
 public:
  StepRunner(Model& model, const Course& course)
      : model_(model), course_(course), sequences_(model, course) {}

  // Plan, forward, one sampled token for each sequence, commit.
  void run(OpProfile* profile) {
    draw_tokens();
    std::vector<SequenceCache>& caches = sequences_.caches();
    std::vector<BatchEntry> batch;
    for (size_t i = 0; i < caches.size(); ++i) {
      if (course_.kind == BenchKind::kPrefill) caches[i].length = course_.context;
      batch.push_back(
          {.cache = &caches[i],
           .tokens = std::span(tokens_).subspan(i * as_size(course_.rows), as_size(course_.rows)),
           .logit_rows = 1});
    }
    const StepPlan plan = make_step_plan(batch, model_.cache_layout());
    model_.forward(plan, sequences_.pool(), step_);
    const double sampling = seconds_of([&] { sample(); });
    const double committing = seconds_of([&] {
      for (size_t i = 0; i < caches.size(); ++i) {
        model_.commit(plan, static_cast<int>(i), course_.rows, sequences_.pool(), step_, caches[i]);
      }
    });
    if (profile == nullptr) return;
    profile->add({.op = "sample"}, static_cast<int64_t>(sampling * 1e9));
    profile->add({.op = "commit"}, static_cast<int64_t>(committing * 1e9));
  }

 private:
  void draw_tokens() {
    const auto vocab = static_cast<uint64_t>(model_.config().vocab_size);
    tokens_.clear();
    for (int i = 0; i < course_.batch * course_.rows; ++i) {
      tokens_.push_back(static_cast<int32_t>(scrambled(next_token_++) % vocab));
    }
  }

  void sample() {
    const size_t vocab = as_size(model_.config().vocab_size);
    for (int i = 0; i < course_.batch; ++i) {
      const std::span<const float> logits(step_.logits.data() + as_size(i) * vocab, vocab);
      sampler_.sample(logits, {.seed = static_cast<uint64_t>(i)}, next_token_);
    }
  }

  Model& model_;
  const Course course_;
  Sequences sequences_;
  Sampler sampler_;
  Step step_;
  std::vector<int32_t> tokens_;
  uint64_t next_token_ = 1;
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
  if (totals.part(Part::kRoutedExperts) > machine_memory().total_bytes * 3 / 4) return;
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
  if (key.form == "f32") return weight_bytes(WeightFormat::kF32, key.out_features, key.in_features);
  if (key.form == "bf16") {
    return weight_bytes(WeightFormat::kBf16, key.out_features, key.in_features);
  }
  if (key.form == "fp8" || key.form == "int8") {
    return weight_bytes(WeightFormat::kFp8, key.out_features, key.in_features, key.form == "int8");
  }
  return weight_bytes(WeightFormat::kFp4, key.out_features, key.in_features);
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

ModelFigures measure(const std::filesystem::path& directory, const ModelBenchOptions& options,
                     ThreadPool& threads) {
  const Checkpoint checkpoint = Checkpoint::open(directory);
  const ModelConfig& config = checkpoint.config();
  const Course course = make_course(config, options);
  warm_experts(checkpoint, threads);
  Model model(checkpoint, threads, options.model);
  ExpertCounter counter(config.routed_experts);
  LayerObserver observer;
  observer.on_experts = [&](int, std::span<const int32_t> chosen) { counter.add(chosen); };
  model.set_observer(observer);
  StepRunner runner(model, course);

  std::vector<double> times;
  std::vector<double> experts;
  OpProfile profile;
  double profiled_seconds = 0;
  for (int i = 0; i < course.steps(); ++i) {
    const bool profiled = i >= course.warm + course.timed;
    model.set_profile(profiled ? &profile : nullptr);
    counter.start();
    const double seconds = seconds_of([&] { runner.run(profiled ? &profile : nullptr); });
    if (profiled) profiled_seconds += seconds / course.profiled;
    if (i >= course.warm && !profiled) {
      times.push_back(seconds);
      experts.push_back(counter.used());
    }
    if (options.progress) options.progress(as_size(i + 1), as_size(course.steps()));
  }

  ModelFigures figures{.model = directory_name(directory), .config = config};
  figures.kind = course.kind;
  figures.context = course.context;
  figures.batch = course.batch;
  figures.rows = course.rows;
  figures.measured = course.timed;
  figures.seconds = median(times);
  figures.fast_seconds = quantile(times, 0.05);
  figures.slow_seconds = quantile(times, 0.95);
  figures.experts_used = median(experts);
  // In the middle of a decode the context has grown by half of its steps.
  const int grown = course.kind == BenchKind::kDecode ? course.warm + course.timed / 2 : 0;
  figures.costs = step_costs(config,
                             {.sequences = course.batch,
                              .rows = course.rows,
                              .context = course.context + grown,
                              .logit_rows = course.batch,
                              .experts_used = figures.experts_used},
                             options.model.activations);
  figures.ops = op_shares(profile, course.profiled, profiled_seconds, figures.costs.expert_bytes);
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

}  // namespace

ModelReport bench_model(const std::filesystem::path& directory,
                        const std::filesystem::path& difference, const ModelBenchOptions& options) {
  ThreadPool threads(options.threads);
  ModelReport report{.processor = processor_name(),
                     .isa = options.model.isa,
                     .activations = options.model.activations};
  kernels_for(options.model.isa);
  make_course(load_config(directory), options);
  if (!difference.empty()) check_difference(directory, difference);
  if (options.progress) options.progress(0, 1);
  {
    const WeightArena arena(options.arena_bytes, threads);
    report.machine = measure_machine(threads, options.model.isa, arena, options.timing);
  }
  report.figures = measure(directory, options, threads);
  if (difference.empty()) return report;
  const ModelFigures other = measure(difference, options, threads);
  report.difference = {.other = other.model,
                       .layers = report.figures.config.layers - other.config.layers,
                       .seconds = report.figures.seconds - other.seconds,
                       .costs = report.figures.costs - other.costs};
  return report;
}

}  // namespace hadal
