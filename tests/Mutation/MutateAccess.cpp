// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators on the guards of global accesses, once for each family of them:
// reads of scales (masks), loads of data, stores.

#include "tests/Mutation/Edit.h"
#include "tests/Mutation/Mutants.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::mutation;

namespace {

struct Family {
  const char *name;
  Target target;
  bool (*holds)(cta::GlobalAccess);
};

const Family families[] = {
    {"scale", Target::Mask,
     [](cta::GlobalAccess a) {
       return isa<cta::ScalesType>(a.getBase().getType());
     }},
    {"data", Target::DataLoad,
     [](cta::GlobalAccess a) {
       return isa<cta::MatrixType>(a.getBase().getType()) && !a.isWrite();
     }},
    {"store", Target::Store, [](cta::GlobalAccess a) { return a.isWrite(); }}};

/// `make` gives the new guard, made before the access.
using NewGuard = std::function<Value(Edit &, Value guard)>;

/// One guard of one access.
struct Guarded {
  Sites &sites;
  cta::GlobalAccess access;
  OpOperand *guard;

  void become(const Twine &what, NewGuard make) {
    OpOperand *operand = guard;
    sites.add(access, what, [operand, make] {
      Edit edit(operand->getOwner());
      operand->set(make(edit, operand->get()));
    });
  }
};

void dropGuard(Guarded g) {
  g.become("guard is true", [](Edit &e, Value) { return e.truth(true); });
}

void neverDone(Guarded g) {
  g.become("guard is false", [](Edit &e, Value) { return e.truth(false); });
}

void negateGuard(Guarded g) {
  g.become("guard is negated", [](Edit &e, Value guard) -> Value {
    return arith::XOrIOp::create(e.b, e.loc, guard, e.truth(true));
  });
}

void dropConjunct(Guarded g) {
  if (!masksOf(g.guard->get()))
    return;
  g.become("without the mask of blocks or columns", [](Edit &, Value guard) {
    return masksOf(guard)->rows.getResult();
  });
  g.become("without the mask of rows", [](Edit &, Value guard) {
    return masksOf(guard)->blocks.getResult();
  });
  g.become("masks joined by or", [](Edit &e, Value guard) -> Value {
    Masks m = *masksOf(guard);
    return arith::OrIOp::create(e.b, e.loc, m.rows, m.blocks);
  });
}

/// Both bounds, `small` moved by `left` and `large` by `right`.
void moveBounds(Guarded g, const Twine &what, int64_t left, int64_t right) {
  if (!masksOf(g.guard->get()))
    return;
  auto moved = [left, right](Edit &e, arith::CmpIOp cmp) {
    Value small = left ? e.plus(cmp.getLhs(), left) : cmp.getLhs();
    Value large = right ? e.plus(cmp.getRhs(), right) : cmp.getRhs();
    return e.less(small, large);
  };
  g.become("rows " + what, [moved](Edit &e, Value guard) {
    Masks m = *masksOf(guard);
    return e.both(moved(e, m.rows), m.blocks);
  });
  g.become("blocks or columns " + what, [moved](Edit &e, Value guard) {
    Masks m = *masksOf(guard);
    return e.both(m.rows, moved(e, m.blocks));
  });
}

void weakenBound(Guarded g) { moveBounds(g, "bound weakened by one", 0, 1); }
void strengthenBound(Guarded g) { moveBounds(g, "bound less one", 0, -1); }
void guardAfter(Guarded g) { moveBounds(g, "index plus one", 1, 0); }
void guardBefore(Guarded g) { moveBounds(g, "index less one", -1, 0); }

void lessOrEqual(Guarded g) {
  if (!masksOf(g.guard->get()))
    return;
  auto loose = [](Edit &e, arith::CmpIOp cmp) -> Value {
    return arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::ule,
                                 cmp.getLhs(), cmp.getRhs());
  };
  g.become("rows compared by ule", [loose](Edit &e, Value guard) {
    Masks m = *masksOf(guard);
    return e.both(loose(e, m.rows), m.blocks);
  });
  g.become("blocks or columns compared by ule", [loose](Edit &e, Value guard) {
    Masks m = *masksOf(guard);
    return e.both(m.rows, loose(e, m.blocks));
  });
}

void signedCompare(Guarded g) {
  if (!masksOf(g.guard->get()))
    return;
  g.become("rows compared as signed numbers", [](Edit &e, Value guard) {
    Masks m = *masksOf(guard);
    Value rows = arith::CmpIOp::create(e.b, e.loc, arith::CmpIPredicate::slt,
                                       m.rows.getLhs(), m.rows.getRhs());
    return e.both(rows, m.blocks);
  });
}

