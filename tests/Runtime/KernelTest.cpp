// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel written by hand that copies boxes of A through a tensor map: loaded
// and launched on the emulated driver, directly and as part of a graph. Its
// dynamic shared memory is beyond the 48 KiB that a kernel has unasked.

#include "runtime/Launch/Kernel.h"
#include "runtime/Driver/Memory.h"
#include "tests/Runtime/Arguments.h"
#include "tests/Runtime/Manifests.h"
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::launch;
using namespace nybl::tests;

namespace {

constexpr int64_t boxRows = 8, rowBytes = 80, stride = 96;
constexpr unsigned shared = 80 << 10;

/// CTA i copies the boxes of 8 rows from row 8 * i on that begin at bytes 0 and
/// 64 of a row, to 64 and 72 KiB behind the start of its dynamic shared memory,
/// and from there to D, one after another. %0: bytes of a box, %1: of two.
constexpr const char *copyKernel = R"(.version 8.7
.target sm_120a
.address_size 64
.extern .shared .align 1024 .b8 dynamic[];
.visible .entry copy(.param .align 64 .b8 map[128], .param .u64 d)
{
  .reg .pred %p<4>;
  .reg .b32 %r<16>;
  .reg .b64 %l<8>;
  .shared .align 8 .b64 arrived;
  mov.b64 %l1, map;
  cvta.param.u64 %l1, %l1;
  ld.param.u64 %l2, [d];
  cvta.to.global.u64 %l2, %l2;
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, arrived;
  mov.u32 %r4, dynamic;
  add.u32 %r4, %r4, 65536;
  add.u32 %r5, %r4, 8192;
  shl.b32 %r6, %r2, 3;
  mov.u32 %r7, 0;
  mov.u32 %r8, 64;
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra READY;
  mbarrier.init.shared::cta.b64 [%r3], 1;
  fence.proxy.async.shared::cta;
  mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3], BOTH;
  cp.async.bulk.tensor.2d.shared::cta.global.tile.mbarrier::complete_tx::bytes
    [%r4], [%l1, {%r7, %r6}], [%r3];
  cp.async.bulk.tensor.2d.shared::cta.global.tile.mbarrier::complete_tx::bytes
    [%r5], [%l1, {%r8, %r6}], [%r3];
READY:
  bar.sync 0;
WAIT:
  mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r3], 0;
  @!%p2 bra WAIT;
  mul.wide.u32 %l3, %r2, BOTH;
  add.u64 %l2, %l2, %l3;
  shl.b32 %r9, %r1, 2;
COPY:
  add.u32 %r10, %r4, %r9;
  ld.shared.b32 %r11, [%r10];
  add.u32 %r10, %r5, %r9;
  ld.shared.b32 %r12, [%r10];
  cvt.u64.u32 %l4, %r9;
  add.u64 %l4, %l4, %l2;
  st.global.b32 [%l4], %r11;
  st.global.b32 [%l4+BOX], %r12;
  add.u32 %r9, %r9, 128;
  setp.lt.u32 %p3, %r9, BOX;
  @%p3 bra COPY;
  ret;
}
)";

std::string withBox(int64_t bytes) {
  std::string text = copyKernel;
  for (auto [name, value] : {std::pair("BOTH", 2 * bytes), {"BOX", bytes}})
    for (size_t at; (at = text.find(name)) != text.npos;)
      text.replace(at, std::string_view(name).size(), std::to_string(value));
  return text;
}

uint8_t byteAt(int64_t row, int64_t column) {
  return uint8_t(row * 37 + column * 6) | 1; // never 0, what a tail is filled
}

struct Box {
  int64_t bytes, swizzle;
};

std::ostream &operator<<(std::ostream &os, const Box &box) {
  return os << box.bytes << "_bytes_swizzle_" << box.swizzle;
}

/// What lies in shared memory: chunk c of 16 bytes of each line of 128 is
/// swapped with chunk c ^ (line modulo the chunks of the swizzle) (PTX ISA 9.1
/// §5.5.7).
void addBox(std::vector<uint8_t> &to, const Box &box, int64_t m, int64_t row,
            int64_t column) {
  size_t begin = to.size(), size = size_t(boxRows * box.bytes);
  to.resize(begin + size);
  for (size_t i = 0; i < size; ++i) {
    int64_t r = row + int64_t(i) / box.bytes,
            c = column + int64_t(i) % box.bytes;
    size_t line = i / 128, chunk = i / 16 % 8;
    if (box.swizzle)
      chunk ^= line % size_t(box.swizzle / 16);
    to[begin + line * 128 + chunk * 16 + i % 16] =
        r < m && c < rowBytes ? byteAt(r, c) : 0;
  }
}

