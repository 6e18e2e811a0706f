// The page's files as they lie in the program, and the page as one file that carries its data.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace hadal {

struct WebFile {
  std::string_view content_type;
  std::string_view text;
};

// "index.html", "app.js", "app.css"; none for other names.
std::optional<WebFile> web_file(std::string_view name);

// For pages that a server sends: scripts and styles from there alone, nothing from elsewhere.
std::string_view served_page_policy();

// One HTML document with styles, script and `data_json` inside, which asks nothing of any network.
std::string single_file_page(std::string_view data_json);
// What JSON takes in a single file, where each "<" is written as six bytes.
size_t bytes_in_page(std::string_view json);
// The page for a folder of a static site, which reads data/*.json beside it.
std::string static_site_page();

}  // namespace hadal
