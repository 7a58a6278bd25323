// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loads of elements, what comes before, blocks to codes and their stores, and
// the way back: for every chip that converts to e2m1. The formula:
// docs/quantize.md.

#include "compiler/Conversion/CtaToSM120.h"
#include "dialects/Cta/CtaOps.h"
#include <bit>
#include <cfloat>
#include <cmath>

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

Value addressOf(OpBuilder &b, Location loc, Value base, Value offset) {
  return LLVM::GEPOp::create(b, loc, base.getType(), b.getI8Type(), base,
                             ArrayRef<LLVM::GEPArg>{offset});
}

/// A statement that only computes.
Value compute(OpBuilder &b, Location loc, Type result, ValueRange operands,
              StringRef text, StringRef constraints) {
  LLVM::InlineAsmOp op = inlinePtx(b, loc, result, operands, text, constraints);
  op.setHasSideEffects(false);
  return op.getResult(0);
}

Value integer(OpBuilder &b, Location loc, Type type, int64_t value) {
  return LLVM::ConstantOp::create(b, loc, IntegerAttr::get(type, value));
}

Value real(OpBuilder &b, Location loc, float value) {
  return LLVM::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
}

//===----------------------------------------------------------------------===//
// Loads
//===----------------------------------------------------------------------===//

/// Element `i` of those that lie in `bits`.
Value elementOf(OpBuilder &b, Location loc, Value bits, int64_t i, Type type) {
  unsigned width = type.getIntOrFloatBitWidth();
  Value moved = LLVM::LShrOp::create(
      b, loc, bits, integer(b, loc, b.getI64Type(), i * width));
  Value narrow = LLVM::TruncOp::create(b, loc, b.getIntegerType(width), moved);
  Value element = LLVM::BitcastOp::create(b, loc, type, narrow);
  if (type.isF32())
    return element;
  return LLVM::FPExtOp::create(b, loc, b.getF32Type(), element);
}

struct LowerLoadElements : Lowering<cta::LoadElementsOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::LoadElementsOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value address = addressOf(b, loc, a.getBase(), a.getOffset());
    Type i64 = b.getI64Type();
    auto pair = LLVM::LLVMStructType::getLiteral(getContext(), {i64, i64});
    Value loaded = inlinePtx(b, loc, pair, {address, a.getGuard()},
                             "mov.b64 $0, 0;\n\tmov.b64 $1, 0;\n\t"
                             "@$3 ld.global.v2.b64 {$0, $1}, [$2];",
                             "=&l,=&l,l,b")
                       .getResult(0);
    int64_t half = op.getValues().size() / 2;
    SmallVector<Value> elements;
    for (int64_t word = 0; word < 2; ++word) {
      Value bits = LLVM::ExtractValueOp::create(b, loc, loaded, word);
      for (int64_t i = 0; i < half; ++i)
        elements.push_back(elementOf(b, loc, bits, i, op.getElement()));
    }
    b.replaceOp(op, elements);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// silu(gate) * up
//===----------------------------------------------------------------------===//

class SiluMulEmitter {
public:
  SiluMulEmitter(OpBuilder &b, Location loc) : b(b), loc(loc) {}

  /// Each step is one operation of IEEE 754.
  Value exact(Value gate, Value up) {
    Value e = exponential(LLVM::FNegOp::create(b, loc, gate));
    Value silu = LLVM::FDivOp::create(b, loc, gate, add(e, 1));
    return LLVM::FMulOp::create(b, loc, silu, up);
  }

  Value fast(Value gate, Value up) {
    Value power = multiply(gate, real(b, loc, -log2e));
    Value e = compute(b, loc, b.getF32Type(), power,
                      "ex2.approx.ftz.f32 $0, $1;", "=f,f");
    Value r = compute(b, loc, b.getF32Type(), add(e, 1),
                      "rcp.approx.ftz.f32 $0, $1;", "=f,f");
    return multiply(multiply(gate, r), up);
  }

private:
  static constexpr float log2e = 1.44269504f;

