#include "server/http/answer_text.h"

namespace hadal {

std::string head_text(const HttpResponse& response, std::string_view framing, bool keep_open) {
  std::string text = "HTTP/1.1 " + std::to_string(response.status) + " ";
  text += http_status_text(response.status);
  text += "\r\nServer: hadal/" HADAL_VERSION "\r\nContent-Type: " + response.content_type + "\r\n";
  for (const auto& [name, value] : response.headers) text += name + ": " + value + "\r\n";
  text += framing;
  text += keep_open ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return text;
}

std::string length_framing(const HttpResponse& response) {
  return "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
}

std::string chunk_text(std::string_view part) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string size;
  for (size_t rest = part.size(); rest > 0; rest >>= 4) size.insert(size.begin(), kHex[rest & 15]);
  return size + "\r\n" + std::string(part) + "\r\n";
}

}  // namespace hadal
