#include <algorithm>
#include <list>
#include <unordered_map>

#include "plan/fleet.h"

namespace hadal {
namespace {

class SessionKeeper : public PrefixKeeper {
 public:
  explicit SessionKeeper(double capacity) : capacity_(capacity) {}

  double start(int replica, int64_t session, double tokens) override {
    Store& store = stores_[replica];
    const auto found = store.places.find(session);
    if (found == store.places.end()) return 0;
    store.by_use.splice(store.by_use.begin(), store.by_use, found->second);
    return std::min(tokens, found->second->tokens);
  }
  void finish(int replica, int64_t session, double tokens) override {
    Store& store = stores_[replica];
    const auto found = store.places.find(session);
    if (found != store.places.end()) {
      store.held -= found->second->tokens;
      store.by_use.erase(found->second);
    }
    store.by_use.push_front({session, tokens});
    store.places[session] = store.by_use.begin();
    store.held += tokens;
    while (store.held > capacity_ && !store.by_use.empty()) {
      store.held -= store.by_use.back().tokens;
      store.places.erase(store.by_use.back().session);
      store.by_use.pop_back();
    }
  }
  void lose(int replica) override { stores_.erase(replica); }

 private:
  struct Held {
    int64_t session = 0;
    double tokens = 0;
  };
  struct Store {
    std::list<Held> by_use = {};
    std::unordered_map<int64_t, std::list<Held>::iterator> places = {};
    double held = 0;
  };
  double capacity_;
  std::unordered_map<int, Store> stores_;
};

}  // namespace

std::unique_ptr<PrefixKeeper> session_keeper(double tokens_per_replica) {
  return std::make_unique<SessionKeeper>(tokens_per_replica);
}

}  // namespace hadal
