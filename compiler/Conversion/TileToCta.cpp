// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass tile-to-cta: the kernel's arguments and the order of its ops. How a
// tile is copied, multiplied and stored is TileEmitter's and its schedules'.

#include "compiler/Conversion/Passes.h"
#include "compiler/Conversion/ScheduleAttribute.h"
#include "compiler/Conversion/TileCooperative.h"
#include "compiler/Conversion/TileDequantize.h"
#include "compiler/Conversion/TileMultistage.h"
#include "compiler/Conversion/TilePlain.h"
#include "compiler/Conversion/TileQuantize.h"
#include "compiler/Conversion/TileTensor.h"
#include "dialects/Cta/CtaOps.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "runtime/Abi/Problem.h"

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

/// What each operand of a gemm (a, sfa, b, sfb, d, alpha), of a quantisation
/// (x, q, sfq, global) or of what undoes it (q, sfq, y, global) may be.
bool fitsSource(Type type, StringRef source) {
  if (source == "alpha" || source == "global")
    return type == tile::ScalarType::get(type.getContext(),
                                         Float32Type::get(type.getContext()));
  if (auto scales = dyn_cast<tile::ScalesType>(type))
    return (source == "sfa" || source == "sfb" || source == "sfq") &&
           isa_and_present<Float8E4M3FNType>(scales.getElement()) &&
           scales.getBlock() == kBlock && scales.getLayout();
  auto matrix = dyn_cast<tile::MatrixType>(type);
  if (!matrix)
    return false;
  Type element = matrix.getElement();
  if (source == "a" || source == "b" || source == "q")
    return isa_and_present<Float4E2M1FNType>(element);
  return (source == "d" || source == "x" || source == "y") &&
         isa_and_present<Float32Type, Float16Type, BFloat16Type>(element);
}

/// Rows and columns of an operand, freeColumns where N or K is free. K is a
/// multiple of the block.
constexpr int64_t freeColumns = -1;
FailureOr<std::pair<int64_t, int64_t>> convertSizes(tile::KernelOp kernel,
                                                    ArrayRef<Attribute> sizes,
                                                    StringRef source,
                                                    int64_t block) {
  bool ofB = source == "b" || source == "sfb";
  std::optional<int64_t> rows =
      convertRows(sizes[0], ofB ? "N" : tile::freeDimension);
  std::optional<int64_t> columns = tile::constantSize(sizes[1]);
  if (rows && tile::isFree(sizes[1], source == "d" ? "N" : "K"))
    return std::pair(*rows, freeColumns);
  if (rows && columns && *columns > 0 && *columns <= maxExtent &&
      *columns % block == 0)
    return std::pair(*rows, *columns);
  return kernel.emitOpError("expected M or a number of rows for '")
         << source << "', and a positive multiple of " << block << " columns";
}

/// The map of a matrix that a schedule copies by TMA, if it is loaded at all.
LogicalResult addTensorMap(tile::KernelOp kernel, BlockArgument matrix,
                           StringRef source, cta::ScheduleAttr schedule,
                           int64_t rowBytes, CtaArguments &result) {
  std::optional<int64_t> rows;
  for (Operation *user : matrix.getUsers()) {
    auto load = dyn_cast<tile::LoadOp>(user);
    if (!load)
      continue;
    std::optional<int64_t> loaded =
        tile::constantSize(load.getType().getSizes()[0]);
    if (!loaded || (rows && rows != loaded))
      return load.emitOpError("expected tiles of one height of '")
             << source << "' where TMA copies them";
    rows = loaded;
  }
  if (!rows)
    return success();
  if (rowBytes > 0 && rowBytes % 16 != 0) // a free K is checked at launch
    return kernel.emitOpError(
               "expected rows of whole 16 bytes where TMA copies "
               "them, K a multiple of 32, got rows of ")
           << rowBytes << " bytes; use the schedule without fill=tma";
  auto error = [&] { return kernel.emitOpError(); };
  auto type = cta::TensorMapType::getChecked(error, kernel.getContext(),
                                             *rows / schedule.getCtas(),
                                             schedule.getTile()[2] / 2);
  if (!type)
    return failure();
  result.add(type, source + ".map", matrix.getLoc());
  return success();
}

