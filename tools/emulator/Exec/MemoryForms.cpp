// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Qualifiers of ld, st, atom and red, and which of them go together (as ptxas
// has it).

#include "tools/emulator/Exec/MemoryForms.h"

#include "tools/emulator/Exec/Access.h"
#include "tools/emulator/Exec/Cluster.h"
#include "tools/emulator/Exec/Marks.h"

using namespace nybl::emu;

MemorySpace nybl::emu::takeSpace(Decoder &d) {
  int space = d.takeOneOf({"global", "shared", "local", "param", "const",
                           "shared::cta", "param::entry", "shared::cluster"});
  static constexpr MemorySpace spaces[] = {
      MemorySpace::Global, MemorySpace::Shared,       MemorySpace::Local,
      MemorySpace::Param,  MemorySpace::Const,        MemorySpace::Shared,
      MemorySpace::Param,  MemorySpace::SharedCluster};
  return space < 0 ? MemorySpace::Generic : spaces[space];
}

size_t nybl::emu::takeCacheHint(Decoder &d) {
  if (!d.take("L2::cache_hint"))
    return 0;
  if (!d.source->operands.empty())
    d.slotOf(d.source->operands.back(), Type::B64);
  return 1;
}

AccessForm AccessForm::take(Decoder &d, bool isLoad) {
  AccessForm f;
  f.isLoad = isLoad;
  f.mmio = d.take("mmio");
  f.order = isLoad ? d.takeOneOf({"weak", "volatile", "relaxed", "acquire"})
                   : d.takeOneOf({"weak", "volatile", "relaxed", "release"});
  f.scope = d.takeOneOf({"cta", "cluster", "gpu", "sys"});
  f.cacheOp = isLoad ? d.takeOneOf({"ca", "cg", "cs", "lu", "cv"})
                     : d.takeOneOf({"wb", "cg", "cs", "wt"});
  f.nonCoherent = isLoad && d.take("nc");
  f.l1 = d.takeOneOf({"L1::evict_normal", "L1::evict_unchanged",
                      "L1::evict_first", "L1::evict_last", "L1::no_allocate"});
  f.l2 = d.takeOneOf({"L2::evict_last", "L2::evict_normal", "L2::evict_first"});
  f.prefetches =
      isLoad && d.takeOneOf({"L2::64B", "L2::128B", "L2::256B"}) >= 0;
  f.hints = takeCacheHint(d);
  return f;
}

const char *AccessForm::orderProblem(MemorySpace space, size_t elements) const {
  constexpr int sys = 3;
  bool isShared =
      space == MemorySpace::Shared || space == MemorySpace::SharedCluster;
  if ((order >= Relaxed) != (scope >= 0))
    return "a scope belongs to .relaxed, .acquire and .release, and is "
           "required";
  if (order >= Volatile && !isShared && !isGlobalOrGeneric(space))
    return "only accesses to .global and .shared have an order";
  if (mmio && (order != Relaxed || scope != sys || elements != 1 ||
               !isGlobalOrGeneric(space)))
    return "expected .mmio.relaxed.sys of one element in .global";
  if (order >= Volatile && cacheOp >= 0)
    return "a cache operator belongs to weak accesses";
  if ((mmio || order == Volatile) && (l1 >= 0 || hints || (mmio && prefetches)))
    return ".volatile and .mmio take no hints about caches";
  return nullptr;
}

const char *AccessForm::hintProblem(MemorySpace space, unsigned bytes) const {
  constexpr int firstNotCached = 3; // .lu, .cv
  if (nonCoherent &&
      (space != MemorySpace::Global || order >= 0 || cacheOp >= firstNotCached))
    return ".nc belongs to weak loads of .global";
  if (l1 >= 0 && cacheOp >= 0)
    return "expected a cache operator or an eviction priority";
  if ((l1 >= 0 || l2 >= 0 || prefetches || hints) && !isGlobalOrGeneric(space))
    return "only accesses to .global take hints about caches";
  if (l2 >= 0 && bytes != 32)
    return "an eviction priority of L2 belongs to accesses of 32 bytes";
  return nullptr;
}

void AccessForm::check(Decoder &d, MemorySpace space, unsigned bytes,
                       size_t elements) const {
  if (const char *problem = orderProblem(space, elements))
    return d.fail(problem);
  if (const char *problem = hintProblem(space, bytes))
    return d.fail(problem);
  if (bytes <= 16)
    return;
  if (bytes > 32 || !isGlobalOrGeneric(space))
    return d.fail("expected at most 16 bytes, or 32 in .global");
  if (d.target().major < 10)
    d.fail("accesses of 32 bytes need sm_100 or later");
}

bool nybl::emu::addressIsClean(Warp &w, const Instr &in) {
  if (w.cta.config.recorder)
    return true;
  uint16_t *taint = w.taint(in.a);
  if (!anyMarks(taint))
    return true;
  bool clean = true;
  w.forActive([&](unsigned lane) {
    if (clean && taint[lane]) {
      clean = false;
      w.report(FindingKind::PoisonSteers, lane, addressOf(w, in, lane),
               "a marked byte is part of an address");
    }
  });
  return clean;
}

void nybl::emu::countMemory(Warp &w, MemorySpace space, bool isStore) {
  if (space == MemorySpace::Shared || space == MemorySpace::SharedCluster)
    ++(isStore ? w.counters.sharedStores : w.counters.sharedLoads);
  else if (space != MemorySpace::Local)
    ++(isStore ? w.counters.globalStores : w.counters.globalLoads);
}
