// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From parsed to decoded instructions. Each file of handlers adds its opcodes
// to one table; a decoder takes the qualifiers it knows, in any order
// (compilers write mma's in two orders), and what is left over is an error.
#ifndef NYBL_EMULATOR_EXEC_DECODE_H
#define NYBL_EMULATOR_EXEC_DECODE_H

#include "tools/emulator/Device/Chips.h"
#include "tools/emulator/Exec/Warp.h"
#include "tools/emulator/Ptx/Module.h"
#include <functional>
#include <initializer_list>
#include <tuple>

namespace nybl::emu {

enum class Type : uint8_t {
  None,
  B8,
  B16,
  B32,
  B64,
  B128,
  U8,
  U16,
  U32,
  U64,
  S8,
  S16,
  S32,
  S64,
  F16,
  F16x2,
  BF16,
  BF16x2,
  F32,
  F32x2,
  F64,
  Pred,
  TF32,
  E4M3x2,
  E5M2x2,
  E2M1x2,
  UE8M0x2,
  U16x2,
  S16x2,
  E2M3x2,
  E3M2x2,
  S2F6x2,
  E4M3x4,
  E5M2x4,
  E2M3x4,
  E3M2x4,
  E2M1x4
};

Type typeNamed(std::string_view name);
unsigned bytesOf(Type type);
bool isSignedType(Type type);
bool isFloatType(Type type);

/// Where module and kernel variables lie.
struct Symbols {
  unsigned version = 0; ///< of the module: 91 is PTX 9.1
  std::map<std::string, std::pair<MemorySpace, uint64_t>, std::less<>> places;
};

class Decoder {
public:
  Decoder(const ptx::Function &function, const Symbols &symbols,
          const PtxTarget &isFor, Kernel &kernel)
      : function(function), symbols(symbols), isFor(isFor), kernel(kernel) {}

  /// Decodes the whole body; empty on success, else "line L: ...".
  std::string run();

  // For the decoders of opcodes ---------------------------------------------
  std::string_view base;                    ///< the opcode's first part
  std::vector<std::string_view> qualifiers; ///< those nobody took yet
  const ptx::Instruction *source = nullptr;
  Instr out;
  std::string error;

  bool take(std::string_view qualifier);
  /// Takes the first that is there; its index, or -1.
  int takeOneOf(std::initializer_list<std::string_view> choices);
  Type takeType();
  /// Fails unless the count fits.
  bool operands(size_t count);
  const ptx::Operand &operand(size_t i) const { return source->operands[i]; }
  /// Registers may be wider than the type (ld, st, cvt): a source gives its low
  /// bits, a destination is extended.
  bool relaxed = false;
  /// The slot of a source operand; immediates become constants of the type.
  Slot slotOf(const ptx::Operand &operand, Type type);
  Slot slot(size_t i, Type type) { return slotOf(operand(i), type); }
  Slot destination(size_t i, Type type) {
    return destinationOf(operand(i), type);
  }
  Slot destinationOf(const ptx::Operand &operand, Type type);
  /// A destination that cannot be left out, but for _|%p.
  Slot result(size_t i, Type type);
  /// Both halves of a 128-bit register, the low one first.
  std::pair<Slot, Slot> pairOf(const ptx::Operand &operand);
  /// The register after the bar of %a|%b, or noSlot.
  Slot second(size_t i, Type type);
  /// A source; negated ones are computed before.
  Slot predicate(size_t i);
  Slot predicateOf(const ptx::Operand &operand);
  /// An integer known now, or fails.
  int64_t immediate(size_t i);
  void setList(const std::vector<Slot> &slots);
  /// [base + offset]: out.a, out.imm and, for a symbol, out.space.
  void address(size_t i);
  void fail(const std::string &what) {
    if (error.empty())
      error = what;
  }
  /// d, a, b, c of these types, `count` operands in all.
  struct Shape {
    Type d, a, b, c;
  };
  void simple(Handler handler, Handler taint, Shape shape, size_t count);
  void simple(Handler handler, Handler taint, Type type, size_t count) {
    simple(handler, taint, Shape{type, type, type, type}, count);
  }
  /// The module's, which says what instructions there are.
  const PtxTarget &target() const { return isFor; }
  unsigned version() const { return symbols.version; }
  const Symbols &symbolTable() const { return symbols; }
  const ptx::Function &body() const { return function; }
  Slot constant(uint64_t bits, bool wide, bool isShared = false);
  /// A helper of this instruction that runs before it: d = run(a).
  Slot precede(Handler run, Handler taint, Slot a);
  Instr &last() { return kernel.code.back(); } ///< the latest helper
  Slot scratch() { return kernel.slots++; }
  Kernel &decoded() { return kernel; }
  /// The carry flag of add.cc and its relatives.
  Slot carry();

private:
  bool decode(const ptx::Instruction &instruction);
  /// Read in so many bytes, 0 as a predicate; noSlot: no special register.
  Slot special(std::string_view name, unsigned bytes);
  Slot specialSlot(Special what, unsigned bytes);
  bool fits(int reg, Type type);
  bool isWide(int reg) const;
  void emit(const Instr &instr);

