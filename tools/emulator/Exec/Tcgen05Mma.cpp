// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tcgen05.mma: decoding, and what is checked when it is issued. Sparse and
// weight-stationary forms (.sp, .ws) are refused.

#include "tools/emulator/Exec/Tcgen05.h"
#include "tools/emulator/Exec/Tcgen05Product.h"

using namespace nybl::emu;

namespace {

/// Bits of Instr::mode beside the kind, and how many scales: in Instr::bytes.
enum Mode : uint8_t { KindBits = 7, Shift = 8, PairOfCtas = 16 };

/// The list holds enable-input-d, then the addresses of the scale factors or
/// the masks of disabled lanes.
constexpr unsigned firstExtra = 1;

bool misuse(Warp &w, unsigned lane, uint64_t value, const std::string &text) {
  w.report(FindingKind::TensorMemoryMisuse, lane, value,
           "tcgen05.mma: " + text);
  return false;
}

/// A swizzle of 32-byte atoms is for transposed 32-bit elements, and those have
/// no other.
std::string layoutProblem(const MmaForm &form, const MatrixOperand &operand,
                          ElementFormat format) {
  if (!operand.mnMajor)
    return "";
  bool atoms32 = operand.descriptor.swizzle == Swizzle::B128Atom32;
  if (form.kind != MmaKind::I8 && elementBits(format) < 8)
    return "elements of 4 and 6 bits cannot be transposed";
  if (atoms32 != (form.kind == MmaKind::Tf32))
    return form.kind == MmaKind::Tf32
               ? "transposed tf32 needs the 128-byte swizzle of 32-byte atoms"
               : "only transposed tf32 has the 128-byte swizzle of 32-byte "
                 "atoms";
  return "";
}

/// Fills in one operand in shared memory of each CTA.
bool takeShared(Warp &w, unsigned lane, uint64_t bits, const TensorProduct &p,
                bool isB, std::vector<MatrixOperand> &to) {
  const MmaForm &form = p.form;
  ElementFormat format = isB ? form.b : form.a;
  MatrixOperand operand;
  if (std::string problem = operand.descriptor.decodeTcgen05(bits);
      !problem.empty())
    return misuse(w, lane, bits, problem);
  operand.rows = isB ? form.n / form.group : form.rows();
  operand.rowBytes = mmaRowBytes;
  operand.mnMajor = isB ? form.mnMajorB : form.mnMajorA;
  bool integer = form.kind == MmaKind::I8;
  operand.elementBytes = integer ? 1 : containerBytes(format);
  if (!integer && !form.isPacked() && elementBits(format) < 8)
    operand.usedBytes = 2 * elementBits(format);
  if (std::string problem = layoutProblem(form, operand, format);
      !problem.empty())
    return misuse(w, lane, bits, problem);
  for (Cta *cta : p.ctas) {
    operand.cta = cta;
    if (!operand.check(w, lane, isB ? "B of tcgen05.mma" : "A of tcgen05.mma"))
      return false;
    to.push_back(operand);
  }
  return true;
}

/// Lanes of D (and A) start at 0 or, where only half of them is used, 0 or 16.
bool checkAlignment(Warp &w, unsigned lane, const TensorProduct &p) {
  uint32_t first = tensorLane(p.d);
  bool half = p.form.usesHalfOfLanes();
  if (first != 0 && !(half && first == 16))
    return misuse(w, lane, p.d,
                  std::string("D must start at lane 0") +
                      (half ? " or 16" : ""));
  if (p.aInTensor && tensorLane(p.aTensor) != first)
    return misuse(w, lane, p.aTensor, "A and D must start at the same lane");
  if (p.shiftsA && half)
    return misuse(w, lane, p.d, ".ashift goes with M = 128 and M = 256");
  if (p.aInTensor && p.form.mnMajorA)
    return misuse(w, lane, p.aTensor,
                  "A in tensor memory cannot be transposed");
  return true;
}

bool takeForm(Warp &w, const Instr &in, unsigned lane, TensorProduct &p) {
  p.form.kind = static_cast<MmaKind>(in.mode & KindBits);
  p.form.group = in.mode & PairOfCtas ? 2 : 1;
  p.form.scales = in.bytes;
  uint32_t bits = w.w(in.e)[lane];
  if (std::string problem = p.form.decode(bits); !problem.empty())
    return misuse(w, lane, bits, problem);
  p.ctas = tensorCtas(w, lane, p.form.group);
  return !p.ctas.empty();
}

bool takeOperands(Warp &w, const Instr &in, unsigned lane, TensorProduct &p) {
  const Slot *list = &w.kernel.lists[in.list];
  p.d = w.w(in.a)[lane];
  p.aInTensor = in.flag;
  p.shiftsA = in.mode & Shift;
  p.accumulates = w.predicate(list[0]) >> lane & 1;
  p.scaleInput = static_cast<unsigned>(in.imm);
  if (p.form.scales) {
    // CuTe keeps the id of the scale factors in bits 31:30 of their address.
    p.scalesA = w.w(list[firstExtra])[lane] & 0x3fffffff;
    p.scalesB = w.w(list[firstExtra + 1])[lane] & 0x3fffffff;
    if (tensorLane(p.scalesA) || tensorLane(p.scalesB))
      return misuse(w, lane, p.scalesA, "scale factors must start at lane 0");
  } else {
    for (unsigned i = firstExtra; i < in.listCount; ++i)
      p.disabled[i - firstExtra] = w.w(list[i])[lane];
  }
  if (p.aInTensor)
    p.aTensor = w.w(in.b)[lane];
  else if (!takeShared(w, lane, w.q(in.b)[lane], p, false, p.a))
    return false;
  return takeShared(w, lane, w.q(in.c)[lane], p, true, p.b) &&
         checkAlignment(w, lane, p);
}

bool takeRanges(Warp &w, unsigned lane, const TensorProduct &p, AsyncOp &op) {
  op.tensorReads = p.operandRanges();
  op.tensorWrites = p.resultRanges();
  for (const TensorRange &r : op.tensorReads)
    if (!checkTensorRange(w, lane, p.d, r, "an operand of tcgen05.mma"))
      return false;
  for (const TensorRange &r : op.tensorWrites)
    if (!checkTensorRange(w, lane, p.d, r, "D of tcgen05.mma"))
      return false;
  if (w.cta.config.policy == SchedulePolicy::Eager && !w.races)
    return true; // nobody asks for them
  for (const auto *operands : {&p.a, &p.b})
    for (const MatrixOperand &operand : *operands)
      for (const SharedRange &range : operand.ranges())
        op.reads.push_back(range);
  return true;
}

/// a: D; b: A; c: B; e: instruction descriptor.
void multiplyAsync(Warp &w, const Instr &in) {
  ++w.counters.multiplies;
  w.forActive([&](unsigned lane) {
    if (w.cta.failed())
      return;
    TensorProduct product;
    AsyncOp op;
    if (!takeForm(w, in, lane, product) ||
        !takeOperands(w, in, lane, product) ||
        !takeRanges(w, lane, product, op))
      return;
    op.what = "tcgen05.mma";
    op.tensor = TensorOp::Mma;
    op.tensorKey = uint64_t(product.d) << 32 | product.form.m << 18 |
                   product.form.n << 8 | product.form.depth();
    if (!orderTensorOp(w, lane, product.d, op))
      return;
    op.complete = [product = std::move(product)](const AsyncOp &self) {
      product.run(self);
    };
    issueTensorOp(w, lane, std::move(op));
  });
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

int takeKind(Decoder &d) {
  int kind = d.takeOneOf({"kind::f16", "kind::tf32", "kind::f8f6f4", "kind::i8",
                          "kind::mxf8f6f4", "kind::mxf4", "kind::mxf4nvf4"});
  if (kind < 0)
    d.fail("expected a .kind");
  bool integers = d.target().exact && d.target().minor == 0;
  if (kind == int(MmaKind::I8) && !integers)
    d.fail(".kind::i8 does not exist on " + d.target().name);
  return kind < 0 ? 0 : kind;
}

/// How many scales a row has; 0 for kinds without.
unsigned takeScales(Decoder &d, MmaKind kind) {
  bool scaled = kind >= MmaKind::Mxf8f6f4;
  if (d.take("block_scale") != scaled) {
    d.fail(scaled ? "this kind needs .block_scale"
                  : "this kind has no .block_scale");
    return 0;
  }
  if (!scaled)
    return 0;
  bool bytes = kind == MmaKind::Mxf8f6f4;
  int how = d.takeOneOf({"scale_vec::1X", "scale_vec::2X", "scale_vec::4X",
                         "block16", "block32"});
  if (how < 0 && kind == MmaKind::Mxf4nvf4)
    d.fail(".kind::mxf4nvf4 needs .scale_vec or .block16 or .block32");
  if (how >= 0 && how < 3 && !d.target().exact)
    d.fail(".scale_vec needs a target such as sm_100a; .block16 and .block32 "
           "do not");
  unsigned scales = how < 0 || how == 4 ? (bytes ? 1 : 2)
                    : how == 3          ? 4
                                        : 1u << how;
  bool fits = bytes                       ? scales == 1
              : kind == MmaKind::Mxf4nvf4 ? scales != 1
                                          : scales == 2;
  if (!fits)
    d.fail("this kind does not go with so many scales of a row");
  return scales;
}

void takeCollector(Decoder &d, bool shifts) {
  int usage = d.takeOneOf({"collector::a::fill", "collector::a::use",
                           "collector::a::lastuse", "collector::a::discard"});
  if (shifts && (usage == 0 || usage == 1))
    d.fail(".ashift does not go with .collector::a::fill or ::use");
}

/// The masks of disabled lanes at operand i, if they are there.
bool takeDisabledLanes(Decoder &d, size_t i, unsigned group,
                       std::vector<Slot> &list) {
  if (i >= d.source->operands.size() ||
      d.operand(i).kind != ptx::Operand::Vector)
    return false;
  if (d.operand(i).elements.size() != 4 * group)
    d.fail("expected " + std::to_string(4 * group) +
           " masks of lanes of D to leave alone");
  for (const ptx::Operand &element : d.operand(i).elements)
    list.push_back(d.slotOf(element, Type::B32));
  return true;
}

void takeScaleInput(Decoder &d, size_t i, MmaKind kind) {
  if (kind > MmaKind::Tf32 || d.target().major != 10)
    return d.fail("scale-input-d goes with .kind::f16 and .kind::tf32 on "
                  "sm_100a and its family");
  d.out.imm = d.immediate(i);
  if (d.out.imm < 0 || d.out.imm > 15)
    d.fail("expected a scale-input-d from 0 to 15");
}

} // namespace

void nybl::emu::decodeTensorMma(Decoder &d) {
  if (d.take("sp"))
    return d.fail("the emulator does not know sparse products (.sp)");
  if (d.take("ws"))
    return d.fail(
        "the emulator does not know weight-stationary products (.ws)");
  unsigned group = takeCtaGroup(d);
  auto kind = static_cast<MmaKind>(takeKind(d));
  unsigned scales = takeScales(d, kind);
  bool shifts = d.take("ashift");
  takeCollector(d, shifts);
  size_t count = d.source->operands.size();
  if (count < 5)
    return d.fail("expected at least 5 operands");
  bool inTensor = d.operand(1).kind == ptx::Operand::Address;
  if (shifts && (!inTensor || scales))
    d.fail(".ashift goes with A in tensor memory, without .block_scale");
  d.out.a = tensorAddress(d, 0);
  d.out.b = inTensor ? tensorAddress(d, 1) : d.slot(1, Type::B64);
  d.out.c = d.slot(2, Type::B64);
  d.out.e = d.slot(3, Type::B32);
  d.out.flag = inTensor;
  d.out.bytes = static_cast<uint8_t>(scales);
  d.out.mode =
      static_cast<uint8_t>(static_cast<unsigned>(kind) | (shifts ? Shift : 0) |
                           (group == 2 ? PairOfCtas : 0));
  std::vector<Slot> extra;
  size_t at = 4;
  if (scales) {
    if (!d.operands(7))
      return;
    extra = {tensorAddress(d, 4), tensorAddress(d, 5)};
    at = 6;
  } else if (takeDisabledLanes(d, 4, group, extra)) {
    ++at;
  }
  if (at >= count || count > at + (scales ? 1 : 2))
    return d.fail("expected enable-input-d at the end");
  extra.insert(extra.begin(), d.predicate(at));
  if (count > at + 1)
    takeScaleInput(d, at + 1, kind);
  d.setList(extra);
  d.out.run = multiplyAsync;
  d.out.taint = taintTensorOperands;
}