/// The map of D where a schedule stores it by TMA, if it is stored at all.
LogicalResult addOutputMap(tile::KernelOp kernel, BlockArgument matrix,
                           cta::ScheduleAttr schedule, int64_t elementBytes,
                           int64_t rowBytes, CtaArguments &result) {
  if (llvm::none_of(matrix.getUsers(), llvm::IsaPred<tile::StoreOp>))
    return success();
  if (rowBytes < 0 || rowBytes % 16 != 0)
    return kernel.emitOpError(
               "expected rows of 'd' of whole 16 bytes where TMA "
               "stores them, got rows of ")
           << (rowBytes < 0 ? "?" : std::to_string(rowBytes))
           << " bytes; use the schedule without store=tma";
  OutputBoxes boxes = outputBoxes(scheduleOf(schedule), elementBytes);
  auto error = [&] { return kernel.emitOpError(); };
  auto type = cta::TensorMapType::getChecked(error, kernel.getContext(),
                                             boxes.rows, boxes.bytes);
  if (!type)
    return failure();
  result.add(type, "d.map", matrix.getLoc());
  return success();
}

LogicalResult addArgument(tile::KernelOp kernel, BlockArgument argument,
                          StringRef source, cta::ScheduleAttr schedule,
                          CtaArguments &result) {
  MLIRContext *context = kernel.getContext();
  Location location = argument.getLoc();
  if (!fitsSource(argument.getType(), source))
    return kernel.emitOpError(
               "expected operands a, sfa, b, sfb, d and alpha of "
               "a gemm, x, q, sfq and global of a quantisation, or q, sfq, y "
               "and global of what undoes it, got '")
           << source << "' of type " << argument.getType();
  if (auto matrix = dyn_cast<tile::MatrixType>(argument.getType())) {
    auto sizes = convertSizes(kernel, matrix.getSizes(), source,
                              source == "d" ? 1 : kBlock);
    if (failed(sizes))
      return failure();
    auto [rows, columns] = *sizes;
    int64_t bits = matrix.getElement().getIntOrFloatBitWidth();
    // Of what is free: bytes of a column of d, of a K block of others.
    int64_t ofFree = source == "d" ? bits / 8 : kBlock * bits / 8;
    int64_t rowBytes = columns == freeColumns ? -ofFree : columns * bits / 8;
    result.add(cta::MatrixType::get(context, rows, rowBytes), source, location);
    result.add(IntegerType::get(context, 64), source + ".stride", location);
    if (schedule.getStore() && source == "d")
      return addOutputMap(kernel, argument, schedule, bits / 8, rowBytes,
                          result);
    if (schedule.getFill() && source != "d")
      return addTensorMap(kernel, argument, source, schedule, rowBytes, result);
    return success();
  }
  if (auto scales = dyn_cast<tile::ScalesType>(argument.getType())) {
    auto sizes = convertSizes(kernel, scales.getSizes(), source, kBlock);
    if (failed(sizes))
      return failure();
    bool isFree = sizes->second == freeColumns;
    result.add(cta::ScalesType::get(context, sizes->first,
                                    isFree ? ShapedType::kDynamic
                                           : sizes->second / kBlock,
                                    scales.getLayout()),
               source, location);
    if (isFree)
      result.add(IntegerType::get(context, 64), source + ".tile_stride",
                 location);
    return success();
  }
  result.add(cta::ScalarType::get(context), source, location);
  result.add(Float32Type::get(context), source + ".value", location);
  result.add(IntegerType::get(context, 32), source + ".reciprocal", location);
  return success();
}

