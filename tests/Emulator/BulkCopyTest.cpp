// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cp.async.bulk in all directions against plain loops on the host, and what is
// found when a kernel forgets to wait or gives a bad operand.

#include "tests/Emulator/CopyFixture.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

/// The CTA's own part of `out`, of so many bytes, in %d9.
std::string partOfOut(unsigned bytes) {
  return "  mov.u32 %r44, %ctaid.x; mul.wide.u32 %d27, %r44, " +
         std::to_string(bytes) + "; add.u64 %d9, %out, %d27;\n";
}

CopyCase loadCase(const std::string &form, const std::string &wait) {
  CopyCase c;
  c.in = countingBytes(512);
  c.out = ByteVector(256);
  c.body = std::string(copyProlog) + R"(
  @%p1 mbarrier.arrive.expect_tx.shared.b64 _, [%r10], 256;
  @%p1 )" + form +
           wait + partOfOut(256) + dump(64, 32);
  return c;
}

TEST(BulkCopy, LoadsIntoSharedMemory) {
  for (std::string form :
       {"cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes [%r11], "
        "[%in+16], 256, [%r10];",
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes"
        ".L2::cache_hint [buf], [%in+16], 256, [bars], %d1;"}) {
    CopyCase c = loadCase(form, waitFirst);
    ByteVector expected(c.in.begin() + 16, c.in.begin() + 272);
    expectCopied(c, expected);
    CopyOutcome o = runCopy(c, everySchedule()[0]);
    EXPECT_EQ(o.counters.bulkBytes, 256u);
    EXPECT_EQ(o.counters.asyncBytesLoaded, 256u);
  }
}

TEST(BulkCopy, MissingWaitIsFoundWhenCopiesComeLate) {
  CopyCase c = loadCase("cp.async.bulk.shared::cta.global.mbarrier::complete_tx"
                        "::bytes [%r11], [%in], 256, [%r10];",
                        "");
  expectFindingUnder(c, FindingKind::InFlight, "yet to write", late);
}

TEST(BulkCopy, WrongByteCountNeverOpensTheBarrier) {
  CopyCase c = loadCase("cp.async.bulk.shared::cta.global.mbarrier::complete_tx"
                        "::bytes [%r11], [%in], 240, [%r10];",
                        waitFirst);
  expectFindingUnder(c, FindingKind::Deadlock, "16 bytes outstanding",
                     everySchedule());
}

TEST(BulkCopy, PoisonComesAlong) {
  CopyCase c = loadCase("cp.async.bulk.shared::cta.global.mbarrier::complete_tx"
                        "::bytes [%r11], [%in], 256, [%r10];",
                        waitFirst);
  c.poisonAt = 100;
  c.poisonBytes = 1;
  expectFindingUnder(c, FindingKind::PoisonStored, "marked byte",
                     everySchedule());
}

TEST(BulkCopy, BadOperandsAreFoundAtIssue) {
  struct {
    const char *operands;
    FindingKind kind;
    const char *word;
  } cases[] = {
      {"[%r11+8], [%in], 256, [%r10]", FindingKind::Misaligned, "16"},
      {"[%r11], [%in+8], 256, [%r10]", FindingKind::Misaligned, "16"},
      {"[%r11], [%in], %r1, [%r10]", FindingKind::AsyncMisuse,
       "multiple of 16"},
      {"[%r11], [%in+400], 256, [%r10]", FindingKind::OutOfBounds, ""},
      {"[%r11+16256], [%in], 256, [%r10]", FindingKind::MbarrierMisuse,
       "live mbarrier"},
      {"[%r11+17000], [%in], 256, [%r10]", FindingKind::Misaligned, "16"},
      {"[%r11+17008], [%in], 256, [%r10]", FindingKind::OutOfBounds, ""}};
  for (auto &each : cases) {
    SCOPED_TRACE(each.operands);
    // Barriers lie right behind the buffer.
    CopyCase c = loadCase(
        "cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes " +
            std::string(each.operands) + ";",
        waitFirst);
    size_t at = c.body.find("@%p1 cp.async");
    c.body.replace(at, 4, "mov.u32 %r1, 20; @%p1");
    if (std::string(each.operands).find("16256") != std::string::npos)
      c.body.replace(c.body.find(" 256, [%r10];"), 5, " 192,");
    expectFindingUnder(c, each.kind, each.word, everySchedule());
  }
}

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

CopyCase storeCase(const std::string &issue, const std::string &after) {
  CopyCase c;
  c.in = countingBytes(256, 5);
  c.out = countingBytes(512, 3);
  c.body = std::string(copyProlog) + "  mov.u64 %d9, %in;\n" + fill(64, 32) +
           "  @%p1 " + issue + "\n" + after;
  return c;
}

const char *const commitAndWait =
    "  cp.async.bulk.commit_group;\n  cp.async.bulk.wait_group 0;\n";

