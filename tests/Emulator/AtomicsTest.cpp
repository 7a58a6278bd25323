// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// atom and red: all lanes at one address, every operation, type and space,
// against a fold in plain C++; marks; and the accesses of ld and st that the
// other tests do not have.

#include "tests/Emulator/CopyFixture.h"

#include <bit>
#include <cmath>
#include <functional>

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

using Fold = std::function<uint64_t(uint64_t old, uint64_t value)>;

struct AtomicCase {
  std::string op, type; ///< "add.noftz", "f16"
  unsigned bytes;
  uint64_t initial;
  std::vector<uint64_t> values; ///< of 32 lanes
  Fold fold;
};

template <typename T>
AtomicCase integerCase(const std::string &op, const std::string &type,
                       T initial, std::function<T(T, T)> fold) {
  AtomicCase c{op, type, sizeof(T), 0, {}, {}};
  using U = std::make_unsigned_t<T>;
  c.initial = U(initial);
  for (uint64_t lane = 0; lane < 32; ++lane) // all bits, both signs
    c.values.push_back(
        U((lane * 0x9e3779b97f4a7c15u + 0x1234567) >> (64 - 8 * sizeof(T))));
  c.fold = [fold](uint64_t old, uint64_t value) {
    return uint64_t(U(fold(T(old), T(value))));
  };
  return c;
}

uint64_t bitsOfFloat(float value) { return std::bit_cast<uint32_t>(value); }
float floatOfBits(uint64_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits));
}

/// To nearest even; the float must be exact or far from a tie.
uint64_t bf16Of(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}
float floatOfBf16(uint64_t bits) {
  return floatOfBits(bits << 16 & 0xffffffff);
}
uint64_t f16Of(float value) {
  return std::bit_cast<uint16_t>(static_cast<_Float16>(value));
}
float floatOfF16(uint64_t bits) {
  return static_cast<float>(
      std::bit_cast<_Float16>(static_cast<uint16_t>(bits)));
}

/// Multiples of 1/8 up to 100: their sums need rounding in 11 and in 8 bits,
/// and are exact in float.
float halfValue(unsigned lane) {
  return (lane % 3 == 1 ? -1.0f : 1.0f) *
         static_cast<float>((lane * 37 + 11) % 800) / 8;
}

uint64_t foldHalf(const std::string &op, bool brain, uint64_t old,
                  uint64_t value) {
  float a = brain ? floatOfBf16(old) : floatOfF16(old);
  float b = brain ? floatOfBf16(value) : floatOfF16(value);
  float r = op.starts_with("add")   ? a + b
            : op.starts_with("min") ? std::fmin(a, b)
                                    : std::fmax(a, b);
  return brain ? bf16Of(r) : f16Of(r);
}

AtomicCase halfCase(const std::string &op, const std::string &type) {
  bool brain = type.starts_with("bf16"), pair = type.ends_with("x2");
  AtomicCase c{op, type, pair ? 4u : 2u, 0, {}, {}};
  auto encode = [brain](float v) { return brain ? bf16Of(v) : f16Of(v); };
  c.initial = encode(1.5f) | (pair ? encode(-3.0f) << 16 : 0);
  for (unsigned lane = 0; lane < 32; ++lane)
    c.values.push_back(encode(halfValue(lane)) |
                       (pair ? encode(halfValue(lane + 50)) << 16 : 0));
  c.fold = [=](uint64_t old, uint64_t value) {
    uint64_t low = foldHalf(op, brain, old & 0xffff, value & 0xffff);
    return pair ? low | foldHalf(op, brain, old >> 16, value >> 16) << 16 : low;
  };
  return c;
}

template <typename T>
void addIntegers(std::vector<AtomicCase> &all, const std::string &type) {
  all.push_back(integerCase<T>("min", type, T(77),
                               [](T a, T b) { return b < a ? b : a; }));
  all.push_back(integerCase<T>("max", type, T(77),
                               [](T a, T b) { return a < b ? b : a; }));
}

