#include "ops/isa.h"

#include <array>
#include <string>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "base/error.h"
#include "ops/cpu/cpu_kernels.h"
#include "ops/cpu/known_answers.h"
#include "ops/cpu/micro_kernels.h"

namespace hadal {
namespace {

struct IsaName {
  Isa isa;
  std::string_view name;
};
constexpr std::array<IsaName, 4> kNames = {{{Isa::kRef, "ref"},
                                            {Isa::kAvx2, "avx2"},
                                            {Isa::kAvx512, "avx512"},
                                            {Isa::kAvx512Bf16, "avx512-bf16"}}};

#if defined(__x86_64__)
// Clang 16 does not know "f16c" in __builtin_cpu_supports.
bool converts_half_floats() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}
#endif

KernelTable vector_kernels(const cpu::MicroKernels& micro) {
  KernelTable table = reference_kernels();
  table.name = micro.name;
  table.micro = &micro;
  table.quantize_int8_rows = cpu::quantize_int8_rows;
  table.linear = cpu::linear;
  table.rms_norm = cpu::rms_norm;
  table.hyper_pre = cpu::hyper_pre;
  table.hyper_post = cpu::hyper_post;
  table.hyper_head = cpu::hyper_head;
  table.attend = cpu::attend;
  table.hadamard = cpu::hadamard;
  table.choose_entries = cpu::choose_entries;
  table.swiglu = cpu::swiglu;
  table.rope = cpu::rope;
  table.csa_pool = cpu::csa_pool;
  table.hca_pool = cpu::hca_pool;
  table.experts = cpu::experts;
  if (micro.pack_bf16 != nullptr) table.pack_bf16_rows = cpu::pack_bf16_rows;
  return table;
}

// Throws when the kernels disagree with the reference.
const KernelTable& checked(const KernelTable& table) {
  if (const std::string wrong = cpu::failed_known_answer(table); !wrong.empty()) {
    throw Error({.code = ErrorCode::kInternal,
                 .where = std::string("instruction set ") + table.name,
                 .what = "computes a wrong " + wrong + " on this processor",
                 .remedy = "choose another with --isa, and report the processor's model"});
  }
  return table;
}

}  // namespace

std::string_view isa_name(Isa isa) {
  for (const IsaName& entry : kNames) {
    if (entry.isa == isa) return entry.name;
  }
  return "";
}

std::optional<Isa> isa_from_name(std::string_view name) {
  for (const IsaName& entry : kNames) {
    if (entry.name == name) return entry.isa;
  }
  return std::nullopt;
}

bool isa_supported(Isa isa) {
#if defined(__x86_64__)
  switch (isa) {
    case Isa::kRef:
      return true;
    case Isa::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
             converts_half_floats();
    case Isa::kAvx512:
      return isa_supported(Isa::kAvx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
    case Isa::kAvx512Bf16:
      return isa_supported(Isa::kAvx512) && __builtin_cpu_supports("avx512bf16") &&
             __builtin_cpu_supports("avx512vbmi");
  }
  return false;
#else
  return isa == Isa::kRef;
#endif
}

Isa best_isa() {
  if (isa_supported(Isa::kAvx512Bf16)) return Isa::kAvx512Bf16;
  if (isa_supported(Isa::kAvx512)) return Isa::kAvx512;
  if (isa_supported(Isa::kAvx2)) return Isa::kAvx2;
  return Isa::kRef;
}

const KernelTable& kernels_for(Isa isa) {
  if (!isa_supported(isa)) {
    throw Error(
        {.code = ErrorCode::kUnavailable,
         .where = "--isa " + std::string(isa_name(isa)),
         .what = "this processor does not have it",
         .remedy = "use " + std::string(isa_name(best_isa())) + " or leave the option out"});
  }
  switch (isa) {
    case Isa::kRef:
      return reference_kernels();
    case Isa::kAvx2: {
      static const KernelTable kTable = vector_kernels(cpu::avx2_micro_kernels());
      static const KernelTable& kChecked = checked(kTable);
      return kChecked;
    }
    case Isa::kAvx512: {
      static const KernelTable kTable = vector_kernels(cpu::avx512_micro_kernels());
      static const KernelTable& kChecked = checked(kTable);
      return kChecked;
    }
    case Isa::kAvx512Bf16: {
      static const KernelTable kTable = vector_kernels(cpu::avx512_bf16_micro_kernels());
      static const KernelTable& kChecked = checked(kTable);
      return kChecked;
    }
  }
  return reference_kernels();
}

}  // namespace hadal
