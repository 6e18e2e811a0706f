// The tags of DSML as models really write them: bars left out or doubled, words misspelled,
// attributes in any order or missing, ends left out. It finds one tag where it begins and says how
// far it reaches; what tags mean together is completion_stream.h's. The strict forms are in dsml.h.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace hadal {

struct DsmlTag {
  enum class Kind {
    kBlock,  // tool_calls, function_calls and every word that is neither of the others
    kInvoke,
    kParameter,
  };
  Kind kind = Kind::kBlock;
  bool is_closing = false;
  bool is_self_closing = false;
  bool has_bracket = false;  // it ends in '>'; otherwise it is cut off after what was understood
  bool is_spelled_right = false;              // its word is exactly that of its kind
  std::optional<std::string_view> name = {};  // the attribute; a view into the text
  std::optional<bool> is_string = {};         // the attribute string="true|false", where it says so
  size_t size = 0;                            // in bytes, from '<'
};

enum class TagMatch {
  kNone,     // no tag begins here
  kPartial,  // more text may make it one, or tell how far it reaches
  kTag,
};

// Whether a tag begins at the first byte of `text` (whole UTF-8 characters). `is_final`: no more
// text will come, the answer is never kPartial. A tag is known by "DSML" with a full-width bar
// before or behind it after '<', or with both bars without one. The answer for a longer text is the
// same once it is not kPartial, so that it does not matter how a text is cut.
TagMatch match_dsml_tag(std::string_view text, bool is_final, DsmlTag& tag);

// The bytes with which a tag may begin, as find_first_of() takes them.
inline constexpr std::string_view kDsmlTagFirstBytes = "</\xEF";

}  // namespace hadal