template <typename T>
void addLogic(std::vector<AtomicCase> &all, const std::string &type) {
  all.push_back(
      integerCase<T>("and", type, T(~T(0)), [](T a, T b) { return a & b; }));
  all.push_back(integerCase<T>("or", type, 5, [](T a, T b) { return a | b; }));
  all.push_back(integerCase<T>("xor", type, 5, [](T a, T b) { return a ^ b; }));
  all.push_back(integerCase<T>("exch", type, 5, [](T, T b) { return b; }));
}

/// Few steps apart, so that the counters wrap.
AtomicCase counterCase(const std::string &op, uint32_t limit,
                       std::function<uint32_t(uint32_t, uint32_t)> fold) {
  AtomicCase c = integerCase<uint32_t>(op, "u32", 3, std::move(fold));
  for (unsigned lane = 0; lane < 32; ++lane)
    c.values[lane] = limit + lane % 3;
  return c;
}

std::vector<AtomicCase> scalarCases() {
  std::vector<AtomicCase> all;
  auto sum = [](auto a, auto b) { return a + b; };
  all.push_back(integerCase<uint32_t>("add", "u32", 0xfffffff0, sum));
  all.push_back(integerCase<int32_t>("add", "s32", -5, [](int a, int b) {
    return int(unsigned(a) + unsigned(b));
  }));
  all.push_back(integerCase<uint64_t>("add", "u64", ~uint64_t(9), sum));
  addIntegers<uint32_t>(all, "u32");
  addIntegers<int32_t>(all, "s32");
  addIntegers<uint64_t>(all, "u64");
  addIntegers<int64_t>(all, "s64");
  addLogic<uint32_t>(all, "b32");
  addLogic<uint64_t>(all, "b64");
  all.push_back(counterCase("inc", 9, [](uint32_t old, uint32_t b) {
    return old >= b ? 0 : old + 1;
  }));
  all.push_back(counterCase("dec", 9, [](uint32_t old, uint32_t b) {
    return old == 0 || old > b ? b : old - 1;
  }));
  AtomicCase single{"add", "f32", 4, bitsOfFloat(0.1f), {}, {}};
  AtomicCase twice{"add", "f64", 8, std::bit_cast<uint64_t>(0.1), {}, {}};
  for (unsigned lane = 0; lane < 32; ++lane) {
    single.values.push_back(bitsOfFloat(halfValue(lane) / 3));
    twice.values.push_back(
        std::bit_cast<uint64_t>(double(halfValue(lane)) / 3));
  }
  single.fold = [](uint64_t a, uint64_t b) {
    return bitsOfFloat(floatOfBits(a) + floatOfBits(b));
  };
  twice.fold = [](uint64_t a, uint64_t b) {
    return std::bit_cast<uint64_t>(std::bit_cast<double>(a) +
                                   std::bit_cast<double>(b));
  };
  all.push_back(single);
  all.push_back(twice);
  for (const char *type : {"f16", "f16x2", "bf16", "bf16x2"})
    all.push_back(halfCase("add.noftz", type));
  return all;
}

//===----------------------------------------------------------------------===//
// One element
//===----------------------------------------------------------------------===//

/// `out`: the element, then (from byte 64 on) what each lane got.
constexpr unsigned gotAt = 64;

std::string registerOf(unsigned bytes, unsigned number) {
  return (bytes == 2   ? "%h"
          : bytes == 4 ? "%r"
                       : "%d") +
         std::to_string(number);
}

void put(ByteVector &to, size_t at, uint64_t value, unsigned bytes) {
  std::memcpy(&to[at], &value, bytes);
}

struct Where {
  const char *qualifier, *setAddress;
  bool isShared;
};
const Where places[] = {
    {".global", "mov.u64 %d20, %out;", false},
    {"", "mov.u64 %d20, %out;", false},
    {".shared", "cvt.u64.u32 %d20, %r11;", true},
    {".shared::cta", "cvt.u64.u32 %d20, %r11;", true},
    {".relaxed.cluster.shared::cluster", "cvt.u64.u32 %d20, %r11;", true},
    {".acquire.gpu", "cvt.u64.u32 %d20, %r11; cvta.shared.u64 %d20, %d20;",
     true},
    {".acq_rel.sys", "mov.u64 %d20, %out;", false},
    {".release.cta.global", "mov.u64 %d20, %out;", false}};

