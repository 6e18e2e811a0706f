// How the inputs of FP8 and FP4 linears are rounded before the multiplication.
#pragma once

#include <string_view>

namespace hadal {

enum class ActivationPolicy {
  kNone,  // not at all: for checking
  kFp8,   // through e4m3 with one power-of-two scale per 128 inputs, as the model was trained
  kInt8,  // to int8 with one scale per 128 inputs, against weights in int8
};

std::string_view policy_name(ActivationPolicy policy);  // "none", "fp8", "int8"

}  // namespace hadal
