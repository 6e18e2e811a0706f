#include "measure/client/sse_reader.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "base/error.h"

namespace hadal {
namespace {

// The events of `text`, fed in pieces of `step` bytes.
std::vector<std::string> events_of(std::string_view text, size_t step) {
  SseReader reader;
  std::vector<std::string> events;
  for (size_t i = 0; i < text.size(); i += step) {
    reader.feed(text.substr(i, step), [&](std::string_view data) { events.emplace_back(data); });
  }
  return events;
}

using Events = std::vector<std::string>;

TEST(SseReader, CutsTheSameEventsWhateverThePieces) {
  const std::string text =
      "\xef\xbb\xbf"
      "data: one\n\n: a comment\n\ndata:two\ndata\ndata: three\r\n\r\nevent: x\rid: 4\rdata: "
      "four\r\rdatum: no\n\n\n\ndata:  two blanks\n\n";
  const Events expected = {"one", "two\n\nthree", "four", " two blanks"};
  for (size_t step = 1; step <= text.size(); ++step) {
    EXPECT_EQ(events_of(text, step), expected) << step;
  }
}

TEST(SseReader, AnEventWithoutItsEndIsARest) {
  SseReader reader;
  const auto ignore = [](std::string_view) {};
  reader.feed("data: whole\n\n", ignore);
  EXPECT_FALSE(reader.has_rest());
  reader.feed("data: cut\n", ignore);
  EXPECT_TRUE(reader.has_rest());
  reader.reset();
  EXPECT_FALSE(reader.has_rest());
  reader.feed("da", ignore);
  EXPECT_TRUE(reader.has_rest());
}

TEST(SseReader, EventsWithoutEndAreRefused) {
  SseReader reader;
  const auto ignore = [](std::string_view) {};
  const std::string piece(size_t{1} << 20, 'x');
  reader.feed("data: ", ignore);
  const auto flood = [&] {
    for (int i = 0; i < 100; ++i) reader.feed(piece, ignore);
  };
  EXPECT_THROW(flood(), Error);
}

}  // namespace
}  // namespace hadal
