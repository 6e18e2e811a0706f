#include "measure/exchange/csv_table.h"

#include <utility>

#include "base/error.h"
#include "base/utf8.h"

namespace hadal {
namespace {

bool needs_quotes(const std::string& cell) {
  return cell.find_first_of(",\"\r\n") != std::string::npos || cell.starts_with(' ') ||
         cell.ends_with(' ');
}

class CsvParser {
 public:
  CsvParser(std::string_view text, const std::string& where) : text_(text), where_(where) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
    if (!is_valid_utf8(text_)) fail("is not UTF-8");
  }

  std::vector<CsvLine> parse() {
    std::vector<CsvLine> lines;
    while (at_ < text_.size()) {
      CsvLine line{.line = line_};
      do {
        line.cells.push_back(cell());
      } while (take(','));
      take('\r');
      if (at_ < text_.size() && !take('\n')) fail("has text after a quoted cell");
      ++line_;
      if (line.cells.size() > 1 || !line.cells[0].empty()) lines.push_back(std::move(line));
    }
    return lines;
  }

 private:
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::string cell() {
    if (take('"')) return quoted();
    const size_t end = std::min(text_.find_first_of(",\r\n\"", at_), text_.size());
    std::string value(text_.substr(at_, end - at_));
    at_ = end;
    if (at_ < text_.size() && text_[at_] == '"') fail("has a quote within a cell");
    return value;
  }

  std::string quoted() {
    std::string value;
    while (true) {
      const size_t end = text_.find('"', at_);
      if (end == std::string_view::npos) fail("has a quote that is not closed");
      const std::string_view part = text_.substr(at_, end - at_);
      for (const char c : part) line_ += c == '\n' ? 1 : 0;
      value.append(part);
      at_ = end + 1;
      if (!take('"')) return value;
      value += '"';
    }
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error({.code = ErrorCode::kInvalidFile,
                 .where = where_,
                 .what = "line " + std::to_string(line_) + " " + what,
                 .remedy = "write the table as RFC 4180 says"});
  }

  std::string_view text_;
  std::string where_;
  size_t at_ = 0;
  size_t line_ = 1;
};

}  // namespace

void append_csv_line(std::string& out, const std::vector<std::string>& cells) {
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) out += ',';
    if (!needs_quotes(cells[i])) {
      out += cells[i];
      continue;
    }
    out += '"';
    for (const char c : cells[i]) {
      if (c == '"') out += '"';
      out += c;
    }
    out += '"';
  }
  out += '\n';
}

std::vector<CsvLine> parse_csv(std::string_view text, const std::string& where) {
  return CsvParser(text, where).parse();
}

}  // namespace hadal
