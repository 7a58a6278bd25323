// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The decoder's frame: operands, qualifiers, the table.

#include "tools/emulator/Exec/Decode.h"

#include "tools/emulator/Exec/Counting.h"
#include "tools/emulator/Exec/Race.h"
#include <algorithm>
#include <bit>

using namespace nybl::emu;

static constexpr struct {
  std::string_view name;
  Type type;
  unsigned bytes;
} typeTable[] = {{"b8", Type::B8, 1},         {"b16", Type::B16, 2},
                 {"b32", Type::B32, 4},       {"b64", Type::B64, 8},
                 {"b128", Type::B128, 16},    {"u8", Type::U8, 1},
                 {"u16", Type::U16, 2},       {"u32", Type::U32, 4},
                 {"u64", Type::U64, 8},       {"s8", Type::S8, 1},
                 {"s16", Type::S16, 2},       {"s32", Type::S32, 4},
                 {"s64", Type::S64, 8},       {"f16", Type::F16, 2},
                 {"f16x2", Type::F16x2, 4},   {"bf16", Type::BF16, 2},
                 {"bf16x2", Type::BF16x2, 4}, {"f32", Type::F32, 4},
                 {"f32x2", Type::F32x2, 8},   {"f64", Type::F64, 8},
                 {"pred", Type::Pred, 4},     {"tf32", Type::TF32, 4},
                 {"e4m3x2", Type::E4M3x2, 2}, {"e5m2x2", Type::E5M2x2, 2},
                 {"e2m1x2", Type::E2M1x2, 1}, {"ue8m0x2", Type::UE8M0x2, 2},
                 {"u16x2", Type::U16x2, 4},   {"s16x2", Type::S16x2, 4},
                 {"e2m3x2", Type::E2M3x2, 2}, {"e3m2x2", Type::E3M2x2, 2},
                 {"s2f6x2", Type::S2F6x2, 2}, {"e4m3x4", Type::E4M3x4, 4},
                 {"e5m2x4", Type::E5M2x4, 4}, {"e2m3x4", Type::E2M3x4, 4},
                 {"e3m2x4", Type::E3M2x4, 4}, {"e2m1x4", Type::E2M1x4, 2}};

Type nybl::emu::typeNamed(std::string_view name) {
  for (auto &entry : typeTable)
    if (entry.name == name)
      return entry.type;
  return Type::None;
}

unsigned nybl::emu::bytesOf(Type type) {
  for (auto &entry : typeTable)
    if (entry.type == type)
      return entry.bytes;
  return 4;
}

bool nybl::emu::isSignedType(Type type) {
  return type == Type::S8 || type == Type::S16 || type == Type::S32 ||
         type == Type::S64;
}

bool nybl::emu::isFloatType(Type type) {
  return type == Type::F16 || type == Type::BF16 || type == Type::F32 ||
         type == Type::F64 || type == Type::F16x2 || type == Type::BF16x2;
}

static const OpcodeTable &opcodes() {
  static const OpcodeTable table = [] {
    OpcodeTable t;
    addIntegerOpcodes(t);
    addBitOpcodes(t);
    addCompareOpcodes(t);
    addCarryOpcodes(t);
    addFloatOpcodes(t);
    addConvertOpcodes(t);
    addMemoryOpcodes(t);
    addAtomicOpcodes(t);
    addCacheOpcodes(t);
    addTensorMapOpcodes(t);
    addAsyncCopyOpcodes(t);
    addMbarrierOpcodes(t);
    addClusterOpcodes(t);
    addMatrixOpcodes(t);
    addWgmmaOpcodes(t);
    addTensorOpcodes(t);
    addControlOpcodes(t);
    addFenceOpcodes(t);
    addWarpOpcodes(t);
    addCallOpcodes(t);
    return t;
  }();
  return table;
}

bool Decoder::take(std::string_view qualifier) {
  auto found = std::find(qualifiers.begin(), qualifiers.end(), qualifier);
  if (found == qualifiers.end())
    return false;
  qualifiers.erase(found);
  return true;
}

