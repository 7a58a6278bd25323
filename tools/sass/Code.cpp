// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What single instructions are, and where control goes after them.

#include "tools/sass/Code.h"
#include <algorithm>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::sass;

using Successors = std::vector<std::vector<size_t>>;

std::string_view Instruction::base() const {
  return std::string_view(opcode).substr(0, opcode.find('.'));
}

bool Instruction::isAlways() const {
  return guard.empty() || guard == "@PT" || guard == "@UPT";
}

bool Instruction::isNever() const {
  return guard == "@!PT" || guard == "@!UPT";
}

std::string Instruction::text() const {
  std::string all = guard.empty() ? opcode : guard + " " + opcode;
  // Without the notes that nvdisasm adds: (*"SpillRefill"*).
  std::string plain = operands.substr(0, operands.find("(*"));
  plain.erase(plain.find_last_not_of(' ') + 1);
  return plain.empty() ? all : all + " " + plain;
}

/// The 4 bits from bit 41 of the upper half on: Volta's encoding and all since
/// (Jia et al., "Dissecting the NVIDIA Volta GPU Architecture via
/// Microbenchmarking", 2018, section 2.1).
unsigned Instruction::stallCycles() const {
  return static_cast<unsigned>(control >> 41 & 15);
}

/// One that a predicate may leave out is not what a kernel multiplies by; but
/// those of sm_100 are one thread's.
bool nybl::sass::isSassMultiply(const Instruction &in) {
  bool isOneThreads = in.base().starts_with("UTC");
  return in.base().ends_with("MMA") &&
         (isOneThreads ? !in.isNever() : in.isAlways());
}

bool nybl::sass::isPtxMultiply(const Instruction &in) {
  for (const char *form :
       {"mma.", "wmma.mma.", "wgmma.mma_async.", "tcgen05.mma."})
    if (in.opcode.starts_with(form))
      return true;
  return false;
}

bool nybl::sass::isSassGlobalLoad(const Instruction &in) {
  if (in.isNever())
    return false;
  if (in.base() == "UBLKCP") // .G.S goes the other way
    return in.opcode.find(".G.S") == std::string::npos;
  for (const char *base : {"LDG", "LDGSTS", "UTMALDG", "LD"})
    if (in.base() == base)
      return true;
  return false;
}

bool nybl::sass::isPtxGlobalLoad(const Instruction &in) {
  const std::string &op = in.opcode;
  size_t global = op.find(".global");
  if (op.starts_with("cp.async."))
    return global != op.npos && op.find(".shared") < global;
  if (!op.starts_with("ld.") && !op.starts_with("ldu."))
    return false;
  for (const char *space : {".shared", ".param", ".const", ".local"})
    if (op.find(space) != op.npos)
      return false;
  return true;
}

std::string nybl::sass::callee(const Instruction &call) {
  size_t begin = call.operands.find("`(");
  if (begin == std::string::npos)
    return "";
  begin += 2;
  return call.operands.substr(begin, call.operands.find(')', begin) - begin);
}

/// Names in a note of nvdisasm: (*"BRANCH_TARGETS .L_x_1,.L_x_2"*).
static std::vector<std::string> notedTargets(const Instruction &in) {
  constexpr std::string_view note = "BRANCH_TARGETS";
  std::vector<std::string> names;
  size_t at = in.operands.find(note);
  if (at == std::string::npos)
    return names;
  at += note.size();
  size_t end = std::min(in.operands.find('"', at), in.operands.size());
  while (at < end) {
    size_t stop = std::min(in.operands.find_first_of(" ,", at), end);
    if (stop > at)
      names.push_back(in.operands.substr(at, stop - at));
    at = stop + 1;
  }
  return names;
}

std::vector<size_t> nybl::sass::localTargets(const Code &code,
                                             const Instruction &in) {
  std::vector<std::string> names = notedTargets(in);
  names.push_back(callee(in));
  std::vector<size_t> targets;
  for (const std::string &name : names)
    if (auto found = code.labels.find(name);
        found != code.labels.end() && found->second < code.instructions.size())
      targets.push_back(found->second);
  return targets;
}

static Status unknownTarget(const Code &code, const Instruction &in) {
  return Status::error(
      ErrorCode::Unproven,
      fmt::format("{}, at {:#06x}: expected a branch to a label of the kernel, "
                  "got '{}': its control flow is not known",
                  code.name, in.place, in.text()));
}

namespace {

/// What an instruction does to control.
enum class Kind { Straight, Jump, Branch, Call, End };

Kind sassKind(const Instruction &in) {
  std::string_view base = in.base();
  if (in.isNever())
    return Kind::Straight;
  if (base == "BRA" || base == "JMP") {
    // BRA.U UP0, `(label) has its condition among the operands.
    bool alone = in.operands.starts_with("`(");
    return in.isAlways() && alone ? Kind::Jump : Kind::Branch;
  }
  for (const char *indirect : {"BRX", "BRXU", "JMX", "JMXU"})
    if (base == indirect)
      return in.isAlways() ? Kind::Jump : Kind::Branch;
  if (base == "CALL" || base == "WARPSYNC")
    return Kind::Call;
  if ((base == "EXIT" || base == "RET" || base == "KILL") && in.isAlways())
    return Kind::End;
  return Kind::Straight;
}

} // namespace

Expected<Flow> nybl::sass::sassFlow(const Code &code) {
  Successors next(code.instructions.size());
  for (size_t i = 0; i < next.size(); ++i) {
    const Instruction &in = code.instructions[i];
    Kind kind = sassKind(in);
    if (kind != Kind::Straight && kind != Kind::End)
      next[i] = localTargets(code, in);
    if ((kind == Kind::Jump || kind == Kind::Branch) && next[i].empty())
      return unknownTarget(code, in);
    if (kind != Kind::Jump && kind != Kind::End && i + 1 < next.size())
      next[i].push_back(i + 1);
  }
  return Flow(std::move(next));
}

/// The labels that a branch of PTX may go to.
static std::vector<std::string> ptxTargets(const Code &code,
                                           const Instruction &in) {
  if (in.base() == "bra")
    return {in.operands};
  size_t comma = in.operands.rfind(',');
  size_t begin = in.operands.find_first_not_of(' ', comma + 1);
  auto table = code.tables.find(std::string_view(in.operands).substr(begin));
  return table == code.tables.end() ? std::vector<std::string>()
                                    : table->second;
}

Expected<Flow> nybl::sass::ptxFlow(const Code &code) {
  Successors next(code.instructions.size());
  for (size_t i = 0; i < next.size(); ++i) {
    const Instruction &in = code.instructions[i];
    std::string_view base = in.base();
    bool branches = base == "bra" || base == "brx";
    if (branches) {
      for (const std::string &name : ptxTargets(code, in))
        if (auto found = code.labels.find(name);
            found != code.labels.end() && found->second < next.size())
          next[i].push_back(found->second);
      if (next[i].empty())
        return unknownTarget(code, in);
    }
    bool ends = branches || base == "ret" || base == "exit" || base == "trap";
    if ((!ends || !in.isAlways()) && i + 1 < next.size())
      next[i].push_back(i + 1);
  }
  return Flow(std::move(next));
}
