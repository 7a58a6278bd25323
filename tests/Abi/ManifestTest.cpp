// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The manifest's JSON: round trips, canonical bytes, one error per fault.

#include "runtime/Abi/Manifest.h"

#include <gtest/gtest.h>

using namespace nybl;

namespace {

Manifest sample() {
  Manifest m;
  m.key = "00ff";
  m.problem = "gemm m=? n=8 k=16 \"quoted\"";
  m.chip = "sm_120a";
  m.schedule = "kind=plain";
  m.kernel = "gemm";
  m.threads = 256;
  m.tileM = m.tileN = 128;
  m.parameters = {{"a", "pointer"}, {"m", "i32"}};
  m.preconditions = {{"alignment", "a", 8}, {"rows_max", "m", 1 << 24}};
  m.registers = 96;
  m.certificate = {"nybl-prover 1",
                   "abcd",
                   1 << 24,
                   {{"L1", true, "shown"}, {"L2", false, "not asked"}}};
  return m;
}

TEST(Manifest, RoundTrip) {
  std::string text = print(sample());
  auto parsed = parseManifest(text);
  ASSERT_TRUE(parsed) << parsed.message();
  EXPECT_EQ(*parsed, sample());
  EXPECT_EQ(print(*parsed), text);
}

TEST(Manifest, NamesUnprovenLemmas) {
  Manifest m = sample();
  EXPECT_EQ(m.certificate.unproven(), "L2");
  m.certificate.lemmas[1].proven = true;
  EXPECT_EQ(m.certificate.unproven(), "");
  m.certificate.lemmas.clear();
  EXPECT_EQ(m.certificate.unproven(), "all lemmas");
}

std::string replaced(std::string from, std::string to) {
  std::string text = print(sample());
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Manifest, EveryFaultIsOneSentence) {
  const std::pair<std::string, std::string> table[] = {
      {"[]", "expected a manifest as a JSON object"},
      {"{", "expected a manifest as a JSON object"},
      {"{}", "manifest field 'version': expected, but missing"},
      {replaced("\"version\": 1", "\"version\": 2"),
       "manifest field 'version': expected 1, got 2; rebuild the artefact"},
      {replaced("\"threads\": 256", "\"threads\": \"256\""),
       "manifest field 'threads': expected an integer, got string"},
      {replaced("\"threads\": 256", "\"threads\": 0"),
       "manifest field 'threads': 0 is out of range"},
      {replaced("\"tile_m\": 128", "\"tile_m\": -1"),
       "manifest field 'tile_m': -1 is out of range"},
      {replaced("\"chip\"", "\"chips\""),
       "manifest field 'chip': expected, but missing"},
      {replaced("\"proven\": true", "\"proven\": 1"),
       "manifest field 'certificate.lemmas[0].proven': expected boolean, got "
       "number"},
      {replaced("\"key\"", "\"extra\": 1, \"key\""),
       "manifest field 'extra': an unknown field"},
  };
  for (const auto &[text, message] : table) {
    auto parsed = parseManifest(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.message(), message);
  }
}

TEST(Manifest, EveryTruncationIsAnError) {
  std::string text = print(sample());
  for (size_t n = 0; n + 2 < text.size(); ++n)
    EXPECT_FALSE(parseManifest(std::string_view(text).substr(0, n))) << n;
}

} // namespace
