#include "bench/bucketed_simulation.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>
#include <ranges>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "bench/random_bits.h"

namespace hadal {
namespace {

constexpr int kBlockTokens = 256;
constexpr int kWindow = 128;
constexpr int kWindowBlock = 64;
constexpr int kCsaWindow = 8;
constexpr int kCsaBlock = 4;
constexpr int kHcaBlock = 8;
constexpr int kUsualTokens = 8'192;
constexpr int64_t kEntryBytes = 584;
constexpr double kSampleSeconds = 10;
constexpr int kVocab = 129'280;

void add(BucketPages& to, const BucketPages& pages, int64_t count = 1) {
  for (size_t b = 0; b < kBuckets; ++b) to[b] += count * pages[b];
}

// Token-indexed blocks that a window of `window` tokens and the `rows` after it touch.
int64_t blocks_touched(int length, int rows, int window, int block) {
  const int first = std::max(0, length - rows - window + 1) / block;
  return (length + block - 1) / block - first;
}

// The pages of all buckets and the reusable things in them, least recently used first out.
class BucketedPool {
 public:
  BucketedPool(const BucketedLayout& layout, size_t pool_bytes) : layout_(layout) {
    BucketPages usual = layout.working_set(kUsualTokens, 1);
    add(usual, layout.history_block, kUsualTokens / kBlockTokens);
    add(usual, layout.checkpoint());
    const double scale = static_cast<double>(pool_bytes) / static_cast<double>(layout.bytes(usual));
    for (size_t b = 0; b < kBuckets; ++b) {
      capacity_[b] = static_cast<int64_t>(scale * static_cast<double>(usual[b]));
    }
    free_ = capacity_;
  }

  // Takes `pages`, evicting what nobody uses. False, and takes nothing, when there is no room.
  bool take(const BucketPages& pages) {
    while (!fits(pages)) {
      if (idle_.empty()) return false;
      evict(idle_.begin()->second);
    }
    add(free_, pages, -1);
    return true;
  }
  void give(const BucketPages& pages) {
    add(free_, pages);
    for (size_t b = 0; b < kBuckets; ++b) HADAL_CHECK(free_[b] <= capacity_[b]);
  }
  bool could_take(const BucketPages& pages) const {
    for (size_t b = 0; b < kBuckets; ++b) {
      if (pages[b] > free_[b] + idle_pages_[b]) return false;
    }
    return true;
  }

  bool holds(uint64_t key) const { return entries_.contains(key); }
  // A reference to what is there.
  void retain(uint64_t key) {
    Entry& entry = entries_.at(key);
    if (entry.references++ > 0) return;
    idle_.erase({entry.used, key});
    add(idle_pages_, entry.pages, -1);
  }
  void release(uint64_t key) {
    Entry& entry = entries_.at(key);
    if (--entry.references > 0) return;
    entry.used = ++clock_;
    idle_.emplace(entry.used, key);
    add(idle_pages_, entry.pages);
  }
  // Pages that were taken become reusable, with one reference.
  void insert(uint64_t key, const BucketPages& pages) {
    entries_.emplace(key, Entry{.pages = pages, .references = 1});
  }

  double share(const BucketPages& pages) const {
    return static_cast<double>(layout_.bytes(pages)) /
           static_cast<double>(layout_.bytes(capacity_));
  }
  double used_share() const { return 1 - share(free_); }
  // Free or evictable in buckets other than the one that is exhausted, if one is.
  double stranded_share(const BucketPages& wanted) const {
    BucketPages stranded = {};
    bool exhausted = false;
    for (size_t b = 0; b < kBuckets; ++b) {
      const int64_t available = free_[b] + idle_pages_[b];
      if (wanted[b] > available) {
        exhausted = true;
      } else {
        stranded[b] = available;
      }
    }
    return exhausted ? share(stranded) : 0;
  }
  int64_t capacity_bytes() const { return layout_.bytes(capacity_); }
  int64_t evictions() const { return evictions_; }

 private:
  struct Entry {
    BucketPages pages = {};
    int references = 0;
    uint64_t used = 0;
  };

