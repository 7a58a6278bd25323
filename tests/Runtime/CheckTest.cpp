// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A plan with check: what is planted in the operands is counted and named, in
// every layout, nothing else is, and a launch can be written to a file.

#include "runtime/Abi/Problem.h"
#include "runtime/Driver/Memory.h"
#include "runtime/Support/Safetensors.h"
#include "tests/Runtime/ApiFixture.h"
#include "tests/Runtime/Arguments.h"
#include "tests/Tools/Folder.h"
#include <cmath>
#include <cstdlib>
#include <cstring>

using namespace nybl;
using namespace nybl::tests;

namespace {

constexpr int64_t m = 150, n = 136, k = 112;

class CheckTest : public ApiTest {
protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(open(NYBL_TEST_EMULATOR));
    auto api = driver::Driver::open(NYBL_TEST_EMULATOR);
    ASSERT_TRUE(api) << api.message();
    auto opened = driver::Device::open(*api, 0);
    ASSERT_TRUE(opened) << opened.message();
    gpu = *opened;
  }
  void TearDown() override {
    unsetenv("NYBL_CHECK");
    unsetenv("NYBL_CHECK_DUMP");
    ApiTest::TearDown();
  }

  /// Data of ones, scales of one; padding of scales is NaN, and nobody's.
  void make(const std::string &line) {
    problem = *parseProblem(line);
    args = argumentsFor(problem, m);
    a.assign(args.a.bytes, '\x22');
    b.assign(args.b.bytes, '\x22');
    sfa.assign(args.a_scales.bytes, '\x7f');
    sfb.assign(args.b_scales.bytes, '\x7f');
    for (int64_t block = 0; block < problem.blocks(); ++block) {
      for (int64_t row = 0; row < m; ++row)
        scaleA(row, block) = 0x38;
      for (int64_t row = 0; row < n; ++row)
        scaleB(row, block) = 0x38;
    }
  }
  char &scaleA(int64_t row, int64_t block) {
    return sfa[size_t(byteOffset(problem.sfa, problem.blocks(), row, block))];
  }
  char &scaleB(int64_t row, int64_t block) {
    return sfb[size_t(byteOffset(problem.sfb, problem.blocks(), row, block))];
  }
  driver::Buffer uploaded(const std::string &bytes) {
    auto buffer = driver::Buffer::allocate(gpu, bytes.size());
    EXPECT_TRUE(buffer) << buffer.message();
    EXPECT_TRUE(buffer->upload(0, bytes.data(), bytes.size()));
    return std::move(*buffer);
  }
  PlanOwner checkedPlan(bool check = true) {
    auto options = face::sized<nybl_prepare_options>();
    options.check = check;
    options.generic = isGeneric;
    nybl_plan *plan = nullptr;
    EXPECT_EQ(nybl_prepare(device, print(problem).c_str(), &options, &plan),
              NYBL_OK)
        << nybl_last_error();
    return {plan, &nybl_plan_destroy};
  }
  /// Launches; the warnings, behind what all of them begin with.
  std::vector<std::string> found(float alpha = 1, bool check = true,
                                 const std::string &dump = "") {
    PlanOwner plan = checkedPlan(check);
    auto bufferA = uploaded(a), bufferB = uploaded(b), scalesA = uploaded(sfa),
         scalesB = uploaded(sfb);
    auto d = uploaded(std::string(args.d.bytes, '\0'));
    auto scalar = uploaded(
        std::string(reinterpret_cast<const char *>(&alpha), sizeof alpha));
    args.a.pointer = bufferA.address();
    args.b.pointer = bufferB.address();
    args.a_scales.pointer = scalesA.address();
    args.b_scales.pointer = scalesB.address();
    args.d.pointer = d.address();
    args.alpha = {NYBL_SCALAR_DEVICE, NYBL_CONVENTION_DECODE, scalar.address(),
                  0, 0};
    logged.clear();
    EXPECT_EQ(nybl_launch(plan.get(), &args), NYBL_OK) << nybl_last_error();
    if (!dump.empty()) {
      EXPECT_EQ(nybl_dump_launch(plan.get(), &args, dump.c_str()), NYBL_OK)
          << nybl_last_error();
    }
    EXPECT_TRUE(driver::synchronize(*gpu, nullptr));
    std::vector<std::string> lines;
    for (const auto &[level, message] : logged)
      if (level == NYBL_LOG_WARNING && message.starts_with("NYBL_CHECK: "))
        lines.push_back(message.substr(message.find("': ") + 3));
    return lines;
  }

  using Lines = std::vector<std::string>;
  bool isGeneric = false; ///< the plan's kernel
  std::shared_ptr<const driver::Device> gpu;
  GemmProblem problem;
  nybl_gemm_args args = {};
  std::string a, b, sfa, sfb;
};

TEST_F(CheckTest, CleanOperandsSayNothingWhateverThePaddingHolds) {
  for (const char *layout : {"linear", "128x4", "8x4"}) {
    make(std::string("gemm n=136 k=112 d=f32 sfa=") + layout +
         " sfb=" + layout);
    EXPECT_EQ(found(), Lines()) << layout;
  }
}