TEST(BulkCopy, StoresToGlobalMemory) {
  CopyCase c = storeCase(
      "cp.async.bulk.global.shared::cta.bulk_group [%out+32], [%r11], 256;",
      commitAndWait);
  ByteVector expected = c.out;
  std::copy(c.in.begin(), c.in.end(), expected.begin() + 32);
  expectCopied(c, expected);
  CopyOutcome o = runCopy(c, everySchedule()[0]);
  EXPECT_EQ(o.counters.bulkBytes, 256u);
  EXPECT_EQ(o.counters.asyncBytesLoaded, 0u);
}

TEST(BulkCopy, MaskedStoreKeepsOtherBytes) {
  CopyCase c = storeCase("cp.async.bulk.global.shared::cta.bulk_group.cp_mask "
                         "[%out], [%r11], 256, %h1;",
                         commitAndWait);
  c.body.insert(0, "  mov.b16 %h1, 0x8421;\n");
  ByteVector expected = c.out;
  for (size_t i = 0; i < 256; ++i)
    if (i % 16 == 0 || i % 16 == 5 || i % 16 == 10 || i % 16 == 15)
      expected[i] = c.in[i];
  c.chip = "sm_100a";
  expectCopied(c, expected);
  c.chip = "sm_90a";
  EXPECT_NE(runCopy(c, everySchedule()[0]).loadError.find("sm_100"),
            std::string::npos);
}

const std::string rewrite = "  bar.sync 0;\n  st.shared.b32 [%r11], %r1;\n";

TEST(BulkCopy, SourceIsFreeOnceItHasBeenRead) {
  std::string store =
      "cp.async.bulk.global.shared::cta.bulk_group [%out], [%r11], 256;";
  CopyCase c = storeCase(store, "  cp.async.bulk.commit_group;\n"
                                "  cp.async.bulk.wait_group.read 0;\n" +
                                    rewrite);
  ByteVector expected = c.out;
  std::copy(c.in.begin(), c.in.end(), expected.begin());
  expectCopied(c, expected);
  // Without the wait, or waiting for one group too few.
  expectFindingUnder(storeCase(store, rewrite), FindingKind::InFlight,
                     "yet to read", late);
  expectFindingUnder(storeCase(store, "  cp.async.bulk.commit_group;\n"
                                      "  cp.async.bulk.wait_group.read 1;\n" +
                                          rewrite),
                     FindingKind::InFlight, "yet to read", late);
}

TEST(BulkCopy, TwoCopiesAtWorkOnTheSameBytesAreFound) {
  CopyCase c = storeCase(
      "cp.async.bulk.global.shared::cta.bulk_group [%out], [%r11], 256;",
      "  @%p1 mbarrier.arrive.expect_tx.shared.b64 _, [%r10], 16;\n"
      "  @%p1 cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes "
      "[%r11+240], [%in], 16, [%r10];\n" +
          std::string(waitFirst));
  expectFindingUnder(c, FindingKind::InFlight, "writes bytes", late);
}