/// %d20: the element's address. `perform` has the values in register 21 and
/// leaves what it gets in register 22.
CopyCase atomicKernel(const AtomicCase &c, const Where &where,
                      const std::string &perform, bool returns) {
  std::string bits = std::to_string(8 * c.bytes);
  std::string value = registerOf(c.bytes, 21), got = registerOf(c.bytes, 22);
  CopyCase k;
  k.out = ByteVector(gotAt + 32 * c.bytes);
  put(k.out, 0, c.initial, c.bytes);
  k.in = ByteVector(32 * c.bytes);
  for (unsigned lane = 0; lane < 32; ++lane)
    put(k.in, lane * c.bytes, c.values[lane], c.bytes);
  k.body = std::string(copyProlog) + "  mul.wide.u32 %d23, %r1, " +
           std::to_string(c.bytes) +
           "; add.u64 %d24, %in, %d23; add.u64 %d25, %out, %d23;\n" +
           "  ld.global.b" + bits + " " + value + ", [%d24];\n" +
           "  ld.global.b" + bits + " " + got + ", [%out];\n" +
           "  @%p1 st.shared.b" + bits + " [%r11], " + got + ";\n" +
           "  bar.sync 0;\n  " + where.setAddress + "\n" + perform;
  if (returns)
    k.body += "  st.global.b" + bits + " [%d25+" + std::to_string(gotAt) +
              "], " + got + ";\n";
  if (where.isShared)
    k.body += "  bar.sync 0;\n  ld.shared.b" + bits + " " + got +
              ", [%r11];\n  @%p1 st.global.b" + bits + " [%out], " + got +
              ";\n";
  return k;
}

ByteVector foldAll(const AtomicCase &c, ByteVector out, bool returns) {
  uint64_t value = c.initial;
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (returns)
      put(out, gotAt + lane * c.bytes, value, c.bytes);
    value = c.fold(value, c.values[lane]);
  }
  put(out, 0, value, c.bytes);
  return out;
}

TEST(Atomics, EveryOperationAndTypeInEverySpace) {
  for (const AtomicCase &c : scalarCases())
    for (const Where &where : places) {
      SCOPED_TRACE(c.op + "." + c.type + " " + where.qualifier);
      std::string perform = "  atom" + std::string(where.qualifier) + "." +
                            c.op + "." + c.type + " " +
                            registerOf(c.bytes, 22) + ", [%d20], " +
                            registerOf(c.bytes, 21) + ";\n";
      CopyCase k = atomicKernel(c, where, perform, true);
      expectCopied(k, foldAll(c, k.out, true));
    }
}

TEST(Atomics, ReductionsReturnNothing) {
  const Where spaces[] = {
      {".global", "mov.u64 %d20, %out;", false},
      {".shared", "cvt.u64.u32 %d20, %r11;", true},
      {".release.gpu", "mov.u64 %d20, %out;", false},
      {".relaxed.cta.shared::cta", "cvt.u64.u32 %d20, %r11;", true}};
  for (const AtomicCase &c : scalarCases())
    for (const Where &where : spaces) {
      if (c.op == "exch")
        continue;
      SCOPED_TRACE(c.op + "." + c.type + " " + where.qualifier);
      std::string perform = "  red" + std::string(where.qualifier) + "." +
                            c.op + "." + c.type + " [%d20], " +
                            registerOf(c.bytes, 21) + ";\n";
      CopyCase k = atomicKernel(c, where, perform, false);
      expectCopied(k, foldAll(c, k.out, false));
    }
}

