// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The whole way with a kernel that runs: prepare, launch and read back through
// the emulated driver. What the kernel gets is what the arguments say.

#include "runtime/Driver/Memory.h"
#include "tests/Runtime/ApiFixture.h"
#include "tests/Runtime/Arguments.h"

using namespace nybl;
using namespace nybl::tests;

namespace {

constexpr const char *line = "gemm m=? n=40 k=16 sfa=linear sfb=linear d=f32";
constexpr int64_t n = 40, rowBytes = n * 4, stride = rowBytes + 32;

class EmulatorTest : public ApiTest {
protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(open(NYBL_TEST_EMULATOR));
    auto api = driver::Driver::open(NYBL_TEST_EMULATOR);
    ASSERT_TRUE(api) << api.message();
    EXPECT_TRUE((*api)->isEmulated());
    auto opened = driver::Device::open(*api, 0);
    ASSERT_TRUE(opened) << opened.message();
    gpu = *opened;
  }

  driver::Buffer buffer(uint64_t bytes) {
    auto made = driver::Buffer::allocate(gpu, bytes);
    EXPECT_TRUE(made) << made.message();
    EXPECT_TRUE(made->fill(0));
    return std::move(*made);
  }

  /// Launches m rows and gives D with its gaps.
  std::vector<float> run(const nybl_plan *plan, int64_t m,
                         const nybl_scalar &alpha) {
    nybl_gemm_args args = argumentsFor(*parseProblem(line), m);
    auto a = buffer(args.a.bytes), b = buffer(args.b.bytes);
    auto sfa = buffer(args.a_scales.bytes), sfb = buffer(args.b_scales.bytes);
    auto d = buffer(uint64_t(m * stride));
    args.a.pointer = a.address();
    args.b.pointer = b.address();
    args.a_scales.pointer = sfa.address();
    args.b_scales.pointer = sfb.address();
    args.d = {d.address(), d.bytes(), stride};
    args.alpha = alpha;
    auto stream = driver::Stream::create(gpu);
    EXPECT_TRUE(stream) << stream.message();
    args.stream = stream->handle();
    EXPECT_EQ(nybl_launch(plan, &args), NYBL_OK) << nybl_last_error();
    Status done = stream->synchronize();
    EXPECT_TRUE(done) << done.message();
    std::vector<float> out(size_t(m * stride / 4));
    EXPECT_TRUE(d.download(0, out.data(), d.bytes()));
    return out;
  }

  static void expectAll(const std::vector<float> &d, float value) {
    for (size_t i = 0; i < d.size(); ++i)
      ASSERT_EQ(d[i], int64_t(i) % (stride / 4) < n ? value : 0) << "at " << i;
  }

  std::shared_ptr<const driver::Device> gpu;
};

TEST_F(EmulatorTest, HostAlphaBothConventions) {
  PlanOwner plan = prepared(line);
  expectAll(run(plan.get(), 5,
                {NYBL_SCALAR_HOST, NYBL_CONVENTION_DECODE, 0, 0.5f, 0}),
            0.5f);
  expectAll(run(plan.get(), 5,
                {NYBL_SCALAR_HOST, NYBL_CONVENTION_ENCODE, 0, 0.5f, 0}),
            2.0f);
}

TEST_F(EmulatorTest, DeviceAlphaIsReadByTheKernel) {
  PlanOwner plan = prepared(line);
  auto alpha = buffer(4);
  for (float value : {3.0f, -8.0f}) {
    ASSERT_TRUE(alpha.upload(0, &value, 4));
    expectAll(run(plan.get(), 3,
                  {NYBL_SCALAR_DEVICE, NYBL_CONVENTION_DECODE, alpha.address(),
                   0, 0}),
              value);
  }
}

TEST_F(EmulatorTest, EveryRowWhateverTheGrid) {
  PlanOwner plan = prepared(line);
  for (int64_t m : {1, 2, 33, 700})
    expectAll(
        run(plan.get(), m, {NYBL_SCALAR_HOST, NYBL_CONVENTION_DECODE, 0, 7, 0}),
        7);
}

TEST_F(EmulatorTest, ACubinItHasNoBinaryForIsLoadedFromPtx) {
  PlanOwner plan = prepared(line);
  auto details = face::sized<nybl_plan_details>();
  ASSERT_EQ(nybl_plan_info(plan.get(), &details), NYBL_OK);
  EXPECT_EQ(details.ptx_fallback, 1u);
  expectAll(
      run(plan.get(), 2, {NYBL_SCALAR_HOST, NYBL_CONVENTION_DECODE, 0, 1, 0}),
      1);
}

TEST_F(EmulatorTest, PtxThatDoesNotParseIsOneSentence) {
  nybl_plan *plan = nullptr;
  EXPECT_EQ(tryPrepare(line, "ptx", &plan), NYBL_ENVIRONMENT);
  EXPECT_TRUE(says("cuModuleLoadDataEx failed: CUDA_ERROR_INVALID_PTX"))
      << nybl_last_error();
  EXPECT_EQ(std::string(nybl_last_error()).find('\n'), std::string::npos);
}

TEST_F(EmulatorTest, IsNeverTakenForTheRealDriver) {
  // It is loaded by now, under the soname libcuda.so.1.
  nybl_device *unnamed = nullptr;
  auto options = face::sized<nybl_device_options>();
  if (nybl_device_open(library, &options, &unnamed) == NYBL_OK) {
    auto real = driver::Driver::open("");
    ASSERT_TRUE(real);
    EXPECT_FALSE((*real)->isEmulated());
  } else {
    EXPECT_TRUE(says("libcuda.so.1")) << nybl_last_error();
  }
  nybl_device_destroy(unnamed);
}

} // namespace
