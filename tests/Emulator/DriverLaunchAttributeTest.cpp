// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Launches with attributes: clusters, cooperative grids, launches that begin
// before the one ahead has ended; and the occupancy that goes with them.

#include "tests/Emulator/DriverFixture.h"

#include <atomic>

namespace {

/// rank(out): each CTA writes its rank in the cluster and the cluster's size.
/// pair(out): the same, for clusters of 2 only.
/// counted(p): each CTA adds 1 to p[0]; a launch counts clusters of 2.
/// stated(unused): a launch has to give a cluster, of 4 CTAs at most.
/// together(unused): uses the barrier of cooperative grids.
/// primary(p): p[0] = 1, lets the next launch begin, spins, p[1] = 2.
/// dependent(p): p[2] = p[3] before it waits (to show that it began early),
/// p[4] = p[1] after it waited.
const char *const kernels = R"(
.version 9.0
.target sm_90
.address_size 64
.visible .entry rank(.param .u64 to) {
  .reg .b32 %r<4>; .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [to];
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r2, %cluster_ctarank;
  mov.u32 %r3, %cluster_nctarank;
  mul.wide.u32 %rd2, %r1, 8;
  add.u64 %rd3, %rd1, %rd2;
  st.global.v2.u32 [%rd3], {%r2, %r3};
  ret;
}
.visible .entry pair(.param .u64 to) .explicitcluster .reqnctapercluster 2, 1, 1 {
  .reg .b32 %r<4>; .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [to];
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r2, %cluster_ctarank;
  mov.u32 %r3, %cluster_nctarank;
  mul.wide.u32 %rd2, %r1, 8;
  add.u64 %rd3, %rd1, %rd2;
  st.global.v2.u32 [%rd3], {%r2, %r3};
  ret;
}
.visible .entry counted(.param .u64 to)
.blocksareclusters .reqntid 1 .reqnctapercluster 2 {
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [to];
  red.global.add.u32 [%rd1], 1;
  ret;
}
.visible .entry stated(.param .u64 to) .explicitcluster .maxclusterrank 4 {
  ret;
}
.visible .entry together(.param .u64 to) {
  .reg .b32 %r<3>; .reg .b64 %rd<2>;
  mov.u32 %r1, %envreg1;
  mov.u32 %r2, %envreg2;
  mov.b64 %rd1, {%r2, %r1};
  red.global.add.u32 [%rd1+4], 1;
  ret;
}
.visible .entry primary(.param .u64 to) {
  .reg .pred %p<2>; .reg .b32 %r<3>; .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [to];
  st.global.u32 [%rd1], 1;
  griddepcontrol.launch_dependents;
  mov.u32 %r1, 1000;
$spin:
  add.s32 %r1, %r1, -1;
  setp.gt.s32 %p1, %r1, 0;
  @%p1 bra $spin;
  // What the dependent wrote before it waited, if it has begun.
  ld.global.u32 %r2, [%rd1+8];
  st.global.u32 [%rd1+20], %r2;
  st.global.u32 [%rd1+4], 2;
  ret;
}
.visible .entry dependent(.param .u64 to) {
  .reg .b32 %r<3>; .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [to];
  st.global.u32 [%rd1+8], 3;
  griddepcontrol.wait;
  ld.global.u32 %r2, [%rd1+4];
  st.global.u32 [%rd1+16], %r2;
  ret;
}
.visible .entry careless(.param .u64 to) {
  .reg .b32 %r<3>; .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [to];
  ld.global.u32 %r2, [%rd1+4];
  st.global.u32 [%rd1+16], %r2;
  griddepcontrol.wait;
  ret;
}
)";

CUlaunchAttribute cluster(unsigned x, unsigned y = 1, unsigned z = 1) {
  CUlaunchAttribute attribute = {};
  attribute.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
  attribute.value.clusterDim.x = x;
  attribute.value.clusterDim.y = y;
  attribute.value.clusterDim.z = z;
  return attribute;
}

CUlaunchAttribute early() {
  CUlaunchAttribute attribute = {};
  attribute.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
  attribute.value.programmaticStreamSerializationAllowed = 1;
  return attribute;
}

class DriverAttribute : public DriverTest {
protected:
  void SetUp() override {
    DriverTest::SetUp();
    ASSERT_CU(cuModuleLoadData(&own, kernels));
    ASSERT_CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    p = allocate(2048);
    ASSERT_CU(cuMemsetD32(p, 0, 512));
  }
  void TearDown() override {
    nyblEmuSetSchedule(NYBL_EMU_SCHEDULE_EAGER, 0);
    DriverTest::TearDown();
  }

