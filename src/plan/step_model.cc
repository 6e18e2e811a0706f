#include "plan/step_model.h"

#include <algorithm>
#include <cmath>

#include "base/units.h"

namespace hadal {
namespace {

// Cached entries that a row at `depth` reads.
double entries_seen(const AttentionGroup& group, double depth) {
  double seen = group.window > 0 ? std::min<double>(group.window, depth + 1) : 0;
  if (group.ratio > 0) {
    const double complete = (depth + 1) / group.ratio;
    seen += group.topk > 0 ? std::min(group.topk, complete) : complete;
  }
  return seen;
}

// Values that elementwise kernels move for one row of a layer. Residual streams twice a layer
// ((4n + 4) d each, paper); queries and outputs about three times each way; expert rows.
double whole_vector_bytes(const PlanModel& model) {
  constexpr double kBytes = 2;
  const double streams = model.streams > 1 ? 2 * (4.0 * model.streams + 4) : 8;
  return streams * model.hidden * kBytes;
}

double split_vector_bytes(const PlanModel& model) {
  constexpr double kPasses = 6;
  constexpr double kBytes = 2;
  return kPasses * model.heads * model.head_dim * kBytes +
         model.topk_experts * (2.0 * model.hidden + 3.0 * model.expert_width) * kBytes;
}

class StepClock {
 public:
  StepClock(const StepSetting& setting, const StepLoad& load)
      : s_(setting), load_(load), family_(setting.device.family) {}

  StepTime run() {
    const PlanModel& model = s_.model;
    decode_rows_ = load_.sequences * load_.rows_per_sequence;
    prefill_rows_ = load_.prefill_rows / std::max(1, s_.spread.cp);
    rows_ = decode_rows_ + prefill_rows_;
    expert_rows_ = load_.expert_rows > 0 ? load_.expert_rows
                                         : s_.spread.dp * (decode_rows_ + load_.prefill_rows);
    if (rows_ <= 0 && expert_rows_ <= 0) return {};
    for (const AttentionGroup& group : model.groups) {
      const double share = layer_share(group);
      add_dense(group, share);
      add_experts(group.layers * share);
      add_attention(group, share);
      add_vector(group.layers * share);
      add_collectives(group, group.layers * share);
      time_[TimePart::kFloor] +=
          group.layers * share * s_.floor_factor *
          (share_of(Constant::kLayerFloor) * kMicro + kLoopsOfALayer * s_.device.join_s);
    }
    add_head(load_.sequences * load_.rows_per_sequence);
    add_drafts();
    time_[TimePart::kHost] +=
        share_of(Constant::kHostGap) * kMilli * std::min(1.0, s_.floor_factor);
    if (decode_rows_ > 0) {
      time_[TimePart::kHost] += (s_.spread.pp - 1) * share_of(Constant::kStageGap) * kMilli *
                                std::min(1.0, s_.floor_factor);
    }
    if (load_.prefill_rows > 0) {
      time_[TimePart::kHost] +=
          share_of(Constant::kPrefillGap) * kMilli * std::min(1.0, s_.floor_factor);
    }
    for (double& seconds : time_.seconds) seconds *= s_.youth;
    return time_;
  }

 private:
  double share_of(Constant id) const { return s_.constants.get(id, family_); }
  double tp() const { return s_.spread.tp; }
  double head_ranks() const { return s_.spread.head_ranks(); }
  double memory_rate() const { return s_.device.bytes_per_s * share_of(Constant::kMemoryShare); }

  // Of two things that a processor does at once.
  double hidden(double reading, double computing) const {
    return std::min(1.0, share_of(Constant::kReadOverlap)) * std::min(reading, computing);
  }

  // Tiles of few rows are part empty.
  double fullness(double rows) const {
    return std::max(rows, 1e-9) / (std::max(rows, 1e-9) + share_of(Constant::kHalfRows));
  }

  // The same where one row alone has kernels of its own, which stream weights as they come.
  double dense_fullness(double rows) const { return rows <= 1 ? 1 : fullness(rows); }

  // FP4 experts compute at the rate of FP8, or partly at that of FP4 where there is one.
  double expert_rate() const {
    const bool narrow = s_.weights.experts < 0.6;
    const double use = narrow ? std::min(1.0, share_of(Constant::kFp4Use)) : 0;
    return s_.device.fp8_flops + use * (s_.device.fp4_flops - s_.device.fp8_flops);
  }

