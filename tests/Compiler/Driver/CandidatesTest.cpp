// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Candidates through the compiler's front door: each of them compiles, the
// best comes first, and what is refused.

#include "compiler/Driver/Compiler.h"
#include "runtime/Abi/KernelProvider.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace nybl;
using namespace nybl::compiler;
using Json = nlohmann::json;

namespace {

Json listed(const char *problem, const CandidatesOptions &options) {
  auto text = listCandidates(problem, "sm_120a", options);
  EXPECT_TRUE(text) << text.message();
  std::string header = NYBL_CANDIDATES_HEADER "\n";
  if (!text || text->substr(0, header.size()) != header)
    return Json::object();
  return Json::parse(text->substr(header.size()), nullptr,
                     /*allow_exceptions=*/false);
}

TEST(ListCandidates, BestFirstAndAsManyAsWanted) {
  Json all = listed("gemm n=4096 k=7168", {"", 16, 0});
  Json some = listed("gemm m=16 k=7168 n=4096", {"", 16, 5});
  ASSERT_GT(all["candidates"].size(), 100u);
  EXPECT_EQ(all["total"], all["candidates"].size());
  EXPECT_EQ(some["total"], all["total"]);
  EXPECT_EQ(all["problem"].get<std::string>().find("gemm m=? n=4096"), 0u);
  EXPECT_EQ(some["problem"].get<std::string>().find("gemm m=0..16 n=4096"), 0u)
      << "the class of 16 rows";
  ASSERT_EQ(some["candidates"].size(), 5u);
  double last = 0;
  for (size_t i = 0; i < 5; ++i) {
    const Json &one = some["candidates"][i];
    EXPECT_EQ(one, all["candidates"][i]);
    EXPECT_GE(one["estimate_us"].get<double>(), last * 0.999);
    last = one["estimate_us"];
    EXPECT_EQ(one["resources"].size(), 6u);
  }
  EXPECT_NE(listed("gemm n=4096 k=7168", {"", 8192, 5}), some);
}

TEST(ListCandidates, TheFirstOnesCompile) {
  for (const char *problem : {"gemm n=96 k=80", "gemm n=64 k=256"}) {
    Json some = listed(problem, {"", 100, 3});
    for (const Json &one : some["candidates"]) {
      CompileOptions options;
      options.schedule = one["schedule"];
      options.emit = "certificate";
      auto artefact = compile(problem, "sm_120a", options);
      EXPECT_TRUE(artefact) << options.schedule << ": " << artefact.message();
    }
  }
}

TEST(ListCandidates, Refusals) {
  auto fails = [](const char *problem, const char *chip,
                  const CandidatesOptions &options, ErrorCode code) {
    auto text = listCandidates(problem, chip, options);
    EXPECT_FALSE(text) << problem;
    EXPECT_EQ(text.status().code(), code) << text.message();
  };
  fails("gemm n=64", "sm_120a", {"", 1, 0}, ErrorCode::Invalid);
  fails("gemm n=0 k=64", "sm_120a", {"", 1, 0}, ErrorCode::Invalid);
  fails("gemm n=64 k=64", "sm_12", {"", 1, 0}, ErrorCode::Invalid);
  fails("gemm n=64 k=64", "sm_90a", {"", 1, 0}, ErrorCode::Refused);
  fails("gemm n=64 k=64", "sm_120a", {"no-card", 1, 0}, ErrorCode::Invalid);
  for (int64_t m : {int64_t(-1), int64_t(0), (int64_t(1) << 31) + 1})
    fails("gemm n=64 k=64", "sm_120a", {"", m, 0}, ErrorCode::Invalid);
}

} // namespace
