// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Branches, exits, barriers, fences.

#include "tools/emulator/Exec/Decode.h"
#include "tools/emulator/Exec/Lane.h"

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
  if (backward && !w.others.empty() && ++w.backEdges >= 64) {
    w.backEdges = 0;
    w.reselect = w.rotate = true;
  }
}

void exitLanes(Warp &w, const Instr &) {
  w.lanes &= ~w.active;
  w.mask &= ~w.active;
  w.reselect = w.mask == 0;
}

void trap(Warp &w, const Instr &) {
  w.report(FindingKind::Trap, static_cast<unsigned>(__builtin_ctz(w.active)), 0,
           "the kernel trapped");
}

void nothing(Warp &, const Instr &) {}

/// bar.sync and its relatives: aligned, so all living lanes come together.
/// mode: 0 sync, 1 arrive, 2..4 reductions and, or, popc.
void barrier(Warp &w, const Instr &in) {
  Cta &cta = w.cta;
  unsigned first = static_cast<unsigned>(__builtin_ctz(w.active));
  if (w.active != w.lanes)
    return w.report(
        FindingKind::BarrierMisuse, first, 0,
        "an aligned barrier reached by some lanes of the warp only");
  uint32_t id = w.w(in.a)[first];
  if (id >= 16)
    return w.report(FindingKind::BarrierMisuse, first, id,
                    "expected a barrier from 0 to 15");
  Barrier &b = cta.barriers[id];
  uint32_t threads = in.b == noSlot ? 0 : w.w(in.b)[first];
  if (threads % 32 != 0 || threads > cta.threads + 31)
    return w.report(FindingKind::BarrierMisuse, first, id,
                    "expected whole warps of this CTA at a barrier");
  if (b.arrived && b.expected != threads)
    return w.report(FindingKind::BarrierMisuse, first, id,
                    "warps disagree on the number of threads of a barrier");
  b.expected = threads;
  b.arrived += 32;
  w.waiting = in.mode == 0;
  w.barrierId = id;
  cta.releaseBarrier(id);
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
  d.out.mode = 0xff; // its target is a parsed index: Decoder::run
}

void decodeBarrier(Decoder &d) {
  d.take("cta");
  if (d.base == "bar" && d.take("warp")) {
    d.take("sync");
    d.out.run = nothing;
    return;
  }
  d.take("aligned");
  int mode = d.takeOneOf({"sync", "arrive"});
  size_t count = d.source->operands.size();
  if (mode < 0 || count < 1 || count > 2)
    return d.fail("the emulator knows bar.sync and bar.arrive");
  d.out.run = barrier;
  d.out.mode = static_cast<uint8_t>(mode);
  d.out.a = d.slot(0, Type::U32);
  if (count == 2)
    d.out.b = d.slot(1, Type::U32);
}

/// Ordering has nothing to do here: accesses complete in the order of issue.
void decodeFence(Decoder &d) {
  for (std::string_view q :
       {"sc", "acq_rel", "acquire", "release", "cta", "cluster", "gpu", "gl",
        "sys", "proxy", "async", "global", "shared::cta", "async.global",
        "mbarrier_init", "alias"})
    d.take(q);
  d.out.run = nothing;
}

} // namespace

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
  table["membar"] = decodeFence;
  table["fence"] = decodeFence;
  // Grids run one after the other on a stream.
  table["griddepcontrol"] = [](Decoder &d) {
    if (d.takeOneOf({"wait", "launch_dependents"}) < 0)
      d.fail("expected .wait or .launch_dependents");
    d.out.run = nothing;
  };
  table["nanosleep"] = [](Decoder &d) {
    d.takeType();
    d.out.run = nothing;
  };
  table["call"] = [](Decoder &d) {
    d.qualifiers.clear();
    d.fail("the emulator does not know calls: inline the function");
  };
}
