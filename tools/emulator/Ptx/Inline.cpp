// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Calls, before anything is decoded: the body of a callee takes the place of
// its call. Parameters and the local variables of callees share one local
// variable, laid out like a stack: blocks that are never open together overlap.

#include "tools/emulator/Ptx/Module.h"

#include <algorithm>
#include <set>

using namespace nybl::emu;
using namespace nybl::emu::ptx;

namespace {

constexpr const char *frameName = "\1frame";
constexpr const char *returnLabel = "\1return";
/// Instructions of one kernel with all its callees; as many registers,
/// variables and labels. Each copy of a callee, even an empty one, has a block.
constexpr size_t maxInstructions = 1u << 22;
constexpr size_t maxBlocks = 1u << 16;
/// Of calls within each other.
constexpr size_t maxDepth = 256;

/// One function on its way into the kernel.
struct Frame {
  const Function &f;
  int firstRegister, firstScope;
  /// Parameters and variables: the name in `f`, the new name and the offset.
  std::map<std::string, std::pair<std::string, int64_t>> names;
  std::vector<uint64_t> tops; ///< of each block: where the frame is free
};

uint64_t roundUp(uint64_t value, uint64_t to) {
  return (value + to - 1) / to * to;
}

class Inliner {
public:
  Inliner(const Module &module, const Function &entry)
      : module(module), entry(entry) {}

  Expected<Function> run() {
    out = entry;
    out.registers.clear();
    out.variables.clear();
    out.body.clear();
    out.labels.clear();
    out.scopeParents.clear();
    Frame frame = open(entry, 0);
    expand(frame);
    if (!error.empty())
      return Error{error};
    if (frameBytes) {
      Variable variable;
      variable.space = Space::Local;
      variable.name = frameName;
      variable.bytes = frameBytes;
      variable.align = frameAlign;
      out.variables.push_back(std::move(variable));
    }
    return std::move(out);
  }

private:
  void fail(const Instruction &at, const std::string &what) {
    if (error.empty())
      error = "line " + std::to_string(at.line) + ", column " +
              std::to_string(at.column) + ": " + what;
  }

  //===--------------------------------------------------------------------===//
  // Frames
  //===--------------------------------------------------------------------===//

  uint64_t reserve(uint64_t &top, const Variable &v) {
    uint64_t at = roundUp(top, v.align);
    top = at + v.bytes;
    frameBytes = std::max(frameBytes, top);
    frameAlign = std::max(frameAlign, v.align);
    return at;
  }

  /// Registers, blocks and variables of a function; `base`: where its part of
  /// the frame begins.
  Frame open(const Function &f, uint64_t base) {
    Frame frame{f,
                static_cast<int>(out.registers.size()),
                static_cast<int>(out.scopeParents.size()),
                {},
                {}};
    out.registers.insert(out.registers.end(), f.registers.begin(),
                         f.registers.end());
    for (int parent : f.scopeParents)
      out.scopeParents.push_back(parent < 0 ? -1 : parent + frame.firstScope);
    placeVariables(frame, base);
    return frame;
  }

  /// A block begins above all variables of the one around it.
  void placeVariables(Frame &frame, uint64_t base) {
    const Function &f = frame.f;
    bool isEntry = &f == &entry;
    std::vector<std::vector<const Variable *>> byScope(f.scopeParents.size());
    placed += f.variables.size();
    for (const Variable &v : f.variables)
      byScope[v.scope].push_back(&v);
    for (size_t scope = 0; scope < f.scopeParents.size(); ++scope) {
      int parent = f.scopeParents[scope];
      uint64_t top = parent < 0 ? base : frame.tops[parent];
      for (const Variable *v : byScope[scope]) {
        bool inFrame =
            v->space == Space::Param || (v->space == Space::Local && !isEntry);
        if (inFrame) {
          auto at = static_cast<int64_t>(reserve(top, *v));
          frame.names[v->name] = {frameName, at};
        } else {
          declare(frame, *v, isEntry);
        }
      }
      frame.tops.push_back(top);
    }
  }

  /// Variables that a function has once, however often it is called.
  void declare(Frame &frame, Variable v, bool isEntry) {
    std::string name = v.name;
    if (!isEntry)
      v.name = frame.f.name + "::" + v.name;
    frame.names[name] = {v.name, 0};
    if (declared.insert(v.name).second)
      out.variables.push_back(std::move(v));
  }