TEST(BulkCopy, MarkedBytesMustNotBeStored) {
  CopyCase c = storeCase(
      "cp.async.bulk.global.shared::cta.bulk_group [%out], [%r11], 128;",
      commitAndWait);
  c.poisonAt = 77;
  c.poisonBytes = 1;
  expectFindingUnder(c, FindingKind::PoisonStored, "marked byte",
                     everySchedule());
  c.poisonAt = 128; // not among those stored
  ByteVector expected = c.out;
  std::copy_n(c.in.begin(), 128, expected.begin());
  expectCopied(c, expected);
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

template <typename T, typename F>
void expectReduced(const std::string &name, std::vector<T> in,
                   std::vector<T> out, F f) {
  SCOPED_TRACE(name);
  in.resize(256 / sizeof(T));
  out.resize(256 / sizeof(T));
  CopyCase c = storeCase("cp.reduce.async.bulk.global.shared::cta.bulk_group." +
                             name + " [%out], [%r11], 256;",
                         commitAndWait);
  c.in = bytesOfValues(in);
  c.out = bytesOfValues(out);
  std::vector<T> expected(in.size());
  for (size_t i = 0; i < in.size(); ++i)
    expected[i] = f(out[i], in[i]);
  expectCopied(c, bytesOfValues(expected));
}

TEST(BulkCopy, ReducesIntegers) {
  std::vector<uint32_t> a{0, 1, 5, 0xffffffff, 0x80000000, 77, 9},
      b{0xffffffff, 9, 5, 1, 0x80000000, 0, 10};
  expectReduced<uint32_t>("add.u32", a, b,
                          [](uint32_t o, uint32_t s) { return o + s; });
  expectReduced<uint32_t>("min.u32", a, b,
                          [](uint32_t o, uint32_t s) { return o < s ? o : s; });
  expectReduced<uint32_t>("xor.b32", a, b,
                          [](uint32_t o, uint32_t s) { return o ^ s; });
  expectReduced<uint32_t>("inc.u32", a, b, [](uint32_t o, uint32_t s) {
    return o >= s ? 0 : o + 1;
  });
  expectReduced<uint32_t>("dec.u32", a, b, [](uint32_t o, uint32_t s) {
    return o == 0 || o > s ? s : o - 1;
  });
  expectReduced<int32_t>("max.s32", {-1, 5, -7, INT32_MIN}, {1, -5, -8, 0},
                         [](int32_t o, int32_t s) { return o > s ? o : s; });
  std::vector<int64_t> wide{-1, INT64_MIN, 5}, other{1, INT64_MAX, -5};
  expectReduced<int64_t>("min.s64", wide, other,
                         [](int64_t o, int64_t s) { return o < s ? o : s; });
  expectReduced<uint64_t>("add.u64", {~uint64_t(0), 3}, {2, 4},
                          [](uint64_t o, uint64_t s) { return o + s; });
}

TEST(BulkCopy, ReducesFloatingPoint) {
  expectReduced<float>(
      "add.f32", {1.5f, 0x1p-140f, -3.0f}, {2.25f, 0.0f, 0x1p30f},
      [](float o, float s) { return s == 0x1p-140f ? 0.0f : o + s; });
  expectReduced<double>("add.f64", {1.5, 0x1p-1070}, {2.25, 0x1p-1070},
                        [](double o, double s) { return o + s; });
  // 1 + 2^-11 is a tie and goes to 1; 1.0009765625 + 2^-11 goes up.
  expectReduced<uint16_t>("add.noftz.f16", {0x1000, 0x1000, 0x0001},
                          {0x3c00, 0x3c01, 0x0001}, [](uint16_t o, uint16_t) {
                            return o == 0x3c00   ? 0x3c00
                                   : o == 0x3c01 ? 0x3c02
                                   : o == 0x0001 ? 0x0002
                                                 : 0;
                          });
  expectReduced<uint16_t>(
      "max.bf16", {0x3f80, 0xbf80}, {0xbf80, 0xc000},
      [](uint16_t o, uint16_t s) {
        return o == 0 && s == 0 ? 0 : s == 0x3f80 ? 0x3f80 : 0xbf80;
      });
}

TEST(BulkCopy, FormsThatPtxasRefuses) {
  const char *const forms[] = {
      "cp.reduce.async.bulk.global.shared::cta.bulk_group.add.f16 [%out], "
      "[%r11], 256;",
      "cp.reduce.async.bulk.global.shared::cta.bulk_group.min.f32 [%out], "
      "[%r11], 256;",
      "cp.reduce.async.bulk.global.shared::cta.bulk_group.add.s64 [%out], "
      "[%r11], 256;",
      "cp.reduce.async.bulk.global.shared::cta.bulk_group.and.u32 [%out], "
      "[%r11], 256;",
      "cp.reduce.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx"
      "::bytes.and.b64 [%r11], [%r11], 256, [%r10];",
      "cp.async.bulk.global.shared::cta.bulk_group [%out], [%r11], 20;",
      "cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes"
      ".multicast::cluster [%r11], [%in], 256, [%r10], %h1;",
      "cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes"
      ".L2::cache_hint [%r11], [%r11], 256, [%r10], %d1;",
      "cp.async.bulk.wait_group %r1;"};
  for (const char *form : forms) {
    SCOPED_TRACE(form);
    CopyCase c = storeCase(form, "");
    EXPECT_NE(runCopy(c, everySchedule()[0]).loadError, "");
  }
}

//===----------------------------------------------------------------------===//
// Clusters
//===----------------------------------------------------------------------===//

/// Each CTA fills the first 256 bytes of its buffer from its part of `in`;
/// the barrier expects 256 bytes; then `issue`, wait, and the second 256 bytes
/// go to the CTA's part of `out`. %r5: rank, %r6: the next CTA's rank.
CopyCase clusterCase(unsigned size, const std::string &issue) {
  CopyCase c;
  c.shape = {32, size, size};
  c.in = countingBytes(256 * size, 11);
  c.out = ByteVector(256 * size);
  c.body = std::string(copyProlog) + R"(
  mov.u32 %r5, %cluster_ctarank; add.u32 %r6, %r5, 1;
  setp.eq.u32 %p3, %r6, )" +
           std::to_string(size) + R"(; selp.b32 %r6, 0, %r6, %p3;
  mul.wide.u32 %d8, %r5, 256; add.u64 %d9, %in, %d8;
)" + fill(64, 32) +
           R"(
  @%p1 mbarrier.arrive.expect_tx.shared.b64 _, [%r10], 256;
  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;
  mapa.shared::cluster.u32 %r12, %r11, %r6;
  mapa.shared::cluster.u32 %r13, %r10, %r6;
)" + issue +
           waitFirst + "  add.u32 %r11, %r11, 256;\n" + partOfOut(256) +
           dump(64, 32) +
           "  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;\n";
  return c;
}