int Decoder::takeOneOf(std::initializer_list<std::string_view> choices) {
  int index = 0;
  for (std::string_view choice : choices) {
    if (take(choice))
      return index;
    ++index;
  }
  return -1;
}

Type Decoder::takeType() {
  for (size_t i = 0; i < qualifiers.size(); ++i)
    if (Type type = typeNamed(qualifiers[i]); type != Type::None) {
      qualifiers.erase(qualifiers.begin() + i);
      return type;
    }
  fail("a type is expected");
  return Type::B32;
}

bool Decoder::operands(size_t count) {
  if (source->operands.size() == count)
    return true;
  fail("expected " + std::to_string(count) + " operands, got " +
       std::to_string(source->operands.size()));
  return false;
}

Slot Decoder::constant(uint64_t bits, bool wide, bool isShared) {
  auto [known, isNew] =
      constants.try_emplace({bits, wide, isShared}, kernel.slots);
  if (isNew)
    kernel.constants.push_back({kernel.slots++, bits, wide, isShared});
  return known->second;
}

static void notPredicate(Warp &w, const Instr &in) {
  w.predicate(in.d) = ~w.predicate(in.a);
}

static void lowHalf(Warp &w, const Instr &in) {
  for (unsigned i = 0; i < 32; ++i)
    w.w(in.d)[i] = static_cast<uint32_t>(w.q(in.a)[i]);
}

static void extend(Warp &w, const Instr &in) {
  w.forActive([&](unsigned i) {
    uint32_t v = w.w(in.a)[i];
    w.q(in.d)[i] = in.isSigned ? uint64_t(int64_t(int32_t(v))) : v;
  });
}

static void taintExtend(Warp &w, const Instr &in) {
  w.forActive([&](unsigned i) {
    uint16_t t = w.taint(in.a)[i] & 0xff;
    w.taint(in.d)[i] = in.isSigned && t & 0x80 ? t | 0xff00 : t;
  });
}

void Decoder::emit(const Instr &instr) {
  kernel.code.push_back(instr);
  kernel.source.push_back(
      {source->line, source->text, source->sourceFile, source->sourceLine});
}

Slot Decoder::precede(Handler run, Handler taint, Slot a) {
  Instr helper;
  helper.run = run;
  helper.taint = taint;
  helper.d = scratch();
  helper.a = a;
  emit(helper);
  return helper.d;
}

bool Decoder::isWide(int reg) const {
  return bytesOf(typeNamed(function.registers[reg].type)) == 8;
}

bool Decoder::fits(int reg, Type type) {
  const ptx::RegisterInfo &info = function.registers[reg];
  Type declared = typeNamed(info.type);
  unsigned have = bytesOf(declared), want = bytesOf(type);
  if (declared != Type::Pred && declared != Type::None &&
      (have == want || (relaxed && have > want && have <= 8)))
    return true;
  fail("expected a register of " + std::to_string(want * 8) + " bits, got " +
       info.name + " of type ." + info.type);
  return false;
}

std::pair<Slot, Slot> Decoder::pairOf(const ptx::Operand &operand) {
  if (operand.kind == ptx::Operand::Sink)
    return {scratch(), scratch()};
  if (operand.kind != ptx::Operand::Register ||
      function.registers[operand.reg].type != "b128") {
    fail("expected a register of 128 bits");
    return {0, 0};
  }
  auto [known, isNew] = upperHalves.try_emplace(operand.reg, 0);
  if (isNew)
    known->second = scratch();
  return {static_cast<Slot>(operand.reg), known->second};
}

Slot Decoder::carry() {
  if (carrySlot == noSlot)
    carrySlot = scratch();
  return carrySlot;
}

static uint64_t floatBitsAs(const ptx::Operand &operand, Type type) {
  if (type == Type::F32 && operand.floatBits == 64)
    return std::bit_cast<uint32_t>(
        static_cast<float>(std::bit_cast<double>(operand.bits)));
  if (type == Type::F64 && operand.floatBits == 32)
    return std::bit_cast<uint64_t>(static_cast<double>(
        std::bit_cast<float>(static_cast<uint32_t>(operand.bits))));
  return operand.bits;
}

