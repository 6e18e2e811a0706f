#include "engine/speculation.h"

#include <array>
#include <charconv>
#include <fmt/format.h>
#include <utility>

#include "base/error.h"

namespace hadal {
namespace {

constexpr std::array<std::pair<std::string_view, SpeculationKind>, 5> kNames = {{
    {"auto", SpeculationKind::kAuto},
    {"off", SpeculationKind::kOff},
    {"mtp", SpeculationKind::kMtp},
    {"dspark", SpeculationKind::kDspark},
    {"lookup", SpeculationKind::kLookup},
}};

bool takes_number(SpeculationKind kind) {
  return kind != SpeculationKind::kAuto && kind != SpeculationKind::kOff;
}

}  // namespace

std::string_view speculation_name(SpeculationKind kind) {
  for (const auto& [name, named] : kNames) {
    if (named == kind) return name;
  }
  return "?";
}

std::string speculation_text(const Speculation& speculation) {
  std::string text(speculation_name(speculation.kind));
  if (speculation.drafts > 0) text += ":" + std::to_string(speculation.drafts);
  return text;
}

Speculation parse_speculation(std::string_view text, const std::string& where) {
  const size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  for (const auto& [known, kind] : kNames) {
    if (known != name) continue;
    if (colon == std::string_view::npos) return {.kind = kind};
    if (!takes_number(kind)) break;
    const std::string_view digits = text.substr(colon + 1);
    int drafts = 0;
    const auto [rest, fault] =
        std::from_chars(digits.data(), digits.data() + digits.size(), drafts);
    if (fault != std::errc() || rest != digits.data() + digits.size() || drafts < 1 ||
        drafts > kMostDrafts) {
      break;
    }
    return {.kind = kind, .drafts = drafts};
  }
  constexpr size_t kShown = 40;
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = where,
               .what = "is " + printable(text, kShown),
               .remedy = fmt::format("give auto, off, mtp, dspark or lookup; the last three with "
                                     ":1 to :{} for so many guesses in every step",
                                     kMostDrafts)});
}

}  // namespace hadal
