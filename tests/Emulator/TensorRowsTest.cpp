// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cp.async.bulk.tensor stores and reductions, gathered and scattered rows.

#include "tests/Emulator/BoxReference.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

using E = TensorElement;
using S = TensorSwizzle;

struct Store {
  TensorMap map;
  std::vector<int64_t> at, rows{};
  std::string form = "cp.async.bulk.tensor.#d.global.shared::cta.bulk_group";
  std::string chip = "sm_120a";
};

const char *const commitAndWait =
    "  cp.async.bulk.commit_group;\n  cp.async.bulk.wait_group 0;\n";

/// Shared memory holds what lies 256 bytes from the start of `in`.
CopyCase caseOf(const Store &s, const std::string &after = commitAndWait) {
  std::vector<BoxByte> box = boxBytes(s.map, s.at, s.rows);
  CopyCase c;
  c.chip = s.chip;
  c.maps = {{s.map, true}};
  c.maps[0].map.globalAddress = 0;
  c.in = countingBytes(256 + box.size(), 29);
  c.out = countingBytes(tensorSpan(s.map), 3);
  std::vector<int64_t> coordinates = s.at;
  if (!s.rows.empty()) {
    coordinates.resize(1);
    coordinates.insert(coordinates.end(), s.rows.begin(), s.rows.end());
  }
  std::string form = s.form;
  form.replace(form.find('#'), 1, std::to_string(s.map.rank));
  c.body = std::string(copyProlog) + "  add.u64 %d9, %in, 256;\n" +
           fill(static_cast<unsigned>(box.size() / 4), 32) + "  @%p1 " + form +
           " [%in, " + braces(coordinates) + "], [%r11];\n" + after;
  return c;
}

void expectStored(const Store &s) {
  ASSERT_EQ(checkTensorMap(s.map), "");
  CopyCase c = caseOf(s);
  ByteVector expected = c.out;
  std::vector<BoxByte> box = boxBytes(s.map, s.at, s.rows);
  for (size_t i = 0; i < box.size(); ++i)
    if (box[i].source >= 0)
      expected[static_cast<size_t>(box[i].source)] = c.in[256 + i];
  expectCopied(c, expected);
}

TEST(TensorRows, Stores) {
  expectStored({mapOf(E::U8, {400}, {128}), {77}});
  expectStored({mapOf(E::U16, {64, 30}, {64, 8}, S::Bytes128), {0, 3}});
  expectStored({mapOf(E::F32, {20, 9, 8}, {8, 4, 3}, S::Bytes32), {5, 2, 4}});
  expectStored(
      {mapOf(E::U4Align8, {512, 20}, {256, 8}, S::Bytes128), {128, 5}});
}

TEST(TensorRows, StoresAreClipped) {
  expectStored({mapOf(E::U16, {41, 30}, {64, 8}, S::Bytes128), {7, 26}});
  expectStored({mapOf(E::U8, {20, 5, 3}, {32, 8, 4}), {10, 3, 1}});
}

TEST(TensorRows, SourceIsFreeOnceItHasBeenRead) {
  Store s{mapOf(E::U16, {64, 30}, {64, 8}, S::Bytes128), {0, 3}};
  std::string rewrite = "  bar.sync 0;\n  st.shared.b32 [%r11], %r1;\n";
  expectFindingUnder(caseOf(s, rewrite), FindingKind::InFlight, "yet to read",
                     late);
  CopyCase c = caseOf(s, "  cp.async.bulk.commit_group;\n"
                         "  cp.async.bulk.wait_group.read 0;\n" +
                             rewrite);
  ByteVector expected = c.out;
  std::vector<BoxByte> box = boxBytes(s.map, s.at);
  for (size_t i = 0; i < box.size(); ++i)
    expected[static_cast<size_t>(box[i].source)] = c.in[256 + i];
  expectCopied(c, expected);
}

TEST(TensorRows, MarkedBytesMustNotBeStoredUnlessClipped) {
  Store s{mapOf(E::U16, {64, 10}, {64, 8}), {0, 5}};
  CopyCase c = caseOf(s);
  c.poisonAt = 256 + 128 * 4 + 9;
  c.poisonBytes = 1;
  expectFindingUnder(c, FindingKind::PoisonStored, "marked byte",
                     everySchedule());
  c.poisonAt = 256 + 128 * 5; // row 10
  c.poisonBytes = 128 * 3;
  for (const Schedule &schedule : everySchedule())
    EXPECT_TRUE(runCopy(c, schedule).reports.empty());
}

