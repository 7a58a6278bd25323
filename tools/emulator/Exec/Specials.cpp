// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Special registers as operands, which only mov and cvt read.

#include "tools/emulator/Exec/Decode.h"

using namespace nybl::emu;

namespace {

/// How wide a special register is read.
enum Width : uint8_t { Narrow, Wide, Either, Predicate };

struct SpecialName {
  std::string_view name;
  Special what;
  Width width = Narrow;
};

constexpr SpecialName specialNames[] = {
    {"%tid.x", Special::TidX},
    {"%tid.y", Special::TidY},
    {"%tid.z", Special::TidZ},
    {"%ntid.x", Special::NTidX},
    {"%ntid.y", Special::NTidY},
    {"%ntid.z", Special::NTidZ},
    {"%ctaid.x", Special::CtaX},
    {"%ctaid.y", Special::CtaY},
    {"%ctaid.z", Special::CtaZ},
    {"%nctaid.x", Special::NCtaX},
    {"%nctaid.y", Special::NCtaY},
    {"%nctaid.z", Special::NCtaZ},
    {"%laneid", Special::LaneId},
    {"%warpid", Special::WarpId},
    {"%smid", Special::SmId},
    {"%nsmid", Special::NSmId},
    {"%gridid", Special::GridId, Either},
    {"%lanemask_eq", Special::LaneMaskEq},
    {"%lanemask_lt", Special::LaneMaskLt},
    {"%lanemask_le", Special::LaneMaskLe},
    {"%lanemask_gt", Special::LaneMaskGt},
    {"%lanemask_ge", Special::LaneMaskGe},
    {"%dynamic_smem_size", Special::DynamicShared},
    {"%total_smem_size", Special::TotalShared},
    // With what the system reserves, which is nothing here.
    {"%aggr_smem_size", Special::TotalShared},
    {"%clock", Special::Clock},
    {"%clock_hi", Special::ClockHigh},
    {"%clock64", Special::Clock64, Wide},
    {"%globaltimer", Special::Clock64, Wide},
    {"%globaltimer_lo", Special::Clock},
    {"%globaltimer_hi", Special::ClockHigh},
    {"%nwarpid", Special::NWarpId},
    {"%clusterid.x", Special::ClusterX},
    {"%clusterid.y", Special::ClusterY},
    {"%clusterid.z", Special::ClusterZ},
    {"%nclusterid.x", Special::NClusterX},
    {"%nclusterid.y", Special::NClusterY},
    {"%nclusterid.z", Special::NClusterZ},
    {"%cluster_ctaid.x", Special::ClusterCtaX},
    {"%cluster_ctaid.y", Special::ClusterCtaY},
    {"%cluster_ctaid.z", Special::ClusterCtaZ},
    {"%cluster_nctaid.x", Special::ClusterNCtaX},
    {"%cluster_nctaid.y", Special::ClusterNCtaY},
    {"%cluster_nctaid.z", Special::ClusterNCtaZ},
    {"%cluster_ctarank", Special::ClusterCtaRank},
    {"%cluster_nctarank", Special::ClusterNCtaRank},
    {"%is_explicit_cluster", Special::IsExplicitCluster, Predicate},
    {"%envreg1", Special::GridWorkspaceHigh},
    {"%envreg2", Special::GridWorkspaceLow}};

/// Clocks move: each use reads the number of steps of the CTA, before the
/// instruction that asked.
void readClock(Warp &w, const Instr &in) {
  uint64_t now = w.cta.steps;
  w.forActive([&](unsigned i) {
    if (in.mode == 2)
      w.q(in.d)[i] = now;
    else
      w.w(in.d)[i] = static_cast<uint32_t>(in.mode ? now >> 32 : now);
  });
}

void widen(Warp &w, const Instr &in) {
  w.forActive([&](unsigned i) { w.q(in.d)[i] = w.w(in.a)[i]; });
}

void isNotZero(Warp &w, const Instr &in) {
  uint32_t result = 0;
  w.forActive([&](unsigned i) { result |= uint32_t(w.w(in.a)[i] != 0) << i; });
  w.predicate(in.d) = result;
}

/// %tid.w and its like: always 0.
bool isFourth(std::string_view name) {
  if (name.size() < 4 || name.substr(name.size() - 2) != ".w")
    return false;
  std::string first = std::string(name.substr(0, name.size() - 1)) + "x";
  for (const SpecialName &entry : specialNames)
    if (entry.name == first)
      return true;
  return false;
}

/// What ptxas takes and has no meaning here.
const char *refusal(std::string_view name) {
  if (name.starts_with("%pm"))
    return "the emulator has no performance counters (%pm)";
  if (name.starts_with("%envreg"))
    return "of %envreg the emulator knows 1 and 2, which cooperative groups "
           "use";
  if (name.starts_with("%reserved_smem_offset_"))
    return "the emulator has no shared memory that the system reserves";
  if (name == "%current_graph_exec")
    return "the emulator has no launches from the device "
           "(%current_graph_exec)";
  return nullptr;
}

} // namespace

Slot Decoder::special(std::string_view name, unsigned bytes) {
  if (name == "WARP_SZ")
    return constant(32, bytes == 8);
  if (name.empty() || name[0] != '%')
    return noSlot;
  if (isFourth(name))
    return constant(0, bytes == 8);
  for (const SpecialName &entry : specialNames) {
    if (entry.name != name)
      continue;
    bool fits = entry.width == Predicate ? bytes == 0
                : entry.width == Either  ? bytes == 4 || bytes == 8
                : entry.width == Wide    ? bytes == 8
                                         : bytes == 2 || bytes == 4;
    if (!fits)
      fail("'" + std::string(name) + "' is " +
           (entry.width == Predicate ? "a predicate"
            : entry.width == Wide    ? "64 bits wide"
                                     : "32 bits wide"));
    bool isFloat = source->opcode.find(".f") != std::string::npos ||
                   source->opcode.find(".bf") != std::string::npos;
    if ((base != "mov" && base != "cvt") || isFloat)
      fail("special registers are read by mov and cvt of integers");
    return specialSlot(entry.what, bytes);
  }
  if (const char *sentence = refusal(name)) {
    fail(sentence);
    return 0;
  }
  return noSlot;
}

Slot Decoder::specialSlot(Special what, unsigned bytes) {
  if (what == Special::Clock || what == Special::ClockHigh ||
      what == Special::Clock64) {
    Slot slot = precede(readClock, taintClear, noSlot);
    last().mode = what == Special::Clock64     ? 2
                  : what == Special::ClockHigh ? 1
                                               : 0;
    return slot;
  }
  kernel.usesGridWorkspace |= what == Special::GridWorkspaceLow;
  auto [known, isNew] = specials.try_emplace(what, 0);
  if (isNew)
    kernel.specials.push_back({known->second = kernel.slots++, what});
  if (bytes == 8)
    return precede(widen, taintClear, known->second);
  if (bytes == 0)
    return precede(isNotZero, taintClear, known->second);
  return known->second;
}
