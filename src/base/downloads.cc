#include "base/downloads.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/input_file.h"

namespace hadal {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kFetchAgain = "fetch the file again";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr size_t kQuoted = 120;  // bytes of foreign text in a message

ForeignContents made(std::string what, std::string_view remedy) {
  return {.what = std::move(what), .remedy = std::string(remedy)};
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string_view without_space(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

bool is_text(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7f) || c == '\n' || c == '\r' || c == '\t';
  });
}

// A quotation of one line.
std::string quoted(std::string_view text) {
  std::string line(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::erase(line, '\r');
  return "\"" + printable(line, kQuoted) + "\"";
}

// What stands between `begin` and `end`, for example in a tag; empty without either. `low` is
// `text` in lower case.
std::string_view between(std::string_view text, std::string_view low, std::string_view begin,
                         std::string_view end) {
  const size_t from = low.find(begin);
  if (from == std::string_view::npos) return {};
  const size_t to = low.find(end, from + begin.size());
  if (to == std::string_view::npos) return {};
  return without_space(text.substr(from + begin.size(), to - from - begin.size()));
}

std::optional<ForeignContents> pointer(std::string_view head) {
  const std::string_view text = without_space(head);
  constexpr std::array kLfs = {"version https://git-lfs.github.com/spec/"sv,
                               "version https://hawser.github.com/spec/"sv,
                               "version http://git-media.io/v/"sv};
  if (std::any_of(kLfs.begin(), kLfs.end(), [&](auto start) { return text.starts_with(start); })) {
    const size_t at = text.find("\nsize ");
    std::string size;
    if (at != std::string_view::npos) {
      for (size_t i = at + 6; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
        size += text[i];
      }
    }
    return made("is a Git LFS pointer, not the file itself" +
                    (size.empty() ? std::string() : " (of " + printable(size, 24) + " bytes)"),
                "run git lfs pull in its directory (after git lfs install), or fetch the model "
                "with hf download");
  }
  if (text.starts_with("# xet version")) {
    return made("is a Git Xet pointer, not the file itself",
                "run git xet checkout, or fetch the model with hf download");
  }
  if (text.starts_with("/annex/objects/") || text.starts_with("../.git/annex/objects/")) {
    return made("is a git-annex pointer, not the file itself", "run git annex get on it");
  }
  return std::nullopt;
}

std::optional<ForeignContents> markup(std::string_view head) {
  const std::string_view text = without_space(head);
  if (!text.starts_with('<')) return std::nullopt;
  const std::string low = lower(text);
  std::string_view title = between(text, low, "<title>", "</title>");
  const bool is_page = low.starts_with("<!doctype html") ||
                       low.find("<html") != std::string::npos ||
                       low.find("<head") != std::string::npos || !title.empty();
  if (!is_page) {
    title = between(text, low, "<code>", "</code>");
    if (title.empty()) title = between(text, low, "<message>", "</message>");
  }
  const std::string name = title.empty() ? "" : ", " + quoted(title);
  if (is_page) {
    return made("holds a web page (HTML)" + name + " in place of the file",
                "fetch the file again by its address for downloads, logged in where that is "
                "needed (hf download takes care of both)");
  }
  return made("holds XML" + name + " in place of the file: most likely a server's error message",
              "fetch the file again; the address may have expired, or need a login");
}

// The value of the first of these keys whose value is a string, wherever it stands.
std::string_view string_of(std::string_view json, std::string_view low,
                           std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    const std::string name = "\"" + std::string(key) + "\"";
    for (size_t at = low.find(name); at != std::string::npos; at = low.find(name, at + 1)) {
      const size_t colon = json.find_first_not_of(" \t\r\n", at + name.size());
      if (colon == std::string_view::npos || json[colon] != ':') continue;
      const size_t quote = json.find_first_not_of(" \t\r\n", colon + 1);
      if (quote == std::string_view::npos || json[quote] != '"') continue;
      const size_t end = json.find('"', quote + 1);
      return json.substr(quote + 1, end == std::string_view::npos ? end : end - quote - 1);
    }
  }
  return {};
}

