#include "engine/scheduler.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace hadal {
namespace {

// However dear a row is, a prefill gets on by this many in every step that has it.
constexpr int kLeastRows = 16;
// A first guess: a step within its budget has so many rows of prefill.
constexpr double kGuessedRows = 128;

void insert_in_order(std::vector<std::unique_ptr<Sequence>>& list,
                     std::unique_ptr<Sequence> sequence) {
  const auto place = std::find_if(list.begin(), list.end(),
                                  [&](const auto& other) { return outranks(*sequence, *other); });
  list.insert(place, std::move(sequence));
}

void add_rows(StepShape& shape, const ScheduledRows& rows) {
  const Sequence& sequence = *rows.sequence;
  if (sequence.decodes()) {
    shape.add_decode(rows.all_rows(), sequence.cache.length);
  } else {
    shape.add_prefill(rows.all_rows(), sequence.cache.length);
  }
}

}  // namespace

Scheduler::Scheduler(SequenceMemory& memory, Drafter& drafter, const SchedulerOptions& options)
    : memory_(memory),
      drafter_(drafter),
      options_(options),
      cost_(options.budget_seconds / kGuessedRows, options.experts) {
  HADAL_CHECK(options.max_running > 0 && options.prefill_rows > 0 && options.budget_seconds > 0);
}

Scheduler::~Scheduler() { remove_all(); }

void Scheduler::add(std::unique_ptr<Sequence> sequence) {
  HADAL_CHECK(blocks_for_sequence(memory_.geometry(), sequence->token_limit) <=
              memory_.pool().capacity());
  sequence->arrival = ++arrivals_;
  insert_in_order(waiting_, std::move(sequence));
}

std::vector<ScheduledRows> Scheduler::next_step() {
  while (true) {
    start_waiting();
    if (running_.empty() && !waiting_.empty()) start_alone();
    std::vector<ScheduledRows> step = pick_rows();
    make_room(step);
    if (!step.empty() || running_.empty()) return step;
    memory_.wait_for_room();  // all that run need what is on its way to the disk
  }
}

void Scheduler::start(size_t waiting_index) {
  std::unique_ptr<Sequence> sequence = std::move(waiting_[waiting_index]);
  waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(waiting_index));
  if (sequence->started == std::chrono::steady_clock::time_point{}) {
    sequence->started = std::chrono::steady_clock::now();
  }
  statistics_.recomputed_tokens += std::max(0, sequence->computed_length - sequence->cache.length);
  insert_in_order(running_, std::move(sequence));
}

void Scheduler::start_waiting() {
  using Admission = SequenceMemory::Admission;
  int loading = 0;
  for (size_t i = 0; i < waiting_.size();) {
    Sequence& next = *waiting_[i];
    const bool may_run = running() + loading < options_.max_running;
    const Admission admission =
        may_run ? memory_.admit(next, claimed_blocks(), false) : Admission::kNoRoom;
    const bool room_comes = admission == Admission::kRoomToCome;
    if (admission == Admission::kReady) {
      start(i);
    } else if (admission == Admission::kLoading) {
      ++loading;
      ++i;
    } else if (!room_comes && may_run && unload_behind(next)) {
      continue;
    } else if (!room_comes && !running_.empty() &&
               running_.back()->request.priority < next.request.priority) {
      preempt_last();
      i = 0;
      loading = 0;
    } else {
      break;  // first come, first served: nobody overtakes
    }
  }
}

// What those that run will take before one that starts now is done: the pages of their prompts as
// they fill them, and one more each, lest somebody has to make way again at once.
int Scheduler::claimed_blocks() const {
  int blocks = 0;
  for (const auto& sequence : running_) {
    const int pages = memory_.geometry().pages_for(static_cast<int>(sequence->tokens.size()));
    blocks += 1 + std::max(0, pages - static_cast<int>(sequence->cache.pages.size()));
  }
  return blocks;
}

// Nothing runs: whatever it takes, the first that waits must start.
void Scheduler::start_alone() {
  using Admission = SequenceMemory::Admission;
  Admission admission = memory_.admit(*waiting_.front(), 0, true);
  while (admission == Admission::kRoomToCome && memory_.wait_for_room()) {
    admission = memory_.admit(*waiting_.front(), 0, true);
  }
  if (admission != Admission::kReady) {
    settle_all();
    while (memory_.wait_for_room()) {
    }
    if (memory_.admit(*waiting_.front(), 0, true) != Admission::kReady) {
      memory_.evict_all();
      const Admission last = memory_.admit(*waiting_.front(), 0, true);
      HADAL_CHECK(last == Admission::kReady);
    }
  }
  start(0);
}

void Scheduler::settle_all() {
  for (const auto& sequence : waiting_) memory_.settle(*sequence);
}

StepShape Scheduler::shape_of(const std::vector<ScheduledRows>& step) {
  StepShape shape;
  for (const ScheduledRows& rows : step) add_rows(shape, rows);
  return shape;
}

