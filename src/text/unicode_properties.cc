#include "text/unicode_properties.h"

#include <algorithm>
#include <bitset>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "text/unicode_tables.h"

namespace hadal {
namespace {

using unicode_tables::Category;
using enum unicode_tables::Category;
using Categories = std::bitset<32>;

Categories bits(std::initializer_list<Category> categories) {
  Categories result;
  for (const Category category : categories) result.set(static_cast<size_t>(category));
  return result;
}

const Categories& letter() {
  static const Categories kBits = bits({kLu, kLl, kLt, kLm, kLo});
  return kBits;
}

const Categories& mark() {
  static const Categories kBits = bits({kMn, kMc, kMe});
  return kBits;
}

// By their names as normalise() leaves them.
const std::map<std::string_view, Categories>& category_names() {
  static const std::map<std::string_view, Categories> kNames = [] {
    const Categories cased = bits({kLu, kLl, kLt});
    const Categories number = bits({kNd, kNl, kNo});
    const Categories punctuation = bits({kPc, kPd, kPs, kPe, kPi, kPf, kPo});
    const Categories symbol = bits({kSm, kSc, kSk, kSo});
    const Categories separator = bits({kZs, kZl, kZp});
    const Categories other = bits({kCc, kCf, kCs, kCo, kCn});
    std::map<std::string_view, Categories> names = {
        {"l", letter()},
        {"letter", letter()},
        {"lc", cased},
        {"casedletter", cased},
        {"m", mark()},
        {"mark", mark()},
        {"combiningmark", mark()},
        {"n", number},
        {"number", number},
        {"p", punctuation},
        {"punctuation", punctuation},
        {"s", symbol},
        {"symbol", symbol},
        {"z", separator},
        {"separator", separator},
        {"c", other},
        {"other", other},
        {"assigned", ~bits({kCn})},
    };
    const std::pair<Category, std::array<std::string_view, 2>> kSingle[] = {
        {kLu, {"lu", "uppercaseletter"}},
        {kLl, {"ll", "lowercaseletter"}},
        {kLt, {"lt", "titlecaseletter"}},
        {kLm, {"lm", "modifierletter"}},
        {kLo, {"lo", "otherletter"}},
        {kMn, {"mn", "nonspacingmark"}},
        {kMc, {"mc", "spacingmark"}},
        {kMe, {"me", "enclosingmark"}},
        {kNd, {"nd", "decimalnumber"}},
        {kNl, {"nl", "letternumber"}},
        {kNo, {"no", "othernumber"}},
        {kPc, {"pc", "connectorpunctuation"}},
        {kPd, {"pd", "dashpunctuation"}},
        {kPs, {"ps", "openpunctuation"}},
        {kPe, {"pe", "closepunctuation"}},
        {kPi, {"pi", "initialpunctuation"}},
        {kPf, {"pf", "finalpunctuation"}},
        {kPo, {"po", "otherpunctuation"}},
        {kSm, {"sm", "mathsymbol"}},
        {kSc, {"sc", "currencysymbol"}},
        {kSk, {"sk", "modifiersymbol"}},
        {kSo, {"so", "othersymbol"}},
        {kZs, {"zs", "spaceseparator"}},
        {kZl, {"zl", "lineseparator"}},
        {kZp, {"zp", "paragraphseparator"}},
        {kCc, {"cc", "control"}},
        {kCf, {"cf", "format"}},
        {kCs, {"cs", "surrogate"}},
        {kCo, {"co", "privateuse"}},
        {kCn, {"cn", "unassigned"}},
    };
    for (const auto& [category, spellings] : kSingle) {
      for (const std::string_view spelling : spellings) names[spelling] = bits({category});
    }
    names["cntrl"] = names["cc"];
    names["digit"] = names["nd"];
    names["punct"] = names["p"];
    return names;
  }();
  return kNames;
}

std::string normalise(std::string_view name) {
  std::string result;
  for (const char c : name) {
    if (c == ' ' || c == '-' || c == '_') continue;
    result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return result;
}

CodePointSet of_categories(const Categories& categories) {
  std::vector<CodePointRange> ranges;
  const auto runs = unicode_tables::kCategoryRuns;
  for (size_t i = 0; i < runs.size(); ++i) {
    if (!categories.test(static_cast<size_t>(runs[i].category))) continue;
    ranges.push_back({runs[i].first, i + 1 < runs.size() ? runs[i + 1].first - 1 : kLastCodePoint});
  }
  return CodePointSet(std::move(ranges));
}

std::optional<CodePointSet> of_script(std::string_view normalised) {
  const auto names = unicode_tables::kScriptNames;
  const auto name = std::find_if(names.begin(), names.end(), [&](std::string_view candidate) {
    return normalise(candidate) == normalised;
  });
  if (name == names.end()) return std::nullopt;
  const auto script = static_cast<size_t>(name - names.begin());
  std::vector<CodePointRange> ranges;
  const auto runs = unicode_tables::kScriptRuns;
  for (size_t i = 0; i < runs.size(); ++i) {
    if (runs[i].script != script) continue;
    ranges.push_back({runs[i].first, i + 1 < runs.size() ? runs[i + 1].first - 1 : kLastCodePoint});
  }
  return CodePointSet(std::move(ranges));
}

CodePointSet of_table(std::span<const CodePointRange> ranges) {
  return CodePointSet({ranges.begin(), ranges.end()});
}

CodePointSet lowercase() {
  return set_union(of_categories(bits({kLl})), of_table(unicode_tables::kOtherLowercase));
}

CodePointSet uppercase() {
  return set_union(of_categories(bits({kLu})), of_table(unicode_tables::kOtherUppercase));
}

CodePointSet alphabetic() {
  const CodePointSet cased = set_union(lowercase(), uppercase());
  const CodePointSet others =
      set_union(of_categories(letter() | bits({kNl})), of_table(unicode_tables::kOtherAlphabetic));
  return set_union(cased, others);
}

CodePointSet white_space() { return of_table(unicode_tables::kWhiteSpace); }

CodePointSet graph() {
  return set_union(white_space(), of_categories(bits({kCc, kCs, kCn}))).complement();
}

// What no category is, as Oniguruma has it.
std::optional<CodePointSet> derived(std::string_view name) {
  if (name == "any") return CodePointSet({{0, kLastCodePoint}});
  if (name == "ascii") return CodePointSet({{0, 0x7F}});
  if (name == "xdigit") return CodePointSet({{'0', '9'}, {'A', 'F'}, {'a', 'f'}});
  if (name == "lower" || name == "lowercase") return lowercase();
  if (name == "upper" || name == "uppercase") return uppercase();
  if (name == "alpha" || name == "alphabetic") return alphabetic();
  if (name == "space" || name == "whitespace") return white_space();
  if (name == "alnum") return set_union(alphabetic(), of_categories(bits({kNd})));
  if (name == "word") {
    return set_union(alphabetic(), of_categories(mark() | bits({kNd, kPc})));
  }
  if (name == "blank") return set_union(of_categories(bits({kZs})), CodePointSet({{'\t', '\t'}}));
  if (name == "graph") return graph();
  if (name == "print") return set_union(graph(), of_categories(bits({kZs})));
  if (name == "posixpunct") {
    return of_categories(category_names().at("p") | category_names().at("s"));
  }
  return std::nullopt;
}

struct CaseFold {
  char32_t code_point;
  char32_t least;
};

const std::vector<CaseFold>& case_folds() {
  static const std::vector<CaseFold> kFolds = [] {
    std::vector<CaseFold> folds;
    for (const auto& run : unicode_tables::kCaseFoldRuns) {
      for (char32_t c = run.first; c <= run.last; c += run.step) {
        folds.push_back({c, c - run.distance});
      }
    }
    return folds;
  }();
  return kFolds;
}

}  // namespace

std::optional<CodePointSet> unicode_property(std::string_view name) {
  const std::string normalised = normalise(name);
  if (auto set = derived(normalised)) return set;
  if (const auto found = category_names().find(normalised); found != category_names().end()) {
    return of_categories(found->second);
  }
  return of_script(normalised);
}

CodePointSet known_unicode_property(std::string_view name) {
  auto set = unicode_property(name);
  HADAL_CHECK(set.has_value());
  return std::move(*set);
}

char32_t fold_case(char32_t code_point) {
  const auto& folds = case_folds();
  const auto found = std::lower_bound(
      folds.begin(), folds.end(), code_point,
      [](const CaseFold& fold, char32_t value) { return fold.code_point < value; });
  return found != folds.end() && found->code_point == code_point ? found->least : code_point;
}

CodePointSet without_case(const CodePointSet& set) {
  std::vector<CodePointRange> touched;
  for (const CaseFold& fold : case_folds()) {
    if (set.contains(fold.code_point) || set.contains(fold.least)) {
      touched.push_back({fold.least, fold.least});
    }
  }
  const CodePointSet least(touched);
  for (const CaseFold& fold : case_folds()) {
    if (least.contains(fold.least)) touched.push_back({fold.code_point, fold.code_point});
  }
  return set_union(set, CodePointSet(std::move(touched)));
}

bool has_full_case_fold(const CodePointSet& set) {
  const auto folds = unicode_tables::kFullCaseFolds;
  return std::any_of(folds.begin(), folds.end(),
                     [&](const auto& fold) { return set.contains(fold.code_point); });
}

bool begins_with_full_case_fold(std::u32string_view text) {
  const auto begins = [&](const auto& fold) {
    size_t length = 0;
    while (length < fold.folded.size() && fold.folded[length] != 0) {
      if (length == text.size()) return false;
      if (fold_case(text[length]) != fold_case(fold.folded[length])) return false;
      ++length;
    }
    return true;
  };
  const auto folds = unicode_tables::kFullCaseFolds;
  return std::any_of(folds.begin(), folds.end(), begins);
}

}  // namespace hadal
