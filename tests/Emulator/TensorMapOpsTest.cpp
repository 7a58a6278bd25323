// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tensormap.replace of every field, in shared and in global memory, and
// tensormap.cp_fenceproxy: the map that results says what was asked for.

#include "tests/Emulator/CopyFixture.h"
#include "tools/emulator/Device/TensorMap.h"

#include <functional>

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

ByteVector encoded(const TensorMap &map) {
  ByteVector bytes(tensorMapBytes);
  encodeTensorMap(map, bytes.data());
  return bytes;
}

TensorMap someMap() {
  TensorMap m;
  m.rank = 5;
  m.elementType = TensorElement::F32;
  m.globalAddress = 0x123456780;
  for (unsigned i = 0; i < 5; ++i) {
    m.dims[i] = 1000 + i;
    m.strides[i] = i ? 4096 * i : 0;
    m.box[i] = 8 + i;
    m.elementStrides[i] = static_cast<uint16_t>(1 + i);
  }
  m.swizzle = TensorSwizzle::Bytes64;
  m.l2Promotion = 2;
  return m;
}

void expectSame(const TensorMap &got, const TensorMap &want) {
  EXPECT_EQ(got.rank, want.rank);
  EXPECT_EQ(got.elementType, want.elementType);
  EXPECT_EQ(got.globalAddress, want.globalAddress);
  for (unsigned i = 0; i < want.rank; ++i) {
    EXPECT_EQ(got.dims[i], want.dims[i]) << i;
    EXPECT_EQ(got.strides[i], want.strides[i]) << i;
    EXPECT_EQ(got.box[i], want.box[i]) << i;
    EXPECT_EQ(got.elementStrides[i], want.elementStrides[i]) << i;
  }
  EXPECT_EQ(got.interleave, want.interleave);
  EXPECT_EQ(got.swizzle, want.swizzle);
  EXPECT_EQ(got.l2Promotion, want.l2Promotion);
  EXPECT_EQ(got.oobFill, want.oobFill);
}

struct Replacement {
  std::string text; ///< after tensormap.replace.tile: field and type
  std::string operands;
  std::function<void(TensorMap &)> change;
};

std::vector<Replacement> replacements() {
  using M = TensorMap;
  std::vector<Replacement> all{
      {"global_address.b64", "%d5",
       [](M &m) { m.globalAddress = 0x7654321000; }},
      {"rank.b32", "2", [](M &m) { m.rank = 3; }},
      {"elemtype.b32", "10", [](M &m) { m.elementType = TensorElement::Bf16; }},
      {"elemtype.b32", "8",
       [](M &m) { m.elementType = TensorElement::F32Ftz; }},
      {"interleave_layout.b32", "1",
       [](M &m) { m.interleave = TensorInterleave::Bytes16; }},
      {"swizzle_mode.b32", "0", [](M &m) { m.swizzle = TensorSwizzle::None; }},
      {"swizzle_mode.b32", "3",
       [](M &m) { m.swizzle = TensorSwizzle::Bytes128; }},
      {"fill_mode.b32", "1", [](M &m) { m.oobFill = TensorFill::NaN; }}};
  for (unsigned i = 0; i < 5; ++i) {
    std::string ordinal = std::to_string(i) + ", ";
    all.push_back(
        {"box_dim.b32", ordinal + "256", [i](M &m) { m.box[i] = 256; }});
    all.push_back({"global_dim.b32", ordinal + "%r5",
                   [i](M &m) { m.dims[i] = 0xfedcba98; }});
    all.push_back({"element_stride.b32", ordinal + "8",
                   [i](M &m) { m.elementStrides[i] = 8; }});
    if (i < 4)
      all.push_back({"global_stride.b64", ordinal + "%d6",
                     [i](M &m) { m.strides[i + 1] = 0x9876543210; }});
  }
  return all;
}

const char *const values = R"(
  mov.u64 %d5, 0x7654321000; mov.u64 %d6, 0x9876543210;
  mov.u32 %r5, 0xfedcba98;
)";