Slot Decoder::slotOf(const ptx::Operand &operand, Type type) {
  unsigned bytes = bytesOf(type);
  uint64_t keep = bytes >= 8 ? ~uint64_t(0) : (uint64_t(1) << (bytes * 8)) - 1;
  if (operand.negated)
    fail("only a predicate can be negated");
  switch (operand.kind) {
  case ptx::Operand::Register: {
    auto slot = static_cast<Slot>(operand.reg);
    if (!fits(operand.reg, type) || bytes == 8 || !isWide(operand.reg))
      return slot;
    return precede(lowHalf, taintTruncate, slot);
  }
  case ptx::Operand::Integer:
    if (isFloatType(type))
      fail("expected a floating-point immediate (0f3F800000) or a register");
    return constant(operand.bits & keep, bytes == 8);
  case ptx::Operand::Float:
    if (type != Type::F32 && type != Type::F64 &&
        bytes * 8 != operand.floatBits)
      fail("a floating-point immediate does not fit this type");
    return constant(floatBitsAs(operand, type) & keep, bytes == 8);
  case ptx::Operand::Symbol: {
    if (Slot slot = special(operand.symbol, bytes); slot != noSlot)
      return slot;
    auto found = symbols.places.find(operand.symbol);
    if (found == symbols.places.end()) {
      fail("unknown name '" + operand.symbol + "'");
      return 0;
    }
    uint64_t address = found->second.second + operand.offset;
    // The generic address of a shared variable is made by cvta.
    return constant(address, bytes == 8,
                    found->second.first == MemorySpace::Shared);
  }
  default:
    fail("expected a register or an immediate");
    return 0;
  }
}

Slot Decoder::destinationOf(const ptx::Operand &operand, Type type) {
  if (operand.kind == ptx::Operand::Sink)
    return scratch();
  if (operand.kind != ptx::Operand::Register) {
    fail("expected a register as the destination");
    return 0;
  }
  auto slot = static_cast<Slot>(operand.reg);
  if (type == Type::Pred) {
    if (function.registers[operand.reg].type != "pred")
      fail("expected a predicate as the destination");
    return slot;
  }
  if (!fits(operand.reg, type) || bytesOf(type) == 8 || !isWide(operand.reg))
    return slot;
  Instr helper;
  helper.run = extend;
  helper.taint = taintExtend;
  helper.d = slot;
  helper.a = scratch();
  helper.isSigned = isSignedType(type);
  helper.guard = out.guard;
  helper.guardNegated = out.guardNegated;
  after.push_back(helper);
  return helper.a;
}

Slot Decoder::result(size_t i, Type type) {
  if (operand(i).kind == ptx::Operand::Sink && operand(i).second < 0)
    fail("the destination cannot be left out");
  return destination(i, type);
}

Slot Decoder::second(size_t i, Type type) {
  if (operand(i).second < 0)
    return noSlot;
  ptx::Operand other;
  other.kind = ptx::Operand::Register;
  other.reg = operand(i).second;
  return destinationOf(other, type);
}

Slot Decoder::predicate(size_t i) { return predicateOf(operand(i)); }

Slot Decoder::predicateOf(const ptx::Operand &p) {
  if (p.kind == ptx::Operand::Integer)
    return constant((p.bits != 0) != p.negated ? 0xffffffffu : 0, false);
  Slot slot = p.kind == ptx::Operand::Symbol ? special(p.symbol, 0) : noSlot;
  if (p.kind == ptx::Operand::Register &&
      function.registers[p.reg].type == "pred")
    slot = static_cast<Slot>(p.reg);
  if (slot == noSlot) {
    fail("expected a predicate");
    return 0;
  }
  return p.negated ? precede(notPredicate, taintCopy, slot) : slot;
}

int64_t Decoder::immediate(size_t i) {
  if (operand(i).kind == ptx::Operand::Integer)
    return static_cast<int64_t>(operand(i).bits);
  fail("expected an immediate integer");
  return 0;
}

