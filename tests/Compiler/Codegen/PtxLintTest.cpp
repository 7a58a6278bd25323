// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The lint: silent on good PTX, and a fault for each way to break it.

#include "compiler/Codegen/PtxLint.h"

#include <gtest/gtest.h>

using namespace nybl::compiler;

namespace {

const std::string good = R"(.version 8.7
.target sm_120a
.visible .entry gemm(
	.param .u64 .ptr .global .align 1 p,
	.param .u32 q
)
.reqntid 256
{
	.reg .b64 	%rd<5>;
	.shared .align 128 .b8 stage0[1024];
	ld.param.b64 	%rd2, [p];
	griddepcontrol.wait;
$L__BB0_1:                              // =>This Inner Loop Header
	// begin inline asm
	mov.b64 %rd1, 0;
	@%p1 ld.global.b64 %rd1, [%rd2];
	// end inline asm
	@%p2 ld.global.b8 %rs1, [%rd3];
	@%p4 ld.global.b32 %r1, [%rd3+4];
	st.shared.b64 	[%rd4], %rd1;
	bar.sync 	0;
	mma.sync.aligned.m16n8k64.row.col.kind::mxf4nvf4.block_scale.scale_vec::4X.f32.e2m1.e2m1.f32.ue4m3
	{%r1, %r2, %r3, %r4},
	{%r1, %r2};
	@%p3 st.global.b16 [%rd4], %rs2;
	ret;
}
)";

PtxCounts expected() {
  PtxCounts counts;
  counts.dataLoads = counts.scaleLoads = counts.scalarLoads = 1;
  counts.stores = counts.barriers = counts.multiplies = 1;
  return counts;
}