TEST(TensorRows, WhatStoresMustNotDo) {
  expectFindingUnder(caseOf({mapOf(E::U16, {64, 30}, {64, 8}), {0, -1}}),
                     FindingKind::AsyncMisuse, "negative", everySchedule());
  expectFindingUnder(caseOf({mapOf(E::U4Align16, {256, 30}, {128, 8}), {0, 0}}),
                     FindingKind::AsyncMisuse, "gaps", everySchedule());
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

template <typename T, typename F>
void expectReduced(const std::string &op, E element, F f) {
  SCOPED_TRACE(op);
  uint32_t row = 64 / sizeof(T);
  Store s{mapOf(element, {row * 2 - 1, 6}, {row, 8}, S::Bytes64),
          {row / 2, 1},
          {},
          "cp.reduce.async.bulk.tensor.#d.global.shared::cta." + op +
              ".bulk_group"};
  ASSERT_EQ(checkTensorMap(s.map), "");
  CopyCase c = caseOf(s);
  ByteVector expected = c.out;
  std::vector<BoxByte> box = boxBytes(s.map, s.at);
  for (size_t i = 0; i < box.size(); i += sizeof(T)) {
    if (box[i].source < 0)
      continue;
    T old, other;
    auto *at = &expected[static_cast<size_t>(box[i].source)];
    std::memcpy(&old, at, sizeof(T));
    std::memcpy(&other, &c.in[256 + i], sizeof(T));
    old = static_cast<T>(f(old, other));
    std::memcpy(at, &old, sizeof(T));
  }
  expectCopied(c, expected);
}

TEST(TensorRows, Reduces) {
  expectReduced<uint32_t>("add", E::U32, [](auto o, auto v) { return o + v; });
  expectReduced<uint64_t>("add", E::U64, [](auto o, auto v) { return o + v; });
  expectReduced<int32_t>("min", E::S32,
                         [](auto o, auto v) { return o < v ? o : v; });
  expectReduced<int64_t>("max", E::S64,
                         [](auto o, auto v) { return o > v ? o : v; });
  expectReduced<uint32_t>("or", E::U32, [](auto o, auto v) { return o | v; });
  expectReduced<uint32_t>("inc", E::U32,
                          [](auto o, auto v) { return o >= v ? 0 : o + 1; });
}

/// Whole numbers, so that any order and precision gives the same.
TEST(TensorRows, ReducesFloats) {
  Store s{mapOf(E::F32, {32, 4}, {32, 4}),
          {0, 0},
          {},
          "cp.reduce.async.bulk.tensor.#d.global.shared::cta.add.tile"
          ".bulk_group"};
  CopyCase c = caseOf(s);
  std::vector<float> in(64 + 128), out(128), expected(128);
  for (size_t i = 0; i < 128; ++i) {
    in[64 + i] = float(i) * 3 - 50;
    out[i] = 1000 - float(i);
    expected[i] = 950 + float(i) * 2;
  }
  c.in = bytesOfValues(in);
  c.out = bytesOfValues(out);
  expectCopied(c, bytesOfValues(expected));
}

TEST(TensorRows, ReductionMustFitTheElements) {
  for (auto [op, element] :
       {std::pair("min", E::F32), std::pair("add", E::S64),
        std::pair("inc", E::S32), std::pair("add", E::U8),
        std::pair("or", E::F32), std::pair("add", E::F64)}) {
    SCOPED_TRACE(op);
    Store s{mapOf(element, {32, 8}, {16, 8}),
            {0, 0},
            {},
            std::string("cp.reduce.async.bulk.tensor.#d.global.shared::cta.") +
                op + ".bulk_group"};
    expectFindingUnder(caseOf(s), FindingKind::AsyncMisuse, "element type",
                       everySchedule());
  }
}

//===----------------------------------------------------------------------===//
// Gathered and scattered rows
//===----------------------------------------------------------------------===//

TEST(TensorRows, Scatters) {
  Store s{mapOf(E::U16, {100, 20}, {64, 1}, S::Bytes128),
          {8, 0},
          {17, 2, 3, 9},
          "cp.async.bulk.tensor.#d.global.shared::cta.tile::scatter4"
          ".bulk_group",
          "sm_100a"};
  expectStored(s);
  s.rows = {4, 25, -1, 0}; // two of them outside
  expectStored(s);
}

TEST(TensorRows, Gathers) {
  for (auto [chip, space] : {std::pair("sm_100a", "shared::cluster"),
                             std::pair("sm_120a", "shared::cta")}) {
    TensorMap map = mapOf(E::U16, {100, 20}, {64, 1}, S::Bytes128);
    std::vector<int64_t> rows{17, -3, 3, 9};
    std::vector<BoxByte> box = boxBytes(map, {50, 0}, rows);
    CopyCase c;
    c.chip = chip;
    c.maps = {{map}};
    c.in = countingBytes(256 + tensorSpan(map), 13);
    c.out = ByteVector(512);
    c.body = std::string(copyProlog) +
             "  @%p1 mbarrier.arrive.expect_tx.shared.b64 _, [%r10], 512;\n"
             "  @%p1 cp.async.bulk.tensor.2d." +
             space +
             ".global.tile::gather4.mbarrier::complete_tx::bytes [%r11], "
             "[%in, {50, 17, -3, 3, 9}], [%r10];\n" +
             waitFirst + "  mov.u64 %d9, %out;\n" + dump(128, 32);
    ByteVector expected(512);
    for (size_t i = 0; i < 512; ++i)
      if (box[i].source >= 0)
        expected[i] = c.in[256 + static_cast<size_t>(box[i].source)];
    expectCopied(c, expected);
    c.maps[0].map.box[1] = 2;
    expectFindingUnder(c, FindingKind::AsyncMisuse, "one row", everySchedule());
  }
}

TEST(TensorRows, PrefetchChecksTheMapAlone) {
  CopyCase c;
  c.maps = {{mapOf(E::U16, {64, 30}, {64, 8})}};
  c.in = ByteVector(256 + 128 * 30);
  c.out = ByteVector(4);
  c.body = "  cp.async.bulk.prefetch.tensor.2d.L2.global.tile [%in, {0, 99}];\n"
           "  cp.async.bulk.prefetch.L2.global [%in], 256;\n"
           "  prefetch.tensormap [%in];\n";
  expectCopied(c, c.out);
  c.body = "  cp.async.bulk.prefetch.tensor.1d.L2.global [%in, {0}];\n";
  expectFindingUnder(c, FindingKind::AsyncMisuse, "rank", everySchedule());
}

} // namespace