void Decoder::setList(const std::vector<Slot> &slots) {
  out.list = static_cast<uint32_t>(kernel.lists.size());
  out.listCount = static_cast<uint32_t>(slots.size());
  kernel.lists.insert(kernel.lists.end(), slots.begin(), slots.end());
}

void Decoder::address(size_t i) {
  const ptx::Operand &at = operand(i);
  if (at.kind != ptx::Operand::Address) {
    fail("expected an address in brackets");
    return;
  }
  if (!at.elements.empty() && base != "cp")
    fail("only a tensor copy takes coordinates in its address");
  out.imm = at.offset;
  if (at.reg >= 0) {
    out.a = static_cast<Slot>(at.reg);
    unsigned bytes = bytesOf(typeNamed(function.registers[at.reg].type));
    if (function.registers[at.reg].type == "pred" || (bytes != 4 && bytes != 8))
      fail("expected an address of 32 or 64 bits");
    out.flag = function.registers[at.reg].type.find("64") != std::string::npos;
    return;
  }
  out.flag = true;
  if (at.symbol.empty()) {
    if (source->opcode.find(".local") == std::string::npos)
      fail("an address without a register or variable exists in .local only");
    out.a = constant(0, true);
    return;
  }
  auto found = symbols.places.find(at.symbol);
  if (found == symbols.places.end()) {
    fail("unknown variable '" + at.symbol + "'");
    return;
  }
  out.a = constant(found->second.second, true,
                   found->second.first == MemorySpace::Shared);
}

void Decoder::simple(Handler handler, Handler taint, Shape shape,
                     size_t count) {
  if (!operands(count))
    return;
  out.run = handler;
  out.taint = taint;
  out.bytes = static_cast<uint8_t>(bytesOf(shape.d));
  out.d = result(0, shape.d);
  if (count > 1)
    out.a = slot(1, shape.a);
  if (count > 2)
    out.b = slot(2, shape.b);
  if (count > 3)
    out.c = slot(3, shape.c);
}

bool Decoder::decode(const ptx::Instruction &instruction) {
  source = &instruction;
  out = Instr();
  out.order = memoryOrderOf(instruction.opcode);
  error.clear();
  after.clear();
  relaxed = false;
  qualifiers.clear();
  std::string_view rest = instruction.opcode;
  for (;;) {
    size_t dot = rest.find('.');
    qualifiers.push_back(rest.substr(0, dot));
    if (dot == rest.npos)
      break;
    rest.remove_prefix(dot + 1);
  }
  base = qualifiers.front();
  qualifiers.erase(qualifiers.begin());
  out.guard =
      instruction.guard < 0 ? noSlot : static_cast<Slot>(instruction.guard);
  out.guardNegated = instruction.guardNegated;
  auto found = opcodes().find(base);
  if (found == opcodes().end())
    fail("the emulator does not know the instruction '" + instruction.opcode +
         "'");
  else
    found->second(*this);
  if (error.empty() && !qualifiers.empty())
    fail("the emulator does not know the qualifier '." +
         std::string(qualifiers.front()) + "' of '" + instruction.opcode + "'");
  if (instruction.guard >= 0 &&
      function.registers[instruction.guard].type != "pred")
    fail("expected a predicate as the guard");
  if (error.empty()) {
    out.counted = countedAs(instruction.opcode);
    emit(out);
    for (const Instr &helper : after)
      emit(helper);
  } else
    error = "line " + std::to_string(instruction.line) + ", column " +
            std::to_string(instruction.column) + ": " + error;
  return error.empty();
}

std::string Decoder::run() {
  kernel.slots = static_cast<uint32_t>(function.registers.size());
  for (const ptx::Instruction &instruction : function.body) {
    firstOf.push_back(static_cast<uint32_t>(kernel.code.size()));
    if (!decode(instruction))
      return error;
  }
  firstOf.push_back(static_cast<uint32_t>(kernel.code.size()));
  ptx::Instruction end;
  end.opcode = end.text = "exit";
  end.line = function.body.empty() ? function.line : function.body.back().line;
  if (!decode(end))
    return error;
  for (Instr &instr : kernel.code)
    if (instr.isBranch) // its target is a parsed index
      instr.target = firstOf[instr.target];
  return "";
}
