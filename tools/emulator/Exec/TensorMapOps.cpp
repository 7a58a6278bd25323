// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tensormap.replace and tensormap.cp_fenceproxy (PTX ISA 9.1 §9.7.9.28,
// §9.7.13.14): changes to a tensor map as ordinary accesses make them.

#include "tools/emulator/Device/TensorMap.h"
#include "tools/emulator/Exec/Cluster.h"
#include "tools/emulator/Exec/CopyOperands.h"
#include "tools/emulator/Exec/MemoryForms.h"

using namespace nybl::emu;

namespace {

/// As host code aligns them (CUTLASS: 64 bytes).
constexpr uint32_t mapAlignment = 64;
constexpr uint32_t mapBytes = tensorMapBytes;

/// The fields' names; how they are written.
struct FieldForm {
  std::string_view name;
  bool wide;      ///< .b64
  bool ordinal;   ///< of a dimension
  bool immediate; ///< the value is a number of a table
};
constexpr FieldForm fieldForms[] = {{"global_address", true, false, false},
                                    {"rank", false, false, false},
                                    {"box_dim", false, true, false},
                                    {"global_dim", false, true, false},
                                    {"global_stride", true, true, false},
                                    {"element_stride", false, true, false},
                                    {"elemtype", false, false, true},
                                    {"interleave_layout", false, false, true},
                                    {"swizzle_mode", false, false, true},
                                    {"swizzle_atomicity", false, false, true},
                                    {"fill_mode", false, false, true}};

/// Instr::mode: TensorMapField. Instr::offset: ordinal. b: the value.
void replaceField(Warp &w, const Instr &in) {
  auto field = static_cast<TensorMapField>(in.mode);
  ++w.cta.cluster.effects;
  w.forActive([&](unsigned lane) {
    if (w.cta.failed())
      return;
    uint64_t address = addressOf(w, in, lane);
    Place place =
        resolveRange(w, in.space, lane, address, mapBytes, mapAlignment);
    if (!place.data || !checkWritable(w, place, lane, address) ||
        !checkSettled(w, place, lane, address, mapBytes, true) ||
        !checkInitialised(w, place, lane, address, mapAlignment))
      return;
    uint64_t value = in.bytes == 8 ? w.q(in.b)[lane] : w.w(in.b)[lane];
    std::string problem = replaceTensorMapField(
        place.data, field, static_cast<unsigned>(in.offset), value);
    if (!problem.empty())
      w.report(FindingKind::AsyncMisuse, lane, address, problem);
  });
}

void taintReplace(Warp &w, const Instr &in) {
  if (!addressIsClean(w, in))
    return;
  w.forActive([&](unsigned lane) {
    if (w.taint(in.b)[lane] && !w.cta.failed())
      w.report(FindingKind::PoisonSteers, lane, addressOf(w, in, lane),
               "a marked byte is part of a tensor map");
  });
}

/// The warp's lanes copy together: all name the same addresses.
bool lanesAgree(Warp &w, const Instr &in, unsigned first) {
  bool agree = true;
  w.forActive([&](unsigned lane) {
    for (unsigned k : {0, 1})
      agree =
          agree && copyOperand(w, in, k, lane) == copyOperand(w, in, k, first);
  });
  return agree;
}

void copyMap(Warp &w, const Instr &in) {
  auto lane = static_cast<unsigned>(__builtin_ctz(w.active));
  uint64_t address = copyOperand(w, in, 0, lane);
  uint64_t source = copyOperand(w, in, 1, lane);
  ++w.cta.cluster.effects;
  if (!lanesAgree(w, in, lane))
    return w.report(FindingKind::AsyncMisuse, lane, address,
                    "the lanes of a warp copy one tensor map together, but "
                    "name different addresses");
  Place from = resolveRange(w, MemorySpace::Shared, lane, source, mapBytes,
                            mapAlignment);
  if (!from.data || !checkSettled(w, from, lane, source, mapBytes, false) ||
      !checkInitialised(w, from, lane, source, mapBytes))
    return;
  Place to = resolveRange(w, MemorySpace::Global, lane, address, mapBytes,
                          mapAlignment);
  if (!to.data || !checkWritable(w, to, lane, address) ||
      !checkSettled(w, to, lane, address, mapBytes, true))
    return;
  std::memcpy(to.data, from.data, mapBytes);
  copyShadow(to.shadow, from.shadow, mapBytes);
  for (uint32_t i = 0; i < mapBytes && w.cta.config.poison; ++i)
    if (from.shadow[i] & shadow::poison)
      return w.report(FindingKind::PoisonStored, lane, address + i,
                      "a marked byte reached " +
                          w.cta.memory.nameOf(address + i));
  if (w.races)
    w.races->fence(w);
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

/// What a chip knows of the tables.
void checkImmediate(Decoder &d, TensorMapField field, int64_t value) {
  bool isNew = d.target().family && d.target().major >= 10;
  int64_t most = field == TensorMapField::ElementType  ? (isNew ? 15 : 12)
                 : field == TensorMapField::Interleave ? 2
                 : field == TensorMapField::FillMode   ? 1
                                                       : 3;
  if (value < 0 || value > most)
    d.fail("expected a value of 0 to " + std::to_string(most));
  if (field == TensorMapField::SwizzleAtomicity && !isNew)
    d.fail(".swizzle_atomicity needs sm_100a, sm_100f or later ones");
}

void decodeReplace(Decoder &d) {
  size_t which = 0;
  while (which < std::size(fieldForms) && !d.take(fieldForms[which].name))
    ++which;
  if (which == std::size(fieldForms) || !d.take("tile"))
    return d.fail("expected tensormap.replace.tile and a field");
  if (!d.target().family)
    return d.fail("tensormap.replace needs a target with suffix, such as "
                  "sm_90a or sm_100f");
  const FieldForm &form = fieldForms[which];
  int space = d.takeOneOf({"global", "shared::cta"});
  if (!d.take("b1024") || !d.take(form.wide ? "b64" : "b32"))
    return d.fail(std::string("expected .b1024.") +
                  (form.wide ? "b64" : "b32"));
  if (!d.operands(2 + form.ordinal))
    return;
  d.address(0);
  size_t at = 1 + form.ordinal;
  if (form.ordinal) {
    int64_t ordinal = d.immediate(1);
    if (ordinal < 0 || ordinal > 4)
      return d.fail("expected an ordinal of 0 to 4");
    d.out.offset = static_cast<int32_t>(ordinal);
  }
  if (form.immediate)
    checkImmediate(d, static_cast<TensorMapField>(which), d.immediate(at));
  d.out.b = d.slot(at, form.wide ? Type::B64 : Type::B32);
  d.out.space = space < 0    ? MemorySpace::Generic
                : space == 0 ? MemorySpace::Global
                             : MemorySpace::Shared;
  d.out.mode = static_cast<uint8_t>(which);
  d.out.bytes = form.wide ? 8 : 4;
  d.out.run = replaceField;
  d.out.taint = taintReplace;
}

void decodeCopyMap(Decoder &d) {
  for (std::string_view q : {"global", "shared::cta", "tensormap::generic",
                             "release", "sync", "aligned"})
    if (!d.take(q))
      return d.fail("expected tensormap.cp_fenceproxy.global.shared::cta."
                    "tensormap::generic.release.scope.sync.aligned");
  if (d.takeOneOf({"cta", "cluster", "gpu", "sys"}) < 0)
    return d.fail("expected a scope: .cta, .cluster, .gpu or .sys");
  if (!d.operands(3))
    return;
  if (d.immediate(2) != mapBytes)
    return d.fail("expected 128 bytes");
  CopyOperands list(d);
  list.address(0);
  list.address(1);
  list.finish();
  d.out.sync = Sync::Aligned;
  d.out.run = copyMap;
  d.out.taint = taintCopyOperands;
}

} // namespace

void nybl::emu::addTensorMapOpcodes(OpcodeTable &table) {
  table["tensormap"] = [](Decoder &d) {
    int what = d.takeOneOf({"replace", "cp_fenceproxy"});
    if (what < 0)
      return d.fail("expected tensormap.replace or .cp_fenceproxy");
    what ? decodeCopyMap(d) : decodeReplace(d);
  };
}
