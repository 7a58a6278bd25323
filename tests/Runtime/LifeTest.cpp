// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What goes while others are at work: plans, devices and libraries, a parent's
// driver in a forked child, and the device's context. Right results or clear
// errors.

#include "runtime/Driver/Memory.h"
#include "tests/Runtime/ApiFixture.h"
#include "tests/Runtime/Arguments.h"
#include <atomic>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace nybl;
using namespace nybl::tests;

namespace {

constexpr const char *line = "gemm m=? n=40 k=16 sfa=linear sfb=linear d=f32";
constexpr int64_t m = 9, n = 40;

/// Operands of one thread, whose D becomes alpha everywhere.
class Lane {
public:
  static Expected<std::unique_ptr<Lane>> make() {
    auto lane = std::make_unique<Lane>();
    auto api = driver::Driver::open(NYBL_TEST_EMULATOR);
    if (!api)
      return api.status();
    auto gpu = driver::Device::open(*api, 0);
    if (!gpu)
      return gpu.status();
    auto stream = driver::Stream::create(*gpu);
    auto memory = driver::Buffer::allocate(*gpu, 1 << 16);
    if (!stream || !memory)
      return stream ? memory.status() : stream.status();
    if (Status status = memory->fill(0); !status)
      return status;
    lane->stream.emplace(std::move(*stream));
    lane->memory = std::move(*memory);
    return lane;
  }
  nybl_status launch(const nybl_plan *plan, float alpha) {
    nybl_gemm_args args = argumentsFor(*parseProblem(line), m);
    uint64_t at = memory.address();
    for (uint64_t *pointer : {&args.d.pointer, &args.a.pointer, &args.b.pointer,
                              &args.a_scales.pointer, &args.b_scales.pointer}) {
      *pointer = at;
      at += 1 << 13;
    }
    args.alpha.value = alpha;
    args.stream = stream->handle();
    return nybl_launch(plan, &args);
  }
  /// Whether all of D is alpha.
  bool isAll(float alpha) {
    std::vector<float> d(m * n);
    return stream->synchronize() &&
           memory.download(0, d.data(), d.size() * sizeof(float)) &&
           d == std::vector<float>(d.size(), alpha);
  }

private:
  std::optional<driver::Stream> stream;
  driver::Buffer memory;
};

class LifeTest : public ApiTest {
protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(open(NYBL_TEST_EMULATOR)); }
};

/// A library, device and plan of its own: its modules are loaded and unloaded
/// while others launch.
bool comesAndGoes(Lane &lane, float alpha) {
  auto options = face::sized<nybl_library_options>();
  options.jit_path = NYBL_TEST_FAKE_JIT;
  options.cache_path = "";
  auto where = face::sized<nybl_device_options>();
  where.driver_path = NYBL_TEST_EMULATOR;
  face::Plan plan;
  {
    face::Library library;
    face::Device device;
    if (face::Library::create(options, library) != NYBL_OK ||
        library.open(where, device) != NYBL_OK ||
        device.prepare(line, face::sized<nybl_prepare_options>(), plan) !=
            NYBL_OK)
      return false;
  } // the plan goes on without them
  return lane.launch(plan.get(), alpha) == NYBL_OK && lane.isAll(alpha);
}

TEST_F(LifeTest, OthersComeAndGoWhileThreadsLaunch) {
  std::atomic<int> wrong = 0, launched = 0, left = 2;
  PlanOwner shared = prepared(line);
  auto launches = [&](int thread) {
    auto lane = Lane::make();
    if (!lane) {
      ++wrong;
      return;
    }
    for (int i = 0; left > 0 || i < 20; ++i, ++launched) {
      auto alpha = static_cast<float>(thread * 1000 + i + 1);
      nybl_plan *own = nullptr;
      bool good = nybl_prepare(device, line, nullptr, &own) == NYBL_OK;
      good = good &&
             (*lane)->launch(i % 2 ? own : shared.get(), alpha) == NYBL_OK &&
             (*lane)->isAll(alpha);
      nybl_plan_destroy(own);
      wrong += !good;
    }
  };
  auto lives = [&](int thread) {
    auto lane = Lane::make();
    for (int i = 0; i < 15; ++i)
      wrong += !lane || !comesAndGoes(**lane, float(thread * 100 + i + 1));
    --left;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back(launches, i);
    threads.emplace_back(lives, i);
  }
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GE(launched, 40);
}