TEST_F(CheckTest, NamesOperandRowAndKBlock) {
  const std::pair<const char *, const char *> layouts[] = {
      {"linear", "128x4"}, {"128x4", "8x4"}, {"8x4", "linear"}};
  for (auto [first, second] : layouts) {
    make(std::string("gemm n=136 k=112 d=f32 sfa=") + first + " sfb=" + second);
    scaleA(149, 6) = '\x7f';
    scaleA(37, 5) = '\xff'; // the sign is no part of a scale
    scaleB(135, 6) = '\x00';
    scaleB(131, 2) = '\x00';
    scaleB(130, 1) = '\x00'; // above data that are zero: fine
    std::memset(&b[size_t(130 * k / 2 + 8)], '\x80', 8);
    EXPECT_EQ(found(),
              (Lines{"sfa: 2 NaN bytes, the first at row 37, K block 5",
                     "sfb: 2 zero scales with data that is not zero, the first "
                     "at row 131, K block 2"}))
        << first;
    EXPECT_NE(logged.back().second.find("'gemm m=150 n=136 k=112"),
              std::string::npos);
  }
}

TEST_F(CheckTest, OutputAndAlphaThatAreNotFinite) {
  make("gemm n=136 k=112 d=f32");
  // The fake's kernel stores alpha everywhere.
  EXPECT_EQ(found(INFINITY),
            (Lines{"alpha: not finite",
                   "d: 20400 elements that are not finite, the first at row 0, "
                   "column 0"}));
  EXPECT_EQ(found(3e38f), Lines());
}

TEST_F(CheckTest, OnlyWhereItIsAskedFor) {
  make("gemm n=136 k=112 d=f32");
  scaleA(0, 0) = '\x7f';
  EXPECT_EQ(found(1, /*check=*/false), Lines());
  setenv("NYBL_CHECK", "0", 1);
  EXPECT_EQ(found(1, /*check=*/false), Lines());
  setenv("NYBL_CHECK", "1", 1);
  EXPECT_EQ(found(1, /*check=*/false).size(), 1u);
  auto options = face::sized<nybl_prepare_options>();
  options.check = 2;
  nybl_plan *plan = nullptr;
  EXPECT_EQ(nybl_prepare(device, "gemm n=8 k=64", &options, &plan),
            NYBL_INVALID);
  EXPECT_TRUE(says("check: expected 0 or 1, got 2"));
}

TEST_F(CheckTest, AnOlderStructIsStillTaken) {
  make("gemm n=136 k=112 d=f32");
  auto options = face::sized<nybl_prepare_options>();
  options.size = offsetof(nybl_prepare_options, check);
  nybl_plan *plan = nullptr;
  EXPECT_EQ(nybl_prepare(device, "gemm n=136 k=112 d=f32", &options, &plan),
            NYBL_OK)
      << nybl_last_error();
  nybl_plan_destroy(plan);
}

TEST_F(CheckTest, SaysWhatReplaysTheGenericKernel) {
  Folder folder;
  make("gemm n=136 k=112 d=f32 sfa=8x4");
  scaleA(3, 2) = '\x7f';
  setenv("NYBL_CHECK_DUMP", (folder / "").c_str(), 1);
  isGeneric = true;
  EXPECT_EQ(found().size(), 2u);
  std::string message = logged.back().second;
  EXPECT_NE(message.find("`nybl run \"gemm m=? n=? k=? a=nvfp4"), message.npos)
      << message;
}

TEST_F(CheckTest, WritesTheLaunchForRun) {
  Folder folder;
  make("gemm n=136 k=112 d=f32 sfa=8x4");
  scaleA(3, 2) = '\x7f';
  setenv("NYBL_CHECK_DUMP", (folder / "").c_str(), 1);
  EXPECT_EQ(found(0.25f, true, folder / "own.safetensors").size(), 2u);
  EXPECT_NE(logged.back().second.find("nybl run \"gemm m=150"),
            std::string::npos)
      << logged.back().second;
  auto files = folder.files();
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(contentOf(folder / files[0]), contentOf(folder / files[1]));
  auto file = SafetensorsFile::read(folder / "own.safetensors");
  ASSERT_TRUE(file) << file.message();
  auto bytes = [&](const char *name) {
    const Tensor *t = file->find(name);
    return t ? std::string(t->bytes.begin(), t->bytes.end()) : "";
  };
  EXPECT_EQ(bytes("a"), a);
  EXPECT_EQ(bytes("b"), b);
  EXPECT_EQ(bytes("a_scale"), sfa);
  EXPECT_EQ(bytes("b_scale"), sfb);
  float alpha = 0;
  ASSERT_EQ(bytes("alpha").size(), sizeof alpha);
  std::memcpy(&alpha, bytes("alpha").data(), sizeof alpha);
  EXPECT_EQ(alpha, 0.25f);
}

} // namespace
