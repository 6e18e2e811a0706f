#include "text/character_classes.h"

#include <algorithm>
#include <map>
#include <utility>

namespace hadal {
namespace {

struct Run {
  char32_t first;  // up to the next run
  size_t number;
};

// Splits what `set` splits. Numbers stay dense: each class that is split gives its members in the
// set a new one.
std::vector<Run> split(const std::vector<Run>& runs, const CodePointSet& set, size_t& classes) {
  std::vector<Run> finer;
  std::vector<bool> has_outside(classes);
  std::vector<bool> has_inside(classes);
  std::vector<std::pair<Run, bool>> pieces;
  size_t range = 0;
  for (size_t r = 0; r < runs.size(); ++r) {
    const char32_t end = r + 1 < runs.size() ? runs[r + 1].first : kLastCodePoint + 1;
    for (char32_t c = runs[r].first; c < end;) {
      while (range < set.ranges().size() && set.ranges()[range].last < c) ++range;
      const bool is_inside = range < set.ranges().size() && set.ranges()[range].first <= c;
      pieces.push_back({{c, runs[r].number}, is_inside});
      (is_inside ? has_inside : has_outside)[runs[r].number] = true;
      char32_t next = kLastCodePoint + 1;
      if (range < set.ranges().size()) {
        next = is_inside ? set.ranges()[range].last + 1 : set.ranges()[range].first;
      }
      c = std::min(next, end);
    }
  }
  std::vector<size_t> inside_number(classes);
  const size_t before = classes;
  for (size_t number = 0; number < before; ++number) {
    inside_number[number] = has_inside[number] && has_outside[number] ? classes++ : number;
  }
  for (const auto& [run, is_inside] : pieces) {
    const size_t number = is_inside ? inside_number[run.number] : run.number;
    if (finer.empty() || finer.back().number != number) finer.push_back({run.first, number});
  }
  return finer;
}

}  // namespace

std::optional<CharacterClasses> CharacterClasses::make(std::span<const CodePointSet> sets) {
  std::vector<Run> runs = {{0, 0}};
  size_t classes = 1;
  for (const CodePointSet& set : sets) {
    runs = split(runs, set, classes);
    if (classes > kMaxClasses) return std::nullopt;
  }

  CharacterClasses result;
  std::map<std::string, uint32_t> starts;
  std::string page(kPageSize, 0);
  size_t run = 0;
  for (char32_t first = 0; first <= kLastCodePoint; first += kPageSize) {
    for (size_t filled = 0; filled < kPageSize;) {
      while (run + 1 < runs.size() && runs[run + 1].first <= first + filled) ++run;
      const size_t left = run + 1 < runs.size() ? runs[run + 1].first - first : kPageSize;
      const size_t end = std::min(left, kPageSize);
      page.replace(filled, end - filled, end - filled, static_cast<char>(runs[run].number));
      filled = end;
    }
    const auto start = static_cast<uint32_t>(result.pages_.size());
    const auto [known, is_new] = starts.emplace(page, start);
    if (is_new) result.pages_.insert(result.pages_.end(), page.begin(), page.end());
    result.page_starts_.push_back(known->second);
  }

  std::vector<char32_t> example(classes);
  for (const Run& r : runs) example[r.number] = r.first;
  for (const CodePointSet& set : sets) {
    std::vector<uint8_t>& members = result.members_.emplace_back();
    for (size_t number = 0; number < classes; ++number) {
      if (set.contains(example[number])) members.push_back(static_cast<uint8_t>(number));
    }
  }
  return result;
}

void CharacterClasses::classify(std::u32string_view text, std::string& classes) const {
  classes.resize(text.size());
  for (size_t i = 0; i < text.size(); ++i) classes[i] = static_cast<char>(class_of(text[i]));
}

}  // namespace hadal