  bool fits(const BucketPages& pages) const {
    for (size_t b = 0; b < kBuckets; ++b) {
      if (pages[b] > free_[b]) return false;
    }
    return true;
  }
  void evict(uint64_t key) {
    const auto entry = entries_.find(key);
    idle_.erase({entry->second.used, key});
    add(idle_pages_, entry->second.pages, -1);
    add(free_, entry->second.pages);
    entries_.erase(entry);
    ++evictions_;
  }

  const BucketedLayout& layout_;
  BucketPages capacity_ = {};
  BucketPages free_ = {};
  BucketPages idle_pages_ = {};
  std::unordered_map<uint64_t, Entry> entries_;
  std::set<std::pair<uint64_t, uint64_t>> idle_;  // (used, key)
  uint64_t clock_ = 0;
  int64_t evictions_ = 0;
};

// Keys of what belongs to the first tokens of a sequence.
uint64_t history_key(uint64_t hash) { return scrambled(hash ^ 1); }
uint64_t checkpoint_key(uint64_t hash) { return scrambled(hash ^ 2); }

struct Client {
  TrafficRequest request;
  std::vector<int32_t> tokens;
  std::vector<uint64_t> boundary_hash;  // of the first (i + 1) · 256 tokens
  uint64_t hash = 0;                    // of all tokens that were hashed
  int hashed = 0;
  int length = 0;    // computed
  int computed = 0;  // the greatest length so far
  bool started = false;
  std::vector<uint64_t> shared;  // history blocks that it refers to, in order
  int64_t private_blocks = 0;    // full or filling, not shareable yet
  BucketPages working = {};
  uint64_t checkpoint = 0;  // of the present answer; 0: none

  int prompt() const { return static_cast<int>(request.prompt.size()); }
  int answered() const { return static_cast<int>(tokens.size()) - prompt(); }
  int uncomputed() const { return static_cast<int>(tokens.size()) - length; }

  void hash_tokens() {
    for (; hashed < static_cast<int>(tokens.size()); ++hashed) {
      hash = scrambled(hash ^ (static_cast<uint64_t>(tokens[static_cast<size_t>(hashed)]) + 1));
      if ((hashed + 1) % kBlockTokens == 0) boundary_hash.push_back(hash);
    }
  }
};

class BucketedDay {
 public:
  BucketedDay(const ModelConfig& config, const CacheSimulationOptions& options)
      : options_(options),
        layout_(BucketedLayout::of(config)),
        pool_(layout_, options.pool_bytes),
        traffic_(options.traffic) {}

  CacheOutcome run();

 private:
  using Clients = std::deque<std::unique_ptr<Client>>;

  void take_arrivals();
  bool start(Client& client);
  bool grow(Client& client, int rows);
  void run_step();
  void commit(Client& client, int rows);
  void keep_checkpoint(Client& client, int boundary);
  void let_go(Client& client);
  void preempt_last();
  void finish(size_t index, bool hung_up);
  void look(double seconds);

