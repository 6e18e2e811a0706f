#include "measure/store/ulid.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <sys/random.h>
#include <unistd.h>

#include "base/check.h"
#include "base/files.h"

namespace hadal {
namespace {

constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr size_t kTimeDigits = 10;  // 50 bits, of which the first two are 0

std::array<uint8_t, 10> random_bytes() {
  std::array<uint8_t, 10> bytes = {};
  size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t n = ::getrandom(bytes.data() + filled, bytes.size() - filled, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_system_error("getrandom", "gives no random bytes", errno);
    filled += static_cast<size_t>(n);
  }
  return bytes;
}

// The next larger number; false where there is none.
bool increase(std::array<uint8_t, 10>& number) {
  return std::any_of(number.rbegin(), number.rend(), [](uint8_t& byte) { return ++byte != 0; });
}

}  // namespace

std::string encode_ulid(int64_t unix_ms, const std::array<uint8_t, 10>& random) {
  HADAL_CHECK(unix_ms >= 0 && unix_ms < int64_t{1} << 48);
  std::string text(kUlidLength, '0');
  for (size_t i = kTimeDigits; i-- > 0;) {
    text[i] = kDigits[static_cast<size_t>(unix_ms & 31)];
    unix_ms >>= 5;
  }
  for (size_t i = 0; i < 16; ++i) {
    // Five bits that may lie in two bytes.
    const size_t bit = 5 * i;
    const unsigned next = bit / 8 + 1 < random.size() ? random[bit / 8 + 1] : 0;
    const unsigned both = unsigned{random[bit / 8]} << 8 | next;
    text[kTimeDigits + i] = kDigits[both >> (11 - bit % 8) & 31];
  }
  return text;
}

std::string make_ulid() {
  static std::mutex mutex;
  static pid_t maker = 0;
  static int64_t last_ms = -1;
  static std::array<uint8_t, 10> last_random = {};
  const std::lock_guard lock(mutex);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const int64_t ms =
      std::max<int64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count(), 0);
  // A child of a fork must not go on where its parent does.
  if (ms > last_ms || maker != ::getpid()) {
    maker = ::getpid();
    last_ms = std::max(ms, last_ms);
    last_random = random_bytes();
  } else if (!increase(last_random)) {
    ++last_ms;  // the clock stood still, or went back, for 2^80 of them
  }
  return encode_ulid(last_ms, last_random);
}

std::optional<int64_t> ulid_time(std::string_view text) {
  if (text.size() != kUlidLength || text.front() > '7') return std::nullopt;
  int64_t unix_ms = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t digit = kDigits.find(text[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    if (i < kTimeDigits) unix_ms = unix_ms << 5 | static_cast<int64_t>(digit);
  }
  return unix_ms;
}

}  // namespace hadal
