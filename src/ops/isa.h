// Which instruction set the operations use. A variant is offered only where the processor has all
// that it needs, and installed only after its inner loops reproduced known answers.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "ops/kernel_table.h"

namespace hadal {

enum class Isa {
  kRef,          // the scalar reference, on any machine
  kAvx2,         // AVX2, FMA, F16C
  kAvxVnni,      // these and AVX-VNNI
  kAvxVnniInt8,  // these and AVX-VNNI-INT8
  kAvx512,       // AVX-512 F, BW, DQ, VL and VNNI
  kAvx512Bf16,   // these, BF16 and VBMI
};

std::string_view isa_name(Isa isa);                       // "ref", "avx2", "avx-vnni", …
std::vector<std::string_view> isa_names();                // of all_isas()
std::optional<Isa> isa_from_name(std::string_view name);  // none for other names

std::vector<Isa> all_isas();  // from the least to the best, whether supported or not

bool isa_supported(Isa isa);
Isa best_isa();

// The kernels of `isa`. Throws Error kUnavailable when this processor lacks it, kInternal when it
// fails its known answers.
const KernelTable& kernels_for(Isa isa);

}  // namespace hadal