/// One instruction; `qualifier` is the space.
std::string replaceText(const Replacement &r, const std::string &qualifier,
                        const std::string &address) {
  size_t dot = r.text.find('.');
  return "tensormap.replace.tile." + r.text.substr(0, dot) + qualifier +
         ".b1024" + r.text.substr(dot) + " [" + address + "], " + r.operands +
         ";\n";
}

const char *const copyOut =
    "  bar.sync 0;\n"
    "  tensormap.cp_fenceproxy.global.shared::cta.tensormap::generic.release"
    ".gpu.sync.aligned [%out], [%r11], 128;\n";

/// In shared memory, then copied to `out`.
CopyCase sharedCase(const ByteVector &from, const std::string &changes) {
  CopyCase c;
  c.in = from;
  c.out = ByteVector(tensorMapBytes);
  c.body = std::string(copyProlog) + values + "  mov.u64 %d9, %in;\n" +
           fill(32, 32) + changes + copyOut;
  return c;
}

/// In place, in `out`.
CopyCase globalCase(const ByteVector &from, const std::string &changes) {
  CopyCase c;
  c.in = ByteVector(4);
  c.out = from;
  c.body = std::string(copyProlog) + values + changes;
  return c;
}

void expectMap(const CopyCase &c, const TensorMap &want) {
  for (const Schedule &s : everySchedule()) {
    SCOPED_TRACE(s.name);
    CopyOutcome o = runCopy(c, s);
    ASSERT_EQ(o.loadError, "");
    if (!o.reports.empty())
      FAIL() << o.reports[0].text();
    Expected<TensorMap> got = decodeTensorMap(o.out.data());
    ASSERT_TRUE(got) << got.message();
    expectSame(*got, want);
  }
}

TEST(TensorMapReplace, OneFieldAndNoOther) {
  for (const Replacement &r : replacements()) {
    SCOPED_TRACE(r.text + " " + r.operands);
    TensorMap want = someMap();
    r.change(want);
    ByteVector from = encoded(someMap());
    expectMap(
        sharedCase(from, "  @%p1 " + replaceText(r, ".shared::cta", "%r11")),
        want);
    expectMap(globalCase(from, "  @%p1 " + replaceText(r, ".global", "%out")),
              want);
    expectMap(globalCase(from, "  @%p1 " + replaceText(r, "", "%out")), want);
  }
}

/// As kernels that make their own maps do: from zeros, atom before span.
TEST(TensorMapReplace, AllFieldsOfZeros) {
  TensorMap want;
  std::string changes;
  auto add = [&](const std::string &text, const std::string &operands) {
    changes += "  @%p1 " +
               replaceText({text, operands, nullptr}, ".shared::cta", "%r11");
  };
  want.rank = 3;
  want.globalAddress = 0x7654321000;
  want.elementType = TensorElement::F16;
  want.swizzle = TensorSwizzle::Bytes128Atom64;
  add("swizzle_atomicity.b32", "3");
  add("global_address.b64", "%d5");
  add("rank.b32", "2");
  add("elemtype.b32", "6");
  add("interleave_layout.b32", "0");
  add("swizzle_mode.b32", "3");
  add("fill_mode.b32", "0");
  for (unsigned i = 0; i < 3; ++i) {
    std::string ordinal = std::to_string(i) + ", ";
    want.dims[i] = 64 * (i + 1);
    want.box[i] = 16 * (i + 1);
    add("global_dim.b32", ordinal + std::to_string(want.dims[i]));
    add("box_dim.b32", ordinal + std::to_string(want.box[i]));
    add("element_stride.b32", ordinal + "1");
  }
  want.strides[1] = 1024;
  want.strides[2] = uint64_t(1) << 37;
  add("global_stride.b64", "0, 1024");
  add("global_stride.b64", "1, 137438953472");
  expectMap(sharedCase(ByteVector(tensorMapBytes), changes), want);
}

