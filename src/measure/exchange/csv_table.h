// Tables as RFC 4180 has them: cells quoted where they must be, lines ended by LF or CRLF. Knows no
// columns.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hadal {

void append_csv_line(std::string& out, const std::vector<std::string>& cells);

struct CsvLine {
  size_t line = 0;  // in the file, from 1
  std::vector<std::string> cells = {};
};

// Empty lines are skipped; a byte order mark too. Throws Error (kInvalidFile) naming `where` and
// the line for a quote that is not closed or stands within a cell, and for text that is not UTF-8.
std::vector<CsvLine> parse_csv(std::string_view text, const std::string& where);

}  // namespace hadal