/// Room for the accumulators of a tile, in which its parts are added up.
LogicalResult addWorkspace(tile::KernelOp kernel, cta::ScheduleAttr schedule,
                           CtaArguments &result) {
  int64_t accumulators = 0;
  kernel.walk([&](tile::AccumulateOp op) {
    accumulators = std::max<int64_t>(accumulators, op.getNumResults());
  });
  ArrayRef<int64_t> tile = schedule.getTile(), warps = schedule.getWarps();
  int64_t threads = warps[0] * warps[1] * 32;
  auto error = [&] { return kernel.emitOpError(); };
  auto type = cta::WorkspaceType::getChecked(
      error, kernel.getContext(), threads,
      accumulators * tile[0] * tile[1] / threads);
  if (!type)
    return failure();
  result.add(type, "workspace", kernel.getLoc());
  return success();
}

FailureOr<CtaArguments> convertArguments(tile::KernelOp kernel,
                                         cta::ScheduleAttr schedule) {
  CtaArguments result;
  for (auto [argument, source] :
       llvm::zip(kernel.getBody().getArguments(),
                 kernel.getSources()->getAsValueRange<StringAttr>()))
    if (failed(addArgument(kernel, argument, source, schedule, result)))
      return failure();
  auto isFree = [](Type type) {
    auto scales = dyn_cast<cta::ScalesType>(type);
    return scales && scales.hasFreeBlocks();
  };
  bool anySize = llvm::any_of(result.types, isFree);
  for (StringRef size : {"m", "n", "k.blocks"})
    if (size == "m" || anySize)
      result.add(IntegerType::get(kernel.getContext(), 32), size,
                 kernel.getLoc());
  if (schedule.getSplit() > 1 && failed(addWorkspace(kernel, schedule, result)))
    return failure();
  return result;
}

cta::KernelOp makeKernel(OpBuilder &builder, tile::KernelOp source,
                         const CtaArguments &arguments,
                         cta::ScheduleAttr schedule) {
  auto kernel = cta::KernelOp::create(
      builder, source.getLoc(), source.getSymName(),
      builder.getArrayAttr(arguments.sources), source.getStaticSourcesAttr(),
      scheduleOf(schedule).threads(), schedule,
      /*certificate=*/nullptr);
  Block *body = builder.createBlock(&kernel.getBody());
  body->addArguments(arguments.types, arguments.locations);
  return kernel;
}

template <typename Op>
bool holds(tile::KernelOp kernel) {
  return kernel.walk([](Op) { return WalkResult::interrupt(); })
      .wasInterrupted();
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
    if (!source.getSources() || !source.getSchedule())
      return source.emitOpError(
          "is a template: instantiate it (block-scale-to-tile) first");
    auto schedule = dyn_cast<cta::ScheduleAttr>(*source.getSchedule());
    if (!schedule)
      return source.emitOpError("expected a #cta.schedule, got ")
             << *source.getSchedule();
    FailureOr<CtaArguments> arguments = convertArguments(source, schedule);
    if (failed(arguments))
      return failure();
    cta::KernelOp kernel = makeKernel(builder, source, *arguments, schedule);
    std::unique_ptr<TileEmitter> emitter;
    if (holds<tile::QuantizeOp>(source))
      emitter = std::make_unique<TileQuantize>(kernel, source, schedule);
    else if (holds<tile::DequantizeOp>(source))
      emitter = std::make_unique<TileDequantize>(kernel, source, schedule);
    else if (schedule.getKind() == "plain")
      emitter = std::make_unique<TilePlain>(kernel, source, schedule);
    else if (schedule.getKind() == "multistage")
      emitter = std::make_unique<TileMultistage>(kernel, source, schedule);
    else if (schedule.getKind() == "tmem")
      emitter = std::make_unique<TileTensor>(kernel, source, schedule);
    else
      emitter = std::make_unique<TileCooperative>(kernel, source, schedule);
    for (Operation &op : source.getBody().front())
      if (failed(emitter->convertTopLevel(op)))
        return failure();
    emitter->finish();
    return success();
  }
};

} // namespace