  // A prompt may pass only the first layers (an encoder); a step with both pays in proportion.
  double layer_share(const AttentionGroup&) const {
    if (s_.model.prefill_layers >= 1 || prefill_rows_ <= 0 || decode_rows_ > 0) return 1;
    return s_.model.prefill_layers;
  }

  void add_dense(const AttentionGroup& group, double share) {
    const LayerColumns columns = layer_columns(s_.model, group);
    const double layers = group.layers * share;
    const double bytes = (columns.fp8_whole + columns.fp8_split / head_ranks()) * s_.weights.dense +
                         2 * (columns.wide_whole + columns.wide_split / head_ranks());
    const auto flops = [&](double whole, double part) {
      return 2 * (whole * rows_ + part * (decode_rows_ / tp() + prefill_rows_ / head_ranks()));
    };
    const double reading = bytes / memory_rate();
    const double gemm =
        flops(columns.fp8_whole, columns.fp8_split) /
        (s_.device.fp8_flops * share_of(Constant::kGemmShare) * dense_fullness(rows_));
    const double wide =
        flops(columns.wide_whole, columns.wide_split) /
        (s_.device.bf16_flops * share_of(Constant::kWideGemmShare) * dense_fullness(rows_));
    time_[TimePart::kWeights] += layers * (reading - hidden(reading, gemm + wide));
    time_[TimePart::kGemm] += layers * gemm;
    time_[TimePart::kWide] += layers * wide;
  }

  // Time of `layers` layers' routed experts: of the drafter's or of the model's.
  double experts_seconds(double layers, double rows, int experts, int picked, double hashed) const {
    if (experts <= 0 || rows <= 0) return 0;
    const double ranks = s_.spread.ranks();
    const double skew = share_of(Constant::kRoutingSkew);
    const double even = distinct_experts(rows, experts, picked, 0);
    const double used =
        hashed * even + (1 - hashed) * distinct_experts(rows, experts, picked, skew);
    const double parameters = 3.0 * s_.model.hidden * s_.model.expert_width;
    const double pairs = rows * picked;
    double imbalance = 1;
    double most = used / ranks;  // of the busiest rank
    if (s_.spread.expert_parallel && ranks > 1) {
      // The busiest rank of few pairs: mean plus a deviation; of many, the routing's own skew.
      const double mean = pairs / ranks;
      imbalance =
          share_of(Constant::kExpertImbalance) + std::sqrt(2 * std::log(ranks) / mean) * 0.5;
      most = std::min({experts / ranks, used, used / ranks + 0.5 * std::sqrt(used / ranks)});
    }
    const double reading = most * parameters * s_.weights.experts / memory_rate();
    const double full = fullness(pairs / std::max(1.0, used));
    const double computing = imbalance * 2 * parameters * pairs / ranks /
                             (expert_rate() * share_of(Constant::kExpertGemmShare) * full);
    return layers * (reading + computing - hidden(reading, computing));
  }

  void add_experts(double layers) {
    const double hashed = s_.model.hash_layers / std::max(1.0, 1.0 * s_.model.layers());
    time_[TimePart::kExperts] +=
        experts_seconds(layers, expert_rows_, s_.model.experts, s_.model.topk_experts, hashed);
  }

  void add_attention(const AttentionGroup& group, double share) {
    const double layers = group.layers * share;
    const double values = s_.model.heads * (s_.model.head_dim + s_.model.value_dim);
    const double seen = entries_seen(group, load_.context);
    const double decode_flops = 2 * values * seen * decode_rows_ / tp();
    const double decode_bytes = group.entry_bytes * seen * decode_rows_;
    const double prefill_flops =
        2 * values * entries_seen(group, load_.prefill_context) * prefill_rows_ / head_ranks();
    time_[TimePart::kAttention] +=
        layers *
        (decode_flops / (s_.device.bf16_flops * share_of(Constant::kDecodeAttentionShare)) +
         decode_bytes / (s_.device.bytes_per_s * share_of(Constant::kGatherShare)) +
         prefill_flops / (s_.device.bf16_flops * share_of(Constant::kPrefillAttentionShare)));
    if (group.topk <= 0) return;
    const double heads = static_cast<double>(s_.model.index_heads) * s_.model.index_dim;
    const auto keys = [&](double depth) { return (depth + 1) / group.ratio; };
    const double flops = 2 * heads *
                         (keys(load_.context) * decode_rows_ / tp() +
                          keys(load_.prefill_context) * prefill_rows_ / head_ranks());
    const double bytes = group.key_bytes * keys(load_.context) * load_.sequences;
    time_[TimePart::kIndexer] +=
        layers * group.scored *
        (flops / (s_.device.fp8_flops * share_of(Constant::kIndexerShare)) + bytes / memory_rate());
  }

