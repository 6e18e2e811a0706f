#include "model/v4/known_answer.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>

namespace hadal {
namespace {

TEST(KnownAnswer, IsSixteenHexadecimalDigitsAndAlwaysTheSame) {
  const std::string digest = known_answer_digest({});
  EXPECT_EQ(digest.size(), 16U);
  EXPECT_EQ(digest.find_first_not_of("0123456789abcdef"), std::string::npos) << digest;
  EXPECT_EQ(known_answer_digest({}), digest);
}

// Whatever changes a bit of a cached key or a logit.
TEST(KnownAnswer, OtherArithmeticGivesAnother) {
  std::set<std::string> digests;
  for (const ActivationPolicy policy :
       {ActivationPolicy::kNone, ActivationPolicy::kFp8, ActivationPolicy::kInt8}) {
    for (const RopeStorage storage : {RopeStorage::kBf16, RopeStorage::kF32}) {
      digests.insert(
          known_answer_digest({.isa = Isa::kRef, .activations = policy, .rope_storage = storage}));
    }
  }
  EXPECT_EQ(digests.size(), 6U);
  if (best_isa() != Isa::kRef) {
    EXPECT_NE(known_answer_digest({.isa = Isa::kRef}), known_answer_digest({.isa = best_isa()}));
  }
}

// The reference is the same on every machine, compiler and level of optimisation. Change the digest
// with the arithmetic, knowingly: what users have cached on disk is lost with it.
TEST(KnownAnswer, OfTheReferenceStands) {
  EXPECT_EQ(known_answer_digest({.isa = Isa::kRef, .activations = ActivationPolicy::kFp8}),
            "a3f3a9bd51ad60ca");
}

}  // namespace
}  // namespace hadal