TEST_F(LifeTest, DeviceAndLibraryGoWhileThreadsLaunch) {
  PlanOwner plan = prepared(line);
  std::atomic<int> wrong = 0, started = 0;
  auto launches = [&](int thread) {
    auto lane = Lane::make();
    for (int i = 0; i < 30; ++i) {
      auto alpha = static_cast<float>(thread * 100 + i + 1);
      wrong += !lane || (*lane)->launch(plan.get(), alpha) != NYBL_OK ||
               !(*lane)->isAll(alpha);
      ++started;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back(launches, i);
  while (started < 4)
    std::this_thread::yield();
  nybl_device_destroy(std::exchange(device, nullptr));
  nybl_library_destroy(std::exchange(library, nullptr));
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
}

/// What a child gets; the number of the first call that is not as it should
/// be, 0 if all are.
int inChild(nybl_library *library, nybl_device *device, nybl_plan *plan,
            nybl_preparation *preparation) {
  auto isRefused = [](nybl_status status) {
    return status == NYBL_ENVIRONMENT &&
           std::string(nybl_last_error()).find("was forked off one that") !=
               std::string::npos;
  };
  auto gemm = face::sized<nybl_gemm_args>();
  auto quantize = face::sized<nybl_quantize_args>();
  auto dequantize = face::sized<nybl_dequantize_args>();
  auto reasons = face::sized<nybl_reasons>();
  nybl_device *opened = nullptr;
  nybl_plan *made = nullptr;
  nybl_preparation *started = nullptr;
  const bool good[] = {
      isRefused(nybl_launch(plan, &gemm)),
      isRefused(nybl_quantize(plan, &quantize, nullptr)),
      isRefused(nybl_dequantize(plan, &dequantize)),
      isRefused(nybl_prepare(device, line, nullptr, &made)),
      isRefused(nybl_prepare_start(device, &line, 1, nullptr, 1, &started)),
      isRefused(nybl_prepare_wait(preparation, -1, nullptr)),
      isRefused(nybl_prepare_take(preparation, 0, &made)),
      isRefused(nybl_why_not(device, line, nullptr, nullptr, &reasons)),
      isRefused(nybl_dump_launch(plan, &gemm, "/dev/null")),
      isRefused(nybl_device_open(library, nullptr, &opened))};
  nybl_preparation_destroy(preparation);
  nybl_plan_destroy(plan);
  nybl_device_destroy(device);
  nybl_library_destroy(library);
  for (size_t i = 0; i < std::size(good); ++i)
    if (!good[i])
      return static_cast<int>(i) + 1;
  return 0;
}

TEST_F(LifeTest, AForkedChildGetsErrorsAndTheParentGoesOn) {
  PlanOwner plan = prepared(line);
  auto lane = Lane::make();
  ASSERT_TRUE(lane) << lane.message();
  // Threads are at work, and hold locks that nobody holds in the child.
  auto options = face::sized<nybl_prepare_options>();
  options.schedule = "slow";
  const char *problems[] = {"gemm n=8 k=16 d=f32", "gemm n=16 k=16 d=f32"};
  nybl_preparation *preparation = nullptr;
  ASSERT_EQ(nybl_prepare_start(device, problems, 2, &options, 2, &preparation),
            NYBL_OK);
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(20);
    _exit(inChild(library, device, plan.release(), preparation));
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0) << "the number of the call";
  EXPECT_EQ((*lane)->launch(plan.get(), 3), NYBL_OK) << nybl_last_error();
  EXPECT_TRUE((*lane)->isAll(3));
  size_t done = 0;
  EXPECT_EQ(nybl_prepare_wait(preparation, -1, &done), NYBL_OK);
  EXPECT_EQ(done, 2u);
  nybl_preparation_destroy(preparation);
}

/// Somebody else in the process resets the device under us.
TEST_F(LifeTest, AResetOfTheDeviceIsAnErrorAndItMayBeOpenedAgain) {
  auto api = driver::Driver::open(NYBL_TEST_EMULATOR);
  ASSERT_TRUE(api) << api.message();
  auto *reset = (*api)->extension<decltype(cuDevicePrimaryCtxReset)>(
      "cuDevicePrimaryCtxReset_v2");
  ASSERT_TRUE(reset);
  PlanOwner plan = prepared(line);
  auto lane = Lane::make();
  ASSERT_TRUE(lane) << lane.message();
  EXPECT_EQ((*lane)->launch(plan.get(), 3), NYBL_OK) << nybl_last_error();
  EXPECT_TRUE((*lane)->isAll(3));
  ASSERT_EQ(reset(0), CUDA_SUCCESS);
  EXPECT_EQ((*lane)->launch(plan.get(), 4), NYBL_ENVIRONMENT);
  EXPECT_TRUE(says("the device was reset since it was opened"))
      << nybl_last_error();
  nybl_plan *none = nullptr;
  EXPECT_EQ(tryPrepare("gemm n=8 k=16 d=f32", nullptr, &none),
            NYBL_ENVIRONMENT);
  EXPECT_TRUE(says("the device was reset since it was opened"))
      << nybl_last_error();
  plan.reset();
  ApiTest::TearDown();
  ASSERT_NO_FATAL_FAILURE(open(NYBL_TEST_EMULATOR));
  plan = prepared(line);
  auto other = Lane::make();
  ASSERT_TRUE(other) << other.message();
  EXPECT_EQ((*other)->launch(plan.get(), 5), NYBL_OK) << nybl_last_error();
  EXPECT_TRUE((*other)->isAll(5));
}

} // namespace
