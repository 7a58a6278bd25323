// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Beyond one CTA: barrier.cluster, mapa, getctarank, clusterlaunchcontrol,
// griddepcontrol; and setmaxnreg, which shares registers within a CTA.

#include "tools/emulator/Exec/Access.h"
#include "tools/emulator/Exec/Cluster.h"
#include "tools/emulator/Exec/Decode.h"
#include "tools/emulator/Exec/Lane.h"
#include <cstring>

using namespace nybl::emu;

namespace {

//===----------------------------------------------------------------------===//
// barrier.cluster
//===----------------------------------------------------------------------===//

void arriveAtCluster(Warp &w, const Instr &in) {
  Cluster &cluster = w.cta.cluster;
  uint32_t twice = 0; // the phase may have gone on since
  w.forActive(
      [&](unsigned i) { twice |= uint32_t(w.clusterPhase[i] != 0) << i; });
  if (twice)
    return w.report(FindingKind::BarrierMisuse,
                    static_cast<unsigned>(__builtin_ctz(twice)), 0,
                    "barrier.cluster.arrive twice without a wait between them");
  w.clusterArrived |= w.active;
  if (w.races)
    w.races->arriveAtCluster(w, in.order == Relaxed);
  // + 1, so that 0 says: never arrived.
  w.forActive(
      [&](unsigned i) { w.clusterPhase[i] = cluster.barrierPhase + 1; });
  cluster.changed();
  cluster.releaseClusterBarrier();
}

void waitAtCluster(Warp &w, const Instr &) {
  uint64_t open = w.cta.cluster.barrierPhase;
  bool all = true;
  w.forActive([&](unsigned i) {
    if (w.clusterPhase[i] == 0 && !w.cta.failed())
      w.report(FindingKind::BarrierMisuse, i, 0,
               "barrier.cluster.wait without an arrive before");
    all &= w.clusterPhase[i] <= open;
  });
  if (w.cta.failed())
    return;
  if (!all)
    return w.waitFor({Wait::ClusterBarrier, nullptr, 0, open});
  w.forActive([&](unsigned i) { w.clusterPhase[i] = 0; });
  if (w.races)
    w.races->leaveClusterBarrier(w);
}

//===----------------------------------------------------------------------===//
// Addresses of other CTAs
//===----------------------------------------------------------------------===//

/// d: the address of what `a` names in the CTA of rank b. flag: generic.
void mapAddress(Warp &w, const Instr &in) {
  size_t count = w.cta.cluster.ctas.size();
  w.forActive([&](unsigned i) {
    uint64_t address = in.bytes == 8 ? w.q(in.a)[i] : w.w(in.a)[i];
    uint64_t rank = w.w(in.b)[i];
    if (w.cta.failed())
      return;
    if (rank >= count)
      return w.report(FindingKind::OutOfBounds, i, address,
                      "mapa to rank " + std::to_string(rank) + " of " +
                          std::to_string(count) + " CTAs");
    if (in.flag && address - sharedWindow >= windowBytes)
      return w.report(FindingKind::OutOfBounds, i, address,
                      "mapa of a generic address outside of shared memory");
    address &= ~(uint64_t(0xff) << sharedRankShift);
    address |= rank << sharedRankShift;
    if (in.bytes == 8)
      w.q(in.d)[i] = address;
    else
      w.w(in.d)[i] = static_cast<uint32_t>(address);
  });
}

void rankOf(Warp &w, const Instr &in) {
  w.forActive([&](unsigned i) {
    uint64_t address = in.bytes == 8 ? w.q(in.a)[i] : w.w(in.a)[i];
    w.w(in.d)[i] = static_cast<uint32_t>(address) >> sharedRankShift;
  });
}

void decodeMapa(Decoder &d) {
  bool cluster = d.take("shared::cluster");
  Type type = d.takeType();
  if (type != Type::U32 && type != Type::U64)
    return d.fail("expected .u32 or .u64");
  d.simple(mapAddress, taintAny, {type, type, Type::U32, Type::None}, 3);
  d.out.flag = !cluster;
}

void decodeRank(Decoder &d) {
  d.take("shared::cluster");
  Type type = d.takeType();
  if (type != Type::U32 && type != Type::U64)
    return d.fail("expected .u32 or .u64");
  d.simple(rankOf, taintAny, {Type::U32, type, Type::None, Type::None}, 2);
  d.out.bytes = static_cast<uint8_t>(bytesOf(type));
}

//===----------------------------------------------------------------------===//
// Other grids
//===----------------------------------------------------------------------===//

void launchDependents(Warp &w, const Instr &) {
  if (!w.cta.triggered)
    w.cta.cluster.grid.ctaTriggered();
  w.cta.triggered = true;
  w.yields = true; // dependents may start between two turns
}

void waitForPrerequisites(Warp &w, const Instr &) {
  if (!w.cta.cluster.grid.prerequisitesDone)
    w.waitFor({Wait::Prerequisites});
}

void decodeGridControl(Decoder &d) {
  int what = d.takeOneOf({"wait", "launch_dependents"});
  if (what < 0 || !d.operands(0))
    return d.fail("expected .wait or .launch_dependents");
  d.out.run = what == 0 ? waitForPrerequisites : launchDependents;
}

/// The 16 bytes of a response, as query_cancel reads them.
struct CancelResponse {
  uint32_t x = 0, y = 0, z = 0, isCanceled = 0;
};

/// a: address of the response; b: of the mbarrier.
void tryCancel(Warp &w, const Instr &in) {
  w.forActive([&](unsigned lane) {
    if (w.cta.failed())
      return;
    uint64_t at = addressOf(w, in, lane);
    if (w.cta.toldNone)
      return w.report(FindingKind::AsyncMisuse, lane, at,
                      "expected no further request of a CTA that has seen one "
                      "fail: what that does is undefined");
    Place to = resolve(w, in.space, lane, at, 16);
    if (!to.data)
      return;
    uint64_t bar = in.isSigned ? w.q(in.b)[lane] : w.w(in.b)[lane];
    Place barrier = resolve(w, in.space, lane,
                            bar + static_cast<uint64_t>(int64_t(in.offset)), 8);
    if (!barrier.data)
      return;
    if (!to.cta || !barrier.cta)
      return w.report(FindingKind::AsyncMisuse, lane, at,
                      "expected response and mbarrier in shared memory");
    CancelResponse response;
    Dim3 first;
    if (w.cta.cluster.grid.cancelCluster(first))
      response = {first.x, first.y, first.z, 1};
    // Under .multicast every CTA of the cluster gets it.
    std::vector<Cta *> receivers{to.cta};
    if (in.mode) {
      receivers.clear();
      for (auto &cta : w.cta.cluster.ctas)
        receivers.push_back(cta.get());
    }
    for (Cta *cta : receivers) {
      AsyncOp op;
      op.what = "clusterlaunchcontrol.try_cancel";
      op.writes = {{cta, to.offset, 16}};
      op.signals = cta;
      op.signalOffset = barrier.offset;
      op.complete = [=, offset = to.offset](const AsyncOp &self) {
        std::memcpy(&cta->shared[offset], &response, 16);
        std::memset(&cta->sharedShadow[offset], shadow::initialised, 16);
        self.completeTransactions(16);
      };
      w.cta.cluster.async.issue(w, lane, std::move(op));
    }
  });
}

/// Answers to questions about a response, a (low half) and b (high half);
/// mode 0: canceled?, 1: x, 2: y, 3: z, 4: all three.
void queryCancel(Warp &w, const Instr &in) {
  const Slot *list = &w.kernel.lists[in.list];
  w.forActive([&](unsigned i) {
    uint64_t low = w.q(in.a)[i], high = w.q(in.b)[i];
    uint32_t parts[4] = {static_cast<uint32_t>(low),
                         static_cast<uint32_t>(low >> 32),
                         static_cast<uint32_t>(high), 0};
    bool canceled = high >> 32 & 1;
    if (in.mode == 0) {
      uint32_t &p = w.predicate(in.d);
      p = (p & ~(1u << i)) | uint32_t(canceled) << i;
      w.cta.toldNone |= !canceled;
      return;
    }
    if (!canceled && !w.cta.failed())
      return w.report(FindingKind::AsyncMisuse, i, 0,
                      "get_first_ctaid of a request that did not succeed");
    if (in.mode < 4)
      w.w(in.d)[i] = parts[in.mode - 1];
    else
      for (unsigned k = 0; k < 4; ++k)
        w.w(list[k])[i] = parts[k];
  });
}

void taintQueryCancel(Warp &w, const Instr &in) {
  w.forActive([&](unsigned i) {
    if ((w.taint(in.a)[i] || w.taint(in.b)[i]) && !w.cta.failed())
      w.report(FindingKind::PoisonSteers, i, 0,
               "a marked byte is part of a launch-control response");
  });
  if (in.d != noSlot)
    taintClear(w, in);
}

void decodeTryCancel(Decoder &d) {
  d.take("shared::cta");
  if (!d.take("async") || !d.take("mbarrier::complete_tx::bytes") ||
      !d.take("b128"))
    return d.fail("expected clusterlaunchcontrol.try_cancel.async"
                  ".mbarrier::complete_tx::bytes.b128");
  d.out.mode = d.take("multicast::cluster::all");
  if (d.out.mode && !d.target().family)
    return d.fail(".multicast::cluster::all needs a target with suffix, such "
                  "as sm_100f");
  if (!d.operands(2))
    return;
  d.address(1);
  Slot barrier = d.out.a;
  int64_t offset = d.out.imm;
  bool wide = d.out.flag;
  d.address(0);
  d.out.b = barrier;
  d.out.isSigned = wide;
  d.out.offset = static_cast<int32_t>(offset);
  d.out.space = MemorySpace::Shared;
  d.out.run = tryCancel;
}

void decodeQueryCancel(Decoder &d) {
  bool whether = d.take("is_canceled");
  bool all = d.take("get_first_ctaid");
  int axis = d.takeOneOf(
      {"get_first_ctaid::x", "get_first_ctaid::y", "get_first_ctaid::z"});
  Type type = whether ? Type::Pred : Type::B32;
  if (all)
    d.take("v4");
  bool typed = whether ? d.take("pred") : d.take("b32");
  if ((!whether && !all && axis < 0) || !typed || !d.take("b128"))
    return d.fail("expected .is_canceled.pred.b128 or "
                  ".get_first_ctaid{::x, ::y, ::z}.b32.b128");
  if (!d.operands(2))
    return;
  d.out.mode = static_cast<uint8_t>(whether ? 0 : all ? 4 : 1 + axis);
  if (all) {
    std::vector<Slot> slots;
    for (const ptx::Operand &element : d.operand(0).elements)
      slots.push_back(d.destinationOf(element, Type::B32));
    if (slots.size() != 4)
      return d.fail("expected four registers");
    d.setList(slots);
  } else {
    d.out.d = d.destination(0, type);
  }
  auto [low, high] = d.pairOf(d.operand(1));
  d.out.a = low;
  d.out.b = high;
  d.out.run = queryCancel;
  d.out.taint = taintQueryCancel;
}

void decodeLaunchControl(Decoder &d) {
  if (d.target().major < 10)
    return d.fail("clusterlaunchcontrol needs sm_100 or later");
  if (d.take("try_cancel"))
    return decodeTryCancel(d);
  if (d.take("query_cancel"))
    return decodeQueryCancel(d);
  d.fail("expected .try_cancel or .query_cancel");
}

//===----------------------------------------------------------------------===//
// setmaxnreg
//===----------------------------------------------------------------------===//

/// The pool itself is ptxas's affair; what can be seen is a direction that does
/// not fit the number set before. flag: .inc
void setRegisters(Warp &w, const Instr &in) {
  auto count = static_cast<unsigned>(in.imm);
  bool wrong =
      w.registers && (in.flag ? count < w.registers : count > w.registers);
  if (wrong)
    return w.report(FindingKind::Trap, 0, 0,
                    std::string("setmaxnreg.") + (in.flag ? "inc" : "dec") +
                        " to " + std::to_string(count) + " from " +
                        std::to_string(w.registers));
  w.registers = count;
  ++w.registerChanges;
  w.registersPc = w.pc;
}

void decodeSetRegisters(Decoder &d) {
  int direction = d.takeOneOf({"dec", "inc"});
  if (direction < 0 || !d.take("sync") || !d.take("aligned") || !d.take("u32"))
    return d.fail("expected setmaxnreg.inc or .dec with .sync.aligned.u32");
  if (!d.target().family)
    return d.fail("setmaxnreg needs a target with suffix, such as sm_90a or "
                  "sm_100f");
  if (!d.operands(1))
    return;
  d.out.imm = d.immediate(0);
  if (d.out.imm < 24 || d.out.imm > 256 || d.out.imm % 8 != 0)
    return d.fail("expected a multiple of 8 from 24 to 256");
  d.out.flag = direction == 1;
  d.out.run = setRegisters;
  d.out.sync = Sync::Aligned;
}

} // namespace

