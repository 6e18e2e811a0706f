// How much of something, of tokens for one, came in a stretch of time, and in each of equal parts
// of it: from the parts comes the uncertainty of a rate.
#pragma once

#include <vector>

namespace hadal {

// After `begin` and up to `end`, that included: of a window between the ends of two requests the
// second counts and the first does not. Times that no clock can have
// shown are nowhere.
class AmountOverTime {
 public:
  // `end` not before `begin`, both finite; `parts` at least 1.
  AmountOverTime(double begin, double end, int parts);

  void add_at(double seconds, double amount);
  // Evenly between the two; all at `from` where they do not differ.
  void add_evenly(double from, double to, double amount);

  // Of the same stretch in as many parts.
  void add(const AmountOverTime& other);

  double total() const;
  double seconds() const { return end_ - begin_; }
  // Per second, in each part; empty for a stretch without length.
  std::vector<double> rates() const;

 private:
  int part_of(double seconds) const;

  double begin_;
  double end_;
  double part_seconds_;
  std::vector<double> amounts_;
};

}  // namespace hadal