  CUfunction function(const char *name) {
    CUfunction f = nullptr;
    EXPECT_CU(CUDA_SUCCESS, cuModuleGetFunction(&f, own, name));
    return f;
  }

  CUresult launch(const char *name, unsigned ctas,
                  std::vector<CUlaunchAttribute> attributes,
                  unsigned threads = 1) {
    CUlaunchConfig config = {
        ctas, 1, 1,      threads,           1,
        1,    0, stream, attributes.data(), unsigned(attributes.size())};
    void *parameters[] = {&p};
    return cuLaunchKernelEx(&config, function(name), parameters, nullptr);
  }

  std::vector<unsigned> read(size_t words) {
    std::vector<unsigned> values(words);
    EXPECT_CU(CUDA_SUCCESS, cuStreamSynchronize(stream));
    EXPECT_CU(CUDA_SUCCESS, cuMemcpyDtoH(values.data(), p, 4 * words));
    return values;
  }

  CUmodule own = nullptr;
  CUstream stream = nullptr;
  CUdeviceptr p = 0;
};

TEST_F(DriverAttribute, ClustersAreAsAskedFor) {
  using Words = std::vector<unsigned>;
  ASSERT_CU(launch("rank", 4, {cluster(2)}));
  EXPECT_EQ(read(8), (Words{0, 2, 1, 2, 0, 2, 1, 2}));
  ASSERT_CU(launch("rank", 4, {}));
  EXPECT_EQ(read(8), (Words{0, 1, 0, 1, 0, 1, 0, 1}));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, launch("rank", 5, {cluster(2)}));
  EXPECT_CU(CUDA_ERROR_INVALID_CLUSTER_SIZE, launch("rank", 16, {cluster(16)}));
  EXPECT_CU(CUDA_ERROR_INVALID_CLUSTER_SIZE, launch("rank", 4, {cluster(0)}));
  // sm_120 has no clusters of 16, even if they are allowed.
  ASSERT_CU(cuFuncSetAttribute(
      function("rank"), CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED,
      1));
  EXPECT_CU(CUDA_ERROR_INVALID_CLUSTER_SIZE, launch("rank", 16, {cluster(16)}));
}

TEST_F(DriverAttribute, ClustersAreAsTheKernelSays) {
  using Words = std::vector<unsigned>;
  int width = 0;
  auto required = CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH;
  ASSERT_CU(cuFuncGetAttribute(&width, required, function("pair")));
  EXPECT_EQ(width, 2);
  ASSERT_CU(launch("pair", 4, {}));
  EXPECT_EQ(read(8), (Words{0, 2, 1, 2, 0, 2, 1, 2}));
  EXPECT_CU(CUDA_ERROR_INVALID_CLUSTER_SIZE, launch("pair", 4, {cluster(4)}));
}

TEST_F(DriverAttribute, ClustersAreAsTheFunctionWasTold) {
  using Words = std::vector<unsigned>;
  CUfunction f = function("rank");
  ASSERT_CU(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH, 2));
  ASSERT_CU(
      cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT, 1));
  ASSERT_CU(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH, 1));
  ASSERT_CU(launch("rank", 4, {}));
  EXPECT_EQ(read(8), (Words{0, 2, 1, 2, 0, 2, 1, 2}));
  EXPECT_CU(CUDA_ERROR_INVALID_CLUSTER_SIZE, launch("rank", 4, {cluster(4)}));
}

TEST_F(DriverAttribute, CooperativeGridsMustBeResident) {
  CUlaunchAttribute cooperative = {};
  cooperative.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
  cooperative.value.cooperative = 1;
  // 188 multiprocessors, each with 1536 threads: one CTA of 1024 on each.
  EXPECT_CU(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE,
            launch("rank", 189, {cooperative}, 1024));
  EXPECT_CU(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE,
            launch("rank", 24 * 188 + 1, {cooperative}, 32));
  EXPECT_CU(CUDA_SUCCESS, launch("rank", 188, {cooperative}, 1024));
  void *parameters[] = {&p};
  EXPECT_CU(CUDA_SUCCESS,
            cuLaunchCooperativeKernel(function("rank"), 1, 1, 1, 32, 1, 1, 0,
                                      stream, parameters));
  EXPECT_CU(CUDA_SUCCESS, cuStreamSynchronize(stream));
}

/// Holds the stream until both launches are queued.
struct Gate {
  std::atomic<bool> open{false};
  static void wait(void *gate) {
    while (!static_cast<Gate *>(gate)->open)
      ;
  }
};

