#include "measure/metrics/request_figures.h"

#include "measure/metrics/plausible_time.h"

namespace hadal {
namespace {

// From one instant to a later one; none where either is missing, or their order is impossible.
std::optional<double> span_of(std::optional<double> from, std::optional<double> to) {
  if (!from || !to || !plausible_time(*from) || !plausible_time(*to)) return std::nullopt;
  if (*to < *from) return std::nullopt;
  return *to - *from;
}

// The instants that are known, in the order in which they can only come.
bool in_order(const RequestRecord& r) {
  double before = r.sent;
  if (!plausible_time(before)) return false;
  const auto follows = [&before](std::optional<double> instant) {
    if (!instant) return true;
    if (!plausible_time(*instant) || *instant < before) return false;
    before = *instant;
    return true;
  };
  if (!follows(r.first_token)) return false;
  if (!follows(r.first_answer_token)) return false;
  if (!follows(r.last_token)) return false;
  if (!follows(r.ended)) return false;
  return !r.headers || (*r.headers >= r.sent && *r.headers <= r.ended);
}

}  // namespace

RequestFigures figures_of(const RequestRecord& request) {
  RequestFigures out;
  out.schedule_delay = span_of(request.planned, request.sent);
  if (request.outcome != RequestOutcome::kOk) return out;
  out.inconsistent = !in_order(request);
  if (out.inconsistent) return out;

  const std::optional<double> sent = request.sent;
  const std::optional<double> last = request.last_token ? request.last_token : request.ended;
  out.ttft = span_of(sent, request.first_token);
  out.ttft_answer = span_of(sent, request.first_answer_token);
  out.ttft_from_plan = span_of(request.planned, request.first_token);
  out.e2e = span_of(sent, last);
  out.e2e_from_plan = span_of(request.planned, last);
  out.headers_delay = span_of(sent, request.headers);

  const int64_t tokens = request.output_tokens.value_or(0);
  out.no_tokens_told = !request.output_tokens;
  out.one_token = tokens == 1;
  if (tokens >= 1 && out.e2e) out.e2e_per_output_token = *out.e2e / static_cast<double>(tokens);
  if (tokens >= 2) {
    const std::optional<double> span = span_of(request.first_token, request.last_token);
    out.in_one_piece = span == 0.0;
    if (span && *span > 0) out.tpot = *span / static_cast<double>(tokens - 1);
  }
  return out;
}

std::optional<double> gap_between(const TokenStamp& event, const TokenStamp& next) {
  return span_of(event.seconds, next.seconds);
}

bool meets(const ServiceObjective& objective, const RequestRecord& request,
           const RequestFigures& figures) {
  if (request.outcome != RequestOutcome::kOk || figures.inconsistent) return false;
  bool all = true;
  int judged = 0;
  const auto judge = [&](std::optional<double> threshold, std::optional<double> value) {
    if (!threshold) return;
    ++judged;
    all = all && value && *value <= *threshold;
  };
  judge(objective.ttft, request.planned ? figures.ttft_from_plan : figures.ttft);
  judge(objective.ttft_answer, figures.ttft_answer);
  judge(objective.e2e, request.planned ? figures.e2e_from_plan : figures.e2e);
  if (!figures.one_token) judge(objective.tpot, figures.tpot);
  return all && judged > 0;
}

}  // namespace hadal