/// Lane n swaps n for n + 1, if the lane's value is even 1000 + n.
TEST(Atomics, CompareAndSwapOfEverySize) {
  for (unsigned bytes : {2u, 4u, 8u}) {
    std::string bits = std::to_string(8 * bytes);
    AtomicCase c{"cas", "b" + bits, bytes, 0, {}, {}};
    for (unsigned lane = 0; lane < 32; ++lane)
      c.values.push_back(lane < 20 ? lane : 1000 + lane);
    c.fold = [](uint64_t old, uint64_t value) {
      return old == value ? value + 1 : old;
    };
    for (const Where &where : places) {
      SCOPED_TRACE(c.type + " " + where.qualifier);
      std::string value = registerOf(bytes, 21), next = registerOf(bytes, 20);
      if (bytes == 8)
        next = "%d26";
      std::string perform = "  add.u" + bits + " " + next + ", " + value +
                            ", 1;\n  atom" + where.qualifier + ".cas." +
                            c.type + " " + registerOf(bytes, 22) +
                            ", [%d20], " + value + ", " + next + ";\n";
      CopyCase k = atomicKernel(c, where, perform, true);
      expectCopied(k, foldAll(c, k.out, true));
    }
  }
}

TEST(Atomics, SubnormalsAreFlushedInGlobalMemoryOnly) {
  AtomicCase c{"add", "f32", 4, 0x80000003, {}, {}};
  c.values.assign(32, 0x00000005);
  const uint64_t inShared = 32 * 5 - 3; // -3 + 32 * 5 of the smallest
  const Where global{".global", "mov.u64 %d20, %out;", false};
  const Where shared{".shared", "cvt.u64.u32 %d20, %r11;", true};
  CopyCase k =
      atomicKernel(c, global, "  red.global.add.f32 [%d20], %r21;\n", false);
  ByteVector expected = k.out;
  put(expected, 0, 0, 4); // -0 + 0
  expectCopied(k, expected);
  k = atomicKernel(c, shared, "  red.shared.add.f32 [%d20], %r21;\n", false);
  put(expected, 0, inShared, 4);
  expectCopied(k, expected);
}

//===----------------------------------------------------------------------===//
// 128 bits
//===----------------------------------------------------------------------===//

CopyCase wideKernel(const std::string &atom, bool isShared) {
  CopyCase k;
  k.declarations += "  .reg .b128 %q<4>;\n";
  k.in = countingBytes(32 * 16);
  k.out = ByteVector(16 + 32 * 16);
  put(k.out, 0, 0x1111111111111111, 8);
  put(k.out, 8, 0x2222222222222222, 8);
  k.body =
      std::string(copyProlog) +
      "  mul.wide.u32 %d23, %r1, 16; add.u64 %d24, %in, %d23;\n"
      "  add.u64 %d25, %out, %d23;\n"
      "  ld.global.b128 %q1, [%d24]; ld.global.b128 %q3, [%out];\n"
      "  @%p1 st.shared.b128 [%r11], %q3;\n  bar.sync 0;\n" +
      (isShared ? "  cvt.u64.u32 %d20, %r11;\n" : "  mov.u64 %d20, %out;\n") +
      atom + "  st.global.b128 [%d25+16], %q2;\n" +
      (isShared ? "  bar.sync 0; ld.shared.b128 %q3, [%r11];\n"
                  "  @%p1 st.global.b128 [%out], %q3;\n"
                : "");
  return k;
}

TEST(Atomics, ExchangeOf128Bits) {
  for (const char *space : {".global", "", ".shared"}) {
    CopyCase k = wideKernel("  atom" + std::string(space) +
                                ".exch.b128 %q2, [%d20], "
                                "%q1;\n",
                            std::string(space) == ".shared");
    ByteVector expected(k.out.begin(), k.out.begin() + 16);
    expected.insert(expected.end(), expected.begin(), expected.begin() + 16);
    expected.insert(expected.end(), k.in.begin(), k.in.end() - 16);
    std::copy(k.in.end() - 16, k.in.end(), expected.begin());
    expectCopied(k, expected);
  }
}