std::vector<uint8_t> expected(const Box &box, int64_t m) {
  std::vector<uint8_t> bytes;
  for (int64_t row = 0; row < m; row += boxRows)
    for (int64_t column : {0, 64})
      addBox(bytes, box, m, row, column);
  return bytes;
}

class KernelTest : public testing::TestWithParam<Box> {
protected:
  void SetUp() override {
    auto opened = driver::Driver::open(NYBL_TEST_EMULATOR);
    ASSERT_TRUE(opened) << opened.message();
    api = *opened;
    auto device = driver::Device::open(api, 0);
    ASSERT_TRUE(device) << device.message();
    gpu = *device;
    manifest = mapManifest(problem);
    manifest.kernel = "copy";
    manifest.threads = 32;
    manifest.dynamicShared = shared;
    manifest.tileM = boxRows;
    manifest.tileN = problem.n;
    manifest.parameters = {{"a.map", "tensor_map"}, {"d", "pointer"}};
  }

  Expected<std::shared_ptr<const Kernel>> load(const Box &box) {
    manifest.tensorMaps = {{"a", boxRows, box.bytes, box.swizzle}};
    return Kernel::load(gpu, manifest, {"", withBox(boxRows * box.bytes)});
  }

  driver::Buffer bufferOf(const std::vector<uint8_t> &bytes) {
    auto made = driver::Buffer::allocate(gpu, bytes.size());
    EXPECT_TRUE(made) << made.message();
    EXPECT_TRUE(made->upload(0, bytes.data(), bytes.size()));
    return std::move(*made);
  }

  /// Rows and gaps of A, and two rows behind it that are nobody's.
  driver::Buffer matrixA(int64_t m) {
    std::vector<uint8_t> bytes(size_t((m + 2) * stride), 0xEE);
    for (int64_t r = 0; r < m; ++r)
      for (int64_t c = 0; c < rowBytes; ++c)
        bytes[size_t(r * stride + c)] = byteAt(r, c);
    return bufferOf(bytes);
  }

  nybl_gemm_args arguments(int64_t m, const driver::Buffer &a,
                           const driver::Buffer &d, void *stream) {
    nybl_gemm_args args = argumentsFor(problem, m);
    args.a = {a.address(), uint64_t(m * stride), stride};
    args.d.pointer = d.address();
    args.stream = stream;
    return args;
  }

  template <typename Function>
  Function *call(const char *name) {
    auto *found = api->extension<Function>(name);
    EXPECT_TRUE(found) << name;
    return found;
  }