void swapMasks(Guarded g) {
  if (!masksOf(g.guard->get()))
    return;
  g.become("rows and blocks swapped in the guard", [](Edit &e, Value guard) {
    Masks m = *masksOf(guard);
    return e.both(e.less(m.blocks.getLhs(), m.rows.getRhs()),
                  e.less(m.rows.getLhs(), m.blocks.getRhs()));
  });
}

/// The guard is that of another access.
void otherGuard(Guarded g) {
  SmallVector<Value> others;
  g.sites.kernel.walk([&](cta::GlobalAccess access) {
    for (OpOperand *guard : guardsOf(access))
      if (access->getBlock() == g.access->getBlock() &&
          access->isBeforeInBlock(g.access) && guard->get() != g.guard->get() &&
          !llvm::is_contained(others, guard->get()))
        others.push_back(guard->get());
  });
  for (Value other : others)
    g.become("guarded as an access before it",
             [other](Edit &, Value) { return other; });
}

/// A mask is made as if the access were in another step, tile or thread.
void guardElsewhere(Guarded g) {
  SmallVector<std::pair<const char *, Value>> leaves;
  for (auto range : all<cta::TileRangeOp>(g.sites.kernel))
    leaves.push_back({"tile", range.getBody().getArgument(0)});
  for (auto loop : all<scf::ForOp>(g.sites.kernel))
    leaves.push_back({"K step", loop.getInductionVar()});
  for (auto thread : all<cta::ThreadIdOp>(g.sites.kernel))
    leaves.push_back({"thread", thread.getResult()});
  for (auto [what, leaf] : leaves) {
    if (!dependsOn(g.guard->get(), leaf))
      continue;
    for (int64_t step : {-1, 1})
      g.become(Twine("guard of ") + what + (step > 0 ? " + 1" : " - 1"),
               [leaf = leaf, step](Edit &e, Value guard) {
                 IRMapping map;
                 map.map(leaf, e.plus(leaf, step));
                 return e.copySlice(guard, map);
               });
  }
}

void narrowGuard(Guarded g) {
  if (!masksOf(g.guard->get()))
    return;
  for (unsigned bits : {8, 16, 24})
    g.become("row in " + Twine(bits) + " bits in the guard",
             [bits](Edit &e, Value guard) {
               Masks m = *masksOf(guard);
               return e.both(
                   e.less(e.narrow(m.rows.getLhs(), bits), m.rows.getRhs()),
                   m.blocks);
             });
}

void drop(Guarded g) {
  cta::GlobalAccess access = g.access;
  if (access.isWrite())
    g.sites.add(access, "dropped", [access] { access->erase(); });
}

void twice(Guarded g) {
  cta::GlobalAccess access = g.access;
  if (access.isWrite())
    g.sites.add(access, "done twice", [access] {
      OpBuilder b(access);
      b.clone(*access);
    });
}

struct Entry {
  const char *name;
  void (*list)(Guarded);
  std::optional<Target> target; ///< else that of the access
};

const Entry entries[] = {{"drop-guard", dropGuard, {}},
                         {"never", neverDone, {}},
                         {"negate-guard", negateGuard, {}},
                         {"drop-conjunct", dropConjunct, {}},
                         {"weaken-bound", weakenBound, {}},
                         {"strengthen-bound", strengthenBound, {}},
                         {"guard-after", guardAfter, {}},
                         {"guard-before", guardBefore, {}},
                         {"less-or-equal", lessOrEqual, {}},
                         {"signed-compare", signedCompare, {}},
                         {"swap-rows-and-blocks", swapMasks, {}},
                         {"other-guard", otherGuard, {}},
                         {"guard-elsewhere", guardElsewhere, {}},
                         {"narrow-guard", narrowGuard, Target::Wrap},
                         {"drop", drop, {}},
                         {"twice", twice, {}}};

void listFor(Sites &sites, const Family &family, const Entry &entry) {
  sites.kernel.walk([&](cta::GlobalAccess access) {
    if (family.holds(access))
      for (OpOperand *guard : guardsOf(access))
        entry.list({sites, access, guard});
  });
}

} // namespace

void nybl::mutation::addAccessOperators(std::vector<Operator> &operators) {
  for (const Family &family : families)
    for (const Entry &entry : entries)
      operators.push_back(
          {std::string(family.name) + "." + entry.name,
           entry.target.value_or(family.target),
           [&](Sites &sites) { listFor(sites, family, entry); }});
}