// A JSON object whose first key is one that servers begin their error messages with.
std::optional<ForeignContents> server_message(std::string_view head) {
  const std::string_view text = without_space(head);
  if (!text.starts_with('{')) return std::nullopt;
  const std::string low = lower(text);
  const size_t quote = low.find_first_not_of(" \t\r\n", 1);
  if (quote == std::string::npos || low[quote] != '"') return std::nullopt;
  const size_t end = low.find('"', quote + 1);
  if (end == std::string::npos) return std::nullopt;
  constexpr std::array kFirst = {
      "error"sv,     "errors"sv,     "error_code"sv, "errorcode"sv,
      "message"sv,   "msg"sv,        "detail"sv,     "details"sv,
      "code"sv,      "status"sv,     "statuscode"sv, "success"sv,
      "requestid"sv, "request_id"sv, "timestamp"sv,  "documentation_url"sv};
  const std::string_view key = std::string_view(low).substr(quote + 1, end - quote - 1);
  if (std::find(kFirst.begin(), kFirst.end(), key) == kFirst.end()) return std::nullopt;
  std::string_view message =
      string_of(text, low, {"message", "error", "detail", "msg", "error_description"});
  if (message.empty()) message = text;
  return made("holds a server's error message in place of the file: " + quoted(message),
              "fetch the file again; the address may be wrong, or need a login (hf auth login)");
}

struct Format {
  std::string_view magic;
  std::string_view name;
};

std::optional<ForeignContents> other_format(std::string_view head) {
  constexpr std::string_view kReleased =
      "use the checkpoint as it is released (safetensors, with config.json and tokenizer.json)";
  constexpr std::array kModels = {
      Format{"GGUF"sv, "a GGUF file (of llama.cpp)"},
      Format{"FUGG"sv, "a GGUF file (of llama.cpp) in the other byte order"},
      Format{"lmgg"sv, "a GGML file (of llama.cpp)"},
      Format{"fmgg"sv, "a GGML file (of llama.cpp)"},
      Format{"tjgg"sv, "a GGML file (of llama.cpp)"},
      Format{"\x93NUMPY"sv, "a NumPy file"},
      Format{"\x89HDF\r\n\x1a\n"sv, "an HDF5 file"},
  };
  constexpr std::array kArchives = {
      Format{"\x1f\x8b\x08"sv, "compressed with gzip"},
      Format{"PK\x03\x04"sv, "a zip archive"},
      Format{"BZh"sv, "compressed with bzip2"},
      Format{"\xfd"
             "7zXZ\0"sv,
             "compressed with xz"},
      Format{"\x28\xb5\x2f\xfd"sv, "compressed with zstd"},
      Format{"\x04\x22\x4d\x18"sv, "compressed with lz4"},
      Format{"7z\xbc\xaf\x27\x1c"sv, "a 7-Zip archive"},
      Format{"Rar!\x1a\x07"sv, "a RAR archive"},
  };
  constexpr std::array kOthers = {
      Format{"\x7f"
             "ELF"sv,
             "a program"},
      Format{"%PDF-"sv, "a PDF document"},
      Format{"\x89PNG"sv, "a picture"},
      Format{"SQLite format 3"sv, "an SQLite database"},
  };
  for (const Format& format : kModels) {
    if (head.starts_with(format.magic)) return made("is " + std::string(format.name), kReleased);
  }
  // Protocol 2 to 5, then the first instruction, which is no zero byte (as in a length).
  if (head.size() > 2 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5 && head[2] != '\0') {
    return made("is a PyTorch file (a pickle)", kReleased);
  }
  // What torch.save() writes is a zip archive with a pickle near its beginning.
  if (head.starts_with("PK\x03\x04"sv) && head.find("data.pkl") != std::string_view::npos) {
    return made("is a PyTorch file (a pickle in a zip archive)", kReleased);
  }
  for (const Format& format : kArchives) {
    if (head.starts_with(format.magic)) {
      return made("is " + std::string(format.name), "unpack it, or fetch the file itself");
    }
  }
  constexpr size_t kTarMagicAt = 257;
  if (head.size() > kTarMagicAt && head.substr(kTarMagicAt).starts_with("ustar")) {
    return made("is a tar archive", "unpack it, or fetch the file itself");
  }
  for (const Format& format : kOthers) {
    if (head.starts_with(format.magic)) return made("is " + std::string(format.name), kFetchAgain);
  }
  return std::nullopt;
}

