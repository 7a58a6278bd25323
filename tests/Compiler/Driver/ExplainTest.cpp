// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Estimates through the compiler's front door: what is in them, and what is
// refused.

#include "compiler/Driver/Compiler.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <set>

using namespace nybl;
using namespace nybl::compiler;
using Json = nlohmann::json;

namespace {

constexpr const char *line = "gemm m=? n=4096 k=7168";

Json explained(const char *problem, const ExplainOptions &options = {}) {
  auto text = explain(problem, "sm_120a", options);
  EXPECT_TRUE(text) << text.message();
  return text ? Json::parse(*text, nullptr, /*allow_exceptions=*/false)
              : Json::object();
}

/// Rows of the launches.
std::vector<int64_t> rowsOf(const char *problem) {
  std::vector<int64_t> rows;
  Json json = explained(problem);
  for (const Json &launch : json["launches"])
    rows.push_back(launch["m"]);
  return rows;
}

TEST(Explain, SomeValuesOfAFreeM) {
  using Rows = std::vector<int64_t>;
  EXPECT_EQ(rowsOf(line), Rows({1, 16, 128, 1024, 8192}));
  EXPECT_EQ(rowsOf("gemm m=1..32 n=64 k=64"), Rows({1, 16}));
  EXPECT_EQ(rowsOf("gemm m=2..15 n=64 k=64"), Rows({2}));
  EXPECT_EQ(rowsOf("gemm m=77 n=64 k=64"), Rows({77}));
}

TEST(Explain, TheLongestResourceBindsAndIsTheEstimate) {
  Json json = explained(line);
  ASSERT_EQ(json["launches"].size(), 5u);
  for (const Json &launch : json["launches"])
    for (const Json &one : launch["best"]) {
      double longest = 0;
      std::string name;
      for (const Json &resource : one["resources"])
        if (resource["us"] > longest) {
          longest = resource["us"];
          name = resource["name"];
        }
      EXPECT_EQ(one["estimate_us"], longest);
      EXPECT_EQ(one["bound"], name);
    }
}

TEST(Explain, TheChosenOneStandsInItsPlace) {
  ExplainOptions options;
  options.m = 512;
  Json launch = explained(line, options)["launches"][0];
  EXPECT_EQ(launch["chosen"]["schedule"],
            "kind=pingpong tile=128x128x128 warps=2x2 stages=4 fill=tma");
  EXPECT_GE(launch["place"], 1);
  EXPECT_LE(launch["place"], launch["candidates"]);
  options.schedule = launch["best"][0]["schedule"];
  Json best = explained(line, options);
  EXPECT_EQ(best["forced"], true);
  EXPECT_EQ(best["launches"][0]["place"], 1);
  EXPECT_EQ(best["launches"][0]["chosen"], launch["best"][0]);
  options.schedule = "tile=48x64x64 warps=1x2"; // in no list of powers of two
  EXPECT_TRUE(explained(line, options)["launches"][0]["place"].is_null());
}

/// The choice is the class's, with what came next; a line that names M may get
/// another.
TEST(Explain, SaysWhatIsChosenAndWhy) {
  ExplainOptions options;
  options.m = 16;
  Json json = explained(line, options), selection = json["selection"];
  EXPECT_EQ(selection["schedule"], json["launches"][0]["chosen"]["schedule"]);
  EXPECT_EQ(selection["rows"], 8192);
  std::string why = selection["why"];
  EXPECT_NE(why.find("M = 8192"), std::string::npos) << why;
  ASSERT_EQ(selection["shortlist"].size(), 5u);
  EXPECT_EQ(selection["shortlist"][0]["schedule"], selection["schedule"]);
  double before = 0;
  for (const Json &one : selection["shortlist"]) {
    EXPECT_GE(one["estimate_us"], before);
    before = one["estimate_us"];
  }
  Json named = json["launches"][0]["if_m_is_named"];
  EXPECT_NE(named, selection["schedule"]);
  Json few = explained("gemm n=4096 k=7168 m=16", {});
  EXPECT_EQ(few["selection"]["schedule"], named);
  EXPECT_EQ(few["selection"]["rows"], 16);
}

TEST(Explain, WithoutRowsNothingIsEstimated) {
  ExplainOptions options;
  options.m = 0;
  Json json = explained(line, options);
  EXPECT_EQ(json["launches"], Json::parse(R"([{"m": 0}])"));
  EXPECT_EQ(json["figures"], "estimates: counted, never measured");
}

TEST(Explain, CardsDiffer) {
  ExplainOptions options;
  options.m = 8192;
  options.schedule = "kind=multistage tile=128x128x128 warps=2x2 stages=2";
  double whole =
      explained(line, options)["launches"][0]["chosen"]["estimate_us"];
  options.card = "rtx-5080";
  Json small = explained(line, options);
  EXPECT_EQ(small["card"]["name"], "rtx-5080");
  EXPECT_GT(small["launches"][0]["chosen"]["estimate_us"], 2 * whole);
}

/// With or without a card.
TEST(Explain, SaysWhichColumnsOfTensorMemoryHoldWhat) {
  EXPECT_TRUE(explained(line)["tensor_memory"].empty());
  auto text = explain(
      line, "sm_100a",
      {"", "kind=tmem tile=128x96x128 warps=4x1 stages=3 fill=tma", {}});
  ASSERT_TRUE(text) << text.message();
  Json memory = Json::parse(*text)["tensor_memory"];
  EXPECT_EQ(memory["columns"], 256);
  EXPECT_EQ(memory["used"], 2 * 96 + 2 * 3 * 8);
  ASSERT_EQ(memory["map"].size(), 3u);
  EXPECT_EQ(memory["map"][2]["holds"], "scale factors of b");
  EXPECT_EQ(memory["map"][2]["first"], 2 * 96 + 3 * 8);
}

Json moved(const char *problem, const char *chip = "sm_120a",
           const ExplainOptions &options = {}) {
  auto text = explain(problem, chip, options);
  EXPECT_TRUE(text) << text.message();
  return text ? Json::parse(*text, nullptr, /*allow_exceptions=*/false)
              : Json::object();
}

/// The bytes of five rows: x, the global scale; codes, and scale factors with
/// those of the padding K blocks, or of all padding.
TEST(Explain, AQuantisationIsCountedByItsBytes) {
  struct Case {
    const char *problem;
    double read, written;
  } table[] = {
      {"quantize m=5 k=80 sf=linear", 5 * 160 + 4, 5 * 40 + 5 * 5},
      {"quantize m=5 k=80 sf=8x4", 5 * 160 + 4, 5 * 40 + 5 * 8},
      {"quantize m=5 k=80 sf=8x4 pad=rows", 5 * 160 + 4, 5 * 40 + 8 * 8},
      {"quantize m=5 k=80 pad=rows", 5 * 160 + 4, 5 * 40 + 128 * 8},
      {"quantize m=5 k=80 x=f32 global=none", 5 * 320, 5 * 40 + 5 * 8},
      {"quantize m=5 k=80 fuse=silu_mul", 5 * 320 + 4, 5 * 40 + 5 * 8},
      {"dequantize m=5 k=80", 5 * 40 + 5 * 5 + 4, 5 * 160},
      {"dequantize m=5 k=80 y=f32 global=none", 5 * 40 + 5 * 5, 5 * 320}};
  for (const Case &c : table) {
    Json launch = moved(c.problem)["launches"][0];
    EXPECT_EQ(launch["read_bytes"], c.read) << c.problem;
    EXPECT_EQ(launch["written_bytes"], c.written) << c.problem;
  }
}

TEST(Explain, AQuantisationIsEstimatedOnEachCardOfItsChip) {
  Json json = moved("quantize k=7168");
  ASSERT_EQ(json["launches"].size(), 5u);
  const Json &few = json["launches"][0], &many = json["launches"][4];
  std::set<std::string> names;
  for (const Json &card : many["cards"]) {
    names.insert(card["name"]);
    double bytes =
        many["read_bytes"].get<double>() + many["written_bytes"].get<double>();
    EXPECT_DOUBLE_EQ(card["estimate_us"].get<double>(),
                     bytes / card["memory_mb_per_second"].get<double>() / 0.9);
    EXPECT_EQ(card["bound"], "memory");
  }
  EXPECT_EQ(names,
            std::set<std::string>({"rtx-5080", "rtx-5090", "rtx-pro-6000"}));
  EXPECT_EQ(few["cards"][0]["bound"], "latency");
  // An exponential and a division for each element, on a chip with much memory.
  Json gated = moved("quantize m=8192 k=7168 fuse=silu_mul", "sm_100a");
  EXPECT_EQ(gated["launches"][0]["cards"][0]["bound"], "issue");
  EXPECT_EQ(
      moved("quantize k=64", "sm_120f", {"gb10", "", 7})["launches"][0]["cards"]
          .size(),
      1u);
  EXPECT_TRUE(
      moved("quantize k=64", "sm_110a")["launches"][0]["cards"].empty());
  EXPECT_EQ(moved("quantize m=0 k=64")["launches"],
            Json::parse(R"([{"m": 0}])"));
}

TEST(Explain, AQuantisationNamesItsTile) {
  Json json = moved("quantize k=7168 pad=rows");
  EXPECT_EQ(json["tile"], Json::parse(R"({"rows": 128, "columns": 64,
                            "threads": 256, "blocks_per_thread": 2})"));
  EXPECT_EQ(json["forced"], false);
  Json forced =
      moved("quantize k=7168", "sm_120a", {"", "tile=16x512x16 warps=1x8", {}});
  EXPECT_EQ(forced["tile"]["rows"], 16);
  EXPECT_EQ(forced["forced"], true);
  EXPECT_EQ(forced["launches"][4]["tiles"], 8192 / 16 * 7168 / 512);
}

TEST(Explain, WhatIsRefused) {
  struct Case {
    const char *problem, *chip, *card, *schedule;
    int64_t m;
    ErrorCode code;
    const char *part;
  } table[] = {
      {"gemm n=64", "sm_120a", "", "", 1, ErrorCode::Invalid, "k=NUMBER"},
      {line, "sm_12", "", "", 1, ErrorCode::Invalid, "unknown chip"},
      {line, "sm_110a", "any", "", 1, ErrorCode::Refused, "sm_110a"},
      {line, "sm_120a", "gb10", "", 1, ErrorCode::Invalid, "unknown card"},
      {line, "sm_120a", "", "kind=fast", 1, ErrorCode::Invalid, "kind=fast"},
      {line, "sm_120a", "", "tile=8x8x64", 1, ErrorCode::Invalid, "tile m"},
      {line, "sm_120a", "", "", -1, ErrorCode::Invalid, "got -1"},
      {"gemm m=1..8 n=64 k=64", "sm_120a", "", "", 9, ErrorCode::Invalid,
       "got 9"},
      {"gemm n=0 k=64", "sm_120a", "", "", 1, ErrorCode::Invalid, "n=0"},
      {"sort k=64", "sm_120a", "", "", 1, ErrorCode::Invalid,
       "expected gemm, quantize or dequantize"},
      {"quantize k=40", "sm_120a", "", "", 1, ErrorCode::Invalid, "16"},
      {"quantize k=64", "sm_90a", "", "", 1, ErrorCode::Refused, "e2m1"},
      {"quantize k=64", "sm_120a", "b200", "", 1, ErrorCode::Invalid, "b200"},
      {"dequantize k=64", "sm_120a", "", "kind=tmem", 1, ErrorCode::Invalid,
       "kind=plain"},
      {"quantize m=1..8 k=64", "sm_120a", "", "", 9, ErrorCode::Invalid,
       "got 9"}};
  for (const Case &c : table) {
    auto text = explain(c.problem, c.chip, {c.card, c.schedule, c.m});
    ASSERT_FALSE(text) << c.part;
    EXPECT_EQ(text.status().code(), c.code) << text.message();
    EXPECT_NE(text.message().find(c.part), std::string::npos) << text.message();
  }
}

TEST(Explain, SaysTheSameAgain) {
  auto first = explain(line, "sm_120a", {}),
       again = explain(line, "sm_120a", {});
  ASSERT_TRUE(first && again);
  EXPECT_EQ(*first, *again);
}

} // namespace
