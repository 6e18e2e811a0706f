// What must not stay behind when a signal ends the program: temporary files and directories, a
// terminal in an editor's mode. Whoever makes such a thing registers how it is taken back. Catches
// no signals itself (cli/stop_signals.h) and does nothing at an ordinary end, where destructors do.
#pragma once

#include <filesystem>
#include <functional>
#include <list>
#include <string_view>

namespace hadal {

class Leftover {
 public:
  // Calls `make`; when it returns, `take_back` is registered, and no end by a signal comes between
  // the two. `take_back` may be called on another thread at any later time; it must not throw and
  // must not make, keep or drop a Leftover. What `make` throws passes through.
  Leftover(const std::function<void()>& make, std::function<void()> take_back);
  // Forgets it; the thing itself is its owner's.
  ~Leftover();
  Leftover(const Leftover&) = delete;
  Leftover& operator=(const Leftover&) = delete;

  // Calls `finish`, which makes a lasting thing of it, and forgets it.
  void keep(const std::function<void()>& finish);

 private:
  std::list<std::function<void()>>::iterator entry_;
  bool registered_ = true;
};

// Takes everything back, the newest first. For a thread that ends the program next: whoever makes,
// keeps or drops a Leftover after this waits for that end.
void take_back_leftovers();

// A new directory that goes with this object, and with the program when a signal ends it.
class ScratchDirectory {
 public:
  // `parent`/`prefix`XXXXXX, for its owner only. Throws std::filesystem::filesystem_error.
  ScratchDirectory(const std::filesystem::path& parent, std::string_view prefix);
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  Leftover leftover_;
};

}  // namespace hadal