  /// exp(z) = p(r) * 2^n with z = n * ln 2 + r and |r| at most half of ln 2;
  /// where |z| is above 170 as of 170, which is 0 or infinite.
  Value exponential(Value z) {
    constexpr float bound = 170, shift = 0x1.8p23f; // rounds to whole numbers
    constexpr float ln2High = 0x1.62e4p-1f, ln2Low = 0x1.7f7d1cp-20f;
    z = LLVM::MinNumOp::create(b, loc, z, real(b, loc, bound));
    z = LLVM::MaxNumOp::create(b, loc, z, real(b, loc, -bound));
    Value factor = real(b, loc, log2e);
    Value shifted = fma(z, factor, real(b, loc, shift));
    Value n = add(shifted, -shift);
    Value r = fma(n, real(b, loc, -ln2High), z);
    r = fma(n, real(b, loc, -ln2Low), r);
    Value bits = LLVM::BitcastOp::create(b, loc, b.getI32Type(), shifted);
    Value zero = word(std::bit_cast<int32_t>(shift));
    Value whole = LLVM::SubOp::create(b, loc, bits, zero);
    return scaled(polynomial(r), whole);
  }

  /// Taylor's, up to r^7.
  Value polynomial(Value r) {
    Value sum = real(b, loc, 1.0f / 5040);
    for (float coefficient :
         {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f})
      sum = fma(sum, r, real(b, loc, coefficient));
    return sum;
  }

  /// value * 2^n, by halves of n, for 2^n alone may be no number.
  Value scaled(Value value, Value n) {
    Value half = LLVM::AShrOp::create(b, loc, n, word(1));
    Value rest = LLVM::SubOp::create(b, loc, n, half);
    Value first = multiply(value, powerOfTwo(half));
    return multiply(first, powerOfTwo(rest));
  }

  Value powerOfTwo(Value n) {
    Value exponent = LLVM::AddOp::create(b, loc, n, word(127));
    Value bits = LLVM::ShlOp::create(b, loc, exponent, word(23));
    return LLVM::BitcastOp::create(b, loc, b.getF32Type(), bits);
  }

  Value fma(Value x, Value y, Value z) {
    return LLVM::FMAOp::create(b, loc, x, y, z);
  }
  Value multiply(Value x, Value y) {
    return LLVM::FMulOp::create(b, loc, x, y);
  }
  Value add(Value x, float y) {
    return LLVM::FAddOp::create(b, loc, x, real(b, loc, y));
  }
  Value word(int32_t value) { return integer(b, loc, b.getI32Type(), value); }

  OpBuilder &b;
  Location loc;
};

struct LowerSiluMul : Lowering<cta::SiluMulOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::SiluMulOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    SiluMulEmitter silu(b, op.getLoc());
    Value value = op.getFast() ? silu.fast(a.getGate(), a.getUp())
                               : silu.exact(a.getGate(), a.getUp());
    if (!op.getElement().isF32()) {
      value = LLVM::FPTruncOp::create(b, op.getLoc(), op.getElement(), value);
      value = LLVM::FPExtOp::create(b, op.getLoc(), b.getF32Type(), value);
    }
    b.replaceOp(op, value);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Quantise
//===----------------------------------------------------------------------===//

/// NaN if any is one.
Value largestMagnitude(OpBuilder &b, Location loc, ValueRange values) {
  SmallVector<Value> left;
  for (Value value : values)
    left.push_back(LLVM::FAbsOp::create(b, loc, value));
  while (left.size() > 1) {
    SmallVector<Value> next;
    for (size_t i = 0; i < left.size(); i += 2)
      next.push_back(LLVM::MaximumOp::create(b, loc, left[i], left[i + 1]));
    left = std::move(next);
  }
  return left.front();
}

/// f32, of a scale factor.
Value valueOf(OpBuilder &b, Location loc, Value factor) {
  return compute(b, loc, b.getF32Type(), factor,
                 "{\n\t.reg .b32 pair;\n\t.reg .b16 low, high;\n\t"
                 "cvt.rn.f16x2.e4m3x2 pair, $1;\n\t"
                 "mov.b32 {low, high}, pair;\n\t"
                 "cvt.f32.f16 $0, low;\n\t}",
                 "=f,h");
}

/// One block's way from 16 numbers to codes and a scale factor.
class BlockEmitter {
public:
  BlockEmitter(OpBuilder &b, Location loc, Value global, bool fast)
      : b(b), loc(loc), fast(fast) {
    // Of no positive number everything becomes NaN, and is seen.
    Value positive = LLVM::FCmpOp::create(b, loc, LLVM::FCmpPredicate::ogt,
                                          global, real(b, loc, 0));
    encode = LLVM::SelectOp::create(b, loc, positive, global,
                                    real(b, loc, std::nanf("")));
  }