std::string with(const std::string &from, const std::string &to) {
  std::string text = good;
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

void expectFault(const std::string &ptx, const PtxCounts &counts,
                 const std::string &part) {
  auto status = lintPtx(ptx, "gemm", counts);
  ASSERT_FALSE(status) << part;
  EXPECT_EQ(status.code(), nybl::ErrorCode::Refused);
  EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
}

TEST(PtxLint, SilentOnGoodPtxAndCounts) {
  PtxCounts counts;
  EXPECT_TRUE(findPtxFaults(good, "gemm", counts).empty());
  EXPECT_EQ(counts.dataLoads, 1u);
  EXPECT_EQ(counts.scaleLoads, 1u);
  EXPECT_EQ(counts.scalarLoads, 1u);
  EXPECT_EQ(counts.stores, 1u);
  EXPECT_EQ(counts.barriers, 1u);
  EXPECT_EQ(counts.multiplies, 1u);
  EXPECT_TRUE(lintPtx(good, "gemm", expected()));
}

const std::string parts =
    "turn_0:\n"
    "	ld.acquire.gpu.global.b32 turn, [%rd1];\n"
    "	@%p1 ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%rd2];\n"
    "	st.global.v4.b32 [%rd2], {%r1, %r2, %r3, %r4};\n"
    "	bar.warp.sync 	-1;\n"
    "	@%p2 st.release.gpu.global.b32 [%rd1], %r5;\n"
    "	ret;";

PtxCounts expectedOfParts() {
  PtxCounts counts = expected();
  counts.partWaits = counts.partsDone = counts.sums = counts.sumsLeft = 1;
  counts.warpBarriers = 1;
  return counts;
}

TEST(PtxLint, SilentOnPartsOfTilesAndCountsThem) {
  EXPECT_TRUE(lintPtx(with("ret;", parts), "gemm", expectedOfParts()));
}

/// A turn that nobody waits for, or gives; a sum that is not read, or not left.
TEST(PtxLint, PartsOfTilesThatAreNotWhatWasProven) {
  auto without = [](const std::string &line) {
    std::string text = parts;
    size_t at = text.find(line);
    EXPECT_NE(at, std::string::npos) << line;
    return with("ret;", text.erase(at, text.find(';', at) + 1 - at));
  };
  PtxCounts counts = expectedOfParts();
  expectFault(without("ld.acquire"), counts,
              "expected 1 waits for a part's turn, got 0");
  expectFault(without("@%p2 st.release"), counts,
              "expected 1 parts handed on, got 0");
  expectFault(without("@%p1 ld.global.v4"), counts,
              "expected 1 reads of four sums, got 0");
  expectFault(without("st.global.v4"), counts,
              "expected 1 stores of four sums, got 0");
  expectFault(without("bar.warp.sync"), counts,
              "expected the lanes of the warp to meet");
  auto changed = [](const std::string &from, const std::string &to) {
    std::string text = parts;
    return with("ret;", text.replace(text.find(from), from.size(), to));
  };
  expectFault(changed("ld.acquire.gpu", "ld.relaxed.gpu"), counts,
              "a generic access hides its memory");
  expectFault(changed("ld.acquire", "@%p3 ld.acquire"), counts,
              "expected no predicate");
  expectFault(changed("@%p2 st.release", "st.release"), counts,
              "expected a predicate");
  expectFault(changed("st.release.gpu", "st.release.cta"), counts,
              "a generic access hides its memory");
  expectFault(with("griddepcontrol.wait;", parts + "\n	griddepcontrol.wait;"),
              counts, "before griddepcontrol.wait");
}

TEST(PtxLint, SilentOnCopiesAndCountsThem) {
  std::string copies =
      with("ret;", "cp.async.ca.shared.global [%r1], [%rd1], 8, %r2;\n"
                   "	@%p1 cp.async.ca.shared.global [%r1], [%rd1], 4, %r3;\n"
                   "	cp.async.commit_group;\n"
                   "	cp.async.wait_group 1;\n"
                   "	ret;");
  PtxCounts counts = expected();
  counts.dataCopies = counts.scaleCopies = counts.groups = counts.waits = 1;
  auto status = lintPtx(copies, "gemm", counts);
  EXPECT_TRUE(status) << status.message();
  expectFault(copies, expected(), "expected 0 copies of data, got 1");
}

/// A copy ahead of the wait, from what these lines put into %rd8.
std::string ahead(const std::string &before, const std::string &after = "") {
  return with("griddepcontrol.wait;",
              before + "cp.async.ca.shared.global [%r1], [%rd8], 8, %r2;\n" +
                  after + "griddepcontrol.wait;");
}

TEST(PtxLint, CopiesAheadOfTheWaitAreOfStaticOperands) {
  const std::string stream = "ld.param.b64 %rd8, [gemm_param_0];\n",
                    fixed = "ld.param.b64 %rd7, [gemm_param_3];\n"
                            "cvta.to.global.u64 %rd6, %rd7;\n"
                            "add.s64 %rd8, %rd6, 16;\n";
  PtxCounts counts = expected();
  counts.dataCopies = counts.ahead = 1;
  counts.aheadFrom = {3, 4};
  auto status = lintPtx(ahead(fixed), "gemm", counts);
  EXPECT_TRUE(status) << status.message();
  const std::string early = "before griddepcontrol.wait";
  expectFault(ahead(stream), counts, early);
  expectFault(ahead(fixed + stream), counts, early);
  expectFault(ahead(fixed, stream), counts, early); // as in a loop
  expectFault(ahead(fixed + "ld.param.b64 %rd3, [gemm_param_2];\n"
                            "mov.b64 {%r5, %r6}, %rd3;\n"
                            "cvt.u64.u32 %rd8, %r6;\n"),
              counts, early);
  expectFault(ahead("mov.b64 %rd8, 4096;\n"), counts, early);
  PtxCounts behind = counts;
  behind.ahead = 0;
  expectFault(ahead(fixed), behind,
              "expected 0 copies before griddepcontrol.wait, got 1");
}

/// One thread of the warp that has the group's first.
std::string electedOf(const std::string &group) {
  return "mov.u32 %r7, %tid.x;\n" + group +
         "setp.eq.b32 %p6, %r8, 0;\n"
         "vote.sync.any.pred any, %p6, 0xffffffff;\n"
         "elect.sync _|%p1, 0xffffffff;\n"
         "and.pred %p1, %p1, any;\n";
}
const std::string elected = electedOf("and.b32 %r8, %r7, 127;\n");
const std::string fence = "fence.proxy.async.shared::cta;\n";
const std::string tensorCopy =
    fence + "tcgen05.cp.cta_group::1.32x128b.warpx4 [%r1], %rd1;";

const std::string commit =
    "tcgen05.commit.cta_group::1.mbarrier::arrive::one.shared::cluster.b64 "
    "[%r1];";

const std::string boxStore =
    "cp.async.bulk.tensor.2d.global.shared::cta.tile.bulk_group "
    "[%rd1, {%r1, %r2}], [%r3];";

TEST(PtxLint, SilentOnStoresByTmaAndCountsThem) {
  std::string stores = with("ret;", "cp.async.bulk.wait_group.read 0;\n"
                                    "	bar.warp.sync -1;\n"
                                    "	st.shared.b32 [%rd1], %r1;\n"
                                    "	fence.proxy.async.shared::cta;\n" +
                                        electedOf("and.b32 %r8, %r7, 31;\n") +
                                        "	@%p1 " + boxStore +
                                        "\n	cp.async.bulk.commit_group;\n"
                                        "	cp.async.bulk.wait_group 0;\n"
                                        "	ret;");
  PtxCounts counts = expected();
  counts.elections = 1;
  unsigned PtxCounts::*const each[] = {
      &PtxCounts::boxReads,    &PtxCounts::warpBarriers, &PtxCounts::pairs,
      &PtxCounts::proxyFences, &PtxCounts::boxStores,    &PtxCounts::boxGroups,
      &PtxCounts::boxWaits};
  for (unsigned PtxCounts::*count : each)
    counts.*count = 1;
  auto status = lintPtx(stores, "gemm", counts);
  EXPECT_TRUE(status) << status.message();
  for (unsigned PtxCounts::*count : each) {
    PtxCounts fewer = counts;
    fewer.*count = 0;
    expectFault(stores, fewer, "got 1");
  }
}

const std::string waitForSlot =
    "wait_0:\nmbarrier.try_wait.parity.shared.b64 done, [%r1], %r2;\n"
    "@!done bra wait_0;\n";

/// Scale factors in bulk, or by threads and behind a fence.
const std::string box =
    "mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%r1], 64;\n"
    "cp.async.bulk.tensor.2d.shared::cta.global.tile.mbarrier::complete_tx::"
    "bytes [%r2], [%rd3, {%r3, %r4}], [%r1];\n";
const std::string inBulk =
    elected + "@!%p1 bra $L__BB0_3;\n" + box +
    "@%p3 mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%r1], 2048;\n"
    "@%p3 cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes [%r2], "
    "[%rd1], 512, [%r1];\n"
    "@%p3 cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes [%r3], "
    "[%rd2], 1536, [%r1];\n"
    "@%p3 mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%r1], 512;\n"
    "@%p3 cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes [%r2], "
    "[%rd1], 512, [%r1];\n" +
    waitForSlot + "@!%p2 " + tensorCopy + "\n$L__BB0_3:\nret;";

PtxCounts expectedInBulk() {
  PtxCounts counts = expected();
  counts.bulkCopies = counts.expectations = 3;
  counts.elections = counts.mbarrierWaits = counts.boxes = 1;
  counts.proxyFences = counts.choiceFences = counts.tensorCopies = 1;
  return counts;
}

TEST(PtxLint, SilentOnScalesInBulkAndCountsThem) {
  auto status = lintPtx(with("ret;", inBulk), "gemm", expectedInBulk());
  EXPECT_TRUE(status) << status.message();
}

/// Other bytes than are expected; a fence that is not on every way, or is where
/// none was asked for.
TEST(PtxLint, ScalesInBulkThatAreNotWhatWasProven) {
  auto changed = [](const std::string &from, const std::string &to) {
    std::string text = inBulk;
    size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return with("ret;", text.replace(at, from.size(), to));
  };
  PtxCounts counts = expectedInBulk();
  expectFault(changed("1536", "1520"), counts,
              "expected 16 bytes more of the bulk copies before it");
  expectFault(changed("1536", "1552"), counts,
              "expected at most the bytes that its mbarrier expects, 1536");
  expectFault(changed("@!%p1 bra $L__BB0_3;\n", ""), counts,
              "expected one thread to copy a box");
  expectFault(changed("@!%p1 bra $L__BB0_3;\n" + box, ""), counts,
              "expected one thread to copy in bulk");
  expectFault(changed("@%p3 cp.async.bulk", "cp.async.bulk"), counts,
              "expected a predicate: it copies where all is real");
  expectFault(changed("2048", "%r9"), counts, "expected a number of bytes");
  std::string missing =
      "expected a fence between the wait for what threads may "
      "have written and this";
  expectFault(changed("@!%p2 " + fence, ""), counts, missing);
  expectFault(changed("@!%p2 " + fence,
                      "@%p2 bra $L__BB0_4;\n" + fence + "$L__BB0_4:\n"),
              counts, missing);
  expectFault(
      changed(waitForSlot + "@!%p2 " + fence, "@!%p2 " + fence + waitForSlot),
      counts, missing);
  expectFault(changed("@!%p2 ", ""), counts,
              "expected 1 fences with a predicate, got 0");
  expectFault(changed("@!%p2 fence", "@%p2 fence"), counts,
              "expected a predicate under which it is left out");
  const std::string told =
      "expected the predicate and the mbarrier that were told of it";
  expectFault(changed("@%p3 cp.async.bulk", "@%p4 cp.async.bulk"), counts,
              told);
  expectFault(changed("[%rd2], 1536, [%r1]", "[%rd2], 1536, [%r2]"), counts,
              told);
  const std::string last = "[%rd1], 512, [%r1];\n" + waitForSlot;
  expectFault(changed(last, "[%rd1], 256, [%r1];\n" + waitForSlot), counts,
              "expected 256 bytes more of the last bulk copies");
  counts.bulkCopies = 1;
  expectFault(with("ret;", inBulk), counts, "expected 1 bulk copies, got 3");
}

const std::string answers =
    "@%p1 mbarrier.arrive.expect_tx.shared.b64 _, [%r1], 16;\n"
    "	@%p1 clusterlaunchcontrol.try_cancel.async.shared::cta.mbarrier::"
    "complete_tx::bytes.b128 [%r2], [%r1];\n"
    "	ld.shared.b128 answer, [%r2];\n"
    "	clusterlaunchcontrol.query_cancel.is_canceled.pred.b128 %p2, answer;\n"
    "	@%p2 clusterlaunchcontrol.query_cancel.get_first_ctaid::x.b32.b128 "
    "%r3, "
    "answer;\n"
    "	ret;";

/// One thread asks, an answer is expected, and is asked whether it names a
/// tile.
TEST(PtxLint, LaunchControlThatIsNotWhatWasProven) {
  PtxCounts counts = expected();
  counts.cancellations = counts.answersExpected = counts.answers = 1;
  counts.elections = 1;
  const std::string whole = electedOf("sub.s32 %r8, %r7, 256;\n") + answers;
  auto status = lintPtx(with("ret;", whole), "gemm", counts);
  EXPECT_TRUE(status) << status.message();
  auto changed = [&](const std::string &from, const std::string &to) {
    std::string text = whole;
    size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return with("ret;", text.replace(at, from.size(), to));
  };
  PtxCounts none = counts;
  none.cancellations = 0;
  expectFault(with("ret;", whole), none,
              "expected 0 requests for a tile, got 1");
  expectFault(changed("@%p1 cluster", "cluster"), counts,
              "expected one thread to ask for a tile");
  expectFault(changed("@%p1 cluster", "@!%p1 cluster"), counts,
              "expected the predicate of an elected thread");
  for (std::string other : {"and.b32 %r8, %r7, 31", "and.b32 %r8, %r7, 127"})
    expectFault(changed("sub.s32 %r8, %r7, 256", other), counts,
                "expected a thread that is elected in one warp alone");
  expectFault(changed("@%p2 cluster", "cluster"), counts,
              "not every answer names a tile");
  expectFault(changed("@%p1 mbarrier", "// "), counts,
              "expected 1 answers to expect, got 0");
  expectFault(changed("is_canceled.pred", "get_first_ctaid::y.b32"), counts,
              "an operation of launch control that no kernel of ours makes");
}

TEST(PtxLint, FindsEachFault) {
  const std::pair<std::string, std::string> table[] = {
      {with("@%p2 ld.global.b8", "ld.global.b8"), "without a predicate"},
      {with("@%p3 st.global.b16", "st.global.b16"), "without a predicate"},
      {with("	griddepcontrol.wait;\n", ""), "before griddepcontrol.wait"},
      {with("	griddepcontrol.wait;\n", "	@%p1 griddepcontrol.wait;\n"),
       "before griddepcontrol.wait"},
      {with("st.global.b16", "st.global.v2.b16"), "widened"},
      {with("st.global.b16", "st.global.v2.b64"), "expected 1 stores, got 0"},
      {with("ld.global.b8 %rs1", "ld.global.v4.b8 {%rs1}"), "widened"},
      {with("ld.global.b64 %rd1, [%rd2]", "ld.global.b64 %rd2, [%rd2]"),
       "the register of the address is the one of the result"},
      {with("ld.global.b64 %rd1, [%rd2]", "ld.global.b64 %rd2, [%rd2+8]"),
       "the register of the address is the one of the result"},
      {with("ret;", "st.local.b32 [%rd9], %r1;"), "local memory"},
      {with("	ld.param", "	.local .align 4 .b8 depot[8];\n	ld.param"),
       "local memory"},
      {with("ret;", "call.uni f;"), "a call"},
      {with("@%p1 ld.global.b64", "@%p1 ld.b64"), "generic access"},
      {with("st.shared.b64 	[%rd4]", "st.v2.b64 [%rd4]"), "generic access"},
      {with("ld.global.b64", "ld.relaxed.gpu.global.b64"), "generic access"},
      {with("ld.global.b64", "ld.global.nc.b64"), "no kernel of ours makes"},
      {with("ret;", "@%p1 atom.global.add.u32 %r1, [%rd1], 1;"),
       "no kernel of ours has"},
      {with("ret;", "@%p1 red.global.add.u32 [%rd1], 1;"),
       "no kernel of ours has"},
      {with("ret;", "cp.async.ca.shared.global [%r1], [%rd1], 16, %r2;"),
       "a copy that no kernel of ours makes"},
      {with("ret;", "cp.async.ca.shared.global [%r1], [%rd1], 8;"),
       "a copy that no kernel of ours makes"},
      {with("ret;", "cp.async.bulk.wait_group.read 1;"),
       "a copy that no kernel of ours makes"},
      {with("ret;", "cp.async.bulk.global.shared::cta.bulk_group [%rd1], "
                    "[%r1], 128;"),
       "a copy that no kernel of ours makes"},
      {with("ret;", boxStore), "expected one thread to store a box"},
      {with("	griddepcontrol.wait;\n",
            "	@%p1 " + boxStore + "\n	griddepcontrol.wait;\n"),
       "before griddepcontrol.wait"},
      {with("ret;", "cp.async.ca.shared.global [%r1], [%rd1], 4, 4;"),
       "expected the size of the source in a register"},
      {with("ret;", "elect.sync _|%p1, 0xffff;"),
       "expected all lanes of a warp to take part"},
      {with("ret;", "@%p1 vote.sync.any.pred %p2, %p1, 0xffffffff;"),
       "expected all lanes of a warp to take part"},
      {with("ret;", "elect.sync _|%p1, 0xffffffff;"),
       "expected 0 elections of a thread, got 1"},
      {with("ret;", elected + tensorCopy),
       "expected to be behind an elected thread's branch"},
      {with("ret;", "@%p2 bra $L__BB0_2;\n" + elected +
                        "@!%p1 bra $L__BB0_3;\n$L__BB0_2:\n" + tensorCopy),
       "expected to be behind an elected thread's branch"},
      {with("ret;", elected + "@!%p1 bra $L__BB0_3;\n$L__BB0_2:\n" +
                        tensorCopy + "\n$L__BB0_3:\nbra $L__BB0_2;"),
       "expected to be behind an elected thread's branch"},
      {with("ret;", elected + "@%p1 bra $L__BB0_3;\n" + tensorCopy),
       "expected to be behind an elected thread's branch"},
      // A loop of the elected one's.
      {with("ret;", elected + "@!%p1 bra $L__BB0_3;\n$L__BB0_2:\n" +
                        tensorCopy + "\n@%p2 bra $L__BB0_2;\n$L__BB0_3:\nret;"),
       "expected 0 elections of a thread, got 1"},
      {with("ret;", elected + "@!%p1 bra $L__BB0_3;\n" + tensorCopy),
       "expected 0 elections of a thread, got 1"},
      // Who is elected is of one warp, and that is whole.
      {with("ret;", elected + "@!%p1 bra $L__BB0_3;\n" + elected),
       "one thread is here alone"},
      {with("ret;", electedOf("and.b32 %r8, %r7, 31;\n") +
                        "@!%p1 bra $L__BB0_3;\n" + tensorCopy),
       "expected a thread that is elected in one warp alone"},
      {with("ret;", electedOf("rem.u32 %r8, %r7, 40;\n") +
                        "@!%p1 bra $L__BB0_3;\n" + tensorCopy),
       "expected a thread that is elected in one warp alone"},
      {with("ret;", "elect.sync _|%p1, 0xffffffff;\n@!%p1 bra $L__BB0_3;\n" +
                        tensorCopy),
       "expected the predicate of an elected thread"},
      {with("ret;", elected + "@%p6 " + commit),
       "expected the predicate of an elected thread"},
      {with("ret;", electedOf("and.b32 %r8, %r7, 63;\n") + "@%p1 " + commit),
       "expected a thread that is elected in one warp alone"},
      {with("ret;", elected + "@%p6 " + boxStore),
       "expected the predicate of an elected thread"},
      {with("ret;", elected + "setp.lt.u32 %p5, %r7, 40;\n"
                              "@%p5 bra $L__BB0_4;\n"),
       "this parts a warp"},
      {with("ret;", elected + "setp.lt.u32 %p5, %r7, 40;\n"
                              "and.pred %p4, %p2, %p5;\n"
                              "@%p4 bra $L__BB0_4;\n"),
       "this parts a warp"},
      // Threads before the first would be below any number.
      {with("ret;", "mov.u32 %r7, %tid.x;\nsub.s32 %r8, %r7, 256;\n"
                    "setp.lt.s32 %p6, %r8, 32;\n"
                    "vote.sync.any.pred any, %p6, 0xffffffff;\n"
                    "elect.sync _|%p1, 0xffffffff;\n"
                    "and.pred %p1, %p1, any;\n@%p1 " +
                        commit),
       "expected a thread that is elected in one warp alone"},
      {with("ret;", elected + "setp.lt.u32 %p5, %r7, 64;\n"
                              "@%p5 bra $L__BB0_4;\n"),
       "expected 0 elections of a thread, got 1"},
      {with("	griddepcontrol.wait;\n",
            "	cp.async.ca.shared.global [%r1], [%rd1], 8, %r2;\n"
            "	griddepcontrol.wait;\n"),
       "before griddepcontrol.wait"},
      {with("ret;", "mov.b64 %rd1, 0; prefetch.global.L2 [%rd1];"),
       "no kernel of ours has"},
      {with("gemm(", "other("), "no entry 'gemm'"},
  };
  for (const auto &[ptx, part] : table)
    expectFault(ptx, expected(), part);
}

const std::string pairStep =
    elected + "@!%p1 bra $L__BB0_3;\n" + fence +
    "tcgen05.cp.cta_group::2.32x128b.warpx4 [%r1], %rd1;\n"
    "tcgen05.commit.cta_group::2.mbarrier::arrive::one.shared::cluster"
    ".multicast::cluster.b64 [%r1], %rs1;\n"
    "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %p2, [%r1], "
    "%r2;\n"
    "mapa.shared::cluster.u32 %r3, %r1, 0;\n"
    "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r3];\n"
    "$L__BB0_3:\n"
    "barrier.cluster.arrive.release.aligned;\n"
    "barrier.cluster.wait.acquire.aligned;\n"
    "ret;";

std::string ofPair(const std::string &from = "", const std::string &to = "") {
  std::string text = with("ret;", pairStep);
  text.replace(text.find("\n{"), 1, "\n.reqnctapercluster 2, 1, 1\n");
  if (!from.empty())
    text.replace(text.find(from), from.size(), to);
  return text;
}

/// Of clusters of two CTAs all is of both, and one thread meets the other's.
TEST(PtxLint, PairsOfCtas) {
  PtxCounts counts = expected();
  counts.byPairs = true;
  counts.elections = counts.tensorCopies = counts.tensorCommits = 1;
  counts.proxyFences = 1;
  counts.pairMeetings = counts.pairArrivals = counts.pairWaits = 1;
  nybl::Status good = lintPtx(ofPair(), "gemm", counts);
  EXPECT_TRUE(good) << good.message();
  expectFault(ofPair(".reqnctapercluster 2, 1, 1", ""), counts,
              "expected the PTX to ask for clusters of two CTAs");
  expectFault(ofPair("2, 1, 1", "4, 1, 1"), counts,
              "expected the PTX to ask for clusters of two CTAs");
  expectFault(ofPair("cp.cta_group::2", "cp.cta_group::1"), counts,
              "an operation on tensor memory that no kernel of ours makes");
  expectFault(ofPair(".multicast::cluster.b64 [%r1], %rs1", ".b64 [%r1]"),
              counts, "an operation on tensor memory that no kernel of ours");
  expectFault(with("\n{", "\n.reqnctapercluster 2, 1, 1\n{"), expected(),
              "expected the PTX to ask for no clusters of CTAs");
  expectFault(ofPair(fence, ""), counts,
              "expected a fence between the wait for what threads may have");
  expectFault(ofPair("elect.sync _|%p1, 0xffffffff;", ""), counts,
              "expected to be behind an elected thread's branch");
  for (unsigned PtxCounts::*count :
       {&PtxCounts::pairMeetings, &PtxCounts::pairArrivals,
        &PtxCounts::pairWaits}) {
    PtxCounts more = counts;
    more.*count = 2;
    expectFault(ofPair(), more, "expected 2 ");
  }
}

/// What LLVM dropped or made twice.
TEST(PtxLint, CountsAreThoseOfTheKernel) {
  expectFault(with("	bar.sync 	0;\n", ""), expected(),
              "expected 1 barriers, got 0");
  expectFault(with("	@%p3 st.global.b16 [%rd4], %rs2;\n", ""), expected(),
              "expected 1 stores, got 0");
  struct Row {
    unsigned PtxCounts::*count;
    const char *part;
  };
  const Row rows[] = {
      {&PtxCounts::dataLoads, "expected 2 loads of data, got 1"},
      {&PtxCounts::scaleLoads, "expected 2 loads of scale factors, got 1"},
      {&PtxCounts::scalarLoads, "expected 2 loads of scalars, got 1"},
      {&PtxCounts::dataCopies, "expected 2 copies of data, got 0"},
      {&PtxCounts::scaleCopies, "expected 2 copies of scale factors, got 0"},
      {&PtxCounts::groups, "expected 2 groups of copies, got 0"},
      {&PtxCounts::waits, "expected 2 waits for copies, got 0"},
  };
  for (const Row &row : rows) {
    PtxCounts counts = expected();
    counts.*row.count = 2;
    expectFault(good, counts, row.part);
  }
  expectFault(with("st.global.b16", "st.global.b32"), expected(),
              "expected 0 stores of 4 bytes, got 1");
  PtxCounts counts = expected();
  counts.multiplies = 0;
  expectFault(good, counts, "expected at most 0 multiplies, got 1");
  counts.multiplies = 2;
  EXPECT_TRUE(lintPtx(good, "gemm", counts));
}

} // namespace
