// SHA-256, by which whoever receives a run can see that it is the one that was published. Damage
// within this program's own files is found with base/checksum.h, which is faster.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace hadal {

// Of bytes given in pieces of any size; how they are cut does not matter.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::string_view bytes);
  // 64 lower-case hexadecimal digits. Once; nothing may follow.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256(std::string_view bytes);

}  // namespace hadal
