// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Problem class to block_scale and back.

#include "dialects/BlockScale/Build.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::block_scale;

static Type elementType(MLIRContext *context, OutputType type) {
  switch (type) {
  case OutputType::BF16:
    return BFloat16Type::get(context);
  case OutputType::F16:
    return Float16Type::get(context);
  case OutputType::F32:
    break;
  }
  return Float32Type::get(context);
}

static ScaledTensorType tensorType(MLIRContext *context, int64_t rows,
                                   int64_t k, ScaleLayout layout) {
  return ScaledTensorType::get(context, {rows, k},
                               Float4E2M1FNType::get(context),
                               Float8E4M3FNType::get(context), kBlock,
                               StringAttr::get(context, name(layout)));
}

OwningOpRef<ModuleOp>
nybl::block_scale::buildModule(MLIRContext &context,
                               const GemmProblem &problemClass) {
  Location location = UnknownLoc::get(&context);
  int64_t m =
      problemClass.m.isFixed() ? problemClass.m.low : ShapedType::kDynamic;
  bool isGeneric = problemClass.isGeneric();
  int64_t n = isGeneric ? ShapedType::kDynamic : problemClass.n;
  int64_t k = isGeneric ? ShapedType::kDynamic : problemClass.k;
  SmallVector<Type> inputs{tensorType(&context, m, k, problemClass.sfa),
                           tensorType(&context, n, k, problemClass.sfb)};
  if (problemClass.alpha == AlphaKind::Tensor)
    inputs.push_back(Float32Type::get(&context));
  Type output =
      RankedTensorType::get({m, n}, elementType(&context, problemClass.d));
  OwningOpRef<ModuleOp> module = ModuleOp::create(location);
  OpBuilder builder(module->getBodyRegion());
  auto function = func::FuncOp::create(builder, location, "gemm",
                                       builder.getFunctionType(inputs, output));
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToEnd(body);
  Value alpha = inputs.size() == 3 ? Value(body->getArgument(2)) : Value();
  auto gemm =
      GemmOp::create(builder, location, output, body->getArgument(0),
                     body->getArgument(1), alpha, problemClass.staticWeights);
  func::ReturnOp::create(builder, location, gemm.getResult());
  return module;
}

OwningOpRef<ModuleOp>
nybl::block_scale::buildModule(MLIRContext &context,
                               const QuantizeProblem &problemClass) {
  Location location = UnknownLoc::get(&context);
  int64_t m =
      problemClass.m.isFixed() ? problemClass.m.low : ShapedType::kDynamic;
  SmallVector<Type> inputs{RankedTensorType::get(
      {m, problemClass.xColumns()}, elementType(&context, problemClass.x))};
  if (problemClass.global != GlobalKind::None)
    inputs.push_back(Float32Type::get(&context));
  Type output = tensorType(&context, m, problemClass.k, problemClass.sf);
  OwningOpRef<ModuleOp> module = ModuleOp::create(location);
  OpBuilder builder(module->getBodyRegion());
  auto function = func::FuncOp::create(builder, location, "quantize",
                                       builder.getFunctionType(inputs, output));
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToEnd(body);
  Value global = inputs.size() == 2 ? Value(body->getArgument(1)) : Value();
  auto quantize = QuantizeOp::create(
      builder, location, output, body->getArgument(0), global,
      problemClass.global == GlobalKind::Decode,
      problemClass.math == QuantizeMath::Fast, problemClass.padRows,
      problemClass.fuse == QuantizeFuse::SiluMul);
  func::ReturnOp::create(builder, location, quantize.getResult());
  return module;
}

