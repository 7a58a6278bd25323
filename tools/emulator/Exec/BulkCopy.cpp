// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cp.async.bulk and cp.reduce.async.bulk: plain ranges of bytes between global
// memory and the shared memories of a cluster (PTX ISA 9.1 §9.7.9.25.4), and
// the groups of bulk copies.

#include "tools/emulator/Exec/Cluster.h"
#include "tools/emulator/Exec/CopyOperands.h"
#include <cstring>

using namespace nybl::emu;

namespace {

constexpr uint32_t unit = 16; ///< of addresses and sizes

/// Places of the operands in the list; what an instruction lacks is noSlot.
enum : unsigned { To, From, Size, Barrier, Mask };

/// The size operand, or nothing if there is nothing to do.
uint32_t sizeOf(Warp &w, const Instr &in, unsigned lane, unsigned k = Size) {
  auto size = static_cast<uint32_t>(copyOperand(w, in, k, lane));
  if (size % unit == 0)
    return size;
  w.report(FindingKind::AsyncMisuse, lane, copyOperand(w, in, 0, lane),
           "expected a size that is a multiple of 16, got " +
               std::to_string(size));
  return 0;
}

/// Shared memory to work on; no data: reported.
Place sharedPlace(Warp &w, const Instr &in, MemorySpace space, unsigned k,
                  unsigned lane, uint32_t bytes) {
  uint64_t address = copyOperand(w, in, k, lane);
  Place place = resolveRange(w, space, lane, address, bytes, unit);
  if (place.data && !checkNoMbarrier(w, place, lane, address, bytes))
    return {};
  return place;
}

Reduction reductionOf(const Instr &in) {
  Reduction r;
  r.op = static_cast<ReduceOp>(in.mode & 15);
  r.type = static_cast<Type>(in.bytes);
  r.flush = r.type == Type::F32; // as add.f32 on global memory
  return r;
}

//===----------------------------------------------------------------------===//
// Handlers
//===----------------------------------------------------------------------===//

void fromGlobal(Warp &w, const Instr &in) {
  eachLaneAtWork(w, [&](unsigned lane) {
    uint32_t bytes = sizeOf(w, in, lane);
    if (bytes == 0)
      return;
    Place to = sharedPlace(w, in, in.space, To, lane, bytes);
    Place from = to.data
                     ? resolveRange(w, MemorySpace::Global, lane,
                                    copyOperand(w, in, From, lane), bytes, unit)
                     : Place();
    Place barrier =
        from.data ? resolveMbarrier(w, in, in.space, Barrier, lane) : Place();
    if (!barrier.data)
      return;
    w.counters.bulkBytes += bytes;
    w.counters.asyncBytesLoaded += bytes;
    for (const Receiver &r :
         receiversOf(w, in, Mask, false, to, barrier, lane)) {
      AsyncOp op;
      op.what = "cp.async.bulk";
      op.writes = {{r.cta, to.offset, bytes}};
      op.globalReads = {{copyOperand(w, in, From, lane), from.data, bytes}};
      op.signals = r.signals;
      op.signalOffset = barrier.offset;
      op.complete = [=, cta = r.cta, offset = to.offset](const AsyncOp &self) {
        std::memcpy(&cta->shared[offset], from.data, bytes);
        copyShadow(&cta->sharedShadow[offset], from.shadow, bytes);
        self.completeTransactions(bytes);
      };
      w.cta.cluster.async.issue(w, lane, std::move(op));
    }
  });
}

/// To another CTA's shared memory; flag: reduces into it.
void toCluster(Warp &w, const Instr &in) {
  eachLaneAtWork(w, [&](unsigned lane) {
    uint32_t bytes = sizeOf(w, in, lane);
    if (bytes == 0)
      return;
    Place to = sharedPlace(w, in, MemorySpace::SharedCluster, To, lane, bytes);
    Place from =
        to.data ? sharedPlace(w, in, MemorySpace::Shared, From, lane, bytes)
                : Place();
    Place barrier =
        from.data ? resolveMbarrier(w, in, in.space, Barrier, lane) : Place();
    if (!barrier.data)
      return;
    if (to.cta == &w.cta || barrier.cta != to.cta)
      return w.report(
          FindingKind::AsyncMisuse, lane, copyOperand(w, in, To, lane),
          to.cta == &w.cta ? "expected a destination in another CTA"
                           : "the mbarrier is not in the CTA that the data "
                             "goes to");
    AsyncOp op;
    op.what = in.flag ? "cp.reduce.async.bulk" : "cp.async.bulk";
    op.reduces = in.flag;
    op.reads = {{from.cta, from.offset, bytes}};
    op.writes = {{to.cta, to.offset, bytes}};
    op.signals = barrier.cta;
    op.signalOffset = barrier.offset;
    op.complete = [=, source = op.reads[0],
                   reduction = reductionOf(in)](const AsyncOp &self) {
      CopiedBytes moved;
      moved.take(source);
      if (self.reduces) {
        reduceInto(
            self, reduction,
            {to.data, to.shadow, to.cta->sharedAddress(to.offset), false},
            moved.data.data(), moved.shadow.data(), bytes);
      } else {
        std::memcpy(to.data, moved.data.data(), bytes);
        std::memcpy(to.shadow, moved.shadow.data(), bytes);
      }
      self.completeTransactions(bytes);
    };
    w.cta.cluster.async.issue(w, lane, std::move(op));
  });
}

/// The second half of a copy to global memory: of each 16 bytes those that the
/// mask names.
void writeGlobal(const AsyncOp &self, const CopiedBytes &moved, const Place &to,
                 uint64_t address, uint32_t mask) {
  for (uint32_t i = 0; i < moved.data.size(); ++i) {
    if (!(mask >> i % 16 & 1))
      continue;
    if (!checkMayReachGlobal(self, address + i, &moved.shadow[i], 1))
      return;
    to.data[i] = moved.data[i];
    to.shadow[i] = moved.shadow[i];
  }
}

/// flag: reduces.
void toGlobal(Warp &w, const Instr &in) {
  eachLaneAtWork(w, [&](unsigned lane) {
    uint32_t bytes = sizeOf(w, in, lane);
    uint64_t address = copyOperand(w, in, To, lane);
    if (bytes == 0)
      return;
    Place to = resolveRange(w, MemorySpace::Global, lane, address, bytes, unit);
    Place from =
        to.data && checkWritable(w, to, lane, address)
            ? sharedPlace(w, in, MemorySpace::Shared, From, lane, bytes)
            : Place();
    if (!from.data)
      return;
    w.counters.bulkBytes += bytes;
    uint32_t mask = hasCopyOperand(w, in, Mask)
                        ? static_cast<uint32_t>(copyOperand(w, in, Mask, lane))
                        : 0xffff;
    AsyncOp op;
    op.what = in.flag ? "cp.reduce.async.bulk" : "cp.async.bulk";
    op.reads = {{from.cta, from.offset, bytes}};
    auto moved = std::make_shared<CopiedBytes>();
    op.read = [moved, source = op.reads[0]] { moved->take(source); };
    op.complete = [=, source = op.reads[0], reduces = in.flag,
                   reduction = reductionOf(in)](const AsyncOp &self) {
      if (moved->data.empty())
        moved->take(source);
      if (reduces)
        reduceInto(self, reduction, {to.data, to.shadow, address, true},
                   moved->data.data(), moved->shadow.data(), bytes);
      else
        writeGlobal(self, *moved, to, address, mask);
    };
    addToGroup(w.bulkCopies, lane,
               w.cta.cluster.async.issue(w, lane, std::move(op)));
  });
}

/// A hint: nothing is read, but what it is given must be sound.
void prefetch(Warp &w, const Instr &in) {
  eachLaneAtWork(w, [&](unsigned lane) {
    uint64_t address = copyOperand(w, in, 0, lane);
    sizeOf(w, in, lane, 1);
    if (address % unit != 0 && !w.cta.failed())
      w.report(FindingKind::Misaligned, lane, address,
               "a bulk prefetch from an address that is no multiple of 16");
  });
}

void commit(Warp &w, const Instr &) { commitGroups(w, w.bulkCopies); }

/// imm: groups that may still be pending; flag: it is enough to have read.
void waitGroup(Warp &w, const Instr &in) {
  waitForGroups(w, w.bulkCopies, static_cast<uint64_t>(in.imm), in.flag);
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

bool fitsGlobal(ReduceOp op, Type type) {
  bool minOrMax = op == ReduceOp::Min || op == ReduceOp::Max;
  return isScalarReduction(op, type) ||
         ((minOrMax || op == ReduceOp::Add) &&
          (type == Type::F16 || type == Type::BF16));
}

/// Of 64 bits only addition.
bool fitsCluster(ReduceOp op, Type type) {
  return isScalarReduction(op, type) && !isFloatType(type) &&
         (bytesOf(type) == 4 || op == ReduceOp::Add);
}

void takeReductionOf(Decoder &d, bool toGlobalMemory) {
  int op = takeReduction(d);
  bool noftz = d.take("noftz");
  Type type = d.takeType();
  auto which = static_cast<ReduceOp>(op);
  if (op < 0 ||
      !(toGlobalMemory ? fitsGlobal(which, type) : fitsCluster(which, type)))
    return d.fail("the operation and its type do not fit each other");
  bool halfSum = which == ReduceOp::Add && isHalf(type);
  if (noftz != halfSum)
    return d.fail(".noftz belongs to add of f16 and bf16, and is required");
  d.out.mode = static_cast<uint8_t>(op);
  d.out.bytes = static_cast<uint8_t>(type);
}

/// The size must be known to be good where it is an immediate.
void size(Decoder &d, CopyOperands &list, size_t i) {
  if (d.operand(i).kind == ptx::Operand::Integer &&
      d.operand(i).bits % unit != 0)
    return d.fail("expected a size that is a multiple of 16");
  list.value(i, Type::U32);
}

void decodePrefetch(Decoder &d) {
  if (!d.take("L2") || !d.take("global"))
    return d.fail("expected cp.async.bulk.prefetch.L2.global");
  if (!d.operands(2 + takeCachePolicy(d, 2)))
    return;
  CopyOperands list(d);
  list.address(0);
  size(d, list, 1);
  list.finish();
  d.out.run = prefetch;
}

/// [to], [from], size, [mbarrier] {, mask} {, policy}
void decodeSignalling(Decoder &d, MemorySpace to, MemorySpace from) {
  bool multicast = to == MemorySpace::SharedCluster &&
                   from == MemorySpace::Global && d.take("multicast::cluster");
  bool hinted =
      from == MemorySpace::Global && takeCachePolicy(d, 4 + multicast);
  if (!d.take("mbarrier::complete_tx::bytes"))
    return d.fail("expected .mbarrier::complete_tx::bytes");
  if (!d.operands(4 + multicast + hinted))
    return;
  CopyOperands list(d);
  list.address(0);
  list.address(1);
  size(d, list, 2);
  list.address(3);
  multicast ? list.value(4, Type::B16) : list.none();
  list.finish();
  d.out.run = from == MemorySpace::Global ? fromGlobal : toCluster;
}

/// [to], [from], size {, policy} {, mask}
void decodeGrouped(Decoder &d, bool reduces) {
  bool hinted = takeCachePolicy(d, 3);
  bool masked = !reduces && d.take("cp_mask");
  if (masked && d.target().major < 10)
    return d.fail(".cp_mask needs sm_100 or later");
  if (!d.take("bulk_group"))
    return d.fail("expected .bulk_group");
  if (!d.operands(3 + hinted + masked))
    return;
  CopyOperands list(d);
  list.address(0);
  list.address(1);
  size(d, list, 2);
  list.none();
  masked ? list.value(3 + hinted, Type::B16) : list.none();
  list.finish();
  d.out.run = toGlobal;
}

void decodeWaitGroup(Decoder &d) {
  d.out.flag = d.take("read");
  d.out.run = waitGroup;
  d.out.taint = nullptr;
  if (d.operands(1))
    d.out.imm = d.immediate(0);
}

} // namespace

void nybl::emu::decodeBulkCopy(Decoder &d, bool reduces) {
  if (d.target().major < 9)
    return d.fail("bulk copies need sm_90 or later");
  d.out.taint = taintCopyOperands;
  if (!reduces && d.take("commit_group")) {
    d.out.run = commit;
    d.out.taint = nullptr;
    d.operands(0);
    return;
  }
  if (!reduces && d.take("wait_group"))
    return decodeWaitGroup(d);
  bool prefetches = !reduces && d.take("prefetch");
  if (d.take("tensor"))
    return decodeTensorCopy(d, reduces, prefetches);
  if (prefetches)
    return decodePrefetch(d);
  MemorySpace to = takeNextSpace(d), from = takeNextSpace(d);
  bool toShared = to == MemorySpace::SharedCluster || to == MemorySpace::Shared;
  bool load = toShared && from == MemorySpace::Global && !reduces;
  bool between =
      to == MemorySpace::SharedCluster && from == MemorySpace::Shared;
  bool store = to == MemorySpace::Global && from == MemorySpace::Shared;
  if (!load && !between && !store)
    return d.fail("expected a copy from .global to .shared::cta or "
                  ".shared::cluster, from .shared::cta to .shared::cluster, or "
                  "from .shared::cta to .global");
  d.out.space = to;
  d.out.flag = reduces;
  if (reduces)
    takeReductionOf(d, store);
  store ? decodeGrouped(d, reduces) : decodeSignalling(d, to, from);
}
