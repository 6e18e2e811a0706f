#include "base/leftovers.h"

#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

namespace hadal {
namespace {

struct Registry {
  std::mutex mutex;
  std::list<std::function<void()>> entries;
};

// Never destroyed: the thread that waits for signals may still need it while the program ends.
Registry& registry() {
  static auto* const kept = new Registry;
  return *kept;
}

// Others may still be putting files there.
void remove_directory(const std::filesystem::path& path) {
  constexpr int kTries = 10;
  for (int i = 0; i < kTries; ++i) {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (!error) return;
  }
}

}  // namespace

Leftover::Leftover(const std::function<void()>& make, std::function<void()> take_back) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  entry_ = all.entries.insert(all.entries.begin(), std::move(take_back));
  try {
    make();
  } catch (...) {
    all.entries.erase(entry_);
    throw;
  }
}

Leftover::~Leftover() {
  if (!registered_) return;
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  all.entries.erase(entry_);
}

void Leftover::keep(const std::function<void()>& finish) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  finish();
  all.entries.erase(entry_);
  registered_ = false;
}

void take_back_leftovers() {
  Registry& all = registry();
  all.mutex.lock();  // and never unlocked
  for (const std::function<void()>& take_back : all.entries) take_back();
}

ScratchDirectory::ScratchDirectory(const std::filesystem::path& parent, std::string_view prefix)
    : leftover_(
          [&] {
            std::string name = (parent / (std::string(prefix) + "XXXXXX")).string();
            if (::mkdtemp(name.data()) == nullptr) {
              throw std::filesystem::filesystem_error(
                  "cannot make a directory", parent,
                  std::error_code(errno, std::generic_category()));
            }
            path_ = name;
          },
          [this] { remove_directory(path_); }) {}

ScratchDirectory::~ScratchDirectory() { remove_directory(path_); }

}  // namespace hadal
