// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators on the byte offsets and bases of global accesses: wrong layouts,
// rows, blocks and steps; arithmetic that wraps.

#include "runtime/Abi/ScaleFormula.h"
#include "tests/Mutation/Edit.h"
#include "tests/Mutation/Mutants.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::mutation;

namespace {

using NewOffset = std::function<Value(Edit &, Value offset)>;

struct Placed {
  Sites &sites;
  cta::GlobalAccess access;
  OpOperand *offset;

  Value value() const { return offset->get(); }
  bool isScale() { return isa<cta::ScalesType>(access.getBase().getType()); }
  void become(const Twine &what, NewOffset make) {
    OpOperand *operand = offset;
    sites.add(access, what, [operand, make] {
      Edit edit(operand->getOwner());
      operand->set(make(edit, operand->get()));
    });
  }
  /// With `from` in the slice being what `make` says.
  void replace(const Twine &what, Value from,
               std::function<Value(Edit &, Value)> make) {
    become(what, [from, make](Edit &e, Value offset) {
      IRMapping map;
      map.map(from, make(e, from));
      return e.copySlice(offset, map);
    });
  }
};

/// The 64-bit indices an offset is made of: the row, and the block or column.
SmallVector<Value> indicesOf(Value offset) {
  SmallVector<Value> indices;
  for (Operation *op : sliceOf(offset))
    if (isa<arith::ExtUIOp>(op))
      indices.push_back(op->getResult(0));
  return indices;
}

void moveBytes(Placed p) {
  int64_t bytes = p.access.getElementBytes();
  for (int64_t by : {bytes, -bytes, int64_t(1), int64_t(16)})
    p.become("offset by " + Twine(by) + " bytes",
             [by](Edit &e, Value offset) { return e.plus(offset, by); });
}

/// A whole row further or back.
void moveStride(Placed p) {
  auto base = dyn_cast<BlockArgument>(p.access.getBase());
  BlockArgument stride =
      base ? p.sites.kernel.argumentFor(p.sites.kernel.sourceOf(base).str() +
                                        ".stride")
           : BlockArgument();
  if (!stride)
    return;
  p.become("offset by a stride", [stride](Edit &e, Value offset) -> Value {
    return arith::AddIOp::create(e.b, e.loc, offset, stride);
  });
  p.become("offset back by a stride", [stride](Edit &e, Value offset) -> Value {
    return arith::SubIOp::create(e.b, e.loc, offset, stride);
  });
}

void moveIndex(Placed p) {
  for (auto [i, index] : llvm::enumerate(indicesOf(p.value())))
    for (int64_t by : {1, -1, 4})
      p.replace("index " + Twine(i) + " moved by " + Twine(by), index,
                [by](Edit &e, Value v) { return e.plus(v, by); });
}

void swapIndices(Placed p) {
  SmallVector<Value> indices = indicesOf(p.value());
  if (indices.size() != 2)
    return;
  p.become("row and block or column swapped", [indices](Edit &e, Value offset) {
    IRMapping map;
    map.map(indices[0], indices[1]);
    map.map(indices[1], indices[0]);
    return e.copySlice(offset, map);
  });
}

/// Every constant of the slice beyond the indices, made another.
void otherConstant(Placed p) {
  for (Operation *op : sliceOf(p.value()))
    for (OpOperand &operand : op->getOpOperands()) {
      std::optional<int64_t> old = constantOf(operand.get());
      if (!old || !op->getResult(0).getType().isInteger(64))
        continue;
      for (int64_t value : {*old + 1, *old - 1, *old * 2, *old / 2}) {
        unsigned number = operand.getOperandNumber();
        if (value == 0 && isa<arith::DivUIOp, arith::RemUIOp>(op))
          continue;
        p.replace("constant " + Twine(*old) + " of " +
                      op->getName().getStringRef() + " becomes " + Twine(value),
                  op->getResult(0), [op, number, value](Edit &e, Value) {
                    Value other =
                        e.constant(op->getOperand(number).getType(), value);
                    Operation *copy = e.b.clone(*op);
                    copy->setOperand(number, other);
                    return copy->getResult(0);
                  });
      }
    }
}

/// Made as if in another step, tile or thread.
void elsewhere(Placed p) {
  SmallVector<std::pair<const char *, Value>> leaves;
  for (auto range : all<cta::TileRangeOp>(p.sites.kernel))
    leaves.push_back({"tile", range.getBody().getArgument(0)});
  for (auto loop : all<scf::ForOp>(p.sites.kernel))
    leaves.push_back({"K step", loop.getInductionVar()});
  for (auto thread : all<cta::ThreadIdOp>(p.sites.kernel))
    leaves.push_back({"thread", thread.getResult()});
  for (auto [what, leaf] : leaves) {
    if (!dependsOn(p.value(), leaf))
      continue;
    for (int64_t step : {1, -1})
      p.replace(Twine("offset of ") + what + (step > 0 ? " + 1" : " - 1"), leaf,
                [step](Edit &e, Value v) { return e.plus(v, step); });
    p.replace(Twine("offset of ") + what + " 0", leaf,
              [](Edit &e, Value v) { return e.constant(v.getType(), 0); });
  }
}

/// Another op in the place of one.
void otherOperation(Placed p) {
  for (Operation *op : sliceOf(p.value())) {
    if (op->getNumOperands() != 2 || !op->getResult(0).getType().isInteger(64))
      continue;
    auto become = [&](const Twine &what, auto make) {
      p.replace(op->getName().getStringRef() + " becomes " + what,
                op->getResult(0), make);
    };
    Value x = op->getOperand(0), y = op->getOperand(1);
    if (isa<arith::DivUIOp>(op))
      become("remui", [x, y](Edit &e, Value) -> Value {
        return arith::RemUIOp::create(e.b, e.loc, x, y);
      });
    if (isa<arith::RemUIOp>(op))
      become("divui", [x, y](Edit &e, Value) -> Value {
        return arith::DivUIOp::create(e.b, e.loc, x, y);
      });
    if (isa<arith::AddIOp>(op))
      become("subi", [x, y](Edit &e, Value) -> Value {
        return arith::SubIOp::create(e.b, e.loc, x, y);
      });
    if (isa<arith::AddIOp, arith::RemUIOp>(op))
      become("its first operand", [x](Edit &, Value) { return x; });
  }
}

/// Values that scaleByteOffset computes with.
struct Emitted {
  Edit *edit;
  Value value;

