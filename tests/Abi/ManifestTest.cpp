// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The manifest's JSON: round trips, canonical bytes, one error per fault.

#include "runtime/Abi/Manifest.h"
#include "runtime/Abi/BoundedJson.h"

#include <fstream>
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
  m.split = 4;
  m.parameters = {{"a", "pointer"},
                  {"m", "i32"},
                  {"d.map", "tensor_map"},
                  {"a.map", "tensor_map"}};
  m.tensorMaps = {{"a", 128, 64, 64}, {"d", 32, 256, 0}};
  m.preconditions = {{"alignment", "a", 8}, {"rows_max", "m", 1 << 24}};
  m.registers = 96;
  m.tensorColumns = 64;
  m.tensorMemory = {{"accumulators", 0, 24, 2}};
  m.certificate = {
      "nybl-prover 1",
      "abcd",
      1 << 24,
      12,
      3,
      {{"a", "never", 4}},
      {{"L1", true, "4 accesses", "M = 1"}, {"L2", false, "", ""}}};
  return m;
}

TEST(Manifest, RoundTrip) {
  std::string text = print(sample());
  auto parsed = parseManifest(text);
  ASSERT_TRUE(parsed) << parsed.message();
  EXPECT_EQ(*parsed, sample());
  EXPECT_EQ(print(*parsed), text);
}