TEST(BulkCopy, CopiesToTheNextCta) {
  for (unsigned size : {2u, 4u}) {
    CopyCase c = clusterCase(
        size, "  @%p1 cp.async.bulk.shared::cluster.shared::cta.mbarrier"
              "::complete_tx::bytes [%r12+256], [%r11], 256, [%r13];\n");
    ByteVector expected(c.in.end() - 256, c.in.end());
    expected.insert(expected.end(), c.in.begin(), c.in.end() - 256);
    expectCopied(c, expected);
  }
}

TEST(BulkCopy, MulticastFillsEveryCtaOfTheMask) {
  for (unsigned size : {2u, 4u}) {
    // Rank 0 loads for all, and of its own accord from the second 256 bytes.
    CopyCase c = clusterCase(
        size, "  setp.eq.u32 %p4, %r5, 0; and.pred %p4, %p4, %p1;\n"
              "  mov.b16 %h1, " +
                  std::to_string((1 << size) - 1) +
                  ";\n  @%p4 cp.async.bulk.shared::cluster.global.mbarrier"
                  "::complete_tx::bytes.multicast::cluster [%r11+256], "
                  "[%in+256], 256, [%r10], %h1;\n");
    ByteVector expected;
    for (unsigned i = 0; i < size; ++i)
      expected.insert(expected.end(), c.in.begin() + 256, c.in.begin() + 512);
    expectCopied(c, expected);
    EXPECT_EQ(runCopy(c, everySchedule()[0]).counters.bulkBytes, 256u);
  }
}

TEST(BulkCopy, MaskBeyondTheClusterIsFound) {
  CopyCase c = clusterCase(
      2, "  @%p1 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx"
         "::bytes.multicast::cluster [%r11+256], [%in], 256, [%r10], 5;\n");
  expectFindingUnder(c, FindingKind::AsyncMisuse, "rank 2", everySchedule());
}

TEST(BulkCopy, BarrierMustBeWhereTheDataGoes) {
  CopyCase c =
      clusterCase(2, "  @%p1 cp.async.bulk.shared::cluster.shared::cta.mbarrier"
                     "::complete_tx::bytes [%r12+256], [%r11], 256, [%r10];\n");
  expectFindingUnder(c, FindingKind::AsyncMisuse, "mbarrier is not in the CTA",
                     everySchedule());
}

/// All CTAs add their 256 bytes into the second 256 bytes of rank 0, which
/// starts as zeros: sums may meet there.
TEST(BulkCopy, ReductionsMeetInOneCta) {
  CopyCase c = clusterCase(
      4, "  mapa.shared::cluster.u32 %r12, %r11, 0;\n"
         "  mapa.shared::cluster.u32 %r13, %r10, 0;\n"
         "  setp.ne.u32 %p4, %r5, 0; and.pred %p5, %p4, %p1;\n"
         "  @%p5 cp.reduce.async.bulk.shared::cluster.shared::cta.mbarrier"
         "::complete_tx::bytes.add.u32 [%r12+256], [%r11], 256, [%r13];\n"
         "  @%p4 bra LAST;\n");
  std::string zero = "  shl.b32 %r20, %r1, 2; add.u32 %r20, %r20, %r11;\n"
                     "  st.shared.b32 [%r20+256], 0;\n"
                     "  st.shared.b32 [%r20+384], 0;\n";
  c.body.insert(c.body.find("  @%p1 mbarrier.arrive"), zero);
  size_t count = c.body.find("_, [%r10], 256;");
  c.body.replace(count, 15, "_, [%r10], 768;");
  c.body.insert(c.body.rfind("  barrier.cluster.arrive"), "LAST:\n");
  std::vector<uint32_t> in(256), sum(64);
  std::memcpy(in.data(), c.in.data(), c.in.size());
  for (size_t i = 64; i < 256; ++i)
    sum[i % 64] += in[i];
  c.out = ByteVector(256);
  expectCopied(c, bytesOfValues(sum));
}

TEST(BulkCopy, SharedBytesThatNobodyWroteDoNotReachGlobalMemory) {
  for (const char *copy :
       {"cp.async.bulk.global.shared::cta.bulk_group [%out], [%r11+4096], 16;",
        "cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u32 [%out], "
        "[%r11+4096], 16;"}) {
    SCOPED_TRACE(copy);
    expectFindingUnder(storeCase(copy, commitAndWait),
                       FindingKind::UninitialisedRead, "nobody has written",
                       everySchedule());
  }
}

} // namespace