  Emitted with(Value v) const { return {edit, v}; }
  Value number(int64_t n) const { return edit->constant(value.getType(), n); }
  friend Emitted operator+(Emitted x, Emitted y) {
    Edit &e = *x.edit;
    return x.with(arith::AddIOp::create(e.b, e.loc, x.value, y.value));
  }
  friend Emitted operator*(Emitted x, int64_t n) {
    return x.with(x.edit->times(x.value, n));
  }
  friend Emitted operator/(Emitted x, int64_t n) {
    Edit &e = *x.edit;
    return x.with(arith::DivUIOp::create(e.b, e.loc, x.value, x.number(n)));
  }
  friend Emitted operator%(Emitted x, int64_t n) {
    Edit &e = *x.edit;
    return x.with(arith::RemUIOp::create(e.b, e.loc, x.value, x.number(n)));
  }
};

/// The formula of another layout, or of this one with other sizes.
void otherLayout(Placed p) {
  auto type = dyn_cast<cta::ScalesType>(p.access.getBase().getType());
  SmallVector<Value> indices = indicesOf(p.value());
  if (!type || indices.size() != 2)
    return;
  Value row = indices[0], block = indices[1];
  ScaleLayout own = *parseScaleLayout(type.getLayout().getValue());
  auto put = [&](const Twine &what, ScaleLayout layout, int64_t blocks) {
    p.become(what, [=](Edit &e, Value) {
      return scaleByteOffset(layout, blocks, Emitted{&e, row},
                             Emitted{&e, block})
          .value;
    });
  };
  for (ScaleLayout layout :
       {ScaleLayout::Linear, ScaleLayout::T128x4, ScaleLayout::T8x4})
    if (layout != own)
      put("offset in the layout " + Twine(std::string(nybl::name(layout))),
          layout, type.getBlocks());
  put("a row of 4 blocks more", own, type.getBlocks() + 4);
  put("a row of 4 blocks", own, 4);
}

/// Another operand of the same kind.
void otherBase(Placed p) {
  if (p.access.isWrite())
    return;
  for (BlockArgument argument : p.sites.kernel.getBody().getArguments()) {
    Value base = p.access.getBase();
    if (argument == base ||
        argument.getType().getTypeID() != base.getType().getTypeID())
      continue;
    cta::GlobalAccess access = p.access;
    p.sites.add(access,
                "reads '" + p.sites.kernel.sourceOf(argument) + "' instead",
                [access, base, argument] {
                  access->replaceUsesOfWith(base, argument);
                });
  }
}

//===----------------------------------------------------------------------===//
// Wrap
//===----------------------------------------------------------------------===//

void narrowIndex(Placed p) {
  for (auto [i, index] : llvm::enumerate(indicesOf(p.value())))
    for (unsigned bits : {8, 16, 24})
      p.replace("index " + Twine(i) + " in " + Twine(bits) + " bits", index,
                [bits](Edit &e, Value v) { return e.narrow(v, bits); });
}

void narrowOffset(Placed p) {
  for (unsigned bits : {16, 32})
    p.become("offset in " + Twine(bits) + " bits",
             [bits](Edit &e, Value v) { return e.narrow(v, bits); });
}

void narrowProduct(Placed p) {
  for (Operation *op : sliceOf(p.value()))
    if (isa<arith::MulIOp>(op) && op->getResult(0).getType().isInteger(64))
      p.replace("a product in 32 bits", op->getResult(0),
                [](Edit &e, Value v) { return e.narrow(v, 32); });
}

void signExtend(Placed p) {
  for (auto [i, index] : llvm::enumerate(indicesOf(p.value())))
    p.replace("index " + Twine(i) + " extended with its sign", index,
              [](Edit &e, Value v) -> Value {
                return arith::ExtSIOp::create(e.b, e.loc, v.getType(),
                                              v.getDefiningOp()->getOperand(0));
              });
}

/// Multiplied and divided by a number: the same, unless the product wraps.
void roundTrip(Placed p) {
  for (Operation *op : sliceOf(p.value()))
    if (isa<arith::ExtUIOp>(op) && op->getOperand(0).getType().isInteger(32))
      p.replace("an index times and through 1024 in 32 bits", op->getResult(0),
                [op](Edit &e, Value v) -> Value {
                  Value narrow = e.times(op->getOperand(0), 1024);
                  Value back = arith::DivUIOp::create(
                      e.b, e.loc, narrow, e.constant(narrow.getType(), 1024));
                  return arith::ExtUIOp::create(e.b, e.loc, v.getType(), back);
                });
}

struct Entry {
  const char *name;
  void (*list)(Placed);
  std::optional<Target> target; ///< else that of the access
};

const Entry entries[] = {{"move-bytes", moveBytes, {}},
                         {"move-stride", moveStride, {}},
                         {"move-index", moveIndex, {}},
                         {"swap-indices", swapIndices, {}},
                         {"other-constant", otherConstant, {}},
                         {"elsewhere", elsewhere, {}},
                         {"other-operation", otherOperation, {}},
                         {"other-layout", otherLayout, {}},
                         {"other-base", otherBase, {}},
                         {"narrow-index", narrowIndex, Target::Wrap},
                         {"narrow-offset", narrowOffset, Target::Wrap},
                         {"narrow-product", narrowProduct, Target::Wrap},
                         {"sign-extend", signExtend, Target::Wrap},
                         {"round-trip", roundTrip, Target::Wrap}};

Target familyOf(cta::GlobalAccess access) {
  if (access.isWrite())
    return Target::Store;
  return isa<cta::ScalesType>(access.getBase().getType()) ? Target::Layout
                                                          : Target::DataLoad;
}

/// Boxes that begin elsewhere.
void moveBox(Sites &sites) {
  for (cta::CopyBoxOp box : all<cta::CopyBoxOp>(sites.kernel))
    for (OpOperand *at : {&box.getRowMutable(), &box.getColumnMutable()})
      for (int64_t by : {1, -1, 16, 32})
        sites.add(box,
                  (at == &box.getRowMutable() ? "row" : "byte") +
                      Twine(" moved by ") + Twine(by),
                  [box, at, by] {
                    Edit e(box);
                    at->set(e.plus(at->get(), by));
                  });
}

} // namespace

void nybl::mutation::addOffsetOperators(std::vector<Operator> &operators) {
  const std::pair<const char *, Target> families[] = {
      {"scale", Target::Layout},
      {"data", Target::DataLoad},
      {"store", Target::Store}};
  for (auto [name, family] : families)
    for (const Entry &entry : entries)
      operators.push_back({std::string(name) + "." + entry.name,
                           entry.target.value_or(family),
                           [&entry, family = family](Sites &sites) {
                             sites.kernel.walk([&](cta::GlobalAccess access) {
                               OpOperand *offset = offsetOf(access);
                               if (offset && familyOf(access) == family)
                                 entry.list({sites, access, offset});
                             });
                           }});
  operators.push_back({"box.moved", Target::DataLoad, moveBox});
}