TEST_F(DriverAttribute, DependentLaunchesBeginEarlyAndWait) {
  Gate gate;
  ASSERT_CU(cuLaunchHostFunc(stream, Gate::wait, &gate));
  ASSERT_CU(launch("primary", 1, {}));
  ASSERT_CU(launch("dependent", 1, {early()}));
  gate.open = true;
  std::vector<unsigned> got = read(6);
  EXPECT_EQ(got[2], 3u); // the dependent ran at all
  EXPECT_EQ(got[5], 3u); // and before the primary had ended
  EXPECT_EQ(got[4], 2u); // but waited for it
}

TEST_F(DriverAttribute, WithoutTheAttributeOrWhenLazyTheyRunInOrder) {
  for (bool lazy : {false, true}) {
    ASSERT_CU(cuMemsetD32(p, 0, 64));
    ASSERT_CU(nyblEmuSetSchedule(
        lazy ? NYBL_EMU_SCHEDULE_LAZY : NYBL_EMU_SCHEDULE_EAGER, 0));
    Gate gate;
    ASSERT_CU(cuLaunchHostFunc(stream, Gate::wait, &gate));
    ASSERT_CU(launch("primary", 1, {}));
    ASSERT_CU(
        launch("dependent", 1,
               lazy ? std::vector{early()} : std::vector<CUlaunchAttribute>{}));
    gate.open = true;
    std::vector<unsigned> got = read(6);
    EXPECT_EQ(got[2], 3u);
    EXPECT_EQ(got[5], 0u) << lazy;
    EXPECT_EQ(got[4], 2u);
  }
}

TEST_F(DriverAttribute, AMissingWaitIsSeen) {
  Gate gate;
  ASSERT_CU(cuLaunchHostFunc(stream, Gate::wait, &gate));
  ASSERT_CU(launch("primary", 1, {}));
  ASSERT_CU(launch("careless", 1, {early()}));
  gate.open = true;
  EXPECT_EQ(read(6)[4], 0u); // not the 2 that the primary wrote later
}

TEST_F(DriverAttribute, EachOfAChainMayBeginEarly) {
  Gate gate;
  ASSERT_CU(cuLaunchHostFunc(stream, Gate::wait, &gate));
  for (int i = 0; i < 8; ++i)
    ASSERT_CU(launch(i % 2 ? "dependent" : "primary", 1, {early()}));
  gate.open = true;
  std::vector<unsigned> got = read(6);
  EXPECT_EQ(got[4], 2u);
  EXPECT_EQ(got[5], 3u);
}

TEST_F(DriverAttribute, EventsTellWhenTheNextLaunchMayBegin) {
  CUevent event;
  ASSERT_CU(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  CUlaunchAttribute attribute = {};
  attribute.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT;
  attribute.value.programmaticEvent.event = event;
  Gate gate;
  ASSERT_CU(cuLaunchHostFunc(stream, Gate::wait, &gate));
  ASSERT_CU(launch("primary", 1, {attribute}));
  EXPECT_CU(CUDA_ERROR_NOT_READY, cuEventQuery(event));
  gate.open = true;
  ASSERT_CU(cuEventSynchronize(event));
  attribute.value.programmaticEvent.event = nullptr;
  EXPECT_CU(CUDA_ERROR_INVALID_HANDLE, launch("primary", 1, {attribute}));
  EXPECT_EQ(read(1)[0], 1u);
}

TEST_F(DriverAttribute, OccupancyOfClusters) {
  CUlaunchAttribute two = cluster(2);
  CUlaunchConfig config = {2, 1, 1, 1024, 1, 1, 0, stream, &two, 1};
  int clusters = -1, size = -1;
  CUfunction f = function("rank");
  ASSERT_CU(cuOccupancyMaxActiveClusters(&clusters, f, &config));
  EXPECT_EQ(clusters, 94); // 188 multiprocessors, one CTA of 1024 on each
  config.sharedMemBytes = 102 * 1024; // more than a CTA can have
  ASSERT_CU(cuOccupancyMaxActiveClusters(&clusters, f, &config));
  EXPECT_EQ(clusters, 0);
  ASSERT_CU(cuOccupancyMaxPotentialClusterSize(&size, f, &config));
  EXPECT_EQ(size, 0);
  config.sharedMemBytes = 0;
  ASSERT_CU(cuOccupancyMaxPotentialClusterSize(&size, f, &config));
  EXPECT_EQ(size, 8);
  two = cluster(16);
  EXPECT_CU(CUDA_ERROR_INVALID_CLUSTER_SIZE,
            cuOccupancyMaxActiveClusters(&clusters, f, &config));
  int grid = 0, threads = 0;
  ASSERT_CU(
      cuOccupancyMaxPotentialBlockSize(&grid, &threads, f, nullptr, 0, 0));
  EXPECT_EQ(threads, 768); // twice 768 is all 1536 threads
  EXPECT_EQ(grid, 376);
  size_t bytes = 0;
  ASSERT_CU(cuOccupancyAvailableDynamicSMemPerBlock(&bytes, f, 2, 256));
  EXPECT_EQ(bytes, 102400u / 2 - 1024);
}

TEST_F(DriverAttribute, LaunchesMayCountClusters) {
  ASSERT_CU(launch("counted", 3, {}));
  EXPECT_EQ(read(1)[0], 6u);
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, launch("counted", 0x40000000, {}));
  // A node of a graph says what it was told.
  CUgraph graph;
  CUgraphNode node;
  CUDA_KERNEL_NODE_PARAMS given = {}, got = {};
  void *parameters[] = {&p};
  given.func = function("counted");
  given.gridDimX = 5;
  given.gridDimY = given.gridDimZ = 1;
  given.blockDimX = given.blockDimY = given.blockDimZ = 1;
  given.kernelParams = parameters;
  ASSERT_CU(cuGraphCreate(&graph, 0));
  ASSERT_CU(cuGraphAddKernelNode(&node, graph, nullptr, 0, &given));
  ASSERT_CU(cuGraphKernelNodeGetParams(node, &got));
  EXPECT_EQ(got.gridDimX, 5u);
  EXPECT_CU(CUDA_SUCCESS, cuGraphDestroy(graph));
}

