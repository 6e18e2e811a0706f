// Tests of the kernels of every instruction set, with their names as parameters.
#pragma once

#include <gtest/gtest.h>
#include <optional>

#include "ops/cpu/cpu_kernels.h"
#include "ops/cpu/micro_kernels.h"
#include "ops/isa.h"
#include "support/emulated_vnni.h"

namespace hadal::testing_support {

// The kernels of an instruction set, which is emulated where the processor lacks no more than the
// dot products of AVX-VNNI; null where it lacks more.
class TestedKernels {
 public:
  explicit TestedKernels(Isa isa) {
    if (isa_supported(isa)) {
      table_ = &kernels_for(isa);
      return;
    }
    if (!isa_supported(Isa::kAvx2)) return;
    if (isa == Isa::kAvxVnni) emulated_ = cpu::vector_kernels(cpu::avx_vnni_micro_kernels());
    if (isa == Isa::kAvxVnniInt8) {
      emulated_ = cpu::vector_kernels(cpu::avx_vnni_int8_micro_kernels());
    }
    if (emulated_.micro == nullptr) return;
    emulator_.emplace();
    table_ = &emulated_;
  }
  const KernelTable* table() const { return table_; }
  bool emulated() const { return emulator_.has_value(); }

 private:
  KernelTable emulated_;
  std::optional<EmulatedVnni> emulator_;
  const KernelTable* table_ = nullptr;
};

class EveryIsa : public testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (tested_.table() == nullptr) GTEST_SKIP() << "this processor lacks it";
  }
  const KernelTable& kernels() const { return *tested_.table(); }
  bool emulated() const { return tested_.emulated(); }

 private:
  TestedKernels tested_{GetParam()};
};

}  // namespace hadal::testing_support