  Operand moved(const Frame &frame, Operand operand) {
    if (operand.reg >= 0)
      operand.reg += frame.firstRegister;
    if (operand.second >= 0)
      operand.second += frame.firstRegister;
    if (auto found = frame.names.find(operand.symbol);
        !operand.symbol.empty() && found != frame.names.end()) {
      operand.symbol = found->second.first;
      operand.offset += found->second.second;
    }
    for (Operand &element : operand.elements)
      element = moved(frame, std::move(element));
    return operand;
  }

  Instruction moved(const Frame &frame, const Instruction &from) {
    Instruction in = from;
    if (in.guard >= 0)
      in.guard += frame.firstRegister;
    in.scope += frame.firstScope;
    for (Operand &operand : in.operands)
      operand = moved(frame, std::move(operand));
    return in;
  }

  //===--------------------------------------------------------------------===//
  // Instructions
  //===--------------------------------------------------------------------===//

  Instruction &emit(const Instruction &like, std::string opcode,
                    std::vector<Operand> operands = {}) {
    Instruction in = like;
    in.guard = -1;
    in.guardNegated = false;
    in.opcode = std::move(opcode);
    in.operands = std::move(operands);
    out.body.push_back(std::move(in));
    return out.body.back();
  }

  static Operand registerOperand(int reg) {
    Operand operand;
    operand.kind = Operand::Register;
    operand.reg = reg;
    return operand;
  }

  static Operand symbolOperand(const std::string &symbol) {
    Operand operand;
    operand.kind = Operand::Symbol;
    operand.symbol = symbol;
    return operand;
  }

  static Operand frameAddress(int64_t offset) {
    Operand operand;
    operand.kind = Operand::Address;
    operand.symbol = frameName;
    operand.offset = offset;
    return operand;
  }

  int newRegister(const std::string &type) {
    out.registers.push_back({"%call", type});
    return static_cast<int>(out.registers.size()) - 1;
  }

  void expand(Frame &frame) {
    stack.push_back(&frame.f);
    std::vector<size_t> position;
    for (const Instruction &in : frame.f.body) {
      position.push_back(out.body.size());
      expandOne(frame, in, &in == &frame.f.body.back());
      if (!error.empty())
        return;
    }
    position.push_back(out.body.size());
    for (auto &[key, index] : frame.f.labels)
      out.labels[{key.first + frame.firstScope, key.second}] = position[index];
    out.labels[{frame.firstScope, returnLabel}] = out.body.size();
    stack.pop_back();
  }

  static bool startsWith(const std::string &text, std::string_view with) {
    return text.compare(0, with.size(), with) == 0;
  }

  void expandOne(Frame &frame, const Instruction &from, bool last) {
    size_t blocks = entry.scopeParents.size() + maxBlocks;
    size_t most = std::max(
        {out.body.size(), out.registers.size(), out.labels.size(), placed});
    if (most > maxInstructions || out.scopeParents.size() > blocks)
      return fail(from, "the kernel and what it calls are too long to inline");
    Instruction in = moved(frame, from);
    if (in.opcode == "call" || in.opcode == "call.uni")
      return guarded(in, [&] { call(frame, from, in); });
    if (startsWith(in.opcode, "brx.idx"))
      return guarded(in, [&] { branchByIndex(frame, from, in); });
    bool isEntry = &frame.f == &entry;
    if (!isEntry && (in.opcode == "ret" || in.opcode == "ret.uni")) {
      if (last && in.guard < 0)
        return;
      in.opcode = "bra";
      in.scope = frame.firstScope;
      in.operands = {symbolOperand(returnLabel)};
    }
    placeParameters(in, isEntry);
    out.body.push_back(std::move(in));
  }

  /// ld.param and st.param of what is no parameter of the kernel.
  void placeParameters(Instruction &in, bool isEntry) {
    if (!startsWith(in.opcode, "ld.param") &&
        !startsWith(in.opcode, "st.param"))
      return;
    bool local = false;
    for (const Operand &operand : in.operands)
      if (operand.kind == Operand::Address)
        local |= operand.symbol == frameName || (operand.reg >= 0 && !isEntry);
    if (!local || startsWith(in.opcode.substr(3), "param::entry"))
      return;
    size_t end = startsWith(in.opcode.substr(3), "param::func")
                     ? sizeof("ld.param::func") - 1
                     : sizeof("ld.param") - 1;
    in.opcode = in.opcode.substr(0, 3) + "local" + in.opcode.substr(end);
  }

