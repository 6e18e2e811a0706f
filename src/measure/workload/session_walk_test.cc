#include "measure/workload/session_walk.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

PlannedRequest waiting_for(std::vector<int> ends, double delay, std::vector<int> sent = {}) {
  return {.after_end = std::move(ends), .after_sent = std::move(sent), .delay = delay};
}

// next() is `place` at `instant`, and it is sent then.
void send_next(SessionWalk& walk, int place, double instant) {
  const std::optional<DueRequest> due = walk.next();
  ASSERT_TRUE(due.has_value());
  EXPECT_EQ(due->place, place);
  EXPECT_DOUBLE_EQ(due->instant, instant);
  walk.sent(place, due->instant);
}

TEST(SessionWalk, ATurnWaitsForTheAnswerBeforeAndThinks) {
  const PlannedSession session{.requests = {waiting_for({}, 0), waiting_for({0}, 2.5)}};
  SessionWalk walk(session, 100);
  send_next(walk, 0, 100);
  EXPECT_FALSE(walk.next().has_value());
  EXPECT_EQ(walk.in_flight(), 1);
  walk.ended(0, 107);
  send_next(walk, 1, 109.5);
  EXPECT_FALSE(walk.done());
  walk.ended(1, 120);
  EXPECT_TRUE(walk.done());
  EXPECT_FALSE(walk.next().has_value());
}

// Two helpers begin after the first answer; the parent goes on when both have ended, a third runs
// beside it.
TEST(SessionWalk, HelpersRunBesideEachOtherAndAreJoined) {
  const PlannedSession session{.requests = {waiting_for({}, 0), waiting_for({0}, 1),
                                            waiting_for({0}, 0.5), waiting_for({0}, 3),
                                            waiting_for({0, 1, 2}, 2)}};
  SessionWalk walk(session, 0);
  send_next(walk, 0, 0);
  walk.ended(0, 10);
  send_next(walk, 2, 10.5);
  send_next(walk, 1, 11);
  send_next(walk, 3, 13);
  walk.ended(1, 30);
  EXPECT_FALSE(walk.next().has_value());
  walk.ended(2, 20);  // told later, though earlier
  send_next(walk, 4, 32);
  walk.ended(4, 33);
  EXPECT_FALSE(walk.done());  // the third helper still runs
  walk.ended(3, 40);
  EXPECT_TRUE(walk.done());
}

TEST(SessionWalk, ARequestMayFollowTheSendingOfAnother) {
  const PlannedSession session{.requests = {waiting_for({}, 0), waiting_for({}, 0.25, {0})}};
  SessionWalk walk(session, 5);
  send_next(walk, 0, 5);
  send_next(walk, 1, 5.25);
  EXPECT_EQ(walk.in_flight(), 2);
}

}  // namespace
}  // namespace hadal
