// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An odd number of K blocks on a chip with tensor memory: whoever asks gets the
// same sentence, which says what to do.

#include "nybl/nybl.hpp"
#include "tests/Tools/Command.h"
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::tests;

namespace {

constexpr const char *line = "gemm m=? n=64 k=48 sfa=128x4 sfb=8x4";
constexpr const char *sentence =
    "expected k to be a multiple of 32 on sm_100a, where data reach tensor "
    "memory's multiplies by TMA alone, in rows of whole 16 bytes, got k=48 in "
    "'gemm m=? n=64 k=48 a=nvfp4 b=nvfp4 sfa=128x4 sfb=8x4 d=bf16 alpha=tensor "
    "bias=none act=none': give a and b columns of zeros up to 64 with scale "
    "factors of 0, and say k=64\n";

void expectSentence(const Outcome &said, int code) {
  EXPECT_EQ(said.code, code) << said.out;
  EXPECT_EQ(said.err.find("nybl: "), 0u) << said.err;
  size_t at = said.err.find(sentence);
  ASSERT_NE(at, said.err.npos) << said.err;
  EXPECT_EQ(at + std::string(sentence).size(), said.err.size()) << said.err;
}

TEST(OddBlocks, EachVerbSaysWhatToDo) {
  Folder folder;
  for (const char *verb : {"compile", "prove", "explain"})
    expectSentence(nyblCommand({verb, line, "--chip", "sm_100a"}),
                   verb == std::string("prove") ? 2 : 1);
  expectSentence(
      nyblCommand({"compile", line, "--chip", "sm_100a", "--schedule",
                   "kind=tmem tile=128x64x64 warps=4x1 stages=3 "
                   "fill=tma"}),
      1);
  writeText(folder / "problems.txt", line);
  expectSentence(nyblCommand({"bundle", folder / "problems.txt", "--chips",
                              "sm_100a", "-o", folder / "kernels.nybl"}),
                 1);
  EXPECT_EQ(folder.files(), std::vector<std::string>{"problems.txt"});
  EXPECT_EQ(nyblCommand({"prove", line, "--chip", "sm_120a"}).code, 0);
}

TEST(OddBlocks, SoDoPrepareAndWhyNot) {
  setenv("NYBL_EMU_CHIP", "sm_100a", 1);
  auto options = face::sized<nybl_library_options>();
  options.cache_path = "";
  auto where = face::sized<nybl_device_options>();
  where.driver_path = NYBL_TEST_DRIVER;
  face::Library library;
  face::Device device;
  ASSERT_EQ(face::Library::create(options, library), NYBL_OK);
  nybl_status opened = library.open(where, device);
  unsetenv("NYBL_EMU_CHIP");
  ASSERT_EQ(opened, NYBL_OK) << nybl_last_error();
  auto prepare = face::sized<nybl_prepare_options>();
  face::Plan plan;
  EXPECT_EQ(device.prepare(line, prepare, plan), NYBL_REFUSED);
  EXPECT_EQ(nybl_last_error() + std::string("\n"), sentence);
  std::string text(2048, '\0');
  auto reasons = face::sized<nybl_reasons>();
  reasons.text = text.data();
  reasons.text_bytes = text.size();
  ASSERT_EQ(nybl_why_not(device.get(), line, nullptr, nullptr, &reasons),
            NYBL_OK);
  EXPECT_EQ(text.c_str(), std::string("NYBL_REFUSED: ") + sentence);
}

} // namespace
