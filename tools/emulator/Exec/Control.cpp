// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Branches, exits, barriers.

#include "tools/emulator/Exec/Cluster.h"
#include "tools/emulator/Exec/Decode.h"
#include "tools/emulator/Exec/Lane.h"
#include <algorithm>
#include <bit>

using namespace nybl::emu;

namespace {

void branch(Warp &w, const Instr &in) {
  bool backward = in.target <= w.pc;
  if (w.active == w.mask) {
    w.next = in.target;
  } else if (w.active) {
    w.others.push_back({in.target, w.active});
    w.mask &= ~w.active;
    w.reselect = true;
  }
  // Lanes that spin must not starve those they wait for.
  if (backward && !w.others.empty() && !w.stay && ++w.backEdges >= 64) {
    w.backEdges = 0;
    w.reselect = w.rotate = true;
  }
}

void exitLanes(Warp &w, const Instr &) {
  w.lanes &= ~w.active;
  w.mask &= ~w.active;
  w.reselect = w.mask == 0;
  for (Fragment &f : w.others) // fewer lanes to wait for
    f.waits = false;
}

void trap(Warp &w, const Instr &) {
  w.report(FindingKind::Trap, static_cast<unsigned>(__builtin_ctz(w.active)), 0,
           "the kernel trapped");
}

void giveWay(Warp &w, const Instr &) { w.yields = true; }

void taintBarrier(Warp &w, const Instr &in) {
  auto marked = [&](Slot slot, unsigned i) {
    return slot != noSlot && w.taint(slot)[i] != 0;
  };
  w.forActive([&](unsigned i) {
    if (w.cta.failed())
      return;
    if (marked(in.a, i) || marked(in.b, i))
      w.report(FindingKind::PoisonSteers, i, 0,
               "a marked byte is part of a barrier's number or threads");
    else if (marked(in.c, i))
      w.report(FindingKind::PoisonSteers, i, 0,
               "a marked byte is part of a reduction at a barrier");
  });
  if (in.d != noSlot)
    taintClear(w, in);
}

void decodeBranch(Decoder &d) {
  d.take("uni");
  if (!d.operands(1))
    return;
  size_t target = 0;
  const ptx::Operand &label = d.operand(0);
  if (!d.body().findLabel(d.source->scope, label.symbol, target))
    return d.fail("no label '" + label.symbol + "' here");
  d.out.run = branch;
  d.out.taint = nullptr;
  d.out.target = static_cast<uint32_t>(target);
  d.out.isBranch = true; // its target is a parsed index: Decoder::run
}

void decodeWarpBarrier(Decoder &d) {
  if (!d.take("sync"))
    return d.fail("expected bar.warp.sync");
  if (!d.operands(1))
    return;
  d.out.run = warpBarrier;
  d.out.sync = Sync::WarpBarrier;
  d.out.members = d.slot(0, Type::B32);
}

/// Numbers that are known: of the barrier, at operand i, and of the threads
/// behind it, if there is a number of them.
void checkBarrierNumbers(Decoder &d, size_t i, bool counts, bool mayBeZero) {
  const ptx::Operand &barrier = d.operand(i);
  if (barrier.kind == ptx::Operand::Integer && barrier.bits > 15)
    d.fail("expected a barrier from 0 to 15");
  if (!counts || d.operand(i + 1).kind != ptx::Operand::Integer)
    return;
  uint64_t threads = d.operand(i + 1).bits;
  if (threads % 32 != 0 || (threads == 0 && !mayBeZero))
    d.fail("expected a number of threads that is a multiple of 32");
}

/// bar.red: d, barrier [, threads], predicate
void decodeReduction(Decoder &d, size_t count) {
  d.out.mode = static_cast<uint8_t>(2 + d.takeOneOf({"and", "or", "popc"}));
  Type type = d.takeType();
  if (d.out.mode < 2 || count < 3 || count > 4 ||
      type != (d.out.mode == 4 ? Type::U32 : Type::Pred))
    return d.fail("expected .red.and.pred, .or.pred or .popc.u32, and 3 or 4 "
                  "operands");
  checkBarrierNumbers(d, 1, count == 4, true);
  d.out.d = d.destination(0, type);
  d.out.a = d.slot(1, Type::U32);
  if (count == 4)
    d.out.b = d.slot(2, Type::U32);
  d.out.c = d.predicate(count - 1);
}

void decodeBarrier(Decoder &d) {
  if (d.take("warp"))
    return decodeWarpBarrier(d);
  if (d.take("cluster"))
    return decodeClusterBarrier(d);
  d.take("cta");
  bool aligned = d.take("aligned") || d.base == "bar";
  int mode = d.takeOneOf({"sync", "arrive", "red"});
  size_t count = d.source->operands.size();
  d.out.run = arriveAtBarrier;
  d.out.taint = taintBarrier;
  d.out.sync = aligned ? Sync::Aligned : Sync::Barrier;
  if (mode == 2)
    return decodeReduction(d, count);
  if (mode < 0 || count < 1 || count > 2 || count < size_t(mode) + 1)
    return d.fail("expected .sync, .arrive (with a number of threads) or .red");
  checkBarrierNumbers(d, 0, count == 2, mode == 0);
  d.out.mode = static_cast<uint8_t>(mode);
  d.out.a = d.slot(0, Type::U32);
  if (count == 2)
    d.out.b = d.slot(1, Type::U32);
}

} // namespace

