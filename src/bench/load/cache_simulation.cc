#include "bench/load/cache_simulation.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "bench/random_bits.h"
#include "engine/scheduler.h"
#include "engine/sequence_memory.h"

namespace hadal {
namespace {

constexpr int kVocab = 129'280;
constexpr size_t kStampedBlock = 64;   // bytes of a block in the simulation
constexpr double kSampleSeconds = 10;  // between two looks at the pool

// The hash of all tokens up to and with `token`, given that of those before it.
uint64_t extend(uint64_t hash, int32_t token) {
  return scrambled(hash ^ (static_cast<uint64_t>(token) + 1));
}

// Every request of a day through a scheduler and its memory.
class Day {
 public:
  Day(const CacheLayout& layout, const CacheSimulationOptions& options)
      : options_(options),
        real_(layout),
        layout_(stamped(layout)),
        memory_(layout_, {.blocks = static_cast<int>(options.pool_bytes / layout.block_bytes)}),
        scheduler_(memory_, drafter_,
                   {.max_running = options.max_running, .prefill_rows = options.prefill_rows}),
        traffic_(options.traffic) {}

  CacheSimulation run();

 private:
  struct Client {
    int conversation = 0;
    int answer_tokens = 0;
    int hang_up_after = 0;
    uint64_t hash = 0;  // of the tokens that are committed
    int hashed = -1;    // how many those are; -1: not known
  };

  // The layout as the classes see it: blocks as small as they may be.
  static CacheLayout stamped(CacheLayout layout) {
    layout.block_bytes = kStampedBlock;
    return layout;
  }

  void take_arrivals();
  void run_step(const std::vector<ScheduledRows>& step);
  void commit(Sequence& sequence, Client& client, int rows);
  void check_prefix(const Sequence& sequence, Client& client);
  void check_pages(const Sequence& sequence);
  void finish(std::unique_ptr<Sequence> sequence, bool hung_up);
  void look(double seconds);
  uint64_t read_stamp(int32_t block);
  void write_stamp(int32_t block, uint64_t hash);