/// Only lane 9 finds what it compares with: each half alone is not enough.
TEST(Atomics, CompareAndSwapOf128Bits) {
  for (bool isShared : {false, true}) {
    CopyCase k = wideKernel(
        "  mov.u64 %d5, 0x1111111111111111; mov.u64 %d6, 0x2222222222222222;\n"
        "  setp.eq.u32 %p2, %r1, 9; setp.lt.u32 %p3, %r1, 5;\n"
        "  @!%p2 add.u64 %d6, %d6, 1;\n  mov.b128 %q3, {%d5, %d6};\n"
        "  @%p3 mov.b128 %q3, {%d6, %d5};\n"
        "  atom.cas.b128 %q2, [%d20], %q3, %q1;\n",
        isShared);
    if (isShared)
      k.body.replace(k.body.find("atom.cas"), 8, "atom.shared.cas");
    ByteVector expected = k.out;
    for (unsigned lane = 0; lane < 32; ++lane)
      std::memcpy(&expected[16 + 16 * lane],
                  lane <= 9 ? k.out.data() : &k.in[9 * 16], 16);
    std::memcpy(expected.data(), &k.in[9 * 16], 16);
    expectCopied(k, expected);
  }
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

std::string braces(unsigned bytes, unsigned first, unsigned count) {
  std::string text = "{";
  for (unsigned i = 0; i < count; ++i)
    text += (i ? ", " : "") + registerOf(bytes, first + i);
  return text + "}";
}

/// Element k of lane n is the case's value n + 3k (modulo 32).
void runVector(const AtomicCase &c, unsigned elements, bool returns,
               const std::string &prefix) {
  unsigned total = c.bytes * elements;
  CopyCase k;
  k.in = ByteVector(32 * total);
  k.out = ByteVector(gotAt + 32 * total);
  std::vector<uint64_t> now(elements, c.initial);
  for (unsigned e = 0; e < elements; ++e)
    put(k.out, e * c.bytes, c.initial, c.bytes);
  ByteVector expected = k.out;
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned e = 0; e < elements; ++e) {
      uint64_t value = c.values[(lane + 3 * e) % 32];
      put(k.in, lane * total + e * c.bytes, value, c.bytes);
      if (returns)
        put(expected, gotAt + lane * total + e * c.bytes, now[e], c.bytes);
      now[e] = c.fold(now[e], value);
    }
  for (unsigned e = 0; e < elements; ++e)
    put(expected, e * c.bytes, now[e], c.bytes);
  std::string vector = ".v" + std::to_string(elements);
  std::string access = vector + ".b" + std::to_string(8 * c.bytes) + " ";
  std::string values = braces(c.bytes, 16, elements);
  std::string got = braces(c.bytes, 24, elements);
  k.body = std::string(copyProlog) + "  mul.wide.u32 %d23, %r1, " +
           std::to_string(total) +
           "; add.u64 %d24, %in, %d23; add.u64 %d25, %out, %d23;\n" +
           "  ld.global" + access + values + ", [%d24];\n  " + prefix + "." +
           c.op + vector + "." + c.type + " " + (returns ? got + ", " : "") +
           "[%out], " + values + ";\n";
  if (returns)
    k.body += "  st.global" + access + "[%d25+64], " + got + ";\n";
  expectCopied(k, expected);
}

TEST(Atomics, VectorsElementByElement) {
  std::vector<AtomicCase> cases;
  for (const char *op : {"add.noftz", "min.noftz", "max.noftz"})
    for (const char *type : {"f16", "f16x2", "bf16", "bf16x2"})
      cases.push_back(halfCase(op, type));
  for (const AtomicCase &c : scalarCases())
    if (c.type == "f32")
      cases.push_back(c);
  for (const AtomicCase &c : cases)
    for (unsigned elements : {2u, 4u, 8u}) {
      if (elements * c.bytes > 16)
        continue;
      SCOPED_TRACE(c.op + "." + c.type + " " + std::to_string(elements));
      runVector(c, elements, true, "atom.global");
      runVector(c, elements, false, "red");
      runVector(c, elements, true, "atom.acquire.sys.global");
    }
}

TEST(Atomics, VectorsWorkOnGlobalMemory) {
  CopyCase k;
  k.in = k.out = ByteVector(256);
  k.body = std::string(copyProlog) +
           "  st.shared.b64 [%r11], 0; cvt.u64.u32 %d20, %r11;\n"
           "  cvta.shared.u64 %d20, %d20;\n"
           "  red.add.v2.f32 [%d20], {0f3F800000, 0f3F800000};\n";
  expectFindingUnder(k, FindingKind::OutOfBounds, "vectors", everySchedule());
}

