#include "plan/speculation.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>

#include "base/error.h"

namespace hadal {
namespace {

constexpr int kMostDrafts = 8;
constexpr std::array<double, kMostDrafts + 1> kMtp = {1,    1.79, 2.27, 2.49, 2.54,
                                                      2.55, 2.55, 2.54, 2.58};
constexpr std::array<double, kMostDrafts + 1> kDspark = {1,    1.84, 2.51, 3.01, 3.36,
                                                         3.61, 3.77, 3.73, 3.47};

[[noreturn]] void refuse(std::string_view text, const std::string& what) {
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = "--speculation " + printable(text),
               .what = what,
               .remedy = "write none, mtp3, dspark5, mtp3:2.49 (tokens a step) or "
                         "dspark3:0.58,0.45,0.32 (acceptance by position)"});
}

double number(std::string_view whole, std::string_view text) {
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
    refuse(whole, "holds '" + printable(text) + "', which is no number");
  }
  return value;
}

}  // namespace

double golden_acceptance(AssumedDrafter kind, int drafts) {
  const auto place = static_cast<size_t>(std::clamp(drafts, 0, kMostDrafts));
  if (kind == AssumedDrafter::kNone) return 1;
  return (kind == AssumedDrafter::kMtp ? kMtp : kDspark)[place];
}

AssumedSpeculation parse_speculation(std::string_view text) {
  if (text == "none" || text.empty()) return {};
  AssumedSpeculation speculation;
  const std::string_view name = text.substr(0, text.find(':'));
  const bool mtp = name.starts_with("mtp");
  if (!mtp && !name.starts_with("dspark")) refuse(text, "is no speculation that is known");
  speculation.kind = mtp ? AssumedDrafter::kMtp : AssumedDrafter::kDspark;
  const std::string_view digits = name.substr(mtp ? 3 : 6);
  constexpr int kUsualMtp = 3;
  constexpr int kUsualBlock = 5;
  const double drafts = digits.empty() ? (mtp ? kUsualMtp : kUsualBlock) : number(text, digits);
  if (!(drafts >= 1 && drafts <= kMostDrafts) || drafts != static_cast<int>(drafts)) {
    refuse(text, "must propose 1 to 8 drafts");
  }
  speculation.drafts = static_cast<int>(drafts);
  if (text.find(':') == std::string_view::npos) {
    speculation.tokens_per_step = golden_acceptance(speculation.kind, speculation.drafts);
    speculation.adapts = speculation.kind == AssumedDrafter::kDspark;
    speculation.source = "InferenceX golden acceptance, coding, 2026";
    return speculation;
  }
  speculation.source = "given";
  std::string_view rest = text.substr(text.find(':') + 1);
  if (rest.find(',') == std::string_view::npos) {
    speculation.tokens_per_step = number(text, rest);
    if (!(speculation.tokens_per_step >= 1 && speculation.tokens_per_step <= drafts + 1)) {
      refuse(text, "must yield 1 to one more than the drafts");
    }
    return speculation;
  }
  double survives = 1;
  double tokens = 1;
  int positions = 0;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(','));
    const double accepted = number(text, one);
    if (!(accepted >= 0 && accepted <= 1)) refuse(text, "acceptances lie between 0 and 1");
    survives *= accepted;
    tokens += survives;
    ++positions;
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
  }
  if (positions != speculation.drafts) refuse(text, "needs one acceptance for each draft");
  speculation.tokens_per_step = tokens;
  return speculation;
}

}  // namespace hadal
