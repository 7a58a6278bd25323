// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tables over the threads of a CTA.

#include "compiler/Legality/ThreadValues.h"
#include <algorithm>
#include <functional>
#include <numeric>

using namespace mlir;
using namespace nybl::compiler;

std::optional<Split> ThreadValues::split(AffineExpr expr) {
  if (auto known = splits.find(expr); known != splits.end())
    return known->second;
  std::optional<Split> result = splitNew(expr);
  splits[expr] = result;
  return result;
}

std::optional<Split> ThreadValues::splitNew(AffineExpr expr) {
  AffineExpr zero = getAffineConstantExpr(0, expr.getContext());
  if (isa<AffineConstantExpr>(expr))
    return Split{zero, expr};
  if (const Leaf *leaf = slicer.leafOf(expr))
    return leaf->kind == LeafKind::Thread ? Split{zero, expr}
                                          : Split{expr, zero};
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return Split{expr, zero}; // a symbol
  if (expr.getKind() != AffineExprKind::Add &&
      expr.getKind() != AffineExprKind::Mul)
    return splitDivision(binary);
  std::optional<Split> a = split(binary.getLHS()), b = split(binary.getRHS());
  if (!a || !b)
    return std::nullopt;
  if (expr.getKind() == AffineExprKind::Add)
    return Split{a->base + b->base, a->local + b->local};
  // The right side of a product is a number.
  return Split{a->base * b->local, a->local * b->local};
}

/// Whole multiples of the divisor pass a division by.
std::optional<Split> ThreadValues::splitDivision(AffineBinaryOpExpr expr) {
  AffineExpr zero = getAffineConstantExpr(0, expr.getContext());
  std::optional<Split> parts = split(expr.getLHS());
  if (!parts)
    return std::nullopt;
  int64_t by = cast<AffineConstantExpr>(expr.getRHS()).getValue();
  bool floors = expr.getKind() == AffineExprKind::FloorDiv;
  if (parts->base.isMultipleOf(by))
    return floors ? Split{parts->base.floorDiv(by), parts->local.floorDiv(by)}
                  : Split{zero, parts->local % by};
  if (isa<AffineConstantExpr>(parts->local))
    return Split{expr, zero};
  return std::nullopt;
}

ArrayRef<int64_t> ThreadValues::of(AffineExpr local) {
  auto &table = tables[local];
  if (!table) {
    auto computed = std::make_unique<std::vector<int64_t>>(compute(local));
    // Computing others may have moved the slot.
    return *(tables[local] = std::move(computed));
  }
  return *table;
}

std::vector<int64_t> ThreadValues::compute(AffineExpr local) {
  std::vector<int64_t> result(threads);
  if (auto number = dyn_cast<AffineConstantExpr>(local)) {
    std::ranges::fill(result, number.getValue());
    return result;
  }
  if (isa<AffineDimExpr>(local)) {
    std::iota(result.begin(), result.end(), 0);
    return result;
  }
  auto binary = cast<AffineBinaryOpExpr>(local);
  ArrayRef<int64_t> a = of(binary.getLHS());
  if (local.getKind() == AffineExprKind::Add) {
    ArrayRef<int64_t> b = of(binary.getRHS());
    std::ranges::transform(a, b, result.begin(), std::plus());
    return result;
  }
  int64_t by = cast<AffineConstantExpr>(binary.getRHS()).getValue();
  std::ranges::transform(a, result.begin(), [&](int64_t x) {
    return local.getKind() == AffineExprKind::Mul ? x * by
           : local.getKind() == AffineExprKind::FloorDiv
               ? llvm::divideFloorSigned(x, by)
               : llvm::mod(x, by);
  });
  return result;
}

bool nybl::compiler::isSame(const Slicer &slicer, AffineExpr a, AffineExpr b) {
  if (a == b)
    return true;
  AffineExpr difference =
      simplifyAffineExpr(a - b, slicer.leaves().size(), /*numSymbols=*/1);
  auto number = dyn_cast<AffineConstantExpr>(difference);
  return number && number.getValue() == 0;
}