TEST(Manifest, RoundTripOfAPairOfCtas) {
  Manifest m = sample();
  m.split = 1;
  m.cluster = 2;
  auto parsed = parseManifest(print(m));
  ASSERT_TRUE(parsed) << parsed.message();
  EXPECT_EQ(*parsed, m);
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
      {replaced("\"version\": 6", "\"version\": 2"),
       "manifest field 'version': expected 6, got 2; rebuild the artefact"},
      {replaced("\"version\": 6", "\"version\": 7"),
       "manifest field 'version': expected 6, got 7; rebuild the artefact"},
      {replaced("\"split\": 4", "\"split\": 0"),
       "manifest field 'split': 0 is out of range"},
      {replaced("\"split\": 4", "\"split\": 65"),
       "manifest field 'split': 65 is out of range"},
      {replaced("\"cluster\": 1", "\"cluster\": 3"),
       "manifest field 'cluster': 3 is out of range"},
      {replaced("\"cluster\": 1", "\"cluster\": 2"),
       "manifest field 'cluster': expected 1 where tiles are split, got 2 and "
       "a split of 4"},
      {replaced("\"takes_over\": false", "\"takes_over\": true"),
       "manifest field 'takes_over': expected false where tiles are split, for "
       "their CTAs wait for each other, got true and a split of 4"},
      {replaced("\"tensor_maps\"", "\"maps\""),
       "manifest field 'tensor_maps': expected, but missing"},
      {replaced("\"box_rows\": 128", "\"box_rows\": \"128\""),
       "manifest field 'tensor_maps[0].box_rows': expected an integer, got "
       "string"},
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

struct Fault {
  void (*spoil)(Manifest &);
  const char *message; ///< after "manifest field '"
};

const Fault faults[] = {
    {[](Manifest &m) { m.tensorMaps[1].boxRows = 0; },
     "tensor_maps[1].box_rows': expected 1 to 256, got 0"},
    {[](Manifest &m) { m.tensorMaps[0].boxRows = 257; },
     "tensor_maps[0].box_rows': expected 1 to 256, got 257"},
    {[](Manifest &m) { m.tensorMaps[1].boxBytes = 0; },
     "tensor_maps[1].box_bytes': expected a multiple of 16 from 16 to 256, got "
     "0"},
    {[](Manifest &m) { m.tensorMaps[0].boxBytes = 40; },
     "tensor_maps[0].box_bytes': expected a multiple of 16 from 16 to 256, got "
     "40"},
    {[](Manifest &m) { m.tensorMaps[1].boxBytes = 272; },
     "tensor_maps[1].box_bytes': expected a multiple of 16 from 16 to 256, got "
     "272"},
    {[](Manifest &m) { m.tensorMaps[0].boxBytes = 80; },
     "tensor_maps[0].box_bytes': expected at most the bytes of the swizzle, "
     "got 80"},
    {[](Manifest &m) { m.tensorMaps[0].swizzle = 96; },
     "tensor_maps[0].swizzle': expected 0, 32, 64 or 128, got 96"},
    {[](Manifest &m) { m.tensorMaps[0].swizzle = -32; },
     "tensor_maps[0].swizzle': expected 0, 32, 64 or 128, got -32"},
    {[](Manifest &m) { m.tensorMaps[0].operand = "sfa"; },
     "tensor_maps[0].operand': expected a, b or d, each at most once, got "
     "'sfa'"},
    {[](Manifest &m) { m.tensorMaps[1].operand = "a"; },
     "tensor_maps[1].operand': expected a, b or d, each at most once, got 'a'"},
    {[](Manifest &m) { m.tensorMaps.pop_back(); },
     "parameters[2].source': expected the map of an operand of 'tensor_maps', "
     "each at most once, got 'd.map'"},
    {[](Manifest &m) { m.parameters[2].source = "a.map"; },
     "parameters[3].source': expected the map of an operand of 'tensor_maps', "
     "each at most once, got 'a.map'"},
    {[](Manifest &m) { m.parameters[3].source = "a"; },
     "parameters[3].source': expected the map of an operand of 'tensor_maps', "
     "each at most once, got 'a'"},
    {[](Manifest &m) { m.parameters.pop_back(); },
     "tensor_maps': expected a parameter 'a.map' of type tensor_map, got none"},
};

TEST(Manifest, TensorMapsOutOfBoundsAreRefused) {
  for (const auto &[spoil, message] : faults) {
    Manifest m = sample();
    spoil(m);
    auto parsed = parseManifest(print(m));
    ASSERT_FALSE(parsed) << message;
    EXPECT_EQ(parsed.message(), std::string("manifest field '") + message);
  }
}

TEST(Manifest, TensorMapsUpToTheirBoundsAreTaken) {
  for (auto [rows, bytes, swizzle] : {std::tuple{1, 16, 32},
                                      {256, 32, 32},
                                      {256, 64, 64},
                                      {8, 128, 128},
                                      {256, 256, 0}}) {
    Manifest m = sample();
    m.tensorMaps[0] = {"a", rows, bytes, swizzle};
    auto parsed = parseManifest(print(m));
    ASSERT_TRUE(parsed) << parsed.message();
    EXPECT_EQ(*parsed, m);
  }
}

/// Where the fuzzer starts from must be taken, or it gets nowhere; and be no
/// longer than what './dev fuzz' lets it read.
TEST(Manifest, TheFuzzersSamplesAreCurrent) {
  for (auto [name, maps] :
       {std::pair("maps", 2u), {"fewrows", 2u}, {"quantize", 0u}}) {
    std::ifstream file(NYBL_SOURCE_DIR "/tests/Abi/corpus/manifest/" +
                       std::string(name) + ".json");
    std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_LE(text.size(), 4096u);
    auto parsed = parseManifest(text);
    ASSERT_TRUE(parsed) << name << ": " << parsed.message();
    EXPECT_EQ(parsed->tensorMaps.size(), maps);
  }
}

TEST(Manifest, EveryTruncationIsAnError) {
  std::string text = print(sample());
  for (size_t n = 0; n + 2 < text.size(); ++n)
    EXPECT_FALSE(parseManifest(std::string_view(text).substr(0, n))) << n;
}

} // namespace

TEST(BoundedJson, RefusesWhatNestsTooDeeply) {
  auto nested = [](size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
  };
  EXPECT_FALSE(parseBoundedJson(nested(size_t(deepestJson))).is_discarded());
  EXPECT_TRUE(parseBoundedJson(nested(size_t(deepestJson) + 2)).is_discarded());
  EXPECT_TRUE(parseBoundedJson(nested(1000000)).is_discarded());
  EXPECT_TRUE(parseBoundedJson("[1").is_discarded());
}
