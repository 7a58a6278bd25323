// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The parts of a range of M: all of it, each row once, each part of a class of
// its own.

#include "runtime/Abi/RowClasses.h"
#include <gtest/gtest.h>

using namespace nybl;

namespace {

using Ends = std::vector<std::pair<int64_t, int64_t>>;
constexpr int64_t any = Extent::unbounded;

Ends endsOf(const std::string &m) {
  Ends ends;
  for (const AnyProblem &part :
       partsByClass(*parseAnyProblem("gemm n=24 k=64 m=" + m))) {
    const Extent &rows = std::get<GemmProblem>(part).m;
    ends.emplace_back(rows.low, rows.high);
  }
  return ends;
}

TEST(RowClasses, CutWhereClassesEnd) {
  EXPECT_EQ(endsOf("?"),
            (Ends{{0, 16}, {17, 32}, {33, 64}, {65, 128}, {129, any}}));
  EXPECT_EQ(endsOf("1..32"), (Ends{{1, 16}, {17, 32}}));
  EXPECT_EQ(endsOf("20..100"), (Ends{{20, 32}, {33, 64}, {65, 100}}));
  EXPECT_EQ(endsOf("100..5000"), (Ends{{100, 128}, {129, 5000}}));
  EXPECT_EQ(endsOf("16"), (Ends{{16, 16}}));
  EXPECT_EQ(endsOf("17"), (Ends{{17, 17}}));
  EXPECT_EQ(endsOf("200..300"), (Ends{{200, 300}}));
}

TEST(RowClasses, EachPartIsOfAClassOfItsOwnAndElseTheProblem) {
  auto problem = *parseAnyProblem("gemm m=3..999 n=24 k=64 d=f32 sfb=8x4");
  std::vector<std::string> classes;
  for (AnyProblem part : partsByClass(problem)) {
    std::string name = print(specialise(part));
    EXPECT_TRUE(classes.empty() || classes.back() != name) << name;
    classes.push_back(name);
    std::get<GemmProblem>(part).m = {3, 999};
    EXPECT_EQ(part, problem);
  }
  EXPECT_EQ(classes.size(), 5u);
}

TEST(RowClasses, AQuantisationIsOnePartAndSoIsAnyNAndK) {
  for (const char *line : {"quantize k=64", "gemm n=? k=?"}) {
    auto problem = *parseAnyProblem(line);
    EXPECT_EQ(partsByClass(problem), std::vector{problem});
  }
}

} // namespace