  const CacheSimulationOptions& options_;
  const BucketedLayout layout_;
  BucketedPool pool_;
  Traffic traffic_;
  Clients waiting_;
  Clients running_;  // by arrival
  BucketPages refused_ = {};
  double now_ = 0;
  double looked_ = 0;
  double running_seconds_ = 0;
  double waiting_seconds_ = 0;
  double busy_seconds_ = 0;
  std::vector<int> prompts_;
  ShareOverTime used_;
  ShareOverTime waste_;
  ShareOverTime fragmented_;
  CacheOutcome outcome_;
};

void BucketedDay::take_arrivals() {
  while (const std::optional<double> next = traffic_.next_arrival()) {
    if (waiting_.empty() && running_.empty()) now_ = std::max(now_, *next);
    if (*next > now_) return;
    auto client = std::make_unique<Client>();
    client->request = traffic_.next();
    client->tokens = client->request.prompt;
    prompts_.push_back(client->prompt());
    outcome_.prompt_tokens += client->prompt();
    waiting_.push_back(std::move(client));
  }
}

// The longest boundary that is there with its history and its windows.
bool BucketedDay::start(Client& client) {
  client.hash_tokens();
  const int most = (static_cast<int>(client.tokens.size()) - 1) / kBlockTokens;
  int history = 0;
  while (history < most &&
         pool_.holds(history_key(client.boundary_hash[static_cast<size_t>(history)]))) {
    ++history;
  }
  int usable = history;
  while (usable > 0 &&
         !pool_.holds(checkpoint_key(client.boundary_hash[static_cast<size_t>(usable - 1)]))) {
    --usable;
  }
  BucketPages needed =
      layout_.working_set(static_cast<int>(client.tokens.size()), options_.prefill_rows);
  const int blocks = (static_cast<int>(client.tokens.size()) + kBlockTokens - 1) / kBlockTokens;
  add(needed, layout_.history_block, blocks - usable);
  refused_ = needed;
  if (!pool_.could_take(needed) && !running_.empty()) return false;
  refused_ = {};
  for (int i = 0; i < usable; ++i) {
    client.shared.push_back(history_key(client.boundary_hash[static_cast<size_t>(i)]));
    pool_.retain(client.shared.back());
  }
  if (usable > 0) {  // its windows are used now
    const uint64_t key = checkpoint_key(client.boundary_hash[static_cast<size_t>(usable - 1)]);
    pool_.retain(key);
    pool_.release(key);
  }
  client.length = usable * kBlockTokens;
  if (!client.started) outcome_.cached_tokens += client.length;
  outcome_.recomputed_tokens += std::max(0, client.computed - client.length);
  client.started = true;
  return true;
}

// Pages for the next `rows` tokens.
bool BucketedDay::grow(Client& client, int rows) {
  const int length = client.length + rows;
  const BucketPages wanted = layout_.working_set(length, rows);
  const int64_t blocks = (length + kBlockTokens - 1) / kBlockTokens;
  const int64_t missing =
      blocks - static_cast<int64_t>(client.shared.size()) - client.private_blocks;
  BucketPages more = {};
  BucketPages surplus = {};  // what the last step needed and this one does not
  for (size_t b = 0; b < kBuckets; ++b) {
    more[b] = std::max<int64_t>(0, wanted[b] - client.working[b]);
    surplus[b] = std::max<int64_t>(0, client.working[b] - wanted[b]);
  }
  add(more, layout_.history_block, missing);
  if (!pool_.take(more)) {
    refused_ = more;
    return false;
  }
  pool_.give(surplus);
  client.working = wanted;
  client.private_blocks += missing;
  return true;
}

void BucketedDay::keep_checkpoint(Client& client, int boundary) {
  const uint64_t key =
      checkpoint_key(client.boundary_hash[static_cast<size_t>(boundary / kBlockTokens - 1)]);
  if (pool_.holds(key)) return;
  if (!pool_.take(layout_.checkpoint())) return;
  pool_.insert(key, layout_.checkpoint());
  pool_.release(key);
}

void BucketedDay::commit(Client& client, int rows) {
  const int before = client.length;
  client.length += rows;
  client.computed = std::max(client.computed, client.length);
  outcome_.computed_tokens += rows;
  client.hash_tokens();
  for (int end = (before / kBlockTokens + 1) * kBlockTokens; end <= client.length;
       end += kBlockTokens) {
    const uint64_t key =
        history_key(client.boundary_hash[static_cast<size_t>(end / kBlockTokens - 1)]);
    --client.private_blocks;
    if (pool_.holds(key)) {
      pool_.give(layout_.history_block);
      pool_.retain(key);
    } else {
      pool_.insert(key, layout_.history_block);
    }
    client.shared.push_back(key);
    const int last_of_prompt = (client.prompt() - 1) / kBlockTokens * kBlockTokens;
    if (end == last_of_prompt) keep_checkpoint(client, end);
  }
}

void BucketedDay::let_go(Client& client) {
  // From the end, so that what is evicted first leads to nothing that stays.
  for (const uint64_t key : std::ranges::reverse_view(client.shared)) pool_.release(key);
  client.shared.clear();
  BucketPages pages = client.working;
  add(pages, layout_.history_block, client.private_blocks);
  pool_.give(pages);
  client.working = {};
  client.private_blocks = 0;
  client.length = 0;
}

void BucketedDay::preempt_last() {
  std::unique_ptr<Client> client = std::move(running_.back());
  running_.pop_back();
  let_go(*client);
  waiting_.push_front(std::move(client));
  ++outcome_.preemptions;
}

void BucketedDay::finish(size_t index, bool hung_up) {
  const std::unique_ptr<Client> client = std::move(running_[index]);
  running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(index));
  if (const int boundary = client->length / kBlockTokens * kBlockTokens; boundary > 0) {
    keep_checkpoint(*client, boundary);
  }
  let_go(*client);
  const auto answer = std::span(client->tokens).subspan(static_cast<size_t>(client->prompt()));
  traffic_.answered(client->request.conversation, answer, now_);
  ++(hung_up ? outcome_.hung_up : outcome_.completed);
  const int done = outcome_.completed + outcome_.hung_up;
  if (options_.progress && done % 256 == 0) options_.progress(done);
}

void BucketedDay::run_step() {
  while (!waiting_.empty() && static_cast<int>(running_.size()) < options_.max_running &&
         start(*waiting_.front())) {
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  const SimulatedCosts& costs = options_.costs;
  double seconds = costs.step;
  int rows_left = options_.prefill_rows;
  std::vector<std::pair<Client*, int>> step;
  for (size_t i = 0; i < running_.size(); ++i) {
    Client& client = *running_[i];
    const bool decodes = client.uncomputed() == 1;
    const int rows = decodes ? 1 : std::min(client.uncomputed(), rows_left);
    if (rows == 0) continue;
    bool fits = grow(client, rows);
    while (!fits && i + 1 < running_.size()) {
      preempt_last();
      fits = grow(client, rows);
    }
    if (!fits) break;  // the last of them waits for the others, or makes way below
    rows_left -= decodes ? 0 : rows;
    seconds += rows * (decodes ? costs.decode_row : costs.prefill_row) +
               costs.context_row * rows * (client.length + 0.5 * (rows - 1));
    step.emplace_back(&client, rows);
  }
  if (step.empty() && running_.size() > 1) preempt_last();
  now_ += seconds;
  busy_seconds_ += seconds;
  running_seconds_ += seconds * static_cast<double>(running_.size());
  waiting_seconds_ += seconds * static_cast<double>(waiting_.size());
  for (const auto& [client, rows] : step) {
    commit(*client, rows);
    if (client->uncomputed() > 0) continue;
    client->tokens.push_back(static_cast<int32_t>(client->hash % kVocab));
    ++outcome_.answer_tokens;
  }
  for (size_t i = running_.size(); i-- > 0;) {
    const Client& client = *running_[i];
    const bool hung_up =
        client.request.hang_up_after > 0 && client.answered() >= client.request.hang_up_after;
    if (hung_up || client.answered() >= client.request.answer_tokens) finish(i, hung_up);
  }
}

void BucketedDay::look(double seconds) {
  const auto all = static_cast<double>(pool_.capacity_bytes());
  // Shared history is full blocks; what their pages are larger than their entries is waste as well,
  // but whoever shares them should not count it twice: only what is private is looked at.
  double waste = 0;
  for (const auto& client : running_) {
    BucketPages pages = client->working;
    add(pages, layout_.history_block, client->private_blocks);
    const int in_private = client->length - static_cast<int>(client->shared.size()) * kBlockTokens;
    const double live =
        static_cast<double>(layout_.live_bytes(client->length)) +
        static_cast<double>(layout_.history_block_bytes) * in_private / kBlockTokens;
    waste += static_cast<double>(layout_.bytes(pages)) - live;
  }
  const double padding = 1 - static_cast<double>(layout_.history_block_bytes) /
                                 static_cast<double>(layout_.bytes(layout_.history_block));
  std::set<uint64_t> shared;
  for (const auto& client : running_) shared.insert(client->shared.begin(), client->shared.end());
  waste += padding * static_cast<double>(shared.size()) *
           static_cast<double>(layout_.bytes(layout_.history_block));
  used_.add(pool_.used_share(), seconds);
  waste_.add(std::max(0.0, waste) / all, seconds);
  fragmented_.add(waiting_.empty() ? 0 : pool_.stranded_share(refused_), seconds);
}

CacheOutcome BucketedDay::run() {
  while (true) {
    take_arrivals();
    if (waiting_.empty() && running_.empty()) {
      if (!traffic_.next_arrival()) break;
      continue;
    }
    run_step();
    if (now_ - looked_ >= kSampleSeconds) {
      look(now_ - looked_);
      looked_ = now_;
    }
  }
  outcome_.requests = traffic_.issued();
  outcome_.seconds = now_;
  outcome_.mean_running = running_seconds_ / busy_seconds_;
  outcome_.mean_waiting = waiting_seconds_ / busy_seconds_;
  std::sort(prompts_.begin(), prompts_.end());
  outcome_.median_prompt = prompts_[prompts_.size() / 2];
  outcome_.longest_prompt = prompts_.back();
  outcome_.evicted_blocks = pool_.evictions();
  outcome_.used = used_.result();
  outcome_.waste = waste_.result();
  outcome_.fragmented = fragmented_.result();
  return outcome_;
}

}  // namespace

BucketedLayout BucketedLayout::of(const ModelConfig& config) {
  const auto count = [&](LayerKind kind) {
    return std::count(config.layer_kinds.begin(), config.layer_kinds.end(), kind);
  };
  const int64_t csa = count(LayerKind::kCsa);
  const int64_t hca = count(LayerKind::kHca);
  const auto windows = static_cast<int64_t>(config.layer_kinds.size()) + 1;  // the MTP block's
  constexpr int64_t kIndexKeyBytes = 132;
  const int64_t head = config.head_dim;
  const int64_t index = config.index_head_dim;
  return {.history_block = {csa, csa, hca},
          .window_block = {windows, 0, 0},
          .csa_state_block = {csa, csa, 0},
          .hca_state_block = {hca, 0, 0},
          .history_block_bytes = csa * (kBlockTokens / 4) * (kEntryBytes + kIndexKeyBytes) +
                                 hca * (kBlockTokens / 128) * kEntryBytes,
          .window_token_bytes = windows * kEntryBytes,
          .csa_state_token_bytes = csa * (4 * head + 4 * index) * 4,
          .hca_state_token_bytes = hca * 2 * head * 4};
}

BucketPages BucketedLayout::working_set(int length, int rows) const {
  BucketPages pages = {};
  const int most = std::min(length, rows);
  add(pages, window_block, blocks_touched(length, most, kWindow, kWindowBlock));
  add(pages, csa_state_block, blocks_touched(length, most, kCsaWindow, kCsaBlock));
  add(pages, hca_state_block, blocks_touched(length, most, kWindow, kHcaBlock));
  return pages;
}

BucketPages BucketedLayout::checkpoint() const {
  BucketPages pages = {};
  add(pages, window_block, kWindow / kWindowBlock);
  add(pages, csa_state_block, kCsaWindow / kCsaBlock);
  add(pages, hca_state_block, kWindow / kHcaBlock);
  return pages;
}

int64_t BucketedLayout::bytes(const BucketPages& pages) const {
  int64_t bytes = 0;
  for (size_t b = 0; b < kBuckets; ++b) bytes += pages[b] * page_bytes[b];
  return bytes;
}

int64_t BucketedLayout::live_bytes(int length) const {
  return std::min(length, kWindow) * (window_token_bytes + hca_state_token_bytes) +
         std::min(length, kCsaWindow) * csa_state_token_bytes;
}

CacheOutcome simulate_bucketed_cache(const ModelConfig& config,
                                     const CacheSimulationOptions& options) {
  const BucketedLayout layout = BucketedLayout::of(config);
  BucketPages longest = layout.working_set(kLongestRequest, options.prefill_rows);
  add(longest, layout.history_block, kLongestRequest / kBlockTokens);
  // Buckets are made for usual lengths; a long request needs one of them above the average.
  check_pool_bytes(options, 3 * layout.bytes(longest) / 2);
  return BucketedDay(config, options).run();
}

}  // namespace hadal
