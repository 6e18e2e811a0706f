// For files of formats that are our own: a key that their reader does not know is refused, with the
// nearest known one, so that a slip of the fingers never passes for a setting.
#pragma once

#include <span>
#include <string_view>

#include "json/fields.h"

namespace hadal {

// Throws FieldError (FieldFault::kUnknown) for the first key of `object` that is not in `known`.
void refuse_unknown_keys(const Fields& object, std::span<const std::string_view> known);

}  // namespace hadal
