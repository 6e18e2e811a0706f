#include "measure/dashboard/web_page.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "base/embedded_file.h"
#include "measure/store/sha256.h"

namespace hadal {

std::vector<EmbeddedFile> embedded_dashboard();

namespace {

constexpr std::string_view kServed = "<meta name=\"hadal-data\" content=\"api\">";

std::string_view text_of(std::string_view name) {
  const std::optional<WebFile> file = web_file(name);
  HADAL_CHECK(file.has_value());
  return file->text;
}

void replace_once(std::string& text, std::string_view old, std::string_view with) {
  const size_t at = text.find(old);
  HADAL_CHECK(at != std::string::npos);
  text.replace(at, old.size(), with);
}

int hex_value(char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; }

// What a Content-Security-Policy calls a script by.
std::string sha256_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::string hex = sha256(text);
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char digit : hex) {
    bits = (bits << 4) | static_cast<uint32_t>(hex_value(digit));
    count += 4;
    if (count < 6) continue;
    count -= 6;
    out += kDigits[(bits >> count) & 63];
  }
  if (count > 0) out += kDigits[(bits << (6 - count)) & 63];
  while (out.size() % 4 != 0) out += '=';
  return out;
}

// JSON that may stand within an element: no "</script", no comment begins in it.
std::string within_element(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  for (const char c : json) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::optional<WebFile> web_file(std::string_view name) {
  static const std::vector<EmbeddedFile> files = embedded_dashboard();
  for (const EmbeddedFile& file : files) {
    if (file.name != name) continue;
    const std::string_view type = name.ends_with(".js")    ? "text/javascript; charset=utf-8"
                                  : name.ends_with(".css") ? "text/css; charset=utf-8"
                                                           : "text/html; charset=utf-8";
    return WebFile{.content_type = type, .text = file.text()};
  }
  return std::nullopt;
}

std::string_view served_page_policy() {
  return "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
         "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}

std::string single_file_page(std::string_view data_json) {
  const std::string_view script = text_of("app.js");
  const std::string_view style = text_of("app.css");
  std::string page(text_of("index.html"));
  // From the back to the front: what was put in is not searched again.
  replace_once(page, "<script type=\"module\" src=\"app.js\"></script>",
               "<script type=\"application/json\" id=\"hadal-data\">" + within_element(data_json) +
                   "</script>\n<script type=\"module\">" + std::string(script) + "</script>");
  replace_once(page, "<link rel=\"stylesheet\" href=\"app.css\">",
               "<style>" + std::string(style) + "</style>");
  replace_once(page, kServed,
               "<meta name=\"hadal-data\" content=\"embedded\">\n"
               "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
               "script-src 'sha256-" +
                   sha256_base64(script) + "'; style-src 'sha256-" + sha256_base64(style) +
                   "'; img-src data: blob:; base-uri 'none'; form-action 'none'\">");
  return page;
}

size_t bytes_in_page(std::string_view json) {
  return json.size() + 5 * static_cast<size_t>(std::count(json.begin(), json.end(), '<'));
}

std::string static_site_page() {
  std::string page(text_of("index.html"));
  replace_once(page, kServed, "<meta name=\"hadal-data\" content=\"static\">");
  return page;
}

}  // namespace hadal
