// Reading what all catalogues have in common: figures, texts, times. What a file does not mention
// stays as it was, so that a user's file replaces single values of the built-in one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "economics/figure.h"
#include "json/fields.h"

namespace hadal {

// How errors speak of a catalogue in `file`.
FieldsSource catalogue_source(const std::string& file);

// Refuses a "schema" other than `schema`; a user's file may go without.
void check_schema(const Fields& document, std::string_view schema);

// Keys of a figure that stands beside others in one object.
inline constexpr std::string_view kFigureKeys[] = {"low", "high", "source", "date", "note"};

// Value, range, source, date and note of a figure whose value has the name `value_key`. Values are
// finite and not negative. Without a source, it is the file.
Figure read_figure(const Fields& object, std::string_view value_key);

// The figure at `key`: an object, or a plain number of which the file is the source. Leaves
// `figure` alone where there is none.
void read_figure_at(const Fields& object, std::string_view key, Figure& figure);

void read_text_at(const Fields& object, std::string_view key, std::string& text);
void read_texts_at(const Fields& object, std::string_view key, std::vector<std::string>& texts);

// Seconds since 1970 of "2026-08", "2026-08-16" or "2026-08-16T16:00Z" (UTC), of the first moment
// it covers. None for anything else.
std::optional<int64_t> unix_time(std::string_view text);

}  // namespace hadal