  /// 16 bits: the scale factor's byte.
  Value factorOf(Value amax) {
    Value sixth =
        fast ? reciprocal(real(b, loc, 6)) : real(b, loc, 1.0f / 6.0f);
    Value v = fast ? multiply(encode, multiply(amax, sixth))
                   : multiply(amax, multiply(encode, sixth));
    return compute(b, loc, b.getI16Type(), v,
                   "cvt.rn.satfinite.e4m3x2.f32 $0, 0f00000000, $1;", "=h,f");
  }

  /// What elements are multiplied by.
  Value inverseStep(Value factor) {
    Value value = valueOf(b, loc, factor);
    Value step = multiply(value, reciprocal(encode));
    Value inverse = reciprocal(step);
    if (fast)
      return inverse;
    return LLVM::MinNumOp::create(b, loc, inverse, real(b, loc, FLT_MAX));
  }

  /// i64, of a block whose factor is neither 0 nor NaN; else 0.
  Value codesOf(ValueRange values, Value factor) {
    Value t = inverseStep(factor);
    Value low = eightCodes(values.take_front(8), t);
    Value high = eightCodes(values.drop_front(8), t);
    Value shifted =
        LLVM::ShlOp::create(b, loc, high, integer(b, loc, b.getI64Type(), 32));
    Value codes = LLVM::OrOp::create(b, loc, low, shifted);
    // 0x01 to 0x7e.
    Type i16 = b.getI16Type();
    Value less = LLVM::SubOp::create(b, loc, factor, integer(b, loc, i16, 1));
    Value says = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::ult, less,
                                      integer(b, loc, i16, 0x7e));
    return LLVM::SelectOp::create(b, loc, says, codes,
                                  integer(b, loc, b.getI64Type(), 0));
  }

private:
  Value multiply(Value x, Value y) {
    return LLVM::FMulOp::create(b, loc, x, y);
  }

  Value reciprocal(Value x) {
    if (fast)
      return compute(b, loc, b.getF32Type(), x, "rcp.approx.ftz.f32 $0, $1;",
                     "=f,f");
    return LLVM::FDivOp::create(b, loc, real(b, loc, 1), x);
  }

  /// The first source of a conversion becomes the upper nibble.
  Value eightCodes(ValueRange values, Value t) {
    SmallVector<Value> scaled;
    for (Value value : values)
      scaled.push_back(multiply(value, t));
    Value codes = compute(b, loc, b.getI32Type(), scaled,
                          "{\n\t.reg .b8 b0, b1, b2, b3;\n\t"
                          "cvt.rn.satfinite.e2m1x2.f32 b0, $2, $1;\n\t"
                          "cvt.rn.satfinite.e2m1x2.f32 b1, $4, $3;\n\t"
                          "cvt.rn.satfinite.e2m1x2.f32 b2, $6, $5;\n\t"
                          "cvt.rn.satfinite.e2m1x2.f32 b3, $8, $7;\n\t"
                          "mov.b32 $0, {b0, b1, b2, b3};\n\t}",
                          "=r,f,f,f,f,f,f,f,f");
    return LLVM::ZExtOp::create(b, loc, b.getI64Type(), codes);
  }

  OpBuilder &b;
  Location loc;
  bool fast;
  Value encode;
};

struct LowerQuantize : Lowering<cta::QuantizeOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::QuantizeOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    BlockEmitter block(b, loc, a.getGlobal(), op.getFast());
    Value factor = block.factorOf(largestMagnitude(b, loc, a.getValues()));
    Value codes = block.codesOf(a.getValues(), factor);
    b.replaceOp(op, {codes, factor});
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Dequantise
//===----------------------------------------------------------------------===//

/// Four pairs of f16, of eight codes.
Value eightValues(OpBuilder &b, Location loc, Value codes) {
  SmallVector<Type> types(4, b.getI32Type());
  auto pairs = LLVM::LLVMStructType::getLiteral(b.getContext(), types);
  return compute(b, loc, pairs, codes,
                 "{\n\t.reg .b8 b0, b1, b2, b3;\n\t"
                 "mov.b32 {b0, b1, b2, b3}, $4;\n\t"
                 "cvt.rn.f16x2.e2m1x2 $0, b0;\n\t"
                 "cvt.rn.f16x2.e2m1x2 $1, b1;\n\t"
                 "cvt.rn.f16x2.e2m1x2 $2, b2;\n\t"
                 "cvt.rn.f16x2.e2m1x2 $3, b3;\n\t}",
                 "=r,=r,=r,=r,r");
}