void Scheduler::divide(const std::vector<ScheduledRows>& step, std::vector<double>& parts) const {
  const StepShape whole = shape_of(step);
  const double all = cost_.predict(whole);
  parts.clear();
  for (const ScheduledRows& rows : step) {
    StepShape part;
    add_rows(part, rows);
    // Where the estimates are nothing, rows count alike.
    parts.push_back(all > 0 ? cost_.predict_part(part, whole) / all
                            : static_cast<double>(part.rows()) / whole.rows());
  }
}

std::vector<ScheduledRows> Scheduler::pick_rows() const {
  StepShape decodes;
  std::vector<const Sequence*> prefills;
  for (const auto& sequence : running_) {
    if (sequence->decodes()) {
      decodes.add_decode(1 + drafter_.expected_drafts(sequence->arrival), sequence->cache.length);
    } else {
      prefills.push_back(sequence.get());
    }
  }
  const std::vector<int> shares =
      share_prefill(prefills, options_.budget_seconds - cost_.predict(decodes));
  std::vector<ScheduledRows> step;
  step.reserve(running_.size());
  size_t next = 0;
  int staged_left = kMostStagedRows;
  int scored_left = kMostScoredRows;
  auto scoring = static_cast<int>(std::ranges::count_if(
      prefills, [](const Sequence* sequence) { return sequence->unscored_tokens() > 0; }));
  for (const auto& sequence : running_) {
    int rows = sequence->decodes() ? 1 : shares[next++];
    if (!sequence->decodes() && sequence->unscored_tokens() > 0) {
      const int share = std::min(scored_left, std::max(1, scored_left / scoring--));
      const int known = static_cast<int>(sequence->prompt_logprobs.size()) - sequence->cache.length;
      rows = std::min(rows, known + share);
      scored_left -= std::max(0, rows - known);
    }
    if (rows == 0) continue;
    step.push_back(cut(*sequence, rows, staged_left));
    add_drafts(step.back());
  }
  return step;
}

// The rows of each of `prefills`, which are in order, in a step that has `seconds` left for them.
std::vector<int> Scheduler::share_prefill(const std::vector<const Sequence*>& prefills,
                                          double seconds) const {
  std::vector<int> shares(prefills.size(), 0);
  if (prefills.empty()) return shares;
  int rows_left = options_.prefill_rows;
  const auto give = [&](size_t i, double allowed, int least) {
    const Sequence& sequence = *prefills[i];
    const int context = sequence.cache.length + shares[i];
    const int wanted = std::min(sequence.uncomputed_tokens() - shares[i], rows_left);
    const int rows = std::max(cost_.rows_within(allowed, context, wanted), std::min(least, wanted));
    StepShape shape;
    shape.add_prefill(rows, context);
    seconds -= cost_.predict(shape) - cost_.predict({});
    shares[i] += rows;
    rows_left -= rows;
  };
  std::vector<size_t> shortest;
  for (size_t i = 1; i < prefills.size(); ++i) shortest.push_back(i);
  std::stable_sort(shortest.begin(), shortest.end(), [&](size_t a, size_t b) {
    return prefills[a]->uncomputed_tokens() < prefills[b]->uncomputed_tokens();
  });
  if (!shortest.empty()) {
    const double kept = seconds / 2;
    const int rows_kept = rows_left / 2;
    rows_left -= rows_kept;
    for (size_t rank = 0; rank < shortest.size(); ++rank) {
      give(shortest[rank], seconds - kept, rank == 0 ? kLeastRows : 0);
    }
    rows_left += rows_kept;
  }
  give(0, seconds, kLeastRows);
  for (size_t i = 1; i < prefills.size(); ++i) give(i, seconds, 0);
  return shares;
}

// As many of the rows as the places of images allow; `staged_left`: what the step may still commit
// in stages.
ScheduledRows Scheduler::cut(Sequence& sequence, int rows, int& staged_left) const {
  const int begin = sequence.cache.length;
  int end = begin + rows;
  for (const int stop : sequence.image_stops) {
    if (stop >= end) break;
    if (end - stop <= std::min(kStagedRows, staged_left)) break;
    end = stop;
  }
  ScheduledRows scheduled{.sequence = &sequence, .rows = end - begin};
  scheduled.samples = end == static_cast<int>(sequence.tokens.size());
  for (const int stop : sequence.image_stops) {
    if (stop > begin && stop <= end) scheduled.image_rows.push_back(stop - begin);
  }
  if (sequence.unscored_tokens() > 0) {
    const int known = static_cast<int>(sequence.prompt_logprobs.size());
    scheduled.scored_rows = std::max(0, std::min(end, sequence.prompt_tokens - 1) - known);
    scheduled.logit_rows = std::max(0, end - known);
  } else if (scheduled.samples) {
    scheduled.logit_rows = 1;
  }
  staged_left -= scheduled.droppable_rows();
  return scheduled;
}

