// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass tile-to-cta: the kernel's frame (arguments, tile range, shared
// scalars) and the order of its ops. How a tile is copied, multiplied and
// stored is TilePlain.

#include "compiler/Conversion/Passes.h"
#include "compiler/Conversion/TilePlain.h"
#include "dialects/Cta/CtaOps.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace nybl::compiler {
#define GEN_PASS_DEF_TILETOCTA
#include "compiler/Conversion/Passes.h.inc"
} // namespace nybl::compiler

namespace {

/// What the runtime passes for one argument of the Tile kernel.
struct CtaArguments {
  SmallVector<Type> types;
  SmallVector<Attribute> sources;
  SmallVector<Location> locations;

  void add(Type type, const Twine &source, Location location) {
    types.push_back(type);
    sources.push_back(StringAttr::get(type.getContext(), source));
    locations.push_back(location);
  }
};

int64_t rowsOf(Attribute size) {
  return tile::constantSize(size).value_or(cta::dynamicRows);
}

LogicalResult addArgument(tile::KernelOp kernel, BlockArgument argument,
                          StringRef source, CtaArguments &result) {
  MLIRContext *context = kernel.getContext();
  Location location = argument.getLoc();
  if (auto matrix = dyn_cast<tile::MatrixType>(argument.getType())) {
    std::optional<int64_t> columns = tile::constantSize(matrix.getSizes()[1]);
    if (!columns)
      return kernel.emitOpError("expected a static number of columns for '")
             << source << "'";
    int64_t rowBytes =
        *columns * matrix.getElement().getIntOrFloatBitWidth() / 8;
    result.add(
        cta::MatrixType::get(context, rowsOf(matrix.getSizes()[0]), rowBytes),
        source, location);
    result.add(IntegerType::get(context, 64), source + ".stride", location);
    return success();
  }
  if (auto scales = dyn_cast<tile::ScalesType>(argument.getType())) {
    std::optional<int64_t> columns = tile::constantSize(scales.getSizes()[1]);
    if (!columns || *columns % scales.getBlock() != 0)
      return kernel.emitOpError("expected whole K blocks of ")
             << scales.getBlock() << " for '" << source << "'";
    result.add(cta::ScalesType::get(context, rowsOf(scales.getSizes()[0]),
                                    *columns / scales.getBlock(),
                                    scales.getLayout()),
               source, location);
    return success();
  }
  result.add(cta::ScalarType::get(context), source, location);
  result.add(Float32Type::get(context), source + ".value", location);
  result.add(IntegerType::get(context, 32), source + ".reciprocal", location);
  return success();
}

FailureOr<CtaArguments> convertArguments(tile::KernelOp kernel) {
  if (!kernel.getSources() || !kernel.getSchedule())
    return kernel.emitOpError(
        "is a template: instantiate it (block-scale-to-tile) first");
  CtaArguments result;
  for (auto [argument, source] :
       llvm::zip(kernel.getBody().getArguments(),
                 kernel.getSources()->getAsValueRange<StringAttr>()))
    if (failed(addArgument(kernel, argument, source, result)))
      return failure();
  result.add(IntegerType::get(kernel.getContext(), 32), "m", kernel.getLoc());
  return result;
}

cta::KernelOp makeKernel(OpBuilder &builder, tile::KernelOp source,
                         const CtaArguments &arguments,
                         cta::ScheduleAttr schedule) {
  int64_t threads = schedule.getWarps()[0] * schedule.getWarps()[1] * 32;
  auto kernel = cta::KernelOp::create(
      builder, source.getLoc(), source.getSymName(),
      builder.getArrayAttr(arguments.sources), threads, schedule,
      /*certificate=*/nullptr);
  Block *body = builder.createBlock(&kernel.getBody());
  body->addArguments(arguments.types, arguments.locations);
  return kernel;
}

struct TileToCtaPass : public compiler::impl::TileToCtaBase<TileToCtaPass> {
  void runOnOperation() override {
    OpBuilder builder(&getContext());
    for (auto kernel :
         llvm::make_early_inc_range(getOperation().getOps<tile::KernelOp>())) {
      builder.setInsertionPoint(kernel);
      if (failed(convert(builder, kernel)))
        return signalPassFailure();
      kernel.erase();
    }
  }

  LogicalResult convert(OpBuilder &builder, tile::KernelOp source) {
    FailureOr<CtaArguments> arguments = convertArguments(source);
    if (failed(arguments))
      return failure();
    auto schedule = dyn_cast<cta::ScheduleAttr>(*source.getSchedule());
    if (!schedule || schedule.getKind() != "plain")
      return source.emitOpError("expected the schedule 'plain', got ")
             << *source.getSchedule();
    cta::KernelOp kernel = makeKernel(builder, source, *arguments, schedule);
    TilePlain plain(kernel, source, schedule);
    for (Operation &op : source.getBody().front())
      if (failed(plain.convertTopLevel(op)))
        return failure();
    plain.finish();
    return success();
  }
};

} // namespace