void nybl::emu::checkRegistersAgree(Cta &cta) {
  constexpr size_t group = 4;
  for (size_t i = 0; i < cta.warps.size(); ++i) {
    const Warp &first = cta.warps[i / group * group], &w = cta.warps[i];
    if (w.registerChanges == first.registerChanges &&
        w.registers == first.registers)
      continue;
    const Warp &more = w.registerChanges > first.registerChanges ? w : first;
    cta.report(FindingKind::Trap, more.registersPc, more.id, 0, 0,
               "not every warp of this warpgroup has executed the same "
               "setmaxnreg: warp " +
                   std::to_string(first.id) + " " +
                   std::to_string(first.registerChanges) + " of them, warp " +
                   std::to_string(w.id) + " " +
                   std::to_string(w.registerChanges) + ", the last for " +
                   std::to_string(more.registers) + " registers");
    return;
  }
}

void nybl::emu::decodeClusterBarrier(Decoder &d) {
  int what = d.takeOneOf({"arrive", "wait"});
  bool ordered =
      what == 0 ? d.takeOneOf({"release", "relaxed"}) >= 0 : d.take("acquire");
  (void)ordered; // release and acquire are the defaults
  bool aligned = d.take("aligned");
  if (what < 0 || !d.operands(0))
    return d.fail("expected barrier.cluster.arrive or .wait");
  d.out.run = what == 0 ? arriveAtCluster : waitAtCluster;
  d.out.sync = aligned ? Sync::Aligned : Sync::None;
}

void nybl::emu::addClusterOpcodes(OpcodeTable &table) {
  table["mapa"] = decodeMapa;
  table["getctarank"] = decodeRank;
  table["griddepcontrol"] = decodeGridControl;
  table["clusterlaunchcontrol"] = decodeLaunchControl;
  table["setmaxnreg"] = decodeSetRegisters;
}
