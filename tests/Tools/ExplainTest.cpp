// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl explain: text, JSON and exit codes, with the fake compiler of
// tests/Runtime, which names the same figures for every problem.

#include "tests/Tools/Command.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace nybl::tests;
using Json = nlohmann::json;

namespace {

Outcome explain(std::vector<std::string> more,
                const char *problem = "gemm m=1..9 n=24 k=48") {
  std::vector<std::string> arguments = {"explain", problem, "--chip",
                                        "sm_120a", "--jit", NYBL_TEST_FAKE_JIT};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return nyblCommand(arguments);
}

void expectPart(const std::string &text, const char *part) {
  EXPECT_NE(text.find(part), std::string::npos)
      << "expected '" << part << "' in: " << text;
}

TEST(Explain, ReadsAsAPersonWouldSayIt) {
  Outcome said = explain({});
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(said.err, "");
  for (const char *part :
       {"gemm m=1..9 n=24 k=48 a=nvfp4",
        "D [M, 24] in bf16 = alpha * A [M, 48] * B [24, 48] transposed",
        "M from 1 to 9\n",
        "sm_120a on fake-card: 4 multiprocessors at 1.50 GHz, 1 MiB of L2, "
        "memory 1 GB/s, peak 6 TFLOP/s\n",
        "Estimates: counted, never measured.\n",
        "`nybl compile` takes kind=fake:\n  because\n",
        "    2        3.50 us  memory        kind=next\n",
        "Tensor memory: 512 columns, of which 384 are used\n"
        "    0 to 127  accumulators, stage 0\n"
        "  128 to 255  accumulators, stage 1\n"
        "  256 to 319  scale factors of a, 4 slots of 16 columns\n",
        "  with m=3 in the problem line: kind=small\n",
        "M = 3, kind=fake (what `nybl compile` takes, number 2 of 9 by the "
        "estimate)\n",
        "estimate 2.50 us, 1.5 TFLOP/s, 25.0 % of the peak; bound by L2\n",
        "2.50 us   100 %  4.0 KB\n", "1.00 us    40 %  5.0 MB\n",
        "6 tiles, 4 at a time: 1.5 waves, the last 50.0 % full\n",
        "4 of 4 multiprocessors busy, 7.0 KB in flight on each\n",
        "    1        2.50 us  L2            kind=best\n"})
    expectPart(said.out, part);
  expectPart(explain({}, "gemm n=24 k=48").out, "; any M\n");
  expectPart(explain({}, "gemm m=7 n=24 k=48 alpha=none").out,
             "D [7, 24] in bf16 = A [7, 48]");
}

TEST(Explain, AQuantisationReadsSoToo) {
  Outcome said = explain({}, "quantize m=2..9 k=48 fuse=silu_mul");
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(
      said.out,
      "quantize m=2..9 k=48 x=bf16 q=nvfp4 sf=128x4 global=encode math=exact "
      "pad=none fuse=silu_mul\n"
      "q [M, 48] in NVFP4, scale factors 128x4, from x [M, 96] in bf16 by the "
      "encode scale of the tensor; math=exact; M from 2 to 9\n"
      "Estimates: counted, never measured.\n"
      "\n`nybl compile` takes kind=fake:\n  because\n"
      "Tiles of 8 rows and 64 columns, each by 32 threads with 1 block of 16 "
      "elements in registers; no shared memory, one pass.\n"
      "\n         M        read     written     tiles   fake-card us     \n"
      "         3      2.5 KB      1.5 KB         2        1.25 memory \n"
      "memory: each byte once, at nine tenths of the card's rate (fake-card 5 "
      "GB/s); what L2 still holds of the kernel before comes faster.\n"
      "issue: 99 instructions of warps a tile. latency: one access to memory, "
      "which no launch is shorter than.\n");
  expectPart(explain({}, "dequantize k=48 y=f32 global=none").out,
             "\ny [M, 48] in f32 from q [M, 48] in NVFP4, scale factors 128x4, "
             "by no other scale; any M\n");
  Outcome json = explain({"--json"}, "quantize k=48");
  EXPECT_EQ(Json::parse(json.out, nullptr, false)["tile"]["rows"], 8);
  EXPECT_EQ(explain({"--card", "any"}, "quantize k=48").code, 2);
  EXPECT_EQ(explain({}, "quantize k=40").code, 2);
}

TEST(Explain, JsonIsTheCompilersOwn) {
  Outcome said = explain({"--json", "--m", "3"});
  EXPECT_EQ(said.code, 0);
  Json json = Json::parse(said.out, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(json.is_object()) << said.out;
  EXPECT_EQ(json["card"]["name"], "fake-card");
  EXPECT_EQ(json["launches"][0]["place"], 2);
}

TEST(Explain, BadInput) {
  const std::pair<std::vector<std::string>, const char *> table[] = {
      {{"--schedule", "cubin"}, "the fake refuses"},
      {{"--card", "any"}, "the fake refuses"},
      {{"--schedule", "silent"}, "failed with code 1 and gave no reason"},
      {{"--m", "few"}, "few"},
      {{"--m", "010"}, "got '010'"},
      {{"--m", "99999999999999999999"}, "expected a decimal number"},
      {{"--m", "-1"}, "got '-1'"},
      {{"--m", ""}, "--m"},
      {{"--card", ""}, "--card"},
      {{"--schedule", ""}, "--schedule"},
      {{"--wat"}, "--wat"}};
  for (const auto &[arguments, part] : table) {
    Outcome said = explain(arguments);
    EXPECT_EQ(said.code, 2) << part;
    EXPECT_EQ(said.out, "") << part;
    expectPart(said.err, part);
  }
  EXPECT_EQ(explain({}, "gemm n=24 k=47").code, 2);
  EXPECT_EQ(nyblCommand({"explain", "gemm n=24 k=48"}).code, 2); // no chip
}

TEST(Explain, AnotherCompilerIsTheEnvironments) {
  EXPECT_EQ(explain({"--jit", "/nonexistent/libnybl_jit.so"}).code, 2);
  EXPECT_EQ(nyblCommand({"explain", "gemm n=24 k=48", "--chip", "sm_120a",
                         "--jit", "/nonexistent/libnybl_jit.so"})
                .code,
            3);
  Outcome garbage = explain({"--schedule", "garbage"});
  EXPECT_EQ(garbage.code, 3);
  expectPart(garbage.err, "expected a JSON object");
}

} // namespace
