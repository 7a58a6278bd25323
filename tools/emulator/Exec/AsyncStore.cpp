// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// st.async, red.async and st.bulk (PTX ISA 9.1 §9.7.9.12, §9.7.13.8,
// §9.7.9.14). Into shared memory a lane's store (reduction) counts its bytes at
// an mbarrier of the same CTA; into global memory nothing can wait for it.

#include "tools/emulator/Exec/Cluster.h"
#include "tools/emulator/Exec/CopyOperands.h"
#include "tools/emulator/Exec/MemoryForms.h"

using namespace nybl::emu;

namespace {

/// Places of the operands in the list; what an instruction lacks is noSlot.
enum : unsigned { To, Barrier, Values };

/// Instr::bytes: of an element. Instr::mode: ReduceOp. Instr::offset: its Type.
/// Instr::flag: reduces. Instr::imm: elements.

/// The values of one lane with their marks, as bytes.
struct Payload {
  uint8_t data[16], shadow[16];
  uint32_t bytes;

  Payload(Warp &w, const Instr &in, unsigned lane)
      : bytes(static_cast<uint32_t>(in.bytes * in.imm)) {
    for (uint32_t k = 0; k < in.imm; ++k) {
      uint64_t value = copyOperand(w, in, Values + k, lane);
      Slot slot = w.kernel.lists[in.list + 3 * (Values + k)];
      uint32_t marks = w.taints.empty() ? 0 : w.taint(slot)[lane];
      std::memcpy(data + k * in.bytes, &value, in.bytes);
      for (uint32_t i = 0; i < in.bytes; ++i)
        shadow[k * in.bytes + i] = static_cast<uint8_t>(
            shadow::initialised | (marks >> (2 * i) & shadow::poison));
    }
  }
};

/// The second half: in memory, at `to`.
void deliver(const AsyncOp &self, const Payload &payload, const Place &to,
             uint64_t address, bool reduces, const Reduction &reduction) {
  bool isGlobal = !to.cta;
  if (reduces)
    return reduceInto(self, reduction, {to.data, to.shadow, address, isGlobal},
                      payload.data, payload.shadow, payload.bytes);
  if (isGlobal &&
      !checkMayReachGlobal(self, address, payload.shadow, payload.bytes))
    return;
  std::memcpy(to.data, payload.data, payload.bytes);
  std::memcpy(to.shadow, payload.shadow, payload.bytes);
}

/// Where a lane stores; no data: reported.
Place targetOf(Warp &w, const Instr &in, unsigned lane, uint32_t bytes,
               AsyncOp &op) {
  uint64_t address = copyOperand(w, in, To, lane);
  Place to = resolve(w, in.space, lane, address, bytes);
  if (!to.data || !hasCopyOperand(w, in, Barrier)) {
    if (!to.data || to.space == MemorySpace::Global)
      return to;
    w.report(FindingKind::AsyncMisuse, lane, address,
             "expected a destination in global memory");
    return {};
  }
  if (!checkNoMbarrier(w, to, lane, address, bytes))
    return {};
  Place barrier = resolveMbarrier(w, in, in.space, Barrier, lane);
  if (!barrier.data)
    return {};
  if (barrier.cta != to.cta) {
    w.report(FindingKind::AsyncMisuse, lane, address,
             "the mbarrier is not in the CTA that the data goes to");
    return {};
  }
  op.writes = {{to.cta, to.offset, bytes}};
  op.signals = barrier.cta;
  op.signalOffset = barrier.offset;
  return to;
}

void storeAsync(Warp &w, const Instr &in) {
  ++w.cta.cluster.effects;
  Reduction reduction{static_cast<ReduceOp>(in.mode),
                      static_cast<Type>(in.offset)};
  w.forActive([&](unsigned lane) {
    if (w.cta.failed())
      return;
    Payload payload(w, in, lane);
    AsyncOp op;
    op.what = in.flag ? "red.async" : "st.async";
    op.viaAsyncProxy = false;
    op.reduces = in.flag;
    Place to = targetOf(w, in, lane, payload.bytes, op);
    if (!to.data)
      return;
    op.complete = [=, reduces = in.flag,
                   address =
                       copyOperand(w, in, To, lane)](const AsyncOp &self) {
      deliver(self, payload, to, address, reduces, reduction);
      if (self.signals)
        self.completeTransactions(payload.bytes);
    };
    w.cta.cluster.async.issue(w, lane, std::move(op));
  });
}

/// Marks of values travel, or reach global memory, in deliver().
void taintAddresses(Warp &w, const Instr &in) {
  w.forActive([&](unsigned lane) {
    for (unsigned k : {To, Barrier})
      if (hasCopyOperand(w, in, k) && !w.cta.failed() &&
          w.taint(w.kernel.lists[in.list + 3 * k])[lane])
        w.report(FindingKind::PoisonSteers, lane, copyOperand(w, in, To, lane),
                 "a marked byte is part of an address of an asynchronous "
                 "store");
  });
}

/// st.bulk: zeros. a: address, b: bytes.
void storeBulk(Warp &w, const Instr &in) {
  countMemory(w, MemorySpace::Shared, true);
  ++w.cta.cluster.effects;
  w.forActive([&](unsigned lane) {
    uint64_t address = addressOf(w, in, lane), bytes = w.q(in.b)[lane];
    if (w.cta.failed())
      return;
    if (bytes % 8 != 0 || bytes > sharedOffsetMask)
      return w.report(FindingKind::AsyncMisuse, lane, address,
                      "expected a size that is a multiple of 8 and fits in "
                      "shared memory, got " +
                          std::to_string(bytes));
    auto size = static_cast<uint32_t>(bytes);
    Place to = resolveRange(w, in.space, lane, address, size, 8);
    if (!to.data || size == 0)
      return;
    if (to.cta != &w.cta)
      return w.report(FindingKind::AsyncMisuse, lane, address,
                      "st.bulk works on shared memory of its own CTA");
    if (!checkSettled(w, to, lane, address, size, true))
      return;
    std::memset(to.data, 0, size);
    std::memset(to.shadow, shadow::initialised, size);
  });
}

void taintBulk(Warp &w, const Instr &in) {
  if (!addressIsClean(w, in))
    return;
  w.forActive([&](unsigned lane) {
    if (w.taint(in.b)[lane] && !w.cta.failed())
      w.report(FindingKind::PoisonSteers, lane, addressOf(w, in, lane),
               "a marked byte is part of a size");
  });
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

/// .global{.mmio}.release with a scope: no mbarrier.
bool takeGlobalForm(Decoder &d) {
  bool mmio = d.take("mmio");
  if (!d.take("release")) {
    if (mmio)
      d.fail("expected .release");
    return false;
  }
  if (d.takeOneOf({"gpu", "sys"}) < 0)
    d.fail("expected the scope .gpu or .sys");
  d.take("global");
  d.out.space = MemorySpace::Global;
  if (d.target().major < 10)
    d.fail("asynchronous stores to .global need sm_100 or later");
  return true;
}

/// [to], values {, [mbarrier]}
void decodeOperands(Decoder &d, Type type, size_t elements, bool signals) {
  d.out.bytes = static_cast<uint8_t>(bytesOf(type));
  d.out.imm = static_cast<int64_t>(elements);
  d.out.run = storeAsync;
  d.out.taint = taintAddresses;
  if (!d.operands(2 + signals))
    return;
  const ptx::Operand &values = d.operand(1);
  if ((elements > 1) != (values.kind == ptx::Operand::Vector) ||
      (elements > 1 && values.elements.size() != elements))
    return d.fail("expected as many registers as the vector has elements");
  CopyOperands list(d);
  list.address(0);
  if (signals)
    list.address(2);
  else
    list.none();
  for (size_t i = 0; i < elements; ++i)
    list.valueOf(elements > 1 ? values.elements[i] : values, type);
  list.finish();
}

/// .mbarrier::complete_tx::bytes and the space.
void takeSharedForm(Decoder &d) {
  d.out.space = d.takeOneOf({"shared::cluster", "shared::cta"}) == 1
                    ? MemorySpace::Shared
                    : MemorySpace::SharedCluster;
  if (!d.take("mbarrier::complete_tx::bytes"))
    d.fail("expected .mbarrier::complete_tx::bytes");
}

bool fitsAsync(ReduceOp op, Type type) {
  if (op == ReduceOp::Add && (type == Type::U64 || type == Type::S64))
    return true;
  return bytesOf(type) == 4 && type != Type::F32 && isScalarReduction(op, type);
}

} // namespace

void nybl::emu::decodeAsyncStore(Decoder &d) {
  bool toGlobal = takeGlobalForm(d);
  if (!toGlobal) {
    d.take("weak");
    takeSharedForm(d);
  }
  int vector = toGlobal ? -1 : d.takeOneOf({"v2", "v4"});
  size_t elements = vector < 0 ? 1 : size_t(2) << vector;
  Type type = d.takeType();
  unsigned bytes = bytesOf(type);
  bool isPlain = type <= Type::S64 || type == Type::F32 || type == Type::F64;
  bool isShort = type == Type::B16 && toGlobal;
  if (!isPlain || (bytes != 4 && bytes != 8 && !isShort) ||
      bytes * elements > 16)
    return d.fail("expected elements of 32 or 64 bits, 16 bytes at most");
  decodeOperands(d, type, elements, !toGlobal);
}

void nybl::emu::decodeAsyncReduction(Decoder &d) {
  bool toGlobal = takeGlobalForm(d);
  if (!toGlobal) {
    if (!d.take("relaxed") || !d.take("cluster"))
      return d.fail("expected .relaxed.cluster");
    takeSharedForm(d);
  }
  int op = takeReduction(d);
  Type type = d.takeType();
  if (op < 0 || !fitsAsync(static_cast<ReduceOp>(op), type))
    return d.fail("the operation and its type do not fit each other");
  d.out.mode = static_cast<uint8_t>(op);
  d.out.offset = static_cast<int32_t>(type);
  d.out.flag = true;
  decodeOperands(d, type, 1, !toGlobal);
}

void nybl::emu::decodeBulkStore(Decoder &d) {
  d.take("weak");
  d.out.space =
      d.take("shared::cta") ? MemorySpace::Shared : MemorySpace::Generic;
  if (d.target().major < 10)
    return d.fail("st.bulk needs sm_100 or later");
  if (!d.operands(3))
    return;
  if (d.operand(1).kind == ptx::Operand::Integer && d.operand(1).bits % 8 != 0)
    return d.fail("expected a size that is a multiple of 8");
  d.address(0);
  d.out.b = d.slot(1, Type::B64);
  if (d.immediate(2) != 0)
    d.fail("st.bulk stores zeros only");
  d.out.run = storeBulk;
  d.out.taint = taintBulk;
}