OwningOpRef<ModuleOp>
nybl::block_scale::buildModule(MLIRContext &context,
                               const DequantizeProblem &problemClass) {
  Location location = UnknownLoc::get(&context);
  int64_t m =
      problemClass.m.isFixed() ? problemClass.m.low : ShapedType::kDynamic;
  SmallVector<Type> inputs{
      tensorType(&context, m, problemClass.k, problemClass.sf)};
  if (problemClass.global != GlobalKind::None)
    inputs.push_back(Float32Type::get(&context));
  Type output = RankedTensorType::get({m, problemClass.k},
                                      elementType(&context, problemClass.y));
  OwningOpRef<ModuleOp> module = ModuleOp::create(location);
  OpBuilder builder(module->getBodyRegion());
  auto function = func::FuncOp::create(builder, location, "dequantize",
                                       builder.getFunctionType(inputs, output));
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToEnd(body);
  Value global = inputs.size() == 2 ? Value(body->getArgument(1)) : Value();
  auto dequantize =
      DequantizeOp::create(builder, location, output, body->getArgument(0),
                           global, problemClass.global == GlobalKind::Encode);
  func::ReturnOp::create(builder, location, dequantize.getResult());
  return module;
}

OwningOpRef<ModuleOp>
nybl::block_scale::buildModule(MLIRContext &context,
                               const AnyProblem &problemClass) {
  return std::visit([&](const auto &p) { return buildModule(context, p); },
                    problemClass);
}

static OutputType typeOf(Type element) {
  return element.isBF16()  ? OutputType::BF16
         : element.isF16() ? OutputType::F16
                           : OutputType::F32;
}

QuantizeProblem nybl::block_scale::problemOf(QuantizeOp quantize) {
  ScaledTensorType q = quantize.getQ().getType();
  QuantizeProblem problem;
  if (!ShapedType::isDynamic(q.getShape()[0]))
    problem.m = Extent::fixed(q.getShape()[0]);
  problem.k = q.getShape()[1];
  problem.x = typeOf(quantize.getX().getType().getElementType());
  problem.sf = *parseScaleLayout(q.getLayout().getValue());
  problem.global = !quantize.getGlobal()  ? GlobalKind::None
                   : quantize.getDecode() ? GlobalKind::Decode
                                          : GlobalKind::Encode;
  problem.math = quantize.getFast() ? QuantizeMath::Fast : QuantizeMath::Exact;
  problem.padRows = quantize.getPadRows();
  problem.fuse =
      quantize.getSiluMul() ? QuantizeFuse::SiluMul : QuantizeFuse::None;
  return problem;
}

DequantizeProblem nybl::block_scale::problemOf(DequantizeOp dequantize) {
  ScaledTensorType q = dequantize.getQ().getType();
  DequantizeProblem problem;
  if (!ShapedType::isDynamic(q.getShape()[0]))
    problem.m = Extent::fixed(q.getShape()[0]);
  problem.k = q.getShape()[1];
  problem.y = typeOf(dequantize.getY().getType().getElementType());
  problem.sf = *parseScaleLayout(q.getLayout().getValue());
  problem.global = !dequantize.getGlobal()  ? GlobalKind::None
                   : dequantize.getEncode() ? GlobalKind::Encode
                                            : GlobalKind::Decode;
  return problem;
}

GemmProblem nybl::block_scale::problemOf(GemmOp gemm) {
  ScaledTensorType a = gemm.getA().getType(), b = gemm.getB().getType();
  GemmProblem problem;
  if (!ShapedType::isDynamic(a.getShape()[0]))
    problem.m = Extent::fixed(a.getShape()[0]);
  auto sizeOf = [](int64_t size) {
    return ShapedType::isDynamic(size) ? GemmProblem::freeSize : size;
  };
  problem.n = sizeOf(b.getShape()[0]);
  problem.k = sizeOf(a.getShape()[1]);
  problem.sfa = *parseScaleLayout(a.getLayout().getValue());
  problem.sfb = *parseScaleLayout(b.getLayout().getValue());
  problem.d = typeOf(gemm.getD().getType().getElementType());
  problem.alpha = gemm.getAlpha() ? AlphaKind::Tensor : AlphaKind::None;
  problem.staticWeights = gemm.getStaticWeights();
  return problem;
}
