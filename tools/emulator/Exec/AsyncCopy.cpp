// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cp.async: copies from global to shared memory, in groups. Bytes past the
// source size are written as zero.

#include "tools/emulator/Exec/Access.h"
#include "tools/emulator/Exec/Cluster.h"
#include "tools/emulator/Exec/Decode.h"
#include <cstring>

using namespace nybl::emu;

namespace {

/// One lane's copy, once addresses are known to be good.
struct Move {
  Cta *cta;
  uint32_t offset, bytes; ///< in shared memory
  const uint8_t *data, *marks;
  uint32_t size; ///< of the source; the rest is zero

  void run() const {
    uint8_t *to = &cta->shared[offset], *shadowTo = &cta->sharedShadow[offset];
    std::memset(to, 0, bytes);
    std::memset(shadowTo, shadow::initialised, bytes);
    if (!size)
      return;
    std::memcpy(to, data, size);
    std::memcpy(shadowTo, marks, size); // uninitialised stays so
  }
};

/// a: shared address, b: global address, c: source size (or none). The bytes
/// read are the size, not the full width.
bool prepareMove(Warp &w, const Instr &in, unsigned lane, Move &move) {
  uint64_t to = addressOf(w, in, lane);
  uint64_t from = w.q(in.b)[lane] + static_cast<uint64_t>(int64_t(in.offset));
  uint32_t size =
      in.c == noSlot ? in.bytes : std::min<uint32_t>(w.w(in.c)[lane], in.bytes);
  if (in.e != noSlot && w.predicate(in.e) >> lane & 1) // ignore-src
    size = 0;
  Place target = resolve(w, MemorySpace::Shared, lane, to, in.bytes);
  if (!target.data || !checkInFlight(w, target, lane, to, in.bytes, true))
    return false;
  move = {target.cta, target.offset, in.bytes, nullptr, nullptr, size};
  if (size == 0)
    return true;
  if (from % in.bytes != 0) {
    w.report(FindingKind::Misaligned, lane, from,
             "cp.async of " + std::to_string(in.bytes) +
                 " bytes from an address that is no multiple of it");
    return false;
  }
  Report report;
  Allocation *a = w.cta.memory.find(from, size, &report);
  if (!a) {
    w.report(report.kind, lane, from, report.message);
    return false;
  }
  move.data = a->data.get() + (from - a->base);
  move.marks = a->shadow.get() + (from - a->base);
  return !w.races || w.races->loadGlobal(w, lane, from, move.data, size);
}

void copyAsync(Warp &w, const Instr &in) {
  ++w.counters.globalLoads;
  bool eager = w.cta.config.policy == SchedulePolicy::Eager && !w.races;
  std::vector<Move> moves;
  w.forActive([&](unsigned lane) {
    Move move;
    if (w.cta.failed() || !prepareMove(w, in, lane, move))
      return;
    if (eager)
      move.run();
    else
      moves.push_back(move);
  });
  ++w.cta.cluster.effects;
  if (eager || w.cta.failed() || moves.empty())
    return;
  AsyncOp op;
  op.what = "cp.async";
  op.viaAsyncProxy = false;
  for (const Move &move : moves)
    op.writes.push_back({move.cta, move.offset, move.bytes});
  op.complete = [moves = std::move(moves)](const AsyncOp &) {
    for (const Move &move : moves)
      move.run();
  };
  uint64_t id = w.cta.cluster.async.issue(
      w, static_cast<unsigned>(__builtin_ctz(w.active)), std::move(op));
  addToGroups(w, w.copies, id);
}

void commit(Warp &w, const Instr &) { commitGroups(w, w.copies); }

/// imm: groups that may still be pending.
void waitGroup(Warp &w, const Instr &in) {
  waitForGroups(w, w.copies, static_cast<uint64_t>(in.imm), false);
}

void waitAll(Warp &w, const Instr &) {
  commitGroups(w, w.copies);
  waitForGroups(w, w.copies, 0, false);
}

/// mode: .noinc, the arrival counts among the expected ones.
void arriveAfterCopies(Warp &w, const Instr &in) {
  w.forActive([&](unsigned lane) {
    if (w.cta.failed())
      return;
    uint64_t address = addressOf(w, in, lane);
    Place place = resolve(w, in.space, lane, address, 8);
    if (!place.data)
      return;
    std::string problem = place.cta ? "" : "expected an mbarrier of this CTA";
    if (place.cta && !in.mode)
      problem = addPending(*place.cta, place.offset);
    if (!problem.empty())
      return w.report(FindingKind::MbarrierMisuse, lane, address, problem);
    AsyncOp op;
    op.what = "cp.async.mbarrier.arrive";
    op.viaAsyncProxy = false;
    op.signals = place.cta;
    op.signalOffset = place.offset;
    if (!w.copies.empty())
      op.after = allOf(w.copies[lane]);
    op.complete = [](const AsyncOp &self) { self.arrive(1); };
    w.cta.cluster.async.issue(w, lane, std::move(op));
  });
}

void taintCopyAsync(Warp &w, const Instr &in) {
  uint16_t *a = w.taint(in.a), *b = w.taint(in.b);
  uint16_t *c = in.c == noSlot ? a : w.taint(in.c);
  uint16_t *e = in.e == noSlot ? a : w.taint(in.e);
  w.forActive([&](unsigned lane) {
    if ((a[lane] || b[lane] || c[lane] || e[lane]) && !w.cta.failed())
      w.report(FindingKind::PoisonSteers, lane, addressOf(w, in, lane),
               "a marked byte is part of an address or size of cp.async");
  });
}

void taintArrival(Warp &w, const Instr &in) {
  w.forActive([&](unsigned lane) {
    if (w.taint(in.a)[lane] && !w.cta.failed())
      w.report(FindingKind::PoisonSteers, lane, addressOf(w, in, lane),
               "a marked byte is part of an mbarrier's address");
  });
}

void decodeArrival(Decoder &d) {
  bool noinc = d.take("noinc");
  bool shared = d.takeOneOf({"shared::cta", "shared"}) >= 0;
  if (!d.take("arrive") || !d.take("b64"))
    return d.fail("expected cp.async.mbarrier.arrive{.noinc}.b64");
  if (!d.operands(1))
    return;
  d.address(0);
  d.out.mode = noinc;
  d.out.space = shared ? MemorySpace::Shared : MemorySpace::Generic;
  d.out.run = arriveAfterCopies;
  d.out.taint = taintArrival;
}

void decodeCp(Decoder &d) {
  bool reduces = d.take("reduce");
  if (!d.take("async"))
    return d.fail("the emulator knows cp.async and cp.reduce.async alone");
  if (d.take("bulk"))
    return decodeBulkCopy(d, reduces);
  if (reduces)
    return d.fail("expected .bulk after cp.reduce.async");
  if (d.take("mbarrier"))
    return decodeArrival(d);
  if (d.take("commit_group") || d.take("wait_all")) {
    bool commits = d.source->opcode.find("commit") != std::string::npos;
    d.out.run = commits ? commit : waitAll;
    d.operands(0);
    return;
  }
  if (d.take("wait_group")) {
    d.out.run = waitGroup;
    if (d.operands(1))
      d.out.imm = d.immediate(0);
    return;
  }
  int cache = d.takeOneOf({"ca", "cg"});
  bool shared = d.take("shared") || d.take("shared::cta");
  for (std::string_view q : {"L2::64B", "L2::128B", "L2::256B"})
    d.take(q);
  if (!d.take("global") || !shared || cache < 0)
    return d.fail("expected cp.async.ca or .cg from .global to .shared");
  size_t count = d.source->operands.size();
  if (d.take("L2::cache_hint") && count > 3) {
    d.slotOf(d.operand(count - 1), Type::B64);
    --count;
  }
  if (count != 3 && count != 4)
    return d.fail("expected 3 or 4 operands");
  int64_t bytes = d.immediate(2);
  if (bytes != 16 && (cache == 1 || (bytes != 4 && bytes != 8)))
    return d.fail("expected 4, 8 or 16 bytes (16 with .cg)");
  // The source address first: address() leaves its result in `out`.
  d.address(1);
  Slot from = d.out.a;
  int64_t offset = d.out.imm;
  bool wide = d.out.flag;
  d.address(0);
  d.out.b = from;
  if (offset < INT32_MIN || offset > INT32_MAX || !wide)
    return d.fail("expected a source address of 64 bits and a 32-bit offset");
  d.out.offset = static_cast<int32_t>(offset);
  d.out.bytes = static_cast<uint8_t>(bytes);
  bool isPredicate = count == 4 &&
                     d.operand(3).kind == ptx::Operand::Register &&
                     d.body().registers[d.operand(3).reg].type == "pred";
  if (isPredicate)
    d.out.e = d.predicate(3);
  else if (count == 4)
    d.out.c = d.slot(3, Type::U32);
  d.out.run = copyAsync;
  d.out.taint = taintCopyAsync;
}

} // namespace

void nybl::emu::addAsyncCopyOpcodes(OpcodeTable &table) {
  table["cp"] = decodeCp;
}
