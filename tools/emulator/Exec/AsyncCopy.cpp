// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cp.async: copies from global to shared memory that complete at issue. Bytes
// past the source size are written as zero.

#include "tools/emulator/Exec/Access.h"
#include "tools/emulator/Exec/Decode.h"
#include <cstring>

using namespace nybl::emu;

namespace {

/// a: shared address, b: global address, c: source size (or none).
void copyAsync(Warp &w, const Instr &in) {
  w.forActive([&](unsigned lane) {
    if (w.cta.failed())
      return;
    uint64_t to = addressOf(w, in, lane);
    uint64_t from = w.q(in.b)[lane] + static_cast<uint64_t>(int64_t(in.offset));
    uint32_t size = in.c == noSlot
                        ? in.bytes
                        : std::min<uint32_t>(w.w(in.c)[lane], in.bytes);
    Place target = resolve(w, MemorySpace::Shared, lane, to, in.bytes);
    if (!target.data)
      return;
    std::memset(target.data, 0, in.bytes);
    std::memset(target.shadow, shadow::initialised, in.bytes);
    if (size == 0)
      return;
    if (from % in.bytes != 0)
      return w.report(FindingKind::Misaligned, lane, from,
                      "cp.async of " + std::to_string(in.bytes) +
                          " bytes from an address that is no multiple of it");
    // The bytes read are `size`, not the full width.
    Report report;
    Allocation *a = w.cta.memory.find(from, size, &report);
    if (!a)
      return w.report(report.kind, lane, from, report.message);
    const uint8_t *data = a->data.get() + (from - a->base);
    const uint8_t *marks = a->shadow.get() + (from - a->base);
    std::memcpy(target.data, data, size);
    std::memcpy(target.shadow, marks, size); // uninitialised stays so
  });
  ++w.counters.globalLoads;
}

void taintCopyAsync(Warp &w, const Instr &in) {
  uint16_t *a = w.taint(in.a), *b = w.taint(in.b);
  uint16_t *c = in.c == noSlot ? a : w.taint(in.c);
  w.forActive([&](unsigned lane) {
    if ((a[lane] || b[lane] || c[lane]) && !w.cta.failed())
      w.report(FindingKind::PoisonSteers, lane, addressOf(w, in, lane),
               "a marked byte is part of an address or size of cp.async");
  });
}

void nothing(Warp &, const Instr &) {}

void decodeCp(Decoder &d) {
  if (!d.take("async"))
    return d.fail("the emulator knows cp.async alone");
  if (d.take("commit_group") || d.take("wait_all")) {
    d.out.run = nothing;
    return;
  }
  if (d.take("wait_group")) {
    d.out.run = nothing;
    if (d.operands(1))
      d.immediate(0);
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
  if (count == 4)
    d.out.c = d.slot(3, Type::U32);
  d.out.run = copyAsync;
  d.out.taint = taintCopyAsync;
}

} // namespace

void nybl::emu::addAsyncCopyOpcodes(OpcodeTable &table) {
  table["cp"] = decodeCp;
}