  template <typename Work>
  void capture(CUstream stream, CUgraph &graph, Work work) {
    auto *begin =
        call<decltype(cuStreamBeginCapture)>("cuStreamBeginCapture_v2");
    auto *end = call<decltype(cuStreamEndCapture)>("cuStreamEndCapture");
    ASSERT_EQ(begin(stream, CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_SUCCESS);
    work();
    ASSERT_EQ(end(stream, &graph), CUDA_SUCCESS);
  }

  void replay(CUstream stream, CUgraph graph) {
    auto *make = call<decltype(cuGraphInstantiateWithFlags)>(
        "cuGraphInstantiateWithFlags");
    auto *start = call<decltype(cuGraphLaunch)>("cuGraphLaunch");
    auto *destroy = call<decltype(cuGraphExecDestroy)>("cuGraphExecDestroy");
    CUgraphExec executable = nullptr;
    ASSERT_EQ(make(&executable, graph, 0), CUDA_SUCCESS);
    ASSERT_EQ(start(executable, stream), CUDA_SUCCESS);
    ASSERT_EQ(api->cuStreamSynchronize(stream), CUDA_SUCCESS);
    ASSERT_EQ(destroy(executable), CUDA_SUCCESS);
  }

  static std::vector<uint8_t> read(const driver::Buffer &d, size_t count) {
    std::vector<uint8_t> bytes(count);
    Status status = d.download(0, bytes.data(), count);
    EXPECT_TRUE(status) << status.message();
    return bytes;
  }

  std::shared_ptr<const driver::Driver> api;
  std::shared_ptr<const driver::Device> gpu;
  // K = 160: 80 bytes. N is for the size of D alone.
  GemmProblem problem =
      *parseProblem("gemm m=? n=96 k=160 sfa=linear sfb=linear d=f32");
  Manifest manifest;
};

TEST_P(KernelTest, ATensorMapsBoxesArriveSwizzledAndFilled) {
  auto kernel = load(GetParam());
  ASSERT_TRUE(kernel) << kernel.message();
  auto recipe = Recipe::make(manifest, problem);
  ASSERT_TRUE(recipe) << recipe.message();
  auto stream = driver::Stream::create(gpu);
  ASSERT_TRUE(stream) << stream.message();
  for (int64_t m : {1, 8, 21}) {
    driver::Buffer a = matrixA(m), d = bufferOf(std::vector<uint8_t>(8064, 7));
    Status launched =
        (*kernel)->launch(*recipe, arguments(m, a, d, stream->handle()));
    ASSERT_TRUE(launched) << launched.message();
    Status done = stream->synchronize();
    ASSERT_TRUE(done) << done.message();
    std::vector<uint8_t> wanted = expected(GetParam(), m);
    EXPECT_EQ(read(d, wanted.size()), wanted) << "m = " << m;
  }
}

// Whether rows shorter than the swizzle lie closer together is not said.
INSTANTIATE_TEST_SUITE_P(Boxes, KernelTest,
                         testing::Values(Box{64, 64}, Box{32, 32},
                                         Box{128, 128}, Box{64, 0}, Box{16, 0},
                                         Box{112, 0}),
                         testing::PrintToStringParamName());

class KernelLimits : public KernelTest {};

TEST_P(KernelLimits, DynamicSharedMemoryUpToWhatTheDeviceGives) {
  manifest.dynamicShared = gpu->sharedPerCta() - 1024;
  auto kernel = load(GetParam());
  ASSERT_TRUE(kernel) << kernel.message();
  EXPECT_EQ((*kernel)->residentCtas(), 1);
  // The kernel's own 8 bytes, and what aligns the rest to 1024.
  manifest.dynamicShared += 1;
  kernel = load(GetParam());
  ASSERT_FALSE(kernel);
  EXPECT_EQ(kernel.message(),
            "cuFuncSetAttribute failed: CUDA_ERROR_INVALID_VALUE (1), kernel "
            "copy: expected at most 100352 bytes of dynamic shared memory on "
            "sm_120a, got 100353; asked for 100353 bytes of dynamic shared "
            "memory");
  // With a cubin the manifest knows the kernel's own, and tells it sooner.
  manifest.staticShared = 1024;
  kernel = load(GetParam());
  ASSERT_FALSE(kernel);
  EXPECT_EQ(kernel.status().code(), ErrorCode::Environment);
  EXPECT_EQ(kernel.message(),
            "kernel 'copy' takes 100353 bytes of dynamic and 1024 of static "
            "shared memory: expected a device that gives a CTA as much, but " +
                gpu->name() + " (sm_120a) gives 101376");
}

TEST_P(KernelLimits, ADriverOlderThanThePtxIsRefused) {
  manifest.ptxVersion = "9.9";
  auto kernel = load(GetParam());
  ASSERT_FALSE(kernel);
  EXPECT_EQ(kernel.status().code(), ErrorCode::Environment);
  EXPECT_NE(kernel.message().find("expected a driver of CUDA 13.9 or later, "
                                  "which knows PTX 9.9, got one of CUDA 13."),
            std::string::npos)
      << kernel.message();
  manifest.ptxVersion = "9.0";
  EXPECT_TRUE(load(GetParam()));
}

TEST_P(KernelLimits, OccupancyCountsDynamicSharedMemory) {
  for (auto [bytes, ctas] : {std::pair(80 << 10, 1), {47 << 10, 2}}) {
    manifest.dynamicShared = bytes;
    auto kernel = load(GetParam());
    ASSERT_TRUE(kernel) << kernel.message();
    EXPECT_EQ((*kernel)->residentCtas(), ctas) << bytes;
  }
  // Of tensor memory there are 512 columns, which no driver counts.
  for (auto [columns, ctas] : {std::pair(512, 1), {256, 2}, {128, 2}}) {
    manifest.tensorColumns = columns;
    auto kernel = load(GetParam());
    ASSERT_TRUE(kernel) << kernel.message();
    EXPECT_EQ((*kernel)->residentCtas(), ctas) << columns;
  }
}

TEST_P(KernelLimits, AGraphKeepsTheTensorMapsOfItsLaunches) {
  auto kernel = load(GetParam());
  ASSERT_TRUE(kernel) << kernel.message();
  auto recipe = Recipe::make(manifest, problem);
  auto stream = driver::Stream::create(gpu);
  ASSERT_TRUE(recipe && stream);
  auto handle = static_cast<CUstream>(stream->handle());
  std::vector<uint8_t> wanted = expected(GetParam(), 21),
                       few = expected(GetParam(), 5);
  driver::Buffer a = matrixA(21), d = bufferOf(std::vector<uint8_t>(8064)),
                 e = bufferOf(std::vector<uint8_t>(8064));
  CUgraph graph = nullptr;
  driver::ContextScope scope(*gpu); // for calls on the graph
  capture(handle, graph, [&] {
    // Two launches of one kernel, whose maps differ.
    for (auto [m, to] : {std::pair(int64_t(21), &d), {5, &e}}) {
      Status status =
          (*kernel)->launch(*recipe, arguments(m, a, *to, stream->handle()));
      EXPECT_TRUE(status) << status.message();
    }
  });
  EXPECT_EQ(read(d, 8064), std::vector<uint8_t>(8064)) << "nothing has run";
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(d.fill(7) && e.fill(7));
    replay(handle, graph);
    EXPECT_EQ(read(d, wanted.size()), wanted);
    EXPECT_EQ(read(e, few.size()), few);
  }
  auto *destroy = call<decltype(cuGraphDestroy)>("cuGraphDestroy");
  EXPECT_EQ(destroy(graph), CUDA_SUCCESS);
}