//===----------------------------------------------------------------------===//
// Marks and findings
//===----------------------------------------------------------------------===//

CopyCase markedCase(const std::string &body) {
  CopyCase k;
  k.in = ByteVector(256);
  k.out = ByteVector(256);
  k.poisonAt = 0;
  k.poisonBytes = 16;
  k.body = std::string(copyProlog) + body;
  return k;
}

TEST(Atomics, MarkedOperandsAreFound) {
  for (const char *atom :
       {"ld.global.b32 %r2, [%in]; red.global.add.u32 [%out], %r2;",
        "ld.global.b32 %r2, [%in]; atom.global.cas.b32 %r3, [%out], 1, %r2;",
        "ld.global.b16 %h2, [%in]; atom.global.cas.b16 %h3, [%out], %h2, 3;",
        "ld.global.v2.b32 {%r2, %r3}, [%in]; red.global.add.v2.f32 [%out], "
        "{%r2, %r3};"}) {
    SCOPED_TRACE(atom);
    expectFindingUnder(markedCase(atom), FindingKind::PoisonStored,
                       "atomic operation", everySchedule());
  }
  expectFindingUnder(
      markedCase("ld.global.b64 %d2, [%in]; red.global.add.u32 [%d2], 1;"),
      FindingKind::PoisonSteers, "address", everySchedule());
}

TEST(Atomics, MarksComeBackWithTheOldValue) {
  for (const char *atom : {"atom.global.or.b32 %r2, [%in], 0;",
                           "atom.global.add.v2.f32 {%r2, %r3}, [%in], "
                           "{0f00000000, 0f00000000};"}) {
    SCOPED_TRACE(atom);
    expectFindingUnder(markedCase(std::string("@%p1 ") + atom +
                                  " @%p1 st.global.b32 [%out], %r2;"),
                       FindingKind::PoisonStored, "marked byte reached",
                       everySchedule());
  }
}

TEST(Atomics, ExchangeTakesMarksAway) {
  CopyCase k = markedCase("@%p1 atom.global.exch.b32 _, [%in], 7;\n"
                          "  bar.sync 0; @%p1 ld.global.b32 %r2, [%in];\n"
                          "  @%p1 st.global.b32 [%out], %r2;\n");
  ByteVector expected(256);
  expected[0] = 7;
  expectCopied(k, expected);
}

TEST(Atomics, MemoryThatNobodyWroteIsFound) {
  expectFindingUnder(markedCase("atom.shared.add.u32 %r2, [%r11+128], 1;"),
                     FindingKind::UninitialisedRead, "nobody has written",
                     everySchedule());
  expectFindingUnder(markedCase("red.global.add.u64 [%out+4], 1;"),
                     FindingKind::Misaligned, "", everySchedule());
}

//===----------------------------------------------------------------------===//
// Loads, stores, hints
//===----------------------------------------------------------------------===//

