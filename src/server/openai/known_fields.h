// Which fields the bodies of requests may have: those that are read elsewhere, those that change
// nothing here, and those that ask for what this server does not do (docs/api.md lists them all).
#pragma once

#include "json/unknown_fields.h"

namespace hadal {

// Refuse by name what is asked for and cannot be done, and add to `unknown` what is not known: for
// chat completions, and for text completions.
void check_chat_fields(const Fields& body, UnknownFields& unknown);
void check_completion_fields(const Fields& body, UnknownFields& unknown);

}  // namespace hadal