/// A task is a cluster's, and clusters are whole.
TEST_P(KernelLimits, TheGridIsWholeClusters) {
  manifest.cluster = 2;
  auto kernel = load(GetParam());
  ASSERT_TRUE(kernel) << kernel.message();
  EXPECT_EQ((*kernel)->grid(1), 2u);
  EXPECT_EQ((*kernel)->grid(7), 14u);
  int64_t places = gpu->multiprocessors() * (*kernel)->residentCtas();
  EXPECT_EQ((*kernel)->grid(1 << 20), places / 2 * 2);
  manifest.cluster = 16;
  kernel = load(GetParam());
  ASSERT_FALSE(kernel);
  EXPECT_NE(kernel.message().find("asked for clusters of 16 CTAs"),
            std::string::npos)
      << kernel.message();
}

INSTANTIATE_TEST_SUITE_P(OneBox, KernelLimits, testing::Values(Box{64, 64}),
                         testing::PrintToStringParamName());

/// Parts that wait for each other may not be launched into a wait for ever.
TEST(Cooperative, AGridThatTheDeviceCannotHoldIsRefused) {
  auto api = driver::Driver::open(NYBL_TEST_EMULATOR);
  ASSERT_TRUE(api) << api.message();
  auto gpu = driver::Device::open(*api, 0);
  ASSERT_TRUE(gpu) << gpu.message();
  auto module = driver::Module::load(*gpu,
                                     {"", ".version 8.7\n.target sm_120a\n"
                                          ".address_size 64\n"
                                          ".visible .entry nothing() { ret; }"},
                                     "nothing");
  ASSERT_TRUE(module) << module.message();
  auto resident = (*module)->residentCtas(1024, 0);
  ASSERT_TRUE(resident) << resident.message();
  driver::LaunchShape shape;
  shape.threads = 1024;
  shape.cooperative = true;
  shape.grid = static_cast<unsigned>((*gpu)->multiprocessors() * *resident);
  Status status = (*module)->launch(shape, nullptr, nullptr);
  EXPECT_TRUE(status) << status.message();
  ++shape.grid;
  status = (*module)->launch(shape, nullptr, nullptr);
  EXPECT_EQ(status.code(), ErrorCode::Environment);
  EXPECT_NE(status.message().find("CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE"),
            std::string::npos)
      << status.message();
  shape.cooperative = false;
  EXPECT_TRUE((*module)->launch(shape, nullptr, nullptr));
  EXPECT_TRUE(driver::synchronize(**gpu, nullptr));
}

} // namespace