/// mode: 0 sync, 1 arrive, 2..4 reductions and, or, popc.
void nybl::emu::arriveAtBarrier(Warp &w, const Instr &in) {
  Cta &cta = w.cta;
  unsigned first = static_cast<unsigned>(__builtin_ctz(w.active));
  uint32_t id = w.w(in.a)[first];
  if (id >= 16)
    return w.report(FindingKind::BarrierMisuse, first, id,
                    "expected a barrier from 0 to 15");
  Barrier &b = cta.barriers[id];
  uint32_t threads = in.b == noSlot ? 0 : w.w(in.b)[first];
  if (threads % 32 != 0 || threads > cta.threads + 31 ||
      (in.b != noSlot && threads == 0))
    return w.report(FindingKind::BarrierMisuse, first, id,
                    "expected whole warps of this CTA at a barrier");
  if (b.arrived && b.expected != threads)
    return w.report(FindingKind::BarrierMisuse, first, id,
                    "warps disagree on the number of threads of a barrier");
  ++cta.cluster.effects;
  b.expected = threads;
  b.arrived += 32;
  if (w.races)
    w.races->arriveAtBarrier(w, id);
  if (in.mode >= 2) {
    b.count += std::popcount(w.predicate(in.c) & w.active);
    b.lanes += std::popcount(w.active);
  }
  w.waiting = in.mode != 1;
  w.barrierId = id;
  w.barrier = &in;
  cta.releaseBarrier(id);
}

void nybl::emu::finishBarrier(Warp &w, const Barrier &barrier) {
  const Instr &in = *w.barrier;
  if (in.mode == 4)
    std::fill_n(w.w(in.d), 32, barrier.count);
  else if (in.mode >= 2)
    w.predicate(in.d) =
        (in.mode == 2 ? barrier.count == barrier.lanes : barrier.count != 0)
            ? allLanes
            : 0;
}

void nybl::emu::warpBarrier(Warp &w, const Instr &) {
  if (w.races)
    w.races->syncLanes(w, w.active);
}

void nybl::emu::addControlOpcodes(OpcodeTable &table) {
  table["bra"] = decodeBranch;
  table["exit"] = [](Decoder &d) { d.out.run = exitLanes; };
  table["ret"] = [](Decoder &d) {
    d.take("uni");
    d.out.run = exitLanes; // of an entry: there are no calls
  };
  table["trap"] = [](Decoder &d) { d.out.run = trap; };
  table["brkpt"] = [](Decoder &d) { d.out.run = trap; };
  table["bar"] = decodeBarrier;
  table["barrier"] = decodeBarrier;
  table["nanosleep"] = [](Decoder &d) {
    if (d.takeType() != Type::U32 || !d.operands(1))
      return d.fail("expected nanosleep.u32 and its operand");
    d.slot(0, Type::U32);
    d.out.run = giveWay;
  };
  table["call"] = [](Decoder &d) {
    d.qualifiers.clear();
    d.fail("the emulator does not know calls: inline the function");
  };
}
