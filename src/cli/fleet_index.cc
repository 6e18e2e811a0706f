#include "cli/fleet_index.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cache/prefix_index.h"

namespace hadal {
namespace {

constexpr int kUnit = 64;  // tokens that are simulated as one
constexpr int kPageTokens = 256;
constexpr int kPageUnits = kPageTokens / kUnit;
constexpr size_t kBlockBytes = 64;  // nothing is stored in them
constexpr SipKey kSecret = {.low = 1, .high = 2};

int units(double tokens) {
  constexpr double kMost = 1 << 24;
  return static_cast<int>(std::clamp(tokens / kUnit, 0.0, kMost));
}

// Of one replica.
class Store {
 public:
  Store(const CacheGeometry& geometry, int blocks)
      : geometry_(geometry), pool_(kBlockBytes, blocks), index_(pool_, geometry_) {}
  ~Store() { release_all(); }
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  double start(int64_t session, int history) {
    if (history == 0) return 0;
    PrefixChain chain(kSecret, std::to_string(session), geometry_.page_tokens);
    const std::span<const int32_t> tokens = front(history);
    chain.cover(tokens);
    SequenceCache cache;
    const auto started = index_.start(
        {.chain = chain, .tokens = tokens, .limit = history, .reserve_tokens = history}, cache);
    if (!started) return 0;
    running_[session] = std::move(cache);
    return started->match.length * kUnit;
  }

  void finish(int64_t session, int length) {
    SequenceCache cache;
    if (const auto found = running_.find(session); found != running_.end()) {
      cache = std::move(found->second);
      running_.erase(found);
    }
    const int more = blocks_for_sequence(geometry_, length) -
                     static_cast<int>(cache.pages.size() + cache.state_units.size());
    if (length == 0 || !index_.make_room(std::max(0, more)) ||
        !reserve_sequence(pool_, geometry_, length, cache)) {
      release_sequence(pool_, cache);
      return;
    }
    cache.length = length;
    PrefixChain chain(kSecret, std::to_string(session), geometry_.page_tokens);
    const std::span<const int32_t> tokens = front(length);
    chain.cover(tokens);
    index_.keep(chain, tokens, cache);
  }

  void lose() {
    release_all();
    index_.clear();
  }

 private:
  void release_all() {
    for (auto& [session, cache] : running_) release_sequence(pool_, cache);
    running_.clear();
  }

  // The tokens of all sessions are the same numbers; what tells them apart is the chain's salt.
  std::span<const int32_t> front(int length) {
    if (tokens_.size() < static_cast<size_t>(length)) {
      tokens_.resize(static_cast<size_t>(length));
      std::iota(tokens_.begin(), tokens_.end(), 0);
    }
    return std::span<const int32_t>(tokens_).first(static_cast<size_t>(length));
  }

  CacheGeometry geometry_;
  BlockPool pool_;
  PrefixIndex index_;
  std::unordered_map<int64_t, SequenceCache> running_;
  std::vector<int32_t> tokens_;
};

class IndexKeeper : public PrefixKeeper {
 public:
  IndexKeeper(const PlanModel& model, double tokens)
      : geometry_(fleet_geometry(model, kUnit)),
        blocks_(std::max(geometry_.state_units + 1, units(tokens) / kPageUnits)) {}

  double start(int replica, int64_t session, double tokens) override {
    return std::min(tokens, store(replica).start(session, units(tokens)));
  }
  void finish(int replica, int64_t session, double tokens) override {
    store(replica).finish(session, units(tokens));
  }
  void lose(int replica) override { store(replica).lose(); }

 private:
  Store& store(int replica) {
    return stores_.try_emplace(replica, geometry_, blocks_).first->second;
  }

  CacheGeometry geometry_;
  int blocks_;
  std::map<int, Store> stores_;
};

}  // namespace

std::unique_ptr<PrefixKeeper> index_keeper(const PlanModel& model, double tokens_per_replica) {
  return std::make_unique<IndexKeeper>(model, tokens_per_replica);
}

CacheGeometry fleet_geometry(const PlanModel& model, int unit) {
  const double page = kPageTokens * model.kv_bytes_per_token();
  const double state = model.sequence_state_bytes();
  return {.page_tokens = kPageTokens / unit,
          .block_bytes = kBlockBytes,
          .state_units = std::max(1, static_cast<int>(std::ceil(state / page)))};
}

}  // namespace hadal
