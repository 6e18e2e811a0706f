// Answers of endpoints, which may be anything: read as a scored prompt, a continuation and a chat,
// and compared with themselves, which must find no difference.
#include <cstddef>
#include <cstdint>
#include <string>

#include "measure/gate/agreement.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string body(reinterpret_cast<const char*>(data), size);
  for (const hadal::CanaryKind kind :
       {hadal::CanaryKind::kScore, hadal::CanaryKind::kGenerate, hadal::CanaryKind::kChat}) {
    const hadal::Canary canary{.id = "c", .kind = kind, .prompt = {1, 2, 3}};
    const hadal::CanaryAnswer answer = hadal::read_answer(canary, {.status = 200, .body = body});
    const hadal::CanaryAgreement same = hadal::compare_answers(canary, 0, answer, answer);
    if (same.first_bad >= 0 || same.same_tops != same.tops) __builtin_trap();
  }
  return 0;
}