  const CacheSimulationOptions& options_;
  const CacheLayout& real_;
  const CacheLayout layout_;
  SequenceMemory memory_;
  NoDrafter drafter_;
  Scheduler scheduler_;
  Traffic traffic_;
  double now_ = 0;
  double looked_ = 0;
  std::unordered_map<const Sequence*, Client> clients_;
  std::vector<int> prompts_;
  int64_t pages_written_ = 0;
  double running_seconds_ = 0;
  double waiting_seconds_ = 0;
  double busy_seconds_ = 0;
  ShareOverTime used_;
  ShareOverTime waste_;
  ShareOverTime images_;
  ShareOverTime idle_;
  ShareOverTime fragmented_;
  CacheSimulation result_;
};

uint64_t Day::read_stamp(int32_t block) {
  uint64_t hash = 0;
  std::memcpy(&hash, memory_.pool().view().block(block), sizeof hash);
  return hash;
}

void Day::write_stamp(int32_t block, uint64_t hash) {
  std::memcpy(memory_.pool().view().block(block), &hash, sizeof hash);
}

void Day::take_arrivals() {
  while (true) {
    const std::optional<double> next = traffic_.next_arrival();
    if (!next) return;
    if (scheduler_.idle()) now_ = std::max(now_, *next);
    if (*next > now_) return;
    TrafficRequest request = traffic_.next();
    auto sequence = std::make_unique<Sequence>();
    sequence->cancelled = std::make_shared<std::atomic<bool>>(false);
    sequence->prompt_tokens = static_cast<int>(request.prompt.size());
    sequence->token_limit = sequence->prompt_tokens + request.answer_tokens;
    sequence->request.suffix_begin = request.suffix_begin;
    sequence->tokens = std::move(request.prompt);
    prompts_.push_back(sequence->prompt_tokens);
    result_.outcome.prompt_tokens += sequence->prompt_tokens;
    clients_[sequence.get()] = {.conversation = request.conversation,
                                .answer_tokens = request.answer_tokens,
                                .hang_up_after = request.hang_up_after};
    scheduler_.add(std::move(sequence));
  }
}

// The sequence goes on from a prefix that the cache gave it, or begins.
void Day::check_prefix(const Sequence& sequence, Client& client) {
  const bool resumed = client.hashed >= 0;
  client.hash = 0;
  client.hashed = sequence.cache.length;
  for (int i = 0; i < sequence.cache.length; ++i) {
    client.hash = extend(client.hash, sequence.tokens[static_cast<size_t>(i)]);
  }
  if (!resumed) result_.outcome.cached_tokens += sequence.cached_tokens;
  if (sequence.cache.length == 0) return;
  ++result_.checked_prefixes;
  check_pages(sequence);
}

// Every page and the state against the tokens.
void Day::check_pages(const Sequence& sequence) {
  const int length = sequence.cache.length;
  uint64_t hash = 0;
  for (int i = 0; i < length; ++i) {
    hash = extend(hash, sequence.tokens[static_cast<size_t>(i)]);
    if ((i + 1) % layout_.page_tokens != 0 && i + 1 != length) continue;
    ++result_.checked_pages;
    const int32_t page = sequence.cache.pages[static_cast<size_t>(i / layout_.page_tokens)];
    if (read_stamp(page) != hash) ++result_.wrong_pages;
  }
  for (const int32_t unit : sequence.cache.state_units) {
    if (read_stamp(unit) != hash) ++result_.wrong_pages;
  }
}

// What Model::commit does, with hashes for entries.
void Day::commit(Sequence& sequence, Client& client, int rows) {
  SequenceCache& cache = sequence.cache;
  for (int i = 0; i < rows; ++i) {
    client.hash = extend(client.hash, sequence.tokens[static_cast<size_t>(cache.length)]);
    const int32_t page = cache.pages[static_cast<size_t>(cache.length / layout_.page_tokens)];
    HADAL_CHECK(memory_.pool().references(page) == 1);  // a shared page is never written
    ++cache.length;
    if (i + 1 == rows || cache.length % layout_.page_tokens == 0) {
      write_stamp(page, client.hash);
      ++pages_written_;
      if (options_.spoil_every > 0 && pages_written_ % options_.spoil_every == 0) {
        write_stamp(page, ~client.hash);
      }
    }
  }
  client.hashed = cache.length;
  for (const int32_t unit : cache.state_units) write_stamp(unit, client.hash);
}

void Day::run_step(const std::vector<ScheduledRows>& step) {
  const StepShape shape = Scheduler::shape_of(step);
  const SimulatedCosts& costs = options_.costs;
  const double seconds = costs.step + costs.decode_row * shape.decode_rows +
                         costs.prefill_row * shape.prefill_rows +
                         costs.context_row * shape.context_rows;
  now_ += seconds;
  busy_seconds_ += seconds;
  running_seconds_ += seconds * scheduler_.running();
  waiting_seconds_ += seconds * scheduler_.waiting();
  for (const ScheduledRows& rows : step) {
    Sequence& sequence = *rows.sequence;
    Client& client = clients_.at(&sequence);
    if (client.hashed != sequence.cache.length) check_prefix(sequence, client);
    const int end = sequence.cache.length + rows.rows;
    for (const int image_rows : rows.image_rows) {
      commit(sequence, client, image_rows + end - rows.rows - sequence.cache.length);
      memory_.take_image(sequence);
    }
    if (sequence.cache.length < end) commit(sequence, client, end - sequence.cache.length);
    memory_.committed(sequence);
    result_.outcome.computed_tokens += rows.rows;
    if (!rows.samples) continue;
    sequence.tokens.push_back(static_cast<int32_t>(client.hash % kVocab));
    ++result_.outcome.answer_tokens;
    if (sequence.generated_tokens() == client.hang_up_after) sequence.cancelled->store(true);
    if (static_cast<int>(sequence.tokens.size()) >= sequence.token_limit) {
      check_pages(sequence);
      finish(scheduler_.remove(sequence, true), false);
    }
  }
  scheduler_.measured(shape, seconds);
}

void Day::finish(std::unique_ptr<Sequence> sequence, bool hung_up) {
  const auto client = clients_.find(sequence.get());
  const auto answer =
      std::span(sequence->tokens).subspan(static_cast<size_t>(sequence->prompt_tokens));
  traffic_.answered(client->second.conversation, answer, now_);
  clients_.erase(client);
  ++(hung_up ? result_.outcome.hung_up : result_.outcome.completed);
  const int done = result_.outcome.completed + result_.outcome.hung_up;
  if (options_.progress && done % 256 == 0) options_.progress(done);
}

// Where the memory is, `seconds` after the last look.
void Day::look(double seconds) {
  BlockPool& pool = memory_.pool();
  const PoolStatistics statistics = pool.statistics();
  const auto block = static_cast<double>(real_.block_bytes);
  const double all = block * statistics.capacity;
  const auto page = static_cast<double>(live_page_bytes(real_));
  const double slot_waste = block * real_.state_units - static_cast<double>(real_.state_bytes);
  const auto bytes = [&](int blocks) { return block * blocks / all; };

  // Padding of pages and slots, and entries of running sequences that are not yet there.
  double waste = (block - page) * statistics.used_by(BlockKind::kPage);
  for (const auto& [sequence, client] : clients_) {
    const SequenceCache& cache = sequence->cache;
    if (cache.state_units.empty()) continue;
    waste += slot_waste;
    const auto room = static_cast<double>(cache.pages.size()) * layout_.page_tokens;
    waste += (room - cache.length) / layout_.page_tokens * page;
  }
  used_.add(bytes(statistics.capacity - statistics.free), seconds);
  waste_.add(waste / all, seconds);
  images_.add(bytes(statistics.used_by(BlockKind::kImage)), seconds);
  idle_.add(bytes(statistics.idle), seconds);
  // Whether all that is free can be had at once.
  std::vector<int32_t> blocks;
  const bool usable = pool.allocate(statistics.free, blocks);
  fragmented_.add(usable ? 0 : bytes(statistics.free), seconds);
  pool.release(blocks);
}

CacheSimulation Day::run() {
  while (true) {
    take_arrivals();
    for (auto& gone : scheduler_.remove_cancelled()) finish(std::move(gone), true);
    if (scheduler_.idle()) {
      if (!traffic_.next_arrival()) break;
      continue;
    }
    const std::vector<ScheduledRows> step = scheduler_.next_step();
    run_step(step);
    if (now_ - looked_ >= kSampleSeconds) {
      look(now_ - looked_);
      looked_ = now_;
    }
  }
  CacheOutcome& outcome = result_.outcome;
  outcome.requests = traffic_.issued();
  outcome.seconds = now_;
  outcome.mean_running = running_seconds_ / busy_seconds_;
  outcome.mean_waiting = waiting_seconds_ / busy_seconds_;
  std::sort(prompts_.begin(), prompts_.end());
  outcome.median_prompt = prompts_[prompts_.size() / 2];
  outcome.longest_prompt = prompts_.back();
  outcome.preemptions = scheduler_.statistics().preemptions;
  outcome.recomputed_tokens = scheduler_.statistics().recomputed_tokens;
  const PrefixStatistics prefixes = memory_.prefix_statistics();
  result_.evicted_images = prefixes.evicted_images;
  outcome.evicted_blocks = prefixes.evicted_pages + prefixes.evicted_images * real_.state_units;
  outcome.used = used_.result();
  outcome.waste = waste_.result();
  outcome.fragmented = fragmented_.result();
  result_.images = images_.result();
  result_.idle = idle_.result();
  result_.block_bytes = real_.block_bytes;
  result_.blocks = memory_.pool().capacity();
  return result_;
}

}  // namespace

size_t live_page_bytes(const CacheLayout& layout) {
  size_t bytes = 0;
  for (const LayerPagePart& part : layout.pages) {
    const auto entries = static_cast<size_t>(part.entries);
    bytes += entries * (layout.entry.data_bytes() + layout.entry.scale_bytes());
    if (part.key_scale_offset > 0) {
      bytes += entries * (layout.index_key.data_bytes() + layout.index_key.scale_bytes());
    }
  }
  return bytes;
}

void check_pool_bytes(const CacheSimulationOptions& options, int64_t least) {
  if (options.pool_bytes >= static_cast<size_t>(least)) return;
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = "--kv-memory",
               .what = "is less than one request of the day may need",
               .remedy = "give it " + std::to_string((least >> 20) + 1) + "M at least"});
}

CacheSimulation simulate_cache(const CacheLayout& layout, const CacheSimulationOptions& options) {
  const int blocks = blocks_for_sequence(layout, kLongestRequest);
  check_pool_bytes(options, static_cast<int64_t>(layout.block_bytes) * blocks);
  return Day(layout, options).run();
}

}  // namespace hadal
