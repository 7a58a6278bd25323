// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The problem line: round trips, canonical form, errors that point at the word.

#include "runtime/Abi/Problem.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>
#include <vector>

using namespace nybl;

namespace {

TEST(Problem, CanonicalForm) {
  auto p = parseProblem("gemm k=7168  n=4096\tsfa=8x4");
  ASSERT_TRUE(p) << p.message();
  EXPECT_EQ(print(*p),
            "gemm m=? n=4096 k=7168 a=nvfp4 b=nvfp4 sfa=8x4 sfb=128x4 "
            "d=bf16 alpha=tensor bias=none act=none");
}

TEST(Problem, WeightsAreNamedOnlyWhereTheyAreStatic) {
  auto stream = parseProblem("gemm weights=stream n=8 k=16");
  auto other = parseProblem("gemm weights=static n=8 k=16");
  ASSERT_TRUE(stream && other);
  EXPECT_EQ(print(*stream), print(*parseProblem("gemm n=8 k=16")));
  EXPECT_EQ(print(*other), print(*stream) + " weights=static");
  EXPECT_TRUE(specialise(*other).staticWeights);
  EXPECT_FALSE(*stream == *other);
}

TEST(Problem, Extents) {
  EXPECT_TRUE(parseProblem("gemm m=? n=8 k=16")->m.isFree());
  EXPECT_EQ(parseProblem("gemm m=5 n=8 k=16")->m, Extent::fixed(5));
  Extent range = parseProblem("gemm m=1..32 n=8 k=16")->m;
  EXPECT_TRUE(range.contains(32));
  EXPECT_FALSE(range.contains(33));
  EXPECT_TRUE(parseProblem("gemm m=0 n=0 k=16"));
}

GemmProblem randomProblem(std::mt19937 &random) {
  auto pick = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  GemmProblem p;
  int64_t low = pick(0, 100);
  Extent choices[] = {
      Extent::free(), Extent::fixed(low), {low, low + pick(0, 9)}};
  p.m = choices[pick(0, 2)];
  p.n = pick(0, 100000);
  p.k = 16 * pick(1, 1000);
  p.sfa = static_cast<ScaleLayout>(pick(1, 3));
  p.sfb = static_cast<ScaleLayout>(pick(1, 3));
  p.d = static_cast<OutputType>(pick(1, 3));
  p.alpha = static_cast<AlphaKind>(pick(1, 2));
  p.staticWeights = pick(0, 1);
  return p;
}

TEST(Problem, ParseOfPrintIsIdentityInAnyOrder) {
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    GemmProblem p = randomProblem(random);
    std::vector<std::string> words;
    std::string line = print(p), word;
    for (char c : line + " ") {
      if (c != ' ') {
        word += c;
        continue;
      }
      words.push_back(word);
      word.clear();
    }
    std::shuffle(words.begin() + 1, words.end(), random);
    std::string mixed;
    for (const std::string &w : words)
      mixed += w + " ";
    auto parsed = parseProblem(mixed);
    ASSERT_TRUE(parsed) << parsed.message();
    EXPECT_EQ(*parsed, p);
    EXPECT_EQ(print(*parsed), line);
  }
}

/// The least class that holds the range: 16, 32, 64, 128 rows, or any number.
TEST(Problem, SpecialisePutsMIntoAClass) {
  const std::pair<const char *, const char *> table[] = {
      {"?", "?"},         {"0", "0..16"},    {"5", "0..16"},
      {"16", "0..16"},    {"17", "0..32"},   {"1..32", "0..32"},
      {"1..33", "0..64"}, {"128", "0..128"}, {"1..129", "?"},
      {"4096", "?"}};
  for (auto [m, expected] : table) {
    auto p = parseProblem("gemm m=" + std::string(m) + " n=8 k=16 d=f16");
    ASSERT_TRUE(p) << p.message();
    GemmProblem c = specialise(*p);
    EXPECT_EQ(print(c), "gemm m=" + std::string(expected) +
                            " n=8 k=16 a=nvfp4 b=nvfp4 sfa=128x4 sfb=128x4 "
                            "d=f16 alpha=tensor bias=none act=none");
    EXPECT_TRUE(c.m.contains(p->m.low));
    EXPECT_GE(c.m.high, p->m.high);
    EXPECT_EQ(specialise(c), c);
  }
}

TEST(Problem, WiderClassesHoldTheNarrowOnesUpToAFreeM) {
  auto p = parseProblem("gemm m=5 n=8 k=16 d=f16");
  ASSERT_TRUE(p);
  GemmProblem c = specialise(*p);
  std::vector<int64_t> most;
  for (auto next = widerClass(c); next; next = widerClass(*next)) {
    EXPECT_EQ(specialise(*next), *next);
    EXPECT_EQ(next->m.low, 0);
    most.push_back(next->m.high);
    GemmProblem same = *next;
    same.m = c.m;
    EXPECT_EQ(same, c) << "nothing else changes";
  }
  EXPECT_EQ(most, (std::vector<int64_t>{32, 64, 128, Extent::unbounded}));
}