/// f32, of one half of a pair.
Value halfOf(OpBuilder &b, Location loc, Value pair, int64_t half) {
  Value moved = LLVM::LShrOp::create(
      b, loc, pair, integer(b, loc, b.getI32Type(), 16 * half));
  Value bits = LLVM::TruncOp::create(b, loc, b.getI16Type(), moved);
  Value value = LLVM::BitcastOp::create(b, loc, b.getF16Type(), bits);
  return LLVM::FPExtOp::create(b, loc, b.getF32Type(), value);
}

/// The sign bit of a scale factor says nothing.
struct LowerDequantize : Lowering<cta::DequantizeOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::DequantizeOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value positive = LLVM::AndOp::create(b, loc, a.getScale(),
                                         integer(b, loc, b.getI16Type(), 0x7f));
    Value factor = valueOf(b, loc, positive);
    SmallVector<Value> elements;
    for (int64_t eight = 0; eight < 2; ++eight) {
      Value moved = LLVM::LShrOp::create(
          b, loc, a.getCodes(), integer(b, loc, b.getI64Type(), 32 * eight));
      Value codes = LLVM::TruncOp::create(b, loc, b.getI32Type(), moved);
      Value pairs = eightValues(b, loc, codes);
      for (int64_t i = 0; i < 8; ++i) {
        Value pair = LLVM::ExtractValueOp::create(b, loc, pairs, i / 2);
        Value value = halfOf(b, loc, pair, i % 2);
        elements.push_back(LLVM::FMulOp::create(b, loc, value, factor));
      }
    }
    b.replaceOp(op, elements);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

/// i64, of as many elements as it holds.
Value packed(OpBuilder &b, Location loc, ValueRange values, Type element) {
  unsigned width = element.getIntOrFloatBitWidth();
  Value bits = integer(b, loc, b.getI64Type(), 0);
  for (auto [i, value] : llvm::enumerate(values)) {
    Value rounded = element.isF32()
                        ? value
                        : LLVM::FPTruncOp::create(b, loc, element, value);
    Value narrow =
        LLVM::BitcastOp::create(b, loc, b.getIntegerType(width), rounded);
    Value wide = LLVM::ZExtOp::create(b, loc, b.getI64Type(), narrow);
    Value moved = LLVM::ShlOp::create(
        b, loc, wide, integer(b, loc, b.getI64Type(), i * width));
    bits = LLVM::OrOp::create(b, loc, bits, moved);
  }
  return bits;
}

struct LowerStoreElements : Lowering<cta::StoreElementsOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::StoreElementsOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    size_t half = a.getValues().size() / 2;
    Value low = packed(b, loc, a.getValues().take_front(half), op.getElement());
    Value high =
        packed(b, loc, a.getValues().drop_front(half), op.getElement());
    Value address = addressOf(b, loc, a.getBase(), a.getOffset());
    inlinePtx(b, loc, {}, {address, low, high, a.getGuard()},
              "@$3 st.global.v2.b64 [$0], {$1, $2};", "l,l,l,b");
    b.eraseOp(op);
    return success();
  }
};

struct LowerStoreCodes : Lowering<cta::StoreCodesOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::StoreCodesOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Value address = addressOf(b, op.getLoc(), a.getBase(), a.getOffset());
    inlinePtx(b, op.getLoc(), {}, {address, a.getCodes(), a.getGuard()},
              "@$2 st.global.b64 [$0], $1;", "l,l,b");
    b.eraseOp(op);
    return success();
  }
};

struct LowerStoreFactor : Lowering<cta::StoreFactorOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::StoreFactorOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Value address = addressOf(b, op.getLoc(), a.getBase(), a.getOffset());
    inlinePtx(b, op.getLoc(), {}, {address, a.getValue(), a.getGuard()},
              "@$2 st.global.b8 [$0], $1;", "l,h,b");
    b.eraseOp(op);
    return success();
  }
};

struct LowerClearFactor : Lowering<cta::ClearFactorOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(cta::ClearFactorOp op, OpAdaptor a,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value address = addressOf(b, loc, a.getBase(), a.getOffset());
    Value zero = integer(b, loc, b.getI16Type(), 0);
    inlinePtx(b, loc, {}, {address, zero, a.getGuard()},
              "@$2 st.global.b8 [$0], $1;", "l,h,b");
    b.eraseOp(op);
    return success();
  }
};

} // namespace

void nybl::compiler::addQuantizePatterns(TypeConverter &types,
                                         RewritePatternSet &patterns) {
  patterns.add<LowerLoadElements, LowerSiluMul, LowerQuantize, LowerStoreCodes,
               LowerStoreFactor, LowerClearFactor, LowerDequantize,
               LowerStoreElements>(types, patterns.getContext());
}
