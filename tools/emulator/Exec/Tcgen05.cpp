// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tcgen05.alloc, .dealloc, .relinquish_alloc_permit, .commit and .fence, and
// the decoding all of tcgen05 shares.

#include "tools/emulator/Exec/Tcgen05.h"

#include <bit>
#include <cstring>

using namespace nybl::emu;

//===----------------------------------------------------------------------===//
// Shared
//===----------------------------------------------------------------------===//

unsigned nybl::emu::takeCtaGroup(Decoder &d) {
  int group = 1 + d.takeOneOf({"cta_group::1", "cta_group::2"});
  if (group == 0) {
    d.fail("expected .cta_group::1 or .cta_group::2");
    return 1;
  }
  uint8_t &known = d.decoded().tensorGroup;
  if (known && known != group)
    d.fail("a kernel's tcgen05 instructions must all have the same .cta_group");
  known = static_cast<uint8_t>(group);
  return known;
}

static void addOffset(Warp &w, const Instr &in) {
  w.forActive([&](unsigned i) {
    w.w(in.d)[i] = w.w(in.a)[i] + static_cast<uint32_t>(in.imm);
  });
}

Slot nybl::emu::tensorAddress(Decoder &d, size_t i) {
  const ptx::Operand &at = d.operand(i);
  if (at.kind != ptx::Operand::Address || at.reg < 0 ||
      bytesOf(typeNamed(d.body().registers[at.reg].type)) != 4) {
    d.fail("expected an address of tensor memory: [register of 32 bits]");
    return 0;
  }
  auto slot = static_cast<Slot>(at.reg);
  if (at.offset == 0)
    return slot;
  slot = d.precede(addOffset, taintUpward, slot);
  d.last().imm = at.offset;
  return slot;
}

void nybl::emu::checkSteering(Warp &w, const Instr &in, bool withList) {
  auto check = [&](Slot slot) {
    if (slot == noSlot)
      return;
    const uint16_t *marks = w.taint(slot);
    w.forActive([&](unsigned lane) {
      if (marks[lane] && !w.cta.failed())
        w.report(FindingKind::PoisonSteers, lane, w.w(slot)[lane],
                 "a marked byte is part of an address, a descriptor or a size "
                 "of tcgen05");
    });
  };
  for (Slot slot : {in.a, in.b, in.c, in.e})
    check(slot);
  for (uint32_t i = 0; withList && i < in.listCount; ++i)
    check(w.kernel.lists[in.list + i]);
}

void nybl::emu::taintTensorOperands(Warp &w, const Instr &in) {
  checkSteering(w, in, true);
}

std::vector<Cta *> nybl::emu::tensorCtas(Warp &w, unsigned lane,
                                         unsigned group) {
  if (group == 1)
    return {&w.cta};
  auto &ctas = w.cta.cluster.ctas;
  unsigned even = w.cta.rank & ~1u;
  if (even + 1 >= ctas.size() || ctas[even]->ended || ctas[even + 1]->ended) {
    w.report(FindingKind::TensorMemoryMisuse, lane, 0,
             even + 1 >= ctas.size()
                 ? ".cta_group::2 in a CTA that has no peer in its cluster"
                 : ".cta_group::2, but the peer CTA has ended");
    return {};
  }
  return {ctas[even].get(), ctas[even + 1].get()};
}

bool nybl::emu::isUniform(Warp &w, Slot slot, const char *what) {
  auto first = static_cast<unsigned>(__builtin_ctz(w.active));
  bool same = true;
  w.forActive([&](unsigned i) { same &= w.w(slot)[i] == w.w(slot)[first]; });
  if (!same)
    w.report(FindingKind::TensorMemoryMisuse, first, w.w(slot)[first],
             std::string("the lanes of the warp do not agree on ") + what);
  return same;
}

void nybl::emu::issueTensorOp(Warp &w, unsigned lane, AsyncOp op) {
  if (uint64_t id = w.cta.cluster.async.issue(w, lane, std::move(op)))
    w.tensorIssued[lane].push_back(id);
}