TEST(TensorMapReplace, ValuesThatTheFieldCannotHold) {
  for (const char *change :
       {"tensormap.replace.tile.box_dim.global.b1024.b32 [%out], 0, 257;",
        "tensormap.replace.tile.box_dim.global.b1024.b32 [%out], 1, 0;",
        "tensormap.replace.tile.global_dim.global.b1024.b32 [%out], 1, 0;",
        "tensormap.replace.tile.rank.global.b1024.b32 [%out], 5;",
        "tensormap.replace.tile.element_stride.global.b1024.b32 [%out], 1, 9;",
        "tensormap.replace.tile.global_stride.global.b1024.b64 [%out], 1, 24;",
        "tensormap.replace.tile.global_stride.global.b1024.b64 [%out], 4, "
        "32;"}) {
    SCOPED_TRACE(change);
    expectFindingUnder(globalCase(encoded(someMap()), change),
                       FindingKind::AsyncMisuse, "expected", everySchedule());
  }
}

TEST(TensorMapReplace, MarksAreFound) {
  CopyCase c = globalCase(encoded(someMap()), "");
  c.poisonBytes = 1;
  c.body += "  ld.global.b32 %r6, [%in];\n  tensormap.replace.tile.box_dim"
            ".global.b1024.b32 [%out], 0, %r6;\n";
  expectFindingUnder(c, FindingKind::PoisonSteers, "tensor map",
                     everySchedule());
  c = sharedCase(encoded(someMap()), "");
  c.poisonAt = 64;
  c.poisonBytes = 4;
  expectFindingUnder(c, FindingKind::PoisonStored, "marked byte",
                     everySchedule());
}

TEST(TensorMapCopy, LanesNameTheSameAddresses) {
  CopyCase c = sharedCase(encoded(someMap()), "");
  c.out = ByteVector(2 * tensorMapBytes);
  c.body.insert(c.body.find("  tensormap.cp_fenceproxy"),
                "  @%p1 add.u64 %out, %out, 128;\n");
  expectFindingUnder(c, FindingKind::AsyncMisuse, "different addresses",
                     everySchedule());
}

TEST(TensorMapReplace, RefusedForms) {
  struct {
    const char *form, *chip;
  } refused[] = {
      {"replace.tile.rank.global.b1024.b64 [%out], %d1;", "sm_120a"},
      {"replace.tile.rank.global.b32 [%out], %r1;", "sm_120a"},
      {"replace.rank.global.b1024.b32 [%out], %r1;", "sm_120a"},
      {"replace.tile.global_stride.global.b1024.b32 [%out], 0, %r1;",
       "sm_120a"},
      {"replace.tile.box_dim.global.b1024.b32 [%out], 5, %r1;", "sm_120a"},
      {"replace.tile.box_dim.global.b1024.b32 [%out], %r2, %r1;", "sm_120a"},
      {"replace.tile.elemtype.global.b1024.b32 [%out], %r1;", "sm_120a"},
      {"replace.tile.elemtype.global.b1024.b32 [%out], 16;", "sm_120a"},
      {"replace.tile.elemtype.global.b1024.b32 [%out], 13;", "sm_90a"},
      {"replace.tile.swizzle_atomicity.global.b1024.b32 [%out], 1;", "sm_90a"},
      {"replace.tile.fill_mode.global.b1024.b32 [%out], 2;", "sm_120a"},
      {"cp_fenceproxy.global.shared::cta.tensormap::generic.release.gpu.sync"
       ".aligned [%out], [%r1], 64;",
       "sm_120a"},
      {"cp_fenceproxy.global.shared::cta.tensormap::generic.acquire.gpu.sync"
       ".aligned [%out], [%r1], 128;",
       "sm_120a"}};
  for (auto &r : refused) {
    SCOPED_TRACE(r.form);
    CopyCase c;
    c.chip = r.chip;
    c.in = c.out = ByteVector(4);
    c.body = "  tensormap." + std::string(r.form);
    EXPECT_NE(runCopy(c, everySchedule()[0]).loadError, "");
  }
}

} // namespace
