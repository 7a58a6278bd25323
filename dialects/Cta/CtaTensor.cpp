// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifiers of what lies in tensor memory, and what its copies tell the proof.

#include "dialects/Cta/CtaTensor.h"
#include "dialects/Cta/CtaOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace nybl::cta;
using nybl::columnsOfTensorMemory;

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

using EmitError = function_ref<InFlightDiagnostic()>;

static LogicalResult verifyColumns(EmitError emitError, int64_t columns,
                                   int64_t multiple) {
  if (columns >= multiple && columns <= columnsOfTensorMemory &&
      columns % multiple == 0)
    return success();
  return emitError() << "expected " << multiple << " to "
                     << columnsOfTensorMemory << " columns, a multiple of "
                     << multiple << ", got " << columns;
}

LogicalResult TensorColumnsType::verify(EmitError emitError, int64_t columns) {
  return verifyColumns(emitError, columns, 8);
}

LogicalResult ScaleColumnsType::verify(EmitError emitError, int64_t columns) {
  return verifyColumns(emitError, columns, 4);
}

LogicalResult DescriptorType::verify(EmitError emitError, int64_t rows,
                                     int64_t bytes) {
  if (rows >= 8 && rows <= 256 && rows % 8 == 0 &&
      (bytes == 32 || bytes == 64 || bytes == 128))
    return success();
  return emitError() << "expected 8 to 256 rows, a multiple of 8, of 32, 64 or "
                        "128 bytes, got "
                     << rows << " of " << bytes;
}

//===----------------------------------------------------------------------===//
// Uses
//===----------------------------------------------------------------------===//

/// Who may use a value that is, or stands for, what lies in tensor memory.
static bool mayUse(Type type, Operation *user) {
  return TypeSwitch<Type, bool>(type)
      .Case([&](TensorColumnsType) {
        return isa<TensorMmaOp, TensorLoadOp>(user);
      })
      .Case([&](ScaleColumnsType) { return isa<TensorCopyOp>(user); })
      .Case<DescriptorType, TensorScalesType>(
          [&](auto) { return isa<TensorMmaOp>(user); })
      .Case([&](TensorAccType) {
        return isa<TensorMmaOp, TensorPublishOp, scf::ForOp, scf::YieldOp>(
            user);
      })
      .Case([&](TensorSumType) { return isa<TensorLoadOp>(user); })
      .Default([](Type) { return true; });
}

LogicalResult nybl::cta::verifyTensorUsers(Value value) {
  Type type = value.getType();
  for (Operation *user : value.getUsers())
    if (!mayUse(type, user))
      return user->emitOpError("must not use a value of type ")
             << type << ": tensor memory is for multiplies";
  bool once = isa<TensorAccType>(type) ||
              (isa<ScaleColumnsType>(type) && !value.use_empty());
  if (!once || value.hasOneUse())
    return success();
  InFlightDiagnostic error = mlir::emitError(value.getLoc());
  return error << "expected one use of a value of type " << type
               << ", which is written over by it";
}

/// Tensor memory has 128 lanes, 32 for each warp of a warpgroup, by its number.
static LogicalResult verifyGroup(Operation *op) {
  auto role = op->getParentOfType<RoleOp>();
  if (role && role.getThreads() == 128 && role.getFirst() % 4 == 0)
    return success();
  return op->emitOpError("expected to be in a role whose groups are whole "
                         "warpgroups");
}

static TensorAllocOp allocOf(Value columns) {
  return columns.getDefiningOp<TensorAllocOp>();
}

LogicalResult nybl::cta::verifyTensorColumns(KernelOp kernel) {
  int64_t used = 0;
  for (auto alloc : kernel.getBody().getOps<TensorAllocOp>()) {
    auto ring = alloc.getRing().getDefiningOp<RingOp>();
    if (!ring)
      return alloc.emitOpError("expected a ring of this kernel");
    used += alloc.getColumns() * int64_t(ring.getStages());
    if (used > columnsOfTensorMemory)
      return alloc.emitOpError("expected at most ")
             << columnsOfTensorMemory
             << " columns of tensor memory in all stages of all rings, got "
             << used << " up to here; use fewer stages or a smaller tile";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

int64_t TensorAllocOp::getColumns() {
  return TypeSwitch<Type, int64_t>(getResult().getType())
      .Case<TensorColumnsType, ScaleColumnsType>(
          [](auto type) { return type.getColumns(); });
}

LogicalResult SmemDescOp::verify() {
  DescriptorType type = getResult().getType();
  int64_t bytes = getStage().getType().getBytes();
  if (bytes == type.getRows() * type.getBytes())
    return verifyGroup(*this);
  return emitOpError("expected all of its stage of ")
         << bytes << " bytes, got " << type;
}

/// Copied are whole 512 bytes, and each slot's columns are its own.
LogicalResult TensorCopyOp::verify() {
  auto columns = allocOf(getColumns());
  auto stage = getStage().getDefiningOp<AllocOp>();
  if (!columns || !stage || stage.getRing() != columns.getRing())
    return emitOpError("expected stage and columns of one ring");
  int64_t bytes = getStage().getType().getBytes();
  if (bytes == 128 * columns.getColumns())
    return verifyGroup(*this);
  return emitOpError("expected columns for all ")
         << bytes << " bytes of its stage, 128 for each, got "
         << columns.getColumns();
}

int64_t TensorMmaOp::getColumnCount() {
  auto kernel = (*this)->getParentOfType<KernelOp>();
  return getB().getType().getRows() * (kernel.isByPairs() ? 2 : 1);
}

LogicalResult TensorMmaOp::verify() {
  DescriptorType a = getA().getType(), b = getB().getType();
  if (a.getRows() != 128)
    return emitOpError("expected 128 rows of a, got ") << a.getRows();
  int64_t columns = getColumnCount();
  if (columns > getColumns().getType().getColumns())
    return emitOpError("expected a column for each of the ")
           << columns << " rows of b, got "
           << getColumns().getType().getColumns();
  int64_t end = 32 * (int64_t(getStep()) + 1);
  if (int64_t(getStep()) < 0 || a.getBytes() != b.getBytes() ||
      end > a.getBytes())
    return emitOpError("expected a step within rows that are as wide, got ")
           << int64_t(getStep()) << " of " << a << " and " << b;
  return verifyGroup(*this);
}

LogicalResult PairWaitOp::verify() {
  if (!(*this)->getParentOfType<KernelOp>().isByPairs())
    return emitOpError("expected a kernel that is run by pairs of CTAs");
  if (!getMine())
    return emitOpError("expected `when`: one thread waits, or hands over");
  return verifyGroup(*this);
}

LogicalResult TensorReleaseOp::verify() { return verifyGroup(*this); }
LogicalResult TensorPublishOp::verify() { return verifyGroup(*this); }

LogicalResult TensorLoadOp::verify() {
  int64_t count = getValues().size(), first = getFirst();
  int64_t columns = getColumns().getType().getColumns();
  if (count < 1 || count > 64 || (count & (count - 1)) != 0 || first < 0 ||
      first + count > columns)
    return emitOpError("expected 1, 2, 4, ... or 64 of ")
           << columns << " columns, got " << count << " from " << first;
  return verifyGroup(*this);
}

//===----------------------------------------------------------------------===//
// StageAccess
//===----------------------------------------------------------------------===//

Value SmemDescOp::getStageOffset() { return {}; }
int64_t SmemDescOp::getStageBytes() { return getStage().getType().getBytes(); }

Value TensorCopyOp::getStageOffset() { return {}; }
int64_t TensorCopyOp::getStageBytes() {
  return getStage().getType().getBytes();
}