  void add_vector(double layers) {
    const double whole = whole_vector_bytes(s_.model);
    const double split = split_vector_bytes(s_.model);
    const auto seconds = [&](double rows, double parts, Constant share) {
      return rows * (whole + split / parts) / (s_.device.bytes_per_s * share_of(share));
    };
    time_[TimePart::kVector] +=
        layers * (seconds(decode_rows_, tp(), Constant::kDecodeVectorShare) +
                  seconds(prefill_rows_, head_ranks(), Constant::kPrefillVectorShare));
  }

  // Bytes that a rank sends at the link's rate: inside a scale-up domain, or partly beyond it.
  double link_seconds(double bytes, int ranks) const {
    const double share = share_of(Constant::kCollectiveShare);
    const double inside = std::min(1.0, static_cast<double>(s_.device.domain) / ranks);
    return (bytes * inside / s_.device.scale_up_bytes +
            bytes * (1 - inside) / s_.device.scale_out_bytes) /
           share;
  }

  // A collective beyond the domain waits for the network as well.
  double latency(int ranks) const {
    const double inside = std::log2(std::max(2, ranks)) / 3;  // 1 for eight
    const double micro = share_of(Constant::kCollectiveLatency) * inside +
                         (ranks > s_.device.domain ? share_of(Constant::kNetworkLatency) : 0);
    return micro * kMicro * std::min(1.0, s_.floor_factor);
  }

  void add_collectives(const AttentionGroup& group, double layers) {
    const int ranks = s_.spread.ranks();
    if (ranks == 1) return;
    constexpr double kBf16 = 2;
    const int cp = s_.spread.cp;
    const double shown = 1 - std::min(1.0, share_of(Constant::kCollectiveOverlap));
    // Rows of several ranks exchanged in full: reduced (once there, once back), or gathered.
    const auto exchange = [&](int among, double bytes) {
      return latency(among) + shown * link_seconds(bytes * (among - 1) / among, among);
    };
    // Experts that lie whole on ranks take each row where it is; in slices, all rows go to all.
    const bool dispatched = s_.spread.dp > 1 || (cp > 1 && s_.spread.expert_parallel);
    double seconds = 0;
    if (head_ranks() > 1) {
      seconds += exchange(s_.spread.head_ranks(), 2 * rows_ * s_.model.hidden * kBf16);
    }
    if (cp > 1) {
      seconds += exchange(cp, s_.spread.cp * prefill_rows_ * row_key_bytes(group));
    }
    if (dispatched) {
      // Dispatch in FP8 and combine in BF16 of each row to the ranks of its experts.
      const double targets = std::min<double>(s_.model.topk_experts, ranks - 1);
      const double bytes = 3 * targets * rows_ / head_ranks() * s_.model.hidden;
      seconds += 2 * latency(ranks) + shown * link_seconds(bytes, ranks);
    } else if (tp() > 1) {
      const double all_rows = decode_rows_ + cp * prefill_rows_;
      seconds += exchange(s_.spread.tp, 2 * all_rows * s_.model.hidden * kBf16);
    }
    time_[TimePart::kCollectives] += layers * seconds;
  }

  // What the ranks of context parallel prefill tell each other of a row: its key, and its part of a
  // compressed entry.
  static double row_key_bytes(const AttentionGroup& group) {
    const double own = group.window > 0 ? group.entry_bytes : 0;
    if (group.ratio <= 0) return own;
    return own + (group.owned * group.entry_bytes + group.scored * group.key_bytes) / group.ratio;
  }

