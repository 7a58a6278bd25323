// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Random templates under random schedules: each is refused in so many words, or
// runs and gives what the interpreter gives, bit for bit, with poison in all
// padding. One seed is one test: run it again with
// --gtest_filter='*RandomTemplate.*/SEED'; NYBL_RANDOM_SEEDS=FIRST,LAST takes
// other seeds than the first 500.

#include "tests/EndToEnd/Templates/RandomTemplate.h"
#include "runtime/Abi/Manifest.h"
#include "tests/EndToEnd/Gemm/Road.h"
#include "tests/Oracle/Gemm.h"
#include "tests/TileInterpreter/TileInstance.h"
#include "tests/TileInterpreter/TileInterpreter.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>
#include <numeric>

using namespace nybl;
using namespace nybl::road;

namespace {

/// What became of the cases of this process.
struct Tally {
  int cases = 0, equal = 0, noMeaning = 0, invalid = 0, refuted = 0,
      unproven = 0;
};
Tally tally;

/// The emulated chip of this process.
std::string chip() {
  const char *text = std::getenv("NYBL_EMU_CHIP");
  return text ? text : "sm_120a";
}

class RandomTemplate : public testing::TestWithParam<int> {
protected:
  static void TearDownTestSuite() {
    std::printf("%d cases: %d ran as they mean, %d ran and mean nothing for "
                "this M, %d invalid, %d refuted, %d not proven\n",
                tally.cases, tally.equal, tally.noMeaning, tally.invalid,
                tally.refuted, tally.unproven);
    // A generator whose kernels are all refused tests nothing.
    if (tally.cases >= 50)
      EXPECT_GE(tally.equal * 10, tally.cases * 3);
  }
};

bool contains(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

/// A refusal says what the template did; anything of the compiler's later
/// stages in it would be a failure of ours.
void expectCleanRefusal(const Run &run) {
  switch (run.status) {
  case NYBL_INVALID:
    ++tally.invalid;
    break;
  case NYBL_REFUSED:
    ++tally.refuted;
    EXPECT_TRUE(contains(run.error, "refuted: ")) << run.error;
    break;
  case NYBL_UNPROVEN:
    ++tally.unproven;
    EXPECT_TRUE(contains(run.error, "not proven")) << run.error;
    break;
  default:
    ADD_FAILURE() << "status " << run.status << ": " << run.error;
  }
  EXPECT_FALSE(run.error.empty());
  EXPECT_FALSE(contains(run.error, "\n")) << run.error;
  for (const char *ours :
       {"without a message", "ptx", "PTX", "llvm", "LLVM", "nvvm"})
    EXPECT_FALSE(contains(run.error, ours)) << run.error;
}

/// True if the certificate claims the lemma.
bool isProven(const Run &run, const std::string &name) {
  nybl_plan_details details = {};
  details.size = sizeof details;
  EXPECT_EQ(nybl_plan_info(run.plan, &details), NYBL_OK);
  Expected<Manifest> manifest = parseManifest(details.manifest_json);
  EXPECT_TRUE(manifest) << manifest.message();
  return manifest && std::ranges::any_of(
                         manifest->certificate.lemmas, [&](const Lemma &lemma) {
                           return lemma.name == name && lemma.proven;
                         });
}

/// Equal bits; which of the NaNs is nobody's promise.
void expectSame(const RandomCase &c, const std::vector<uint8_t> &device,
                const std::vector<uint8_t> &meant) {
  ASSERT_EQ(device.size(), meant.size());
  OutputType type = c.problem.d;
  for (size_t i = 0; i < meant.size() / byteWidth(type); ++i) {
    uint32_t got = oracle::elementBits(type, device, i);
    uint32_t want = oracle::elementBits(type, meant, i);
    bool nans = std::isnan(oracle::decodeElement(type, got)) &&
                std::isnan(oracle::decodeElement(type, want));
    ASSERT_TRUE(got == want || nans)
        << "row " << i / c.problem.n << ", column " << i % c.problem.n << ": "
        << oracle::decodeElement(type, got) << ", meant "
        << oracle::decodeElement(type, want);
  }
}

void expectWhatItMeans(const RandomCase &c, const Run &run,
                       const oracle::QuantizedMatrix &a,
                       const oracle::QuantizedMatrix &b) {
  EXPECT_TRUE(run.ok()) << run.error
                        << (run.reports.empty() ? "" : run.reports[0]);
  oracle::Instance instance(c.problem, c.text, c.schedule, chip());
  ASSERT_TRUE(instance.kernel);
  float alpha = c.encodeAlpha ? 1.0f / c.alpha : c.alpha;
  auto meant =
      oracle::interpretTile(instance.kernel, {a, b, alpha}, c.problem.d);
  if (meant) {
    ++tally.equal;
    return expectSame(c, run.d, meant->bytes);
  }
  // An element that is stored never or twice; no proof may say otherwise.
  EXPECT_EQ(meant.status().code(), ErrorCode::Refused) << meant.message();
  EXPECT_FALSE(isProven(run, "L4")) << meant.message();
  ++tally.noMeaning;
}

TEST_P(RandomTemplate, MeansWhatItSaysOrIsRefused) {
  Session *session = Session::get();
  ASSERT_TRUE(session);
  RandomCase c = randomCase(GetParam(), chip() == "sm_100a");
  SCOPED_TRACE(describe(c));
  ++tally.cases;
  Options options;
  options.templateText = c.text;
  options.schedule = c.schedule;
  options.poison = c.padding;
  options.alpha = c.alpha;
  options.hostAlpha = c.hostAlpha;
  options.encodeAlpha = c.encodeAlpha;
  auto a = randomA(c), b = randomB(c);
  road::Run run = gemm(*session, c.problem, a, b, options);
  if (!run.plan)
    return expectCleanRefusal(run);
  expectWhatItMeans(c, run, a, b);
}

/// All seeds from the first to the last.
std::vector<int> seeds() {
  int first = 0, last = 499;
  if (const char *text = std::getenv("NYBL_RANDOM_SEEDS"))
    std::sscanf(text, "%d,%d", &first, &last);
  std::vector<int> list(std::max(0, last - first + 1));
  std::iota(list.begin(), list.end(), first);
  return list;
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomTemplate, testing::ValuesIn(seeds()),
                         [](const testing::TestParamInfo<int> &info) {
                           return std::to_string(info.param);
                         });

} // namespace