  /// The lanes whose guard is false branch around what `f` emits.
  template <typename F>
  void guarded(const Instruction &in, F f) {
    if (in.guard < 0)
      return f();
    std::string label = "\1skip" + std::to_string(labels++);
    Instruction &around = emit(in, "bra", {symbolOperand(label)});
    around.guard = in.guard;
    around.guardNegated = !in.guardNegated;
    f();
    out.labels[{in.scope, label}] = out.body.size();
  }

  /// brx.idx index, list: a comparison and a branch for each entry.
  void branchByIndex(const Frame &frame, const Instruction &from,
                     const Instruction &in) {
    bool known = in.opcode == "brx.idx" || in.opcode == "brx.idx.uni";
    const std::vector<std::string> *targets =
        in.operands.size() == 2
            ? frame.f.findTargets(from.scope, from.operands[1].symbol)
            : nullptr;
    if (!known || !targets)
      return fail(from, "expected brx.idx, an index and a .branchtargets");
    int equal = newRegister("pred");
    for (size_t i = 0; i < targets->size(); ++i) {
      Operand number;
      number.kind = Operand::Integer;
      number.bits = i;
      emit(in, "setp.eq.u32",
           {registerOperand(equal), in.operands[0], std::move(number)});
      emit(in, "bra", {symbolOperand((*targets)[i])}).guard = equal;
    }
    emit(in, std::string(badIndexOpcode));
  }

  //===--------------------------------------------------------------------===//
  // Calls
  //===--------------------------------------------------------------------===//

  const Function *find(std::string name) const {
    if (auto alias = module.aliases.find(name); alias != module.aliases.end())
      name = alias->second;
    for (const Function &f : module.functions)
      if (f.name == name && !f.isEntry)
        return &f;
    return nullptr;
  }

  /// [(results),] function [, (arguments)]
  void call(Frame &frame, const Instruction &from, const Instruction &in) {
    size_t at = 0, count = in.operands.size();
    static const std::vector<Operand> none;
    const std::vector<Operand> *results = &none, *arguments = &none;
    if (count > 1 && in.operands[0].kind == Operand::List)
      results = &in.operands[at++].elements;
    if (at == count || in.operands[at].kind != Operand::Symbol)
      return fail(from, "the emulator does not know indirect calls");
    std::string name = in.operands[at++].symbol;
    if (at < count && in.operands[at].kind == Operand::List)
      arguments = &in.operands[at++].elements;
    if (at != count)
      return fail(from, "the emulator does not know indirect calls");
    uint64_t base = frame.tops[from.scope];
    if (const Function *callee = find(name))
      return callFunction(*callee, base, in, *results, *arguments);
    if (name == "vprintf" && results->size() == 1 && arguments->size() == 2)
      return callPrint(in, *results, *arguments);
    if (name == "__assertfail" && arguments->size() == 5)
      return callAssert(in, *arguments);
    if (name == "malloc" || name == "free")
      return fail(from, "the emulator has no heap for kernels: '" + name +
                            "' cannot be called; allocate on the host");
    fail(from, "the function '" + name + "' has no body here: link first");
  }

  void callFunction(const Function &callee, uint64_t base,
                    const Instruction &in, const std::vector<Operand> &results,
                    const std::vector<Operand> &arguments) {
    if (std::find(stack.begin(), stack.end(), &callee) != stack.end())
      return fail(in, "'" + callee.name +
                          "' calls itself, directly or through others: the "
                          "emulator cannot inline recursion");
    if (stack.size() >= maxDepth)
      return fail(in, "calls nest deeper than " + std::to_string(maxDepth));
    if (results.size() != callee.returns.size() ||
        arguments.size() != callee.parameters.size())
      return fail(in, "'" + callee.name + "' takes " +
                          std::to_string(callee.parameters.size()) +
                          " arguments and gives " +
                          std::to_string(callee.returns.size()) + " results");
    Frame inner = open(callee, base);
    std::vector<Instruction> copyBack;
    for (size_t i = 0; i < arguments.size(); ++i)
      bind(inner, callee.parameters[i], callee.parameterRegisters[i],
           arguments[i], in, nullptr);
    for (size_t i = 0; i < results.size(); ++i)
      bind(inner, callee.returns[i], callee.returnRegisters[i], results[i], in,
           &copyBack);
    expand(inner);
    for (Instruction &copy : copyBack)
      out.body.push_back(std::move(copy));
  }

