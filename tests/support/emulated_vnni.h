// Runs the dot products of AVX-VNNI and AVX-VNNI-INT8 on a processor that lacks them: the illegal
// instruction is caught, decoded and computed with the registers of the interrupted thread. Only
// vpdpbusd and vpdpbssd in the VEX encoding; anything else ends the process as it would without.
// Slow: some microseconds an instruction.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#if defined(__x86_64__)
#include <csignal>
#include <ucontext.h>
#endif

namespace hadal::testing_support {

#if defined(__x86_64__)

namespace emulation {

// What a VEX instruction of the map 0F38 says; see the Intel manual, volume 2, section 2.3.
struct VexInstruction {
  int operand_prefix = 0;  // pp: 1 for 66, 3 for F2
  uint8_t opcode = 0;
  bool wide = false;  // 256 bits
  int destination = 0;
  int first_source = 0;
  int second_source = -1;              // a register, or
  const std::byte* address = nullptr;  // memory
  const uint8_t* next = nullptr;       // the instruction after it
};

class Registers {
 public:
  explicit Registers(ucontext_t& context)
      : context_(context), state_(reinterpret_cast<std::byte*>(context.uc_mcontext.fpregs)) {}

  // rax to r15, by the numbers of the encoding.
  uint64_t general(int number) const {
    static constexpr std::array<int, 16> kPlaces = {
        REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
        REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    return static_cast<uint64_t>(context_.uc_mcontext.gregs[kPlaces[static_cast<size_t>(number)]]);
  }

  void read_vector(int number, std::byte (&out)[32]) const {
    std::memcpy(out, low_half(number), 16);
    std::memset(out + 16, 0, 16);
    if (has_high_halves()) std::memcpy(out + 16, high_half(number), 16);
  }

  void write_vector(int number, const std::byte (&value)[32]) {
    std::memcpy(low_half(number), value, 16);
    if (!has_high_halves()) {
      std::memset(state_ + kHighHalves, 0, kHighHalfBytes);
      const uint64_t components = saved_components() | kHighHalfComponent;
      std::memcpy(state_ + kComponents, &components, sizeof components);
    }
    std::memcpy(high_half(number), value + 16, 16);
  }

 private:
  // The layout of XSAVE; Intel manual, volume 1, section 13.4.
  static constexpr size_t kLowHalves = 160;
  static constexpr size_t kComponents = 512;
  static constexpr size_t kHighHalves = 576;
  static constexpr size_t kHighHalfBytes = 256;
  static constexpr uint64_t kHighHalfComponent = 4;

  std::byte* low_half(int number) const {
    return state_ + kLowHalves + 16 * static_cast<size_t>(number);
  }
  std::byte* high_half(int number) const {
    return state_ + kHighHalves + 16 * static_cast<size_t>(number);
  }
  uint64_t saved_components() const {
    uint64_t components = 0;
    std::memcpy(&components, state_ + kComponents, sizeof components);
    return components;
  }
  bool has_high_halves() const { return (saved_components() & kHighHalfComponent) != 0; }

  ucontext_t& context_;
  std::byte* state_;
};

// Whether `code` is an instruction of the map 0F38 in the three-byte VEX encoding.
inline bool decode_vex(const uint8_t* code, const Registers& registers, VexInstruction& out) {
  if (code[0] != 0xc4 || (code[1] & 0x1f) != 2 || (code[2] & 0x80) != 0) return false;
  // R, X, B and vvvv are stored inverted.
  const int r = (code[1] & 0x80) != 0 ? 0 : 8;
  const int x = (code[1] & 0x40) != 0 ? 0 : 8;
  const int b = (code[1] & 0x20) != 0 ? 0 : 8;
  out.first_source = 15 - ((code[2] >> 3) & 15);
  out.wide = (code[2] & 4) != 0;
  out.operand_prefix = code[2] & 3;
  out.opcode = code[3];
  const uint8_t modrm = code[4];
  const int mode = modrm >> 6;
  const int low = modrm & 7;
  out.destination = ((modrm >> 3) & 7) + r;
  const uint8_t* p = code + 5;
  if (mode == 3) {
    out.second_source = low + b;
    out.next = p;
    return true;
  }
  uint64_t address = 0;
  bool relative = false;
  bool has_base = true;
  if (low == 4) {
    const uint8_t sib = *p++;
    const int index = ((sib >> 3) & 7) + x;
    if (index != 4) address += registers.general(index) << (sib >> 6);
    has_base = (sib & 7) != 5 || mode != 0;
    if (has_base) address += registers.general((sib & 7) + b);
  } else if (low == 5 && mode == 0) {
    relative = true;
    has_base = false;
  } else {
    address += registers.general(low + b);
  }
  if (mode == 1) {
    address += static_cast<uint64_t>(static_cast<int64_t>(static_cast<int8_t>(*p++)));
  } else if (mode == 2 || !has_base) {
    int32_t displacement = 0;
    std::memcpy(&displacement, p, sizeof displacement);
    address += static_cast<uint64_t>(static_cast<int64_t>(displacement));
    p += sizeof displacement;
  }
  if (relative) address += std::bit_cast<uint64_t>(p);
  out.address = std::bit_cast<const std::byte*>(address);
  out.next = p;
  return true;
}

inline bool emulate_dot_product(ucontext_t& context) {
  constexpr uint8_t kByteDotProduct = 0x50;
  constexpr int kUnsignedFirst = 1;
  constexpr int kBothSigned = 3;
  Registers registers(context);
  VexInstruction instruction;
  greg_t& counter = context.uc_mcontext.gregs[REG_RIP];
  if (!decode_vex(std::bit_cast<const uint8_t*>(counter), registers, instruction)) return false;
  const bool both_signed = instruction.operand_prefix == kBothSigned;
  if (instruction.opcode != kByteDotProduct ||
      (!both_signed && instruction.operand_prefix != kUnsignedFirst)) {
    return false;
  }
  std::byte sums[32];
  std::byte a[32];
  std::byte b[32] = {};
  registers.read_vector(instruction.destination, sums);
  registers.read_vector(instruction.first_source, a);
  const size_t bytes = instruction.wide ? 32 : 16;
  if (instruction.address != nullptr) {
    std::memcpy(b, instruction.address, bytes);
  } else {
    registers.read_vector(instruction.second_source, b);
  }
  std::byte result[32] = {};
  for (size_t i = 0; i < bytes; i += 4) {
    int32_t sum = 0;
    std::memcpy(&sum, sums + i, 4);
    auto wrapped = static_cast<uint32_t>(sum);
    for (size_t k = i; k < i + 4; ++k) {
      const auto bits = std::to_integer<uint8_t>(a[k]);
      const int first = both_signed ? static_cast<int8_t>(bits) : bits;
      wrapped += static_cast<uint32_t>(first * static_cast<int8_t>(b[k]));
    }
    std::memcpy(result + i, &wrapped, 4);
  }
  registers.write_vector(instruction.destination, result);
  counter = std::bit_cast<greg_t>(instruction.next);
  return true;
}

inline void on_illegal_instruction(int number, siginfo_t*, void* context) {
  if (emulate_dot_product(*static_cast<ucontext_t*>(context))) return;
  // Returns to the same instruction, which now ends the process.
  signal(number, SIG_DFL);
}

}  // namespace emulation

// While it lives, the whole process can run these instructions.
class EmulatedVnni {
 public:
  EmulatedVnni() {
    struct sigaction action = {};
    action.sa_sigaction = emulation::on_illegal_instruction;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGILL, &action, &before_);
  }
  ~EmulatedVnni() { sigaction(SIGILL, &before_, nullptr); }
  EmulatedVnni(const EmulatedVnni&) = delete;
  EmulatedVnni& operator=(const EmulatedVnni&) = delete;

 private:
  struct sigaction before_ = {};
};

#endif

}  // namespace hadal::testing_support