void Scheduler::add_drafts(ScheduledRows& rows) const {
  const Sequence& sequence = *rows.sequence;
  if (!rows.samples) return;
  const int most = std::min(drafter_.most_drafts(), sequence.room_for_drafts());
  if (most <= 0) return;
  rows.drafts =
      drafter_.propose({.sequence = sequence.arrival, .tokens = sequence.tokens, .most = most});
  HADAL_CHECK(rows.draft_rows() <= most);
  rows.logit_rows += rows.draft_rows();
}

// Pages for every row of the step; those that come last make way until there are, and those whose
// pages are yet to come leave the step.
void Scheduler::make_room(std::vector<ScheduledRows>& step) {
  int promised = 0;
  for (size_t i = 0; i < step.size();) {
    Sequence& sequence = *step[i].sequence;
    const int promised_before = promised;
    int tokens = sequence.cache.length + step[i].all_rows();
    SequenceMemory::Growth growth = find_room(sequence, tokens, promised);
    if (growth != SequenceMemory::Growth::kDone && step[i].draft_rows() > 0) {
      // Guesses are not worth that anybody makes way.
      step[i].drop_drafts();
      promised = promised_before;
      tokens = sequence.cache.length + step[i].all_rows();
      growth = find_room(sequence, tokens, promised);
    }
    while (growth == SequenceMemory::Growth::kNoRoom) {
      const Sequence* const last = running_.back().get();
      preempt_last();
      std::erase_if(step, [&](const ScheduledRows& rows) { return rows.sequence == last; });
      if (last == &sequence) return;  // it was the last of the step as well
      growth = find_room(sequence, tokens, promised);
    }
    if (growth == SequenceMemory::Growth::kDone) {
      ++i;
    } else {
      step.erase(step.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
}

// The same for one of them, with what others behind it have no use for yet. kNoRoom only if another
// runs that can make way.
SequenceMemory::Growth Scheduler::find_room(Sequence& sequence, int tokens, int& promised) {
  using Growth = SequenceMemory::Growth;
  Growth growth = memory_.grow(sequence, tokens, promised);
  while (growth == Growth::kNoRoom && unload_behind(sequence)) {
    growth = memory_.grow(sequence, tokens, promised);
  }
  if (growth == Growth::kNoRoom && running_.size() == 1) {
    settle_all();
    growth = memory_.grow(sequence, tokens, promised);
    HADAL_CHECK(growth != Growth::kNoRoom);
  }
  return growth;
}

// Takes the memory of the last sequence that waits behind this one and whose state has come back
// from disk, or is on its way: it goes out again, as those that run would.
bool Scheduler::unload_behind(const Sequence& sequence) {
  for (size_t i = waiting_.size(); i-- > 0 && outranks(sequence, *waiting_[i]);) {
    if (memory_.unload(*waiting_[i])) return true;
  }
  return false;
}

bool Scheduler::preempt_last() {
  if (running_.empty()) return false;
  std::unique_ptr<Sequence> sequence = std::move(running_.back());
  running_.pop_back();
  memory_.suspend(*sequence);
  drafter_.forget(sequence->arrival);
  insert_in_order(waiting_, std::move(sequence));
  ++statistics_.preemptions;
  return true;
}

std::unique_ptr<Sequence> Scheduler::take(Sequences& from, size_t index, bool keep) {
  std::unique_ptr<Sequence> sequence = std::move(from[index]);
  from.erase(from.begin() + static_cast<std::ptrdiff_t>(index));
  memory_.release(*sequence, keep);
  drafter_.forget(sequence->arrival);
  return sequence;
}

std::unique_ptr<Sequence> Scheduler::remove(const Sequence& sequence, bool keep) {
  for (Sequences* list : {&running_, &waiting_}) {
    for (size_t i = 0; i < list->size(); ++i) {
      if ((*list)[i].get() == &sequence) return take(*list, i, keep);
    }
  }
  HADAL_CHECK(!"the sequence belongs to the scheduler");
  return nullptr;
}

template <typename Predicate>
std::vector<std::unique_ptr<Sequence>> Scheduler::remove_if(const Predicate& predicate) {
  std::vector<std::unique_ptr<Sequence>> removed;
  for (Sequences* list : {&running_, &waiting_}) {
    for (size_t i = 0; i < list->size();) {
      if (predicate(*(*list)[i])) {
        removed.push_back(take(*list, i, true));
      } else {
        ++i;
      }
    }
  }
  return removed;
}

std::vector<std::unique_ptr<Sequence>> Scheduler::remove_cancelled() {
  return remove_if(
      [](const Sequence& sequence) { return sequence.cancelled->load(std::memory_order_relaxed); });
}

std::vector<std::unique_ptr<Sequence>> Scheduler::remove_expired(
    std::chrono::steady_clock::time_point now) {
  return remove_if([&](const Sequence& sequence) {
    return sequence.request.deadline && *sequence.request.deadline <= now;
  });
}

std::vector<std::unique_ptr<Sequence>> Scheduler::remove_all() {
  std::vector<std::unique_ptr<Sequence>> removed;
  for (Sequences* list : {&running_, &waiting_}) {
    while (!list->empty()) removed.push_back(take(*list, 0, false));
  }
  return removed;
}

}  // namespace hadal
