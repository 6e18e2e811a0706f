#include "ops/isa.h"

#include <array>
#include <mutex>
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

#if defined(__x86_64__)
struct CpuidRegisters {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
};

CpuidRegisters cpuid(unsigned leaf, unsigned subleaf) {
  CpuidRegisters r;
  if (__get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx) == 0) return {};
  return r;
}

// Compilers name only some of these features in __builtin_cpu_supports, which knows what the system
// saves of the registers: what follows builds on avx2, whose registers it has checked.
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         (cpuid(1, 0).ecx & bit_F16C) != 0;
}
bool has_avx_vnni() { return has_avx2() && (cpuid(7, 1).eax & (1U << 4)) != 0; }
bool has_avx_vnni_int8() { return has_avx_vnni() && (cpuid(7, 1).edx & (1U << 4)) != 0; }
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni");
}
bool has_avx512_bf16() {
  return has_avx512() && __builtin_cpu_supports("avx512bf16") &&
         __builtin_cpu_supports("avx512vbmi");
}
#else
bool has_avx2() { return false; }
constexpr auto has_avx_vnni = has_avx2;
constexpr auto has_avx_vnni_int8 = has_avx2;
constexpr auto has_avx512 = has_avx2;
constexpr auto has_avx512_bf16 = has_avx2;
#endif

bool has_nothing_special() { return true; }

struct IsaEntry {
  Isa isa;
  std::string_view name;
  bool (*supported)();
  const cpu::MicroKernels& (*micro)();  // null: the reference
};
// From the least to the best.
constexpr std::array<IsaEntry, 6> kEntries = {{
    {Isa::kRef, "ref", has_nothing_special, nullptr},
    {Isa::kAvx2, "avx2", has_avx2, cpu::avx2_micro_kernels},
    {Isa::kAvxVnni, "avx-vnni", has_avx_vnni, cpu::avx_vnni_micro_kernels},
    {Isa::kAvxVnniInt8, "avx-vnni-int8", has_avx_vnni_int8, cpu::avx_vnni_int8_micro_kernels},
    {Isa::kAvx512, "avx512", has_avx512, cpu::avx512_micro_kernels},
    {Isa::kAvx512Bf16, "avx512-bf16", has_avx512_bf16, cpu::avx512_bf16_micro_kernels},
}};

const IsaEntry& entry_of(Isa isa) { return kEntries[static_cast<size_t>(isa)]; }

// The kernels of one instruction set, made and checked when they are first asked for.
class CheckedKernels {
 public:
  const KernelTable& get(const cpu::MicroKernels& micro) {
    std::call_once(made_, [&] {
      table_ = cpu::vector_kernels(micro);
      wrong_ = cpu::failed_known_answer(table_);
    });
    if (wrong_.empty()) return table_;
    throw Error({.code = ErrorCode::kInternal,
                 .where = std::string("instruction set ") + table_.name,
                 .what = "computes a wrong " + wrong_ + " on this processor",
                 .remedy = "choose another with --isa, and report the processor's model"});
  }

 private:
  std::once_flag made_;
  KernelTable table_;
  std::string wrong_;
};

}  // namespace

KernelTable cpu::vector_kernels(const MicroKernels& micro) {
  KernelTable table = reference_kernels();
  table.name = micro.name;
  table.micro = &micro;
  table.quantize_int8_rows = quantize_int8_rows;
  table.linear = linear;
  table.rms_norm = rms_norm;
  table.hyper_pre = hyper_pre;
  table.hyper_post = hyper_post;
  table.hyper_head = hyper_head;
  table.attend = attend;
  table.hadamard = hadamard;
  table.choose_entries = choose_entries;
  table.swiglu = swiglu;
  table.rope = rope;
  table.csa_pool = csa_pool;
  table.hca_pool = hca_pool;
  table.experts = experts;
  if (micro.pack_bf16 != nullptr) table.pack_bf16_rows = pack_bf16_rows;
  return table;
}

std::string_view isa_name(Isa isa) { return entry_of(isa).name; }

std::optional<Isa> isa_from_name(std::string_view name) {
  for (const IsaEntry& entry : kEntries) {
    if (entry.name == name) return entry.isa;
  }
  return std::nullopt;
}

std::vector<std::string_view> isa_names() {
  std::vector<std::string_view> names;
  for (const IsaEntry& entry : kEntries) names.emplace_back(entry.name);
  return names;
}

std::vector<Isa> all_isas() {
  std::vector<Isa> isas;
  for (const IsaEntry& entry : kEntries) isas.push_back(entry.isa);
  return isas;
}

bool isa_supported(Isa isa) { return entry_of(isa).supported(); }

Isa best_isa() {
  Isa best = Isa::kRef;
  for (const IsaEntry& entry : kEntries) {
    if (entry.supported()) best = entry.isa;
  }
  return best;
}

const KernelTable& kernels_for(Isa isa) {
  const IsaEntry& entry = entry_of(isa);
  if (!entry.supported()) {
    throw Error(
        {.code = ErrorCode::kUnavailable,
         .where = "--isa " + std::string(entry.name),
         .what = "this processor does not have it",
         .remedy = "use " + std::string(isa_name(best_isa())) + " or leave the option out"});
  }
  if (entry.micro == nullptr) return reference_kernels();
  static std::array<CheckedKernels, kEntries.size()> checked;
  return checked[static_cast<size_t>(isa)].get(entry.micro());
}

}  // namespace hadal