TEST(Problem, OneClassForAnyNAndK) {
  const char *line =
      "gemm m=? n=? k=? a=nvfp4 b=nvfp4 sfa=linear sfb=8x4 d=f16 "
      "alpha=none bias=none act=none";
  auto generic = parseProblem(line);
  ASSERT_TRUE(generic) << generic.message();
  EXPECT_TRUE(generic->isGeneric());
  EXPECT_EQ(print(*generic), line);
  EXPECT_EQ(specialise(*generic), *generic);
  EXPECT_FALSE(widerClass(*generic));
  auto p = parseProblem("gemm m=5 n=8 k=16 sfa=linear sfb=8x4 d=f16 alpha=none "
                        "weights=static");
  ASSERT_TRUE(p) << p.message();
  EXPECT_FALSE(p->isGeneric());
  EXPECT_EQ(genericClass(*p), *generic);
}

struct Bad {
  const char *line, *message;
};

TEST(Problem, ErrorsPointAtTheWord) {
  const Bad table[] = {
      {"",
       "expected a problem line such as 'gemm m=? n=4096 k=7168', got nothing"},
      {"gem n=8 k=16", "at word 1 'gem': unknown operation: expected gemm"},
      {"gemm n=8 k=70", "at word 3 'k=70': k must be a positive multiple of 16 "
                        "(one scale factor "
                        "covers 16 elements), got 70"},
      {"gemm n=8 k=0",
       "at word 3 'k=0': k must be a positive multiple of 16 (one scale factor "
       "covers 16 elements), got 0"},
      {"gemm n=8 kk=16", "at word 3 'kk=16': unknown key 'kk': expected m, n, "
                         "k, a, b, sfa, sfb, d, "
                         "alpha, bias, act or weights"},
      {"gemm n=8 k=16 weights=late",
       "at word 4 'weights=late': expected weights=stream or static, got "
       "'late'"},
      {"gemm n=8 k=16 n=9", "at word 4 'n=9': 'n' was given before, at word 2"},
      {"gemm n=8", "expected k=NUMBER in 'gemm n=8'"},
      {"gemm k=16", "expected n=NUMBER in 'gemm k=16'"},
      {"gemm n=-8 k=16",
       "at word 2 'n=-8': expected a number from 0 to 2147483647, got '-8'"},
      {"gemm n= k=16",
       "at word 2 'n=': expected a number from 0 to 2147483647, got ''"},
      {"gemm n=99999999999999999999 k=16",
       "at word 2 'n=99999999999999999999': expected a number from 0 to "
       "2147483647, got '99999999999999999999'"},
      {"gemm m=5..3 n=8 k=16",
       "at word 2 'm=5..3': expected m=LOW..HIGH with LOW <= HIGH, got 5 > 3"},
      {"gemm n=8 k=16 sfa=4x4",
       "at word 4 'sfa=4x4': unknown scale layout '4x4': "
       "expected linear, 128x4 or 8x4"},
      {"gemm n=8 k=16 a=mxfp4",
       "at word 4 'a=mxfp4': expected a=nvfp4, got 'mxfp4'"},
      {"gemm n=8 k=16 act=gelu",
       "at word 4 'act=gelu': expected act=none, got 'gelu'"},
      {"gemm n=8 k=16 d=f8",
       "at word 4 'd=f8': expected d=bf16, f16 or f32, got 'f8'"},
      {"gemm n=? k=16",
       "expected m=?, n=? and k=? together, which a generic kernel is made "
       "for, or numbers for n and k, got m=? n=? k=16 in 'gemm n=? k=16'"},
      {"gemm n=8 k=?",
       "expected m=?, n=? and k=? together, which a generic kernel is made "
       "for, or numbers for n and k, got m=? n=8 k=? in 'gemm n=8 k=?'"},
      {"gemm m=1..8 n=? k=?",
       "expected m=?, n=? and k=? together, which a generic kernel is made "
       "for, or numbers for n and k, got m=1..8 n=? k=? in 'gemm m=1..8 n=? "
       "k=?'"},
      {"gemm n=8 k=16 \x01",
       "expected printable ASCII in a problem line, got byte 0x01"},
  };
  for (const Bad &bad : table) {
    auto parsed = parseProblem(bad.line);
    ASSERT_FALSE(parsed) << bad.line;
    EXPECT_EQ(parsed.status().code(), ErrorCode::Invalid);
    EXPECT_EQ(parsed.message(), bad.message);
  }
  EXPECT_FALSE(parseProblem(std::string(5000, 'x')));
  EXPECT_FALSE(parseProblem(std::string_view("gemm n=8 k=16\0", 14)));
}

} // namespace
