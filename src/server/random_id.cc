#include "server/random_id.h"

#include <cstdint>
#include <random>
#include <string_view>

namespace hadal {

std::string make_random_id(const std::string& prefix) {
  constexpr std::string_view kLetters = "0123456789abcdefghijklmnopqrstuv";
  std::random_device random;
  std::string id = prefix;
  for (int word = 0; word < 4; ++word) {
    uint32_t bits = random();
    for (int i = 0; i < 6; ++i, bits >>= 5) id += kLetters[bits & 31];
  }
  return id;
}

}  // namespace hadal
