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
	.param .u64 p
)
{
	griddepcontrol.wait;
	@%p1 ld.global.b64 %rd1, [%rd2];
	@%p2 ld.global.b8 %rs1, [%rd3];
	mma.sync.aligned.m16n8k64.row.col.kind::mxf4nvf4.block_scale.scale_vec::4X.f32.e2m1.e2m1.f32.ue4m3
	@%p3 st.global.b16 [%rd4], %rs2;
	ret;
}
)";

std::string with(const std::string &from, const std::string &to) {
  std::string text = good;
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(PtxLint, SilentOnGoodPtxAndCounts) {
  PtxCounts counts;
  EXPECT_TRUE(findPtxFaults(good, "gemm", counts).empty());
  EXPECT_EQ(counts.globalLoads, 2u);
  EXPECT_EQ(counts.byteLoads, 1u);
  EXPECT_EQ(counts.globalStores, 1u);
  EXPECT_EQ(counts.multiplies, 1u);
  EXPECT_TRUE(lintPtx(good, "gemm"));
}

TEST(PtxLint, FindsEachFault) {
  const std::pair<std::string, std::string> table[] = {
      {with("@%p2 ld.global.b8", "ld.global.b8"), "without a predicate"},
      {with("@%p3 st.global.b16", "st.global.b16"), "without a predicate"},
      {with("	griddepcontrol.wait;\n", ""), "before griddepcontrol.wait"},
      {with("ld.global.b8 %rs1", "ld.global.v4.b8 {%rs1}"), "widened"},
      {with("ret;", "st.local.b32 [%rd9], %r1;"), "local memory"},
      {with("ret;", "call.uni f;"), "a call"},
      {with("@%p1 ld.global.b64", "@%p1 ld.b64"), "generic access"},
      {with("mma.sync", "// mma.sync"), "no mma.sync"},
      {with("gemm(", "other("), "no entry 'gemm'"},
  };
  for (const auto &[ptx, part] : table) {
    auto status = lintPtx(ptx, "gemm");
    ASSERT_FALSE(status) << part;
    EXPECT_NE(status.message().find(part), std::string::npos)
        << status.message();
  }
}

} // namespace
