// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// scheduler=clc, made wrong in one place of the PTX: the emulated driver finds
// it. On its own the kernel passes, over a grid that its first CTAs take over.

#include "compiler/Driver/Compiler.h"
#include "tests/Mutation/Bed.h"
#include "tools/emulator/include/nybl-emu.h"

#include <gtest/gtest.h>
#include <regex>

using namespace nybl;
using namespace nybl::mutation;

namespace {

/// Eight slots and one K step a tile: copies are that many tiles ahead of
/// multiplies, twice as many as there is room for answers.
class WrongLaunchControl : public testing::Test {
protected:
  void SetUp() override {
    std::string line = "gemm n=24 k=64 d=f32";
    compiler::CompileOptions options;
    options.schedule = "kind=cooperative tile=32x32x64 warps=2x2 stages=8 "
                       "scheduler=clc";
    options.emit = "manifest";
    auto artefact = compiler::compile(line, "sm_120a", options);
    ASSERT_TRUE(artefact) << artefact.message();
    ptx = artefact->ptx;
    auto parsed = parseManifest(artefact->manifest);
    auto problem = parseProblem(line);
    ASSERT_TRUE(parsed && problem) << parsed.message();
    manifest = *parsed;
    auto made = Bed::make(*problem,
                          {{20, 0, NYBL_EMU_SCHEDULE_LAZY, false}, // one tile
                           {350, 0, NYBL_EMU_SCHEDULE_LAZY, true},
                           {350, 0, NYBL_EMU_SCHEDULE_RANDOM, true},
                           {350, 0, NYBL_EMU_SCHEDULE_ADVERSARY, true}},
                          problem->k);
    ASSERT_TRUE(made) << made.message();
    bed = std::move(*made);
  }

  std::string edit(const char *what, const std::string &with) {
    std::string broken = std::regex_replace(ptx, std::regex(what), with);
    EXPECT_TRUE(broken != ptx) << what;
    return broken;
  }

  void expectFound(const std::string &broken, const char *words) {
    auto symptom = bed->run(broken, manifest);
    ASSERT_TRUE(symptom);
    EXPECT_NE(symptom->text.find(words), std::string::npos) << symptom->text;
  }

  std::string ptx;
  Manifest manifest;
  std::unique_ptr<Bed> bed;
};

TEST_F(WrongLaunchControl, TheKernelItselfPasses) {
  EXPECT_TRUE(manifest.takesOver);
  auto symptom = bed->run(ptx, manifest);
  EXPECT_FALSE(symptom) << symptom->text;
}

TEST_F(WrongLaunchControl, AskingAgainAfterNone) {
  std::smatch request;
  ASSERT_TRUE(std::regex_search(
      ptx, request, std::regex("@%p\\d+ clusterlaunchcontrol\\.try[^;]*;")));
  size_t answer = ptx.find("@is_tile"), end = ptx.find(';', answer);
  ASSERT_NE(answer, ptx.npos);
  expectFound(ptx.substr(0, end + 1) + request.str() + ptx.substr(end + 1),
              "no further request");
}

TEST_F(WrongLaunchControl, AnAnswerIsReadBeforeItHasCome) {
  expectFound(edit("@!done bra wait_\\d+;([^;]*\\{\\s*\\.reg \\.b128)", "$1"),
              "clusterlaunchcontrol.try_cancel");
}

TEST_F(WrongLaunchControl, AnAnswerComesBeforeTheOneInItsPlaceIsTaken) {
  size_t request = ptx.find("clusterlaunchcontrol.try");
  size_t wait = ptx.rfind("@!done bra wait", request);
  ASSERT_NE(wait, ptx.npos);
  std::string broken = ptx;
  broken.erase(wait, ptx.find(';', wait) + 1 - wait);
  expectFound(broken, "");
}

/// A CTA that is cancelled never begins: who was told of it does its tile.
TEST_F(WrongLaunchControl, TilesThatAreTakenOverAreNotDone) {
  expectFound(edit("@is_tile cluster[^;]*;", ""), "");
}

} // namespace
