#include "numeric/activation_policy.h"

namespace hadal {

std::string_view policy_name(ActivationPolicy policy) {
  switch (policy) {
    case ActivationPolicy::kNone:
      return "none";
    case ActivationPolicy::kFp8:
      return "fp8";
    case ActivationPolicy::kInt8:
      return "int8";
  }
  return "";
}

}  // namespace hadal