  static std::string bitsOf(uint64_t bytes) {
    return "b" + std::to_string(bytes * 8);
  }

  /// A formal parameter (`back` null) or result means the actual one, or is
  /// copied before or after.
  void bind(Frame &inner, const Variable &formal, int formalRegister,
            const Operand &actual, const Instruction &in,
            std::vector<Instruction> *back) {
    bool inFrame = actual.kind == Operand::Symbol && actual.symbol == frameName;
    if (inFrame && formalRegister < 0) {
      inner.names[formal.name] = {frameName, actual.offset};
      return;
    }
    if (formalRegister < 0) {
      if (formal.bytes > 8 || (formal.bytes & (formal.bytes - 1)))
        return fail(in,
                    "expected a variable in .param for '" + formal.name + "'");
      uint64_t top = inner.tops[0];
      auto at = static_cast<int64_t>(reserve(top, formal));
      for (uint64_t &t : inner.tops)
        t = std::max(t, top);
      inner.names[formal.name] = {frameName, at};
      std::string bits = bitsOf(formal.bytes);
      if (!back)
        emit(in, "st.local." + bits, {frameAddress(at), actual});
      else
        later(in, *back, "ld.local." + bits, {actual, frameAddress(at)});
      return;
    }
    int reg = inner.firstRegister + formalRegister;
    const std::string &type = out.registers[reg].type;
    Operand own = registerOperand(reg);
    if (inFrame) {
      if (back)
        later(in, *back, "st.local." + type,
              {frameAddress(actual.offset), own});
      else
        emit(in, "ld.local." + type, {own, frameAddress(actual.offset)});
    } else if (back) {
      later(in, *back, "mov." + type, {actual, own});
    } else {
      emit(in, "mov." + type, {own, actual});
    }
  }

  void later(const Instruction &like, std::vector<Instruction> &back,
             std::string opcode, std::vector<Operand> operands) {
    emit(like, std::move(opcode), std::move(operands));
    back.push_back(std::move(out.body.back()));
    out.body.pop_back();
  }

  /// An argument of a function without body, in a register.
  Operand argument(const Instruction &in, const Operand &actual,
                   const std::string &type) {
    if (actual.kind != Operand::Symbol || actual.symbol != frameName)
      return actual;
    Operand loaded = registerOperand(newRegister(type));
    emit(in, "ld.local." + type, {loaded, frameAddress(actual.offset)});
    return loaded;
  }

  void callPrint(const Instruction &in, const std::vector<Operand> &results,
                 const std::vector<Operand> &arguments) {
    Operand format = argument(in, arguments[0], "b64");
    Operand values = argument(in, arguments[1], "b64");
    Operand result = registerOperand(newRegister("b32"));
    emit(in, std::string(printOpcode), {result, format, values});
    const Operand &to = results[0];
    if (to.kind == Operand::Symbol && to.symbol == frameName)
      emit(in, "st.local.b32", {frameAddress(to.offset), result});
    else
      emit(in, "mov.b32", {to, result});
  }

  void callAssert(const Instruction &in,
                  const std::vector<Operand> &arguments) {
    std::vector<Operand> loaded;
    for (size_t i = 0; i < 4; ++i)
      loaded.push_back(argument(in, arguments[i], i == 2 ? "b32" : "b64"));
    emit(in, std::string(assertOpcode), std::move(loaded));
  }

  const Module &module;
  const Function &entry;
  Function out;
  std::string error;
  std::vector<const Function *> stack;
  std::set<std::string> declared; ///< variables that a function has once
  size_t placed = 0;              ///< variables, of all copies
  uint64_t frameBytes = 0;
  uint32_t frameAlign = 1;
  unsigned labels = 0;
};

} // namespace

Expected<Function> nybl::emu::ptx::inlineCalls(const Module &module,
                                               const Function &entry) {
  return Inliner(module, entry).run();
}
