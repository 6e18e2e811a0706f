#include "server/metrics.h"

#include "engine/engine.h"
#include "server/metrics_text.h"

namespace hadal {
namespace {

using Type = MetricsText::Type;

int64_t wide(uint64_t value) { return static_cast<int64_t>(value); }
int64_t wide(int value) { return value; }

void write_requests(MetricsText& text, const EngineStatistics& s) {
  text.counter("hadal_requests_accepted_total", s.requests, "Requests that entered the queue.");
  text.counter("hadal_requests_refused_total", s.refused, "Requests that found the queue full.");
  text.begin("hadal_requests_ended_total", Type::kCounter, "Requests by how they ended.");
  text.sample(s.completed, {{"how", "completed"}});
  text.sample(s.cancelled, {{"how", "cancelled"}});
  text.sample(s.expired, {{"how", "expired"}});
  text.sample(s.failed - s.expired, {{"how", "failed"}});
  text.gauge("hadal_requests_running", wide(s.running), "Requests computed together.");
  text.gauge("hadal_requests_waiting", wide(s.waiting), "Requests in the queue.");
  text.histogram("hadal_queue_seconds", s.queue_times, "From arrival to the first step.");
  text.histogram("hadal_first_token_seconds", s.first_token_times,
                 "From arrival to the first token.");
  text.histogram("hadal_request_seconds", s.request_times, "From arrival to the end.");
}

void write_tokens(MetricsText& text, const EngineStatistics& s) {
  text.counter("hadal_prompt_tokens_total", s.prompt_tokens,
               "Tokens of prompts that were computed.");
  text.counter("hadal_cached_tokens_total", s.cached_tokens,
               "Tokens of prompts that were found in the cache.");
  text.counter("hadal_generated_tokens_total", s.generated_tokens, "Tokens of answers.");
  text.counter("hadal_preemptions_total", s.preemptions, "Requests that made way for others.");
  text.counter("hadal_recomputed_tokens_total", s.recomputed_tokens,
               "Tokens computed again after their request had made way.");
}

void write_steps(MetricsText& text, const EngineStatistics& s) {
  text.histogram("hadal_step_seconds", s.step_times, "Durations of the engine's steps.");
  text.gauge("hadal_step_seconds_longest", s.longest_step_seconds, "The longest step so far.");
  text.counter("hadal_step_seconds_predicted_total", s.predicted_seconds,
               "What the steps were expected to take.");
  text.counter("hadal_prefill_seconds_total", s.prefill_seconds,
               "What of the steps' durations was for prompts.");
  text.counter("hadal_decode_seconds_total", s.decode_seconds,
               "What of the steps' durations was for answers after their first token.");
  text.counter("hadal_steps_dealt_total", s.dealt_steps,
               "Steps whose requests were dealt to the threads.");
  text.begin("hadal_step_rows_total", Type::kCounter, "Rows of all steps by what they are for.");
  text.sample(s.decode_rows, {{"kind", "decode"}});
  text.sample(s.prefill_rows, {{"kind", "prefill"}});
}

// Named as vLLM names them.
void write_speculation(MetricsText& text, const SpeculationCounts& s) {
  if (s.simulated) {
    text.gauge("hadal_spec_decode_simulated", int64_t{1},
               "Guesses are kept as is wished, not as they are right.");
  }
  text.counter("hadal_spec_decode_num_drafts_total", s.drafts,
               "Times that tokens of a request were guessed and checked.");
  text.counter("hadal_spec_decode_num_draft_tokens_total", s.draft_tokens, "Tokens guessed.");
  text.counter("hadal_spec_decode_num_accepted_tokens_total", s.accepted_tokens,
               "Guessed tokens that were right.");
  text.begin("hadal_spec_decode_num_accepted_tokens_per_pos_total", Type::kCounter,
             "Guessed tokens that were right, by their place in the guess.");
  for (size_t i = 0; i < s.accepted_at.size(); ++i) {
    text.sample(s.accepted_at[i], {{"position", std::to_string(i)}});
  }
  text.counter("hadal_spec_decode_draft_seconds_total", s.draft_seconds,
               "What the model's drafter took, beside the steps.");
  text.begin("hadal_spec_decode_decisions_total", Type::kCounter,
             "Requests and steps for which guesses could be had, by what was decided.");
  text.sample(s.decisions.planned, {{"decision", "pays"}});
  text.sample(s.decisions.declined - s.decisions.probes, {{"decision", "does_not_pay"}});
  text.sample(s.decisions.probes, {{"decision", "probe"}});
  text.counter("hadal_spec_decode_rested_steps_total", s.decisions.rests,
               "Steps that spent nothing on the model's drafter, whose guesses had long not paid.");
}

void write_pool(MetricsText& text, const PoolStatistics& pool) {
  text.gauge("hadal_cache_blocks", wide(pool.capacity), "Blocks of memory of the cache.");
  text.gauge("hadal_cache_blocks_free", wide(pool.free), "Blocks that hold nothing.");
  text.gauge("hadal_cache_blocks_idle", wide(pool.idle),
             "Blocks kept for later requests, that can be evicted.");
  text.begin("hadal_cache_blocks_used", Type::kGauge, "Blocks in use by what they hold.");
  text.sample(wide(pool.used_by(BlockKind::kPage)), {{"kind", "page"}});
  text.sample(wide(pool.used_by(BlockKind::kSlot)), {{"kind", "state"}});
  text.sample(wide(pool.used_by(BlockKind::kImage)), {{"kind", "image"}});
}

void write_prefix(MetricsText& text, const PrefixStatistics& prefix) {
  text.gauge("hadal_prefix_pages", wide(prefix.pages), "Pages that later requests can use.");
  text.gauge("hadal_prefix_images", wide(prefix.images), "States that requests can resume from.");
  text.counter("hadal_prefix_lookups_total", prefix.lookups, "Prompts looked up in the cache.");
  text.counter("hadal_prefix_hits_total", prefix.hits, "Prompts whose beginning was found.");
  text.counter("hadal_prefix_looked_up_tokens_total", prefix.looked_up_tokens,
               "Tokens of prompts looked up.");
  text.counter("hadal_prefix_hit_tokens_total", prefix.hit_tokens, "Tokens of them found.");
  text.counter("hadal_prefix_lost_tokens_total", prefix.lost_tokens,
               "Tokens known, but without a state to resume from.");
  text.begin("hadal_prefix_evicted_total", Type::kCounter, "Evictions by what was evicted.");
  text.sample(prefix.evicted_pages, {{"kind", "page"}});
  text.sample(prefix.evicted_images, {{"kind", "image"}});
}

void write_disk(MetricsText& text, const DiskStatistics& disk) {
  text.gauge("hadal_disk_bytes", wide(disk.bytes), "Bytes of the disk tier.");
  text.gauge("hadal_disk_files", disk.files, "Files of the disk tier.");
  text.gauge("hadal_disk_writing", wide(disk.writing ? 1 : 0),
             "1 while the disk takes writes, 0 after it refused one.");
  text.begin("hadal_disk_operations_total", Type::kCounter, "Files by what happened to them.");
  text.sample(disk.written, {{"what", "written"}});
  text.sample(disk.read, {{"what", "read"}});
  text.sample(disk.dropped_writes, {{"what", "not_written"}});
  text.sample(disk.deleted, {{"what", "deleted"}});
  text.sample(disk.damaged, {{"what", "damaged"}});
}

void write_spill(MetricsText& text, const SpillStatistics& spill) {
  text.gauge("hadal_spill_blocks", wide(spill.capacity), "Blocks that the spill file can hold.");
  text.gauge("hadal_spill_blocks_used", wide(spill.used), "Blocks in the spill file.");
  text.begin("hadal_spill_sequences_total", Type::kCounter,
             "Requests by what the spill file did for them.");
  text.sample(spill.spilled_sequences, {{"what", "spilled"}});
  text.sample(spill.restored_sequences, {{"what", "restored"}});
  text.sample(spill.refused, {{"what", "refused"}});
}

}  // namespace

std::string metrics_text(const EngineStatistics& statistics, const std::string& model,
                         const std::map<int, int64_t>& answers) {
  MetricsText text;
  text.begin("hadal_model_info", Type::kGauge, "The model served; always 1.");
  text.sample(int64_t{1}, {{"model", model}});
  write_requests(text, statistics);
  write_tokens(text, statistics);
  write_steps(text, statistics);
  write_speculation(text, statistics.speculation);
  write_pool(text, statistics.pool);
  write_prefix(text, statistics.prefix);
  if (statistics.disk.has_value()) write_disk(text, *statistics.disk);
  if (statistics.spill.has_value()) write_spill(text, *statistics.spill);
  text.begin("hadal_http_answers_total", Type::kCounter, "HTTP answers by status.");
  for (const auto& [status, count] : answers) {
    text.sample(count, {{"status", std::to_string(status)}});
  }
  return text.take();
}

}  // namespace hadal