std::optional<ForeignContents> other_unicode(std::string_view head) {
  constexpr std::string_view kConvert = "convert it to UTF-8, for example with iconv";
  if (head.starts_with("\xff\xfe\0\0"sv) || head.starts_with("\0\0\xfe\xff"sv) ||
      head.starts_with("{\0\0\0"sv) || head.starts_with("\0\0\0{"sv)) {
    return made("is UTF-32 text, but JSON is UTF-8", kConvert);
  }
  if (head.starts_with("\xff\xfe"sv) || head.starts_with("\xfe\xff"sv) ||
      head.starts_with("{\0"sv) || head.starts_with("\0{"sv)) {
    return made("is UTF-16 text, but JSON is UTF-8", kConvert);
  }
  return std::nullopt;
}

// Zeros all through the beginning: room made before the bytes came, or lost by the file system.
std::optional<ForeignContents> zeros(std::string_view head, uint64_t size) {
  if (head.find_first_not_of('\0') != std::string_view::npos) return std::nullopt;
  return made(head.size() == size
                  ? "holds nothing but zeros (" + std::to_string(size) + " bytes)"
                  : "begins with " + std::to_string(head.size()) +
                        " zeros: room was made for it, but its contents did not come",
              kFetchAgain);
}

// A short text that is no JSON, such as the "Entry not found" of a hub.
std::optional<ForeignContents> plain_text(std::string_view head, uint64_t size) {
  constexpr uint64_t kLongest = 4096;
  const std::string_view text = without_space(head);
  if (size > kLongest || text.empty() || !is_text(head)) return std::nullopt;
  if ("{[\""sv.find(text.front()) != std::string_view::npos) return std::nullopt;
  return made("holds " + quoted(text) + " in place of the file", kFetchAgain);
}

}  // namespace

std::optional<ForeignContents> foreign_contents(std::string_view head, uint64_t size) {
  constexpr size_t kLookedAt = 4096;
  head = head.substr(0, kLookedAt);
  if (size == 0) return made("is empty (0 bytes)", kFetchAgain);
  if (auto found = zeros(head, size)) return found;
  if (auto found = pointer(head)) return found;
  if (auto found = markup(head)) return found;
  if (auto found = other_format(head)) return found;
  if (auto found = other_unicode(head)) return found;
  if (auto found = server_message(head)) return found;
  if (without_space(head).empty() && head.size() == size) {
    return made("holds nothing but white space", kFetchAgain);
  }
  return plain_text(head, size);
}

void refuse_foreign_contents(const std::string& where, std::string_view head, uint64_t size) {
  std::optional<ForeignContents> found = foreign_contents(head, size);
  if (!found) return;
  throw Error({.code = ErrorCode::kInvalidFile,
               .where = where,
               .what = std::move(found->what),
               .remedy = std::move(found->remedy)});
}

void refuse_unfinished_download(const std::filesystem::path& path) {
  const std::string control = path.string() + ".aria2";
  if (!has_entry(control)) return;
  throw Error({.code = ErrorCode::kInvalidFile,
               .where = path.string(),
               .what = "is not downloaded to its end: " +
                       printable(std::filesystem::path(control).filename().string()) +
                       " lies beside it",
               .remedy = "let aria2c -c finish it"});
}

std::string unfinished_download_of(const std::filesystem::path& path) {
  for (const char* suffix : {".incomplete", ".part", ".partial", ".crdownload", ".download",
                             ".aria2", ".aria2__temp", ".tmp"}) {
    const std::filesystem::path remains = path.string() + suffix;
    if (has_entry(remains)) return remains.filename().string();
  }
  return "";
}

std::string read_json_file(const std::filesystem::path& path, size_t max_bytes) {
  refuse_unfinished_download(path);
  std::string text = read_text_file(path, max_bytes);
  refuse_foreign_contents(path.string(), text, text.size());
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  return text;
}

}  // namespace hadal