namespace {

//===----------------------------------------------------------------------===//
// Allocation
//===----------------------------------------------------------------------===//

using Request = CtaTensorMemory::Request;

bool isColumnCount(uint32_t count) {
  return std::has_single_bit(count) && count >= CtaTensorMemory::unit &&
         count <= CtaTensorMemory::columns;
}

/// A finding, or nothing, about an allocation of so many columns.
std::string allocationProblem(const CtaTensorMemory &memory, uint32_t count) {
  if (!isColumnCount(count))
    return "tcgen05.alloc of " + std::to_string(count) +
           " columns: expected a power of two from 32 to 512";
  if (memory.relinquished)
    return "tcgen05.alloc after tcgen05.relinquish_alloc_permit";
  if (count > memory.latestCount)
    return "tcgen05.alloc of " + std::to_string(count) +
           " columns after one of " + std::to_string(memory.latestCount) +
           ": counts must not grow";
  return "";
}

/// Both warps of a pair of CTAs have to come: the first one waits for the
/// other. True once both are here (then `other` has its request too).
bool meetPeer(Warp &w, bool frees, uint32_t count, CtaTensorMemory *&other) {
  Cta &peer = *w.cta.cluster.ctas[w.cta.rank ^ 1];
  other = &tensorMemoryOf(peer);
  Request &own = tensorMemoryOf(w.cta).request;
  if (own.made && (own.warp != w.id || own.pc != w.pc))
    return false; // another warp of this CTA comes first
  if (!own.made)
    w.cta.cluster.changed();
  own.made = true;
  own.warp = w.id;
  own.pc = w.pc;
  own.count = count;
  own.frees = frees;
  const Request &theirs = other->request;
  return theirs.made && !theirs.granted && theirs.frees == frees;
}

void finishRequests(Warp &w, CtaTensorMemory &own, CtaTensorMemory &other) {
  own.request = {};
  other.request.granted = true;
  w.cta.cluster.changed();
}

/// The first column, or CtaTensorMemory::columns while it has to wait.
uint32_t allocateColumns(Warp &w, unsigned group, uint32_t count) {
  CtaTensorMemory &memory = tensorMemoryOf(w.cta);
  if (group == 1) {
    uint32_t column = memory.findFree(count);
    if (column < CtaTensorMemory::columns)
      memory.allocate(column, count);
    return column;
  }
  Request &own = memory.request;
  if (own.granted && own.warp == w.id && own.pc == w.pc) {
    uint32_t column = own.column;
    own = {};
    w.cta.cluster.changed();
    return column;
  }
  CtaTensorMemory *other = nullptr;
  if (!meetPeer(w, false, count, other))
    return CtaTensorMemory::columns;
  if (other->request.count != count)
    w.report(FindingKind::TensorMemoryMisuse, 0, count,
             "tcgen05.alloc.cta_group::2 of " + std::to_string(count) +
                 " columns here and " + std::to_string(other->request.count) +
                 " in the peer CTA");
  uint32_t column = memory.findFree(count);
  if (w.cta.failed() || column == CtaTensorMemory::columns ||
      other->findFree(count) != column)
    return CtaTensorMemory::columns;
  memory.allocate(column, count);
  other->allocate(column, count);
  other->latestCount = count;
  other->request.column = column;
  finishRequests(w, memory, *other);
  return column;
}

/// [a + imm]: where the address goes; b: columns; mode: cta_group.
void alloc(Warp &w, const Instr &in) {
  auto lane = static_cast<unsigned>(__builtin_ctz(w.active));
  if (!isUniform(w, in.b, "the number of columns"))
    return;
  uint32_t count = w.w(in.b)[lane];
  uint64_t at = addressOf(w, in, lane);
  Place place = resolve(w, in.space, lane, at, 4);
  if (!place.data || !checkInFlight(w, place, lane, at, 4, true))
    return;
  if (place.cta != &w.cta)
    return w.report(FindingKind::TensorMemoryMisuse, lane, at,
                    "tcgen05.alloc writes to shared memory of its own CTA");
  if (w.races && !w.races->storeTensorAddress(w, place, lane))
    return;
  if (tensorCtas(w, lane, in.mode).empty())
    return;
  CtaTensorMemory &memory = tensorMemoryOf(w.cta);
  bool granted = memory.request.granted;
  if (std::string problem = allocationProblem(memory, count);
      !granted && !problem.empty())
    return w.report(FindingKind::TensorMemoryMisuse, lane, count, problem);
  uint32_t column = allocateColumns(w, in.mode, count);
  if (w.cta.failed())
    return;
  if (column == CtaTensorMemory::columns)
    return w.waitFor({Wait::TensorMemory});
  memory.latestCount = count;
  std::memcpy(place.data, &column, 4);
  std::memset(place.shadow, shadow::initialised, 4);
  w.cta.cluster.changed();
}

bool checkRelease(Warp &w, unsigned lane, uint32_t address, uint32_t count) {
  CtaTensorMemory &memory = tensorMemoryOf(w.cta);
  auto found = memory.allocations.find(tensorColumn(address));
  if (tensorLane(address) == 0 && found != memory.allocations.end() &&
      found->second == count)
    return true;
  w.report(FindingKind::TensorMemoryMisuse, lane, address,
           "tcgen05.dealloc of " + std::to_string(count) +
               " columns at an address where none or another number was "
               "allocated");
  return false;
}

/// Frees the columns of this CTA; nobody may still work on them.
void freeColumns(Warp &w, unsigned lane, uint32_t address, uint32_t count) {
  AsyncOp use;
  use.what = "tcgen05.dealloc";
  use.tensorWrites = {
      {&w.cta, 0, CtaTensorMemory::lanes, tensorColumn(address), count}};
  if (!orderTensorOp(w, lane, address, use))
    return;
  tensorMemoryOf(w.cta).release(tensorColumn(address));
  w.cta.cluster.changed();
}

/// a: address; b: columns; mode: cta_group. With ::2 it may block until the
/// peer comes: it does unless the policy is eager.
void dealloc(Warp &w, const Instr &in) {
  auto lane = static_cast<unsigned>(__builtin_ctz(w.active));
  if (!isUniform(w, in.b, "the number of columns") ||
      !isUniform(w, in.a, "the address"))
    return;
  uint32_t address = w.w(in.a)[lane], count = w.w(in.b)[lane];
  CtaTensorMemory &memory = tensorMemoryOf(w.cta);
  bool blocks = in.mode == 2 && w.cta.config.policy != SchedulePolicy::Eager;
  if (blocks && memory.request.granted && memory.request.warp == w.id &&
      memory.request.pc == w.pc) {
    memory.request = {};
    w.cta.cluster.changed();
    return freeColumns(w, lane, address, count);
  }
  if (!checkRelease(w, lane, address, count))
    return;
  if (blocks && tensorCtas(w, lane, 2).empty())
    return;
  CtaTensorMemory *other = nullptr;
  if (blocks && !meetPeer(w, true, count, other))
    return w.waitFor({Wait::TensorMemory});
  if (blocks)
    finishRequests(w, memory, *other);
  freeColumns(w, lane, address, count);
}

void relinquish(Warp &w, const Instr &) {
  tensorMemoryOf(w.cta).relinquished = true;
}

void takeSync(Decoder &d) {
  if (!d.take("sync") || !d.take("aligned"))
    d.fail("expected .sync.aligned");
  d.out.sync = Sync::WholeWarp;
}

void checkColumnOperand(Decoder &d, size_t i) {
  const ptx::Operand &count = d.operand(i);
  if (count.kind == ptx::Operand::Integer &&
      (count.bits > CtaTensorMemory::columns ||
       !isColumnCount(static_cast<uint32_t>(count.bits))))
    d.fail("expected a power of two from 32 to 512");
}

void decodeAllocation(Decoder &d, bool allocates) {
  d.out.mode = static_cast<uint8_t>(takeCtaGroup(d));
  takeSync(d);
  bool shared = allocates && d.take("shared::cta");
  if (!d.take("b32"))
    d.fail("expected .b32");
  if (!d.operands(2))
    return;
  checkColumnOperand(d, 1);
  d.out.b = d.slot(1, Type::U32);
  if (allocates)
    d.address(0);
  else
    d.out.a = d.slot(0, Type::U32);
  d.out.space = shared ? MemorySpace::Shared : MemorySpace::Generic;
  // The address of a shared variable is not a generic one.
  if (allocates && d.operand(0).reg < 0)
    d.out.space = MemorySpace::Shared;
  d.out.run = allocates ? alloc : dealloc;
  d.out.taint = taintTensorOperands;
}

//===----------------------------------------------------------------------===//
// Commit and fences
//===----------------------------------------------------------------------===//

/// [a + imm]: the mbarrier; b: mask of CTAs, or none.
void commit(Warp &w, const Instr &in) {
  w.forActive([&](unsigned lane) {
    if (w.cta.failed())
      return;
    uint64_t at = addressOf(w, in, lane);
    Place place = resolve(w, in.space, lane, at, 8);
    if (!place.data)
      return;
    if (!place.cta)
      return w.report(FindingKind::MbarrierMisuse, lane, at,
                      "expected an mbarrier in shared memory");
    auto &ctas = w.cta.cluster.ctas;
    uint32_t mask = in.b == noSlot ? 1u << place.cta->rank : w.w(in.b)[lane];
    if (mask >> ctas.size())
      return w.report(FindingKind::OutOfBounds, lane, mask,
                      "the mask of tcgen05.commit names CTAs that the cluster "
                      "does not have");
    // What this thread has issued since its last commit, and that commit.
    std::vector<uint64_t> &tracked = w.tensorIssued[lane], commits;
    for (unsigned rank = 0; rank < ctas.size(); ++rank) {
      if (!(mask >> rank & 1))
        continue;
      AsyncOp op;
      op.what = "tcgen05.commit";
      op.after = tracked;
      op.signals = ctas[rank].get();
      op.signalOffset = place.offset;
      op.complete = [](const AsyncOp &self) { self.arrive(1); };
      if (uint64_t id = w.cta.cluster.async.issue(w, lane, std::move(op)))
        commits.push_back(id);
    }
    if (mask)
      tracked = std::move(commits);
  });
}

void decodeCommit(Decoder &d) {
  takeCtaGroup(d);
  bool multicast = d.take("multicast::cluster");
  bool shared = d.take("shared::cluster");
  if (!d.take("mbarrier::arrive::one") || !d.take("b64"))
    return d.fail("expected .mbarrier::arrive::one and .b64");
  if (!d.operands(multicast ? 2 : 1))
    return;
  d.address(0);
  if (multicast && d.operand(1).kind != ptx::Operand::Register)
    return d.fail("expected a register of 16 bits as the mask of CTAs");
  if (multicast)
    d.out.b = d.slot(1, Type::B16);
  d.out.space = shared ? MemorySpace::SharedCluster : MemorySpace::Generic;
  if (d.operand(0).reg < 0)
    d.out.space = MemorySpace::SharedCluster;
  d.out.run = commit;
  d.out.taint = taintTensorOperands;
}

/// flag: after_thread_sync.
void fence(Warp &w, const Instr &in) {
  Cluster &cluster = w.cta.cluster;
  auto &fences = in.flag ? w.tensorAfter : w.tensorBefore;
  uint64_t time = ++cluster.tensorFences;
  w.forActive([&](unsigned lane) {
    fences[lane] = {cluster.async.issuedSoFar(), time};
  });
}

void decodeTensor(Decoder &d) {
  if (!d.target().hasTensorMemory())
    return d.fail("tcgen05 does not exist on " + d.target().name);
  if (d.take("alloc"))
    return decodeAllocation(d, true);
  if (d.take("dealloc"))
    return decodeAllocation(d, false);
  if (d.take("relinquish_alloc_permit")) {
    takeCtaGroup(d);
    takeSync(d);
    d.out.run = relinquish;
    d.operands(0);
    return;
  }
  if (d.take("commit"))
    return decodeCommit(d);
  if (int which = d.takeOneOf(
          {"fence::before_thread_sync", "fence::after_thread_sync"});
      which >= 0) {
    d.out.run = fence;
    d.out.flag = which == 1;
    d.operands(0);
    return;
  }
  if (d.take("ld"))
    return decodeTensorLoad(d);
  if (d.take("st"))
    return decodeTensorStore(d);
  if (int which = d.takeOneOf({"wait::ld", "wait::st"}); which >= 0)
    return decodeTensorWait(d, which == 0);
  if (d.take("cp"))
    return decodeTensorCp(d);
  if (d.take("shift"))
    return decodeTensorShift(d);
  if (d.take("mma"))
    return decodeTensorMma(d);
  d.fail("the emulator does not know this operation of tcgen05");
}

} // namespace

void nybl::emu::addTensorOpcodes(OpcodeTable &table) {
  table["tcgen05"] = decodeTensor;
}
