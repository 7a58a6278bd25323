// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel as a list of instructions, read from PTX or from what nvdisasm
// prints of a cubin. As much of either as control flow and counts need.
#ifndef NYBL_TOOLS_SASS_CODE_H
#define NYBL_TOOLS_SASS_CODE_H

#include "runtime/Abi/Status.h"
#include "tools/sass/Flow.h"
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nybl::sass {

struct Instruction {
  std::string guard;    ///< "@!P0"; empty: none
  std::string opcode;   ///< "LDG.E.64", "ld.global.b32"
  std::string operands; ///< up to the semicolon
  uint64_t place = 0;   ///< address in the kernel; of PTX, the line
  uint64_t control = 0; ///< upper half of the encoding; of PTX, 0

  /// "LDG" of "LDG.E.64".
  std::string_view base() const;
  /// True for a guard that is never false (or none).
  bool isAlways() const;
  bool isNever() const;
  /// Guard, opcode and operands.
  std::string text() const;
  /// Cycles in which the warp issues nothing after this instruction.
  unsigned stallCycles() const;
};

struct Code {
  std::string name;
  std::vector<Instruction> instructions;
  std::map<std::string, size_t, std::less<>> labels; ///< to the instruction
  /// Of PTX: labels that a .branchtargets names.
  std::map<std::string, std::vector<std::string>, std::less<>> tables;
};

/// Successors of each instruction. Errors: Unproven, where the target of a
/// branch is not in the text.
Expected<Flow> sassFlow(const Code &code);
Expected<Flow> ptxFlow(const Code &code);

/// Where a call goes whose target is in this kernel's own code.
std::vector<size_t> localTargets(const Code &code, const Instruction &in);
/// The name in a call: of SASS, "vprintf" of CALL.ABS (vprintf); empty where
/// the address is in a register.
std::string callee(const Instruction &call);

/// A multiply of the tensor core: OMMA, QMMA, HMMA, UTCOMMA and so on.
bool isSassMultiply(const Instruction &in);
/// mma.sync, mma.sp, wgmma.mma_async, tcgen05.mma.
bool isPtxMultiply(const Instruction &in);
/// Reads global memory, or may (generic loads): LDG, LDGSTS, UTMALDG, UBLKCP.
bool isSassGlobalLoad(const Instruction &in);
bool isPtxGlobalLoad(const Instruction &in);

/// All kernels in what `nvdisasm -c -hex` prints. Errors: Invalid.
Expected<std::vector<Code>> parseSass(std::string_view text);
/// All kernels of a PTX text, and nothing but kernels: code outside of them
/// (.func with a body) is refused. Errors: Invalid.
Expected<std::vector<Code>> parsePtx(std::string_view text);

} // namespace nybl::sass

#endif // NYBL_TOOLS_SASS_CODE_H
