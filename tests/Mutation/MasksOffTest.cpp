// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What masks cost: the kernel is compiled once more with every guard of a read
// of global memory true. The loop that multiplies must have the same machine
// code: masks are the producer's, so that full tiles pay nothing for them.

#include "tests/Mutation/Edit.h"
#include "tests/Mutation/GroundTruth.h"
#include "tests/Sass/TestTool.h"
#include "tools/sass/Child.h"
#include "tools/sass/MainLoop.h"
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::mutation;

namespace {

/// Which threads copy is no mask.
bool isMine(mlir::OpOperand &guard) {
  auto scales = dyn_cast<cta::CopyScalesOp>(guard.getOwner());
  return isa<cta::CopyBoxOp>(guard.getOwner()) ||
         (scales && guard.get() == scales.getMine());
}

/// How many guards there were.
unsigned dropMasks(cta::KernelOp kernel) {
  unsigned dropped = 0;
  kernel.walk([&](cta::GlobalAccess access) {
    if (access.isWrite())
      return;
    Edit edit(access);
    for (mlir::OpOperand *guard : guardsOf(access))
      if (!isMine(*guard)) {
        guard->set(edit.truth(true));
        ++dropped;
      }
  });
  return dropped;
}

/// The first kernel in the machine code of a PTX text.
Expected<sass::Code> assemble(const std::string &ptx,
                              const sass::NvDisasm &tool) {
  sass::Scratch source, target;
  source.write(ptx);
  target.write(" ");
  sass::Outcome outcome = sass::runChild(
      NYBL_PTXAS_PATH, {"-arch=sm_120a", source.path(), "-o", target.path()});
  if (outcome.code != 0)
    return Status::environment(outcome.out + outcome.err);
  auto text = sass::disassemble(tool, target.read());
  if (!text)
    return text.status();
  auto code = sass::parseSass(*text);
  if (!code)
    return code.status();
  return std::move(code->front());
}

/// The loop that multiplies, a line for each instruction, with what its
/// encoding says beside the text; a label is how far away it is.
std::vector<std::string> mainLoopText(const sass::Code &code) {
  auto body = sass::mainLoopBody(code);
  EXPECT_TRUE(body) << body.message();
  std::vector<size_t> places;
  if (body)
    places = body->places;
  std::vector<std::string> lines;
  for (size_t i : places) {
    const sass::Instruction &in = code.instructions[i];
    std::string text = in.text();
    for (auto &[label, target] : code.labels) {
      std::string name = "`(" + label + ")";
      if (size_t at = text.find(name); at != std::string::npos)
        text.replace(at, name.size(),
                     std::binary_search(places.begin(), places.end(), target)
                         ? std::to_string(int64_t(target) - int64_t(i))
                         : "out");
    }
    lines.push_back(text + " /* " + std::to_string(in.control) + " */");
  }
  return lines;
}

struct Loops {
  std::vector<std::string> masked, open;
};

/// Of a schedule's kernel, as it is and with masks off.
Expected<Loops> loopsOf(const char *schedule, const sass::NvDisasm &tool) {
  auto subject = Subject::make(
      "gemm m=? n=256 k=1024 sfa=128x4 sfb=128x4 d=bf16", schedule);
  if (!subject)
    return subject.status();
  mlir::OwningOpRef<mlir::ModuleOp> open = (*subject)->module->clone();
  EXPECT_GT(dropMasks(*open->getOps<cta::KernelOp>().begin()), 0u);
  Loops loops;
  for (auto [module, to] :
       {std::pair(*(*subject)->module, &loops.masked), {*open, &loops.open}}) {
    auto lowered = lower(**subject, module);
    if (!lowered)
      return lowered.status();
    auto code = assemble(lowered->ptx, tool);
    if (!code)
      return code.status();
    *to = mainLoopText(*code);
  }
  return loops;
}

class MasksOffBy : public testing::TestWithParam<const char *> {};

TEST_P(MasksOffBy, SameConsumerLoop) {
  auto tool = tests::findNvDisasm();
  if (!tool)
    GTEST_SKIP() << "no nvdisasm; './dev test' fetches it";
  auto loops = loopsOf(GetParam(), *tool);
  ASSERT_TRUE(loops) << loops.message();
  EXPECT_GE(loops->masked.size(), 32u);
  EXPECT_EQ(loops->masked, loops->open);
}

/// Without roles those that multiply have the masks: that shows here.
TEST(MasksOff, OtherLoopWithoutRoles) {
  auto tool = tests::findNvDisasm();
  if (!tool)
    GTEST_SKIP() << "no nvdisasm; './dev test' fetches it";
  auto loops = loopsOf("kind=plain", *tool);
  ASSERT_TRUE(loops) << loops.message();
  EXPECT_NE(loops->masked, loops->open);
}

INSTANTIATE_TEST_SUITE_P(
    Schedules, MasksOffBy,
    testing::Values(
        "kind=cooperative",
        "kind=cooperative tile=128x256x128 fill=tma stages=3",
        "kind=cooperative tile=256x128x128 warps=4x2 fill=tma stages=3",
        "kind=cooperative tile=128x128x128 fill=tma",
        "kind=cooperative tile=128x128x128 fill=async",
        "kind=pingpong tile=128x128x128 warps=2x2 fill=async",
        "kind=pingpong tile=128x128x128 warps=2x2 fill=tma stages=4"));

} // namespace