TEST(Accesses, ThirtyTwoBytesAtOnce) {
  struct {
    const char *load, *store, *registers;
  } forms[] = {
      {"ld.global.v8.b32", "st.global.v8.b32",
       "{%r2, %r3, %r4, %r5, %r6, %r7, %r8, %r9}"},
      {"ld.global.nc.L1::evict_last.L2::evict_first.v8.f32", "st.v8.f32",
       "{%f2, %f3, %f4, %f5, %f6, %f7, %f8, %f9}"},
      {"ld.relaxed.gpu.global.v4.b64",
       "st.release.sys.global.L2::evict_last.v4.b64", "{%d2, %d3, %d4, %d5}"},
      {"ldu.global.v4.b32", "st.global.wt.v4.b32", "{%r2, %r3, %r4, %r5}"},
      {"ld.mmio.relaxed.sys.global.b64", "st.mmio.relaxed.sys.global.u64",
       "%d2"},
      {"ld.volatile.global.v2.u64", "st.volatile.v2.b64", "{%d2, %d3}"}};
  for (auto &form : forms) {
    SCOPED_TRACE(form.load);
    unsigned bytes =
        std::string(form.load).find("v8") != std::string::npos ||
                std::string(form.load).find("v4.b64") != std::string::npos
            ? 32
        : form.registers[0] == '{' ? 16
                                   : 8;
    CopyCase k;
    k.in = countingBytes(32 * 32);
    k.out = ByteVector(32 * 32);
    k.body = std::string(copyProlog) +
             "  mul.wide.u32 %d23, %r1, 32; add.u64 %d24, %in, %d23;\n"
             "  add.u64 %d25, %out, %d23;\n  " +
             form.load + " " + form.registers + ", [%d24];\n  " + form.store +
             " [%d25], " + form.registers + ";\n";
    ByteVector expected(32 * 32);
    for (unsigned i = 0; i < 32 * 32; ++i)
      expected[i] = i % 32 < bytes ? k.in[i] : 0;
    expectCopied(k, expected);
  }
}

TEST(Accesses, DiscardedBytesAreUnknown) {
  CopyCase k = markedCase("");
  k.poisonBytes = 0;
  k.body += "  @%p1 discard.global.L2 [%in], 128;\n  bar.sync 0;\n"
            "  ld.global.b32 %r2, [%in+128];\n";
  expectCopied(k, k.out);
  k.body += "  ld.global.b32 %r2, [%in+124];\n";
  expectFindingUnder(k, FindingKind::UninitialisedRead, "nobody has written",
                     everySchedule());
}

TEST(Accesses, HintsChangeNothing) {
  CopyCase k = markedCase(R"(
  createpolicy.fractional.L2::evict_last.L2::evict_unchanged.b64 %d1, 0.25;
  createpolicy.range.global.L2::evict_first.b64 %d2, [%in], 64, 128;
  createpolicy.cvt.L2.b64 %d3, %d2;
  applypriority.global.L2::evict_normal [%in+128], 128;
  ld.global.L2::cache_hint.b32 %r2, [%in+32], %d1;
  @%p1 atom.global.add.L2::cache_hint.u32 %r3, [%out], 6, %d3;
  @%p1 red.add.noftz.L2::cache_hint.f16x2 [%out+4], %r2, %d2;
)");
  ByteVector expected(256);
  expected[0] = 6;
  expectCopied(k, expected);
  k = markedCase("applypriority.global.L2::evict_normal [%in+64], 128;");
  expectFindingUnder(k, FindingKind::Misaligned, "", everySchedule());
}

TEST(Accesses, IsInSpace) {
  CopyCase k;
  k.in = ByteVector(4);
  k.out = ByteVector(32);
  k.body = std::string(copyProlog);
  const char *spaces[] = {"global", "shared", "shared::cta", "shared::cluster",
                          "local"};
  k.body += "  cvt.u64.u32 %d2, %r11; cvta.shared.u64 %d2, %d2;\n";
  for (unsigned i = 0; i < 5; ++i)
    for (const char *address : {"%out", "%d2"})
      k.body += "  isspacep." + std::string(spaces[i]) + " %p2, " + address +
                "; selp.u16 %h1, 1, 0, %p2;\n  @%p1 st.global.b8 [%out+" +
                std::to_string(2 * i + (address[1] == 'd')) + "], %h1;\n";
  ByteVector expected(32);
  expected[0] = expected[3] = expected[5] = expected[7] = 1;
  expectCopied(k, expected);
}

TEST(Atomics, AMarkedWordThatIsChangedIsAResult) {
  for (const char *op : {"red.global.add.u32 [%in], 1;",
                         "atom.global.max.u32 %r2, [%in], 0x7fffffff;",
                         "red.global.add.v2.f32 [%in], {0f3f800000, "
                         "0f3f800000};"}) {
    SCOPED_TRACE(op);
    expectFindingUnder(markedCase(std::string("@%p1 ") + op),
                       FindingKind::PoisonStored, "changes marked bytes",
                       everySchedule());
  }
}

} // namespace