TEST_F(DriverAttribute, ClustersAreStatedAndNoLargerThanTheKernelSays) {
  EXPECT_CU(CUDA_SUCCESS, launch("stated", 8, {cluster(4)}));
  EXPECT_CU(CUDA_SUCCESS, launch("stated", 8, {cluster(1)}));
  EXPECT_CU(CUDA_ERROR_INVALID_CLUSTER_SIZE, launch("stated", 8, {cluster(8)}));
  EXPECT_CU(CUDA_ERROR_INVALID_CLUSTER_SIZE, launch("stated", 8, {}));
  CUlaunchAttribute size = cluster(8);
  CUlaunchConfig config = {8, 1, 1, 32, 1, 1, 0, stream, &size, 1};
  int answer = 0;
  CUfunction f = function("stated");
  EXPECT_CU(CUDA_ERROR_INVALID_CLUSTER_SIZE,
            cuOccupancyMaxActiveClusters(&answer, f, &config));
  size = cluster(4);
  EXPECT_CU(CUDA_SUCCESS, cuOccupancyMaxActiveClusters(&answer, f, &config));
  EXPECT_GT(answer, 0);
  ASSERT_CU(cuOccupancyMaxPotentialClusterSize(&answer, f, &config));
  EXPECT_EQ(answer, 4);
  config.numAttrs = 0;
  EXPECT_CU(CUDA_ERROR_INVALID_CLUSTER_SIZE,
            cuOccupancyMaxActiveClusters(&answer, f, &config));
}

TEST_F(DriverAttribute, OnlyCooperativeGridsHaveABarrier) {
  CUlaunchAttribute cooperative = {};
  cooperative.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
  cooperative.value.cooperative = 1;
  ASSERT_CU(launch("together", 2, {cooperative}));
  EXPECT_CU(CUDA_SUCCESS, cuStreamSynchronize(stream));
  ASSERT_CU(launch("together", 2, {}));
  EXPECT_CU(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(stream));
}

/// In a process of its own: the environment is read once.
void clustersWith(const char *multiprocessors) {
  setenv("NYBL_EMU_SMS", multiprocessors, 1);
  CUcontext context;
  CUmodule module;
  CUfunction f;
  CUlaunchAttribute four = cluster(4);
  CUlaunchConfig config = {4, 1, 1, 32, 1, 1, 0, nullptr, &four, 1};
  int clusters = -1;
  bool good =
      cuInit(0) == CUDA_SUCCESS &&
      cuCtxCreate(&context, nullptr, 0, 0) == CUDA_SUCCESS &&
      cuModuleLoadData(&module, kernels) == CUDA_SUCCESS &&
      cuModuleGetFunction(&f, module, "rank") == CUDA_SUCCESS &&
      cuOccupancyMaxActiveClusters(&clusters, f, &config) == CUDA_SUCCESS;
  CUdeviceptr p = 0;
  void *parameters[] = {&p};
  if (good && clusters == 0 &&
      cuLaunchKernelEx(&config, f, parameters, nullptr) !=
          CUDA_ERROR_INVALID_CLUSTER_SIZE)
    std::exit(98);
  std::exit(good ? clusters : 99);
}

TEST(DriverEnvironment, ClustersNeedAsManyMultiprocessors) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(clustersWith("3"), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(clustersWith("4"), testing::ExitedWithCode(24), "");
}

} // namespace