  double head_seconds(double rows) const {
    const double parameters = static_cast<double>(s_.model.vocab) * s_.model.hidden / tp();
    const double reading = 2 * parameters / memory_rate();
    const double computing =
        2 * parameters * rows /
        (s_.device.bf16_flops * share_of(Constant::kWideGemmShare) * dense_fullness(rows));
    return reading + computing - hidden(reading, computing);
  }

  void add_head(double rows) { time_[TimePart::kWide] += head_seconds(std::max(rows, 1.0)); }

  void add_drafts() {
    const PlanModel& model = s_.model;
    if (load_.drafts <= 0 || load_.sequences <= 0 || model.drafter == DrafterKind::kNone) return;
    const LayerColumns columns = layer_columns(model, drafter_layer());
    // MTP: its one layer again for each draft. DSpark: its layers once, over the whole block.
    const bool block = model.drafter == DrafterKind::kDspark;
    const double passes = block ? 1 : load_.drafts;
    const double layers = passes * model.drafter_layers;
    const double rows = load_.sequences * (block ? load_.drafts : 1);
    const double all_rows = rows * s_.spread.dp;
    const double parameters = columns.fp8_whole + columns.fp8_split / tp() +
                              (block ? 0 : 2.0 * model.hidden * model.hidden);
    double seconds =
        layers * (parameters * s_.weights.dense / memory_rate() +
                  2 * parameters * rows / (s_.device.fp8_flops * share_of(Constant::kGemmShare)));
    seconds += experts_seconds(layers, all_rows, model.drafter_experts, model.drafter_topk, 0);
    seconds += layers * rows * (whole_vector_bytes(model) + split_vector_bytes(model) / tp()) /
               (s_.device.bytes_per_s * share_of(Constant::kDecodeVectorShare));
    seconds += layers * share_of(Constant::kLayerFloor) * kMicro * s_.floor_factor;
    // The head at each pass; of a block the Markov head's second matrix at each draft as well.
    seconds += passes * head_seconds(rows);
    if (block) seconds += load_.drafts * 2.0 * model.vocab * 512 / tp() / memory_rate();
    time_[TimePart::kDraft] += seconds;
  }

  const StepSetting& s_;
  const StepLoad& load_;
  DeviceFamily family_;
  double decode_rows_ = 0;
  double prefill_rows_ = 0;
  double rows_ = 0;
  double expert_rows_ = 0;
  StepTime time_;
};

constexpr std::string_view kPartNames[] = {
    "dense weights", "experts",     "dense products", "wide products", "attention", "indexer",
    "elementwise",   "collectives", "launches",       "host",          "drafts"};
static_assert(std::size(kPartNames) == kTimeParts);

}  // namespace

std::string_view time_part_name(TimePart part) { return kPartNames[static_cast<size_t>(part)]; }

double StepTime::total() const {
  double sum = 0;
  for (const double part : seconds) sum += part;
  return sum;
}

TimePart StepTime::longest() const {
  return static_cast<TimePart>(std::max_element(seconds.begin(), seconds.end()) - seconds.begin());
}

StepTime step_time(const StepSetting& setting, const StepLoad& load) {
  return StepClock(setting, load).run();
}

TokenWork token_work(const PlanModel& model, double depth) {
  TokenWork work;
  for (const AttentionGroup& group : model.groups) {
    const LayerColumns columns = layer_columns(model, group);
    const double seen = entries_seen(group, depth);
    work.fp8_flops += group.layers * 2 * (columns.fp8_whole + columns.fp8_split);
    work.wide_flops += group.layers * 2 * (columns.wide_whole + columns.wide_split);
    work.expert_flops +=
        group.layers * 2 * 3.0 * model.hidden * model.expert_width * model.topk_experts;
    work.attention_flops +=
        group.layers * 2 * model.heads * (model.head_dim + model.value_dim) * seen;
    work.attention_bytes += group.layers * group.entry_bytes * seen;
    if (group.topk > 0) {
      const double keys = std::floor((depth + 1) / group.ratio) * group.scored;
      work.indexer_flops += group.layers * 2.0 * model.index_heads * model.index_dim * keys;
      work.index_bytes += group.layers * group.key_bytes * keys;
    }
  }
  work.head_flops = 2.0 * model.vocab * model.hidden;
  return work;
}

}  // namespace hadal
