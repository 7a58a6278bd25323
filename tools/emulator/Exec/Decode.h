// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From parsed to decoded instructions. Each file of handlers adds its opcodes
// to one table; a decoder takes the qualifiers it knows, in any order
// (compilers write mma's in two orders), and what is left over is an error.
#ifndef NYBL_EMULATOR_EXEC_DECODE_H
#define NYBL_EMULATOR_EXEC_DECODE_H

#include "tools/emulator/Exec/Warp.h"
#include "tools/emulator/Ptx/Module.h"
#include <functional>
#include <initializer_list>

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
  UE8M0x2
};

Type typeNamed(std::string_view name);
unsigned bytesOf(Type type);
bool isSignedType(Type type);
bool isFloatType(Type type);

/// Where module and kernel variables lie.
struct Symbols {
  std::map<std::string, std::pair<MemorySpace, uint64_t>, std::less<>> places;
};

class Decoder {
public:
  Decoder(const ptx::Function &function, const Symbols &symbols,
          const ChipLimits &chip, Kernel &kernel)
      : function(function), symbols(symbols), chip(chip), kernel(kernel) {}

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
  /// The slot of a source operand; immediates become constants of the type.
  Slot slotOf(const ptx::Operand &operand, Type type);
  Slot slot(size_t i, Type type) { return slotOf(operand(i), type); }
  Slot destination(size_t i);
  Slot destinationOf(const ptx::Operand &operand);
  Slot predicate(size_t i, bool *negated = nullptr);
  /// An integer known now, or fails.
  int64_t immediate(size_t i);
  void setList(const std::vector<Slot> &slots);
  /// [base + offset]: out.a, out.imm and, for a symbol, out.space.
  void address(size_t i);
  void fail(const std::string &what) {
    if (error.empty())
      error = what;
  }
  /// d, a, b, c of one type, `count` operands in all.
  void simple(Handler handler, Handler taint, Type type, size_t count);
  const ChipLimits &target() const { return chip; }
  const Symbols &symbolTable() const { return symbols; }
  const ptx::Function &body() const { return function; }
  Slot constant(uint64_t bits, bool wide);
  Slot scratch() { return kernel.slots++; }
  /// Appends `out` before the final one (an instruction that needs two).
  void emitNow();

private:
  bool decode(const ptx::Instruction &instruction);
  Slot special(std::string_view name);
  void finish(const ptx::Instruction &instruction);

  const ptx::Function &function;
  const Symbols &symbols;
  const ChipLimits &chip;
  Kernel &kernel;
  std::map<std::pair<uint64_t, bool>, Slot> constants;
  std::map<std::string, Slot, std::less<>> specials;
  std::vector<uint32_t> firstOf; ///< decoded index of each parsed instruction
};

using DecodeOpcode = void (*)(Decoder &);
using OpcodeTable = std::map<std::string_view, DecodeOpcode>;

void addIntegerOpcodes(OpcodeTable &table);
void addFloatOpcodes(OpcodeTable &table);
void addConvertOpcodes(OpcodeTable &table);
void addMemoryOpcodes(OpcodeTable &table);
void addAsyncCopyOpcodes(OpcodeTable &table);
void addMatrixOpcodes(OpcodeTable &table);
void addControlOpcodes(OpcodeTable &table);
void addWarpOpcodes(OpcodeTable &table);

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
void taintGuard(Warp &w, const Instr &in);    ///< a marked branch is a finding
void taintTruncate(Warp &w, const Instr &in); ///< keep the low `bytes`

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_DECODE_H
