// The layouts of other engines' pools against figures that these engines printed.
#include "plan/kv_pool.h"

#include <gtest/gtest.h>

#include "base/units.h"

namespace hadal {
namespace {

constexpr PoolLayout kVllm{.kind = PoolKind::kVllm, .index_key_bytes = 132};
constexpr PoolLayout kVllmFp4{.kind = PoolKind::kVllm, .index_key_bytes = 68};
constexpr PoolLayout kVllmUntil22{.kind = PoolKind::kVllm, .index_key_bytes = 132, .packed = false};

// vllm#54703 (0.28.1) prints the group of Flash that decides, #48993 the block of Pro with FP4
// index keys.
TEST(KvPool, VllmsBlocksAreThePublishedOnes) {
  EXPECT_EQ(vllm_block_bytes(load_plan_model("flash"), kVllm, {}), 1002240);
  EXPECT_EQ(vllm_block_bytes(load_plan_model("pro"), kVllmFp4, {}), 1315008);
}

// vllm#42948: a prompt of 32,768 tokens, of which no block was freed, took about 13,440.
TEST(KvPool, VllmsBlocksOfARequest) {
  const double blocks =
      vllm_request_blocks(load_plan_model("flash"), {.rows = 32768, .longest = 32768}, 32768);
  EXPECT_EQ(blocks, 13440 + 4);
}

// vllm#44376 (0.22, Flash, steps of 16,384): 30,000 tokens need 6.66 GiB, 5.44 GiB have room for
// 13,528.
TEST(KvPool, VllmRefusesWhatItRefused) {
  const PlanModel flash = load_plan_model("flash");
  const PoolSetting setting{.rows = 16384};
  const double block = vllm_block_bytes(flash, kVllmUntil22, setting);
  EXPECT_NEAR(vllm_request_blocks(flash, setting, 30000) * block / kGibi, 6.66, 0.005);
  EXPECT_NEAR(vllm_request_blocks(flash, setting, 13528) * block / kGibi, 5.44, 0.005);
}

// A DGX Spark with Flash, 262,144 tokens at most: shorter steps (2,048 rows for 8,224) left 3.91
// GiB more to the pool, whose size went from 290,632 to 1,262,567 tokens.
TEST(KvPool, VllmsTokensFollowTheStep) {
  const PlanModel flash = load_plan_model("flash");
  const auto bytes_of = [&](double rows, double tokens) {
    const PoolSetting setting{.rows = rows, .longest = 262144};
    const double blocks = vllm_request_blocks(flash, setting, setting.longest);
    return tokens / setting.longest * blocks * vllm_block_bytes(flash, kVllm, setting);
  };
  EXPECT_NEAR((bytes_of(2048, 1262567) - bytes_of(8224, 290632)) / kGibi, 3.91, 0.01);
  EXPECT_NEAR(pool_tokens(flash, kVllm, {.rows = 2048, .longest = 262144}, bytes_of(2048, 1262567)),
              1262567, 200);
}

struct SglangLog {
  const char* model;
  PoolLayout layout;
  double window_layers;
  double token_bytes;  // as it printed them
  double pool_gib;     // less the fixed state
  double tokens;
};

// "bytes_per_full_token", "available_bytes" and "full_token" of start-up logs, May to August 2026:
// 0.5.15 on MI355X, 0.5.13 there, Flash with its MTP block on H20 twice and on MI300X, and Flash on
// Ascend in two spreads (pages of 128 there, so twice the ring).
const SglangLog kSglangLogs[] = {
    {"pro", {.window_share = 0.15, .csa_ring = 16}, 0, 13735.04, 0, 0},
    {"pro",
     {.window_share = 0.15, .state_by_token = true, .csa_ring = 16, .hca_ring = 256},
     0,
     32781.44,
     105.08,
     3441920},
    {"flash", {.window_share = 0.1, .state_by_token = true}, 1, 15955.85, 45.78, 3080960},
    {"flash", {.window_share = 0.1, .state_by_token = true}, 1, 15955.85, 19.58, 1317632},
    {"flash",
     {.window_share = 0.8, .state_by_token = true, .csa_ring = 32, .hca_ring = 512},
     1,
     176983.05,
     87.26,
     529408},
    {"flash", {.window_share = 0.1, .csa_ring = 16}, 0, 7705.45, 1.50, 209280},
    {"flash", {.window_share = 0.1, .csa_ring = 16}, 0, 7705.45, 6.12, 852992},
};

TEST(KvPool, SglangsTokensAreWhatItPrinted) {
  for (const SglangLog& log : kSglangLogs) {
    PoolLayout layout = log.layout;
    layout.kind = PoolKind::kSglang;
    layout.index_key_bytes = 132;
    const PlanModel model = load_plan_model(log.model);
    const PoolSetting setting{.window_layers = log.window_layers};
    EXPECT_NEAR(pool_token_bytes(model, layout, setting), log.token_bytes, 0.01);
    if (log.tokens > 0) {
      EXPECT_NEAR(pool_tokens(model, layout, setting, log.pool_gib * kGibi) / log.tokens, 1, 0.003);
    }
  }
}

// ds4 on M2 Ultra, Flash: the KV file of a session grew by 28,188,672 bytes every 2,048 tokens. It
// keeps all in FP32, and 4 bytes for the token itself.
TEST(KvPool, Ds4KeepsFloats) {
  PlanModel flash = load_plan_model("flash");
  for (AttentionGroup& group : flash.groups) {
    group.entry_bytes = flash.head_dim * 4;
    if (group.topk > 0) group.key_bytes = flash.index_dim * 4;
  }
  EXPECT_EQ(2048 * (flash.kv_bytes_per_token() + 4), 28188672);
}

TEST(KvPool, OtherModelsTakeWhatTheirKeysAre) {
  const PlanModel gqa = load_plan_model("gqa");
  EXPECT_FALSE(has_pool_layout(gqa));
  EXPECT_FALSE(has_pool_layout(load_plan_model("v4.1-flash")));
  EXPECT_EQ(pool_request_bytes(gqa, kVllm, {}, 1000), gqa.sequence_bytes(1000));
  EXPECT_EQ(pool_step_bytes(gqa, kVllm, {}), 0);
}

}  // namespace
}  // namespace hadal