  const ptx::Function &function;
  const Symbols &symbols;
  const PtxTarget &isFor;
  Kernel &kernel;
  std::map<std::tuple<uint64_t, bool, bool>, Slot> constants;
  std::map<Special, Slot> specials;
  std::map<int, Slot> upperHalves; ///< of 128-bit registers
  Slot carrySlot = noSlot;
  std::vector<Instr> after;      ///< helpers that follow this instruction
  std::vector<uint32_t> firstOf; ///< decoded index of each parsed instruction
};

using DecodeOpcode = void (*)(Decoder &);
using OpcodeTable = std::map<std::string_view, DecodeOpcode>;

/// f.template operator()<T>() for the C++ integer of the type, or null.
template <typename F>
Handler byInteger(Type type, F f) {
  switch (type) {
  case Type::U16:
  case Type::B16:
    return f.template operator()<uint16_t>();
  case Type::S16:
    return f.template operator()<int16_t>();
  case Type::U32:
  case Type::B32:
    return f.template operator()<uint32_t>();
  case Type::S32:
    return f.template operator()<int32_t>();
  case Type::U64:
  case Type::B64:
    return f.template operator()<uint64_t>();
  case Type::S64:
    return f.template operator()<int64_t>();
  default:
    return nullptr;
  }
}

void addIntegerOpcodes(OpcodeTable &table);
void addBitOpcodes(OpcodeTable &table);
void addCompareOpcodes(OpcodeTable &table);
void addCarryOpcodes(OpcodeTable &table);
void addFloatOpcodes(OpcodeTable &table);
void addConvertOpcodes(OpcodeTable &table);
void addMemoryOpcodes(OpcodeTable &table);
void addAtomicOpcodes(OpcodeTable &table);
void addCacheOpcodes(OpcodeTable &table);
void addTensorMapOpcodes(OpcodeTable &table);
void addAsyncCopyOpcodes(OpcodeTable &table);
void decodeBulkCopy(Decoder &d, bool reduces); ///< after cp{.reduce}.async.bulk
/// After cp{.reduce}.async.bulk{.prefetch}.tensor
void decodeTensorCopy(Decoder &d, bool reduces, bool prefetches);
void addMbarrierOpcodes(OpcodeTable &table);
void addClusterOpcodes(OpcodeTable &table);
void decodeClusterBarrier(Decoder &d); ///< after barrier.cluster
void addMatrixOpcodes(OpcodeTable &table);
void addWgmmaOpcodes(OpcodeTable &table);
void addTensorOpcodes(OpcodeTable &table);
void addControlOpcodes(OpcodeTable &table);
void addFenceOpcodes(OpcodeTable &table);
void addWarpOpcodes(OpcodeTable &table);
void addCallOpcodes(OpcodeTable &table);

// Taint rules (Taint.cpp); one bit for each nibble ---------------------------
void taintCopy(Warp &w, const Instr &in);   ///< d = a, nibble by nibble
void taintAny(Warp &w, const Instr &in);    ///< any nibble of a, b, c: all
void taintUpward(Warp &w, const Instr &in); ///< from the lowest one upward
void taintAnd(Warp &w, const Instr &in);
void taintOr(Warp &w, const Instr &in);
void taintXor(Warp &w, const Instr &in);
void taintShift(Warp &w, const Instr &in); ///< flag: right
void taintPermute(Warp &w, const Instr &in);
void taintSelect(Warp &w, const Instr &in);   ///< c is the predicate
void taintCompare(Warp &w, const Instr &in);  ///< d (and e) are predicates
void taintClear(Warp &w, const Instr &in);    ///< d (and e) come clean
void taintTruncate(Warp &w, const Instr &in); ///< keep the low `bytes`
void taintHalves(Warp &w, const Instr &in);   ///< any, in each half of d

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_DECODE_H
