// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Stream capture, and graphs built by hand: what is in them, what they do, how
// they change, and what captures refuse.

#include "tests/Emulator/DriverFixture.h"

#include <algorithm>
#include <cstring>
#include <thread>

namespace {

unsigned chained(unsigned value, int rounds) {
  for (int i = 0; i < rounds; ++i)
    value = value * 1664525u + 1013904223u;
  return value;
}

class DriverGraph : public DriverTest {
protected:
  void SetUp() override {
    DriverTest::SetUp();
    ASSERT_CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    ASSERT_CU(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
    ASSERT_CU(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    p = allocate(64);
    ASSERT_CU(cuMemsetD32(p, 1, 16));
  }

  void begin(CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL) {
    ASSERT_CU(cuStreamBeginCapture(stream, mode));
  }

  CUgraph end() {
    CUgraph graph = nullptr;
    EXPECT_CU(CUDA_SUCCESS, cuStreamEndCapture(stream, &graph));
    return graph;
  }

  CUgraphExec instantiate(CUgraph graph) {
    CUgraphExec exec = nullptr;
    EXPECT_CU(CUDA_SUCCESS, cuGraphInstantiate(&exec, graph, 0));
    return exec;
  }

  /// Launches and waits.
  void launch(CUgraphExec exec) {
    ASSERT_CU(cuGraphLaunch(exec, stream));
    ASSERT_CU(cuStreamSynchronize(stream));
  }

  unsigned read(unsigned index = 0) {
    unsigned value = 0;
    EXPECT_CU(CUDA_SUCCESS, cuMemcpyDtoH(&value, p + 4 * index, 4));
    return value;
  }

  CUDA_KERNEL_NODE_PARAMS chainNode(void **parameters) {
    CUDA_KERNEL_NODE_PARAMS node = {};
    node.func = kernel("chain");
    node.gridDimX = node.gridDimY = node.gridDimZ = 1;
    node.blockDimX = node.blockDimY = node.blockDimZ = 1;
    node.kernelParams = parameters;
    return node;
  }

  CUstream stream = nullptr, other = nullptr;
  CUevent event = nullptr;
  CUdeviceptr p = 0;
};

TEST_F(DriverGraph, CapturedWorkRunsWhenTheGraphIsLaunchedAndEachTime) {
  begin();
  ASSERT_CU(chain(p, 3, stream));
  ASSERT_CU(cuMemcpyDtoDAsync(p + 4, p, 4, stream));
  ASSERT_CU(cuMemsetD32Async(p + 8, 77, 2, stream));
  CUstreamCaptureStatus status;
  cuuint64_t id = 0;
  CUgraph during = nullptr;
  const CUgraphNode *dependencies = nullptr;
  size_t count = 0;
  ASSERT_CU(cuStreamGetCaptureInfo(stream, &status, &id, &during, &dependencies,
                                   nullptr, &count));
  EXPECT_EQ(status, CU_STREAM_CAPTURE_STATUS_ACTIVE);
  EXPECT_NE(id, 0u);
  ASSERT_EQ(count, 1u);
  CUgraphNodeType type;
  ASSERT_CU(cuGraphNodeGetType(dependencies[0], &type));
  EXPECT_EQ(type, CU_GRAPH_NODE_TYPE_MEMSET);
  CUgraph graph = end();
  EXPECT_EQ(graph, during);
  ASSERT_CU(cuStreamIsCapturing(stream, &status));
  EXPECT_EQ(status, CU_STREAM_CAPTURE_STATUS_NONE);
  EXPECT_EQ(read(), 1u); // nothing has run
  size_t edges = 0;
  ASSERT_CU(cuGraphGetEdges(graph, nullptr, nullptr, nullptr, &edges));
  EXPECT_EQ(edges, 2u);
  CUgraphExec exec = instantiate(graph);
  ASSERT_CU(cuGraphDestroy(graph)); // the executable graph stands alone
  for (int launches = 1; launches <= 3; ++launches) {
    launch(exec);
    EXPECT_EQ(read(0), chained(1, 3 * launches));
    EXPECT_EQ(read(1), chained(1, 3 * launches));
    EXPECT_EQ(read(3), 77u);
  }
  ASSERT_CU(cuGraphExecDestroy(exec));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuGraphLaunch(exec, stream));
}

TEST_F(DriverGraph, ParametersAreCopiedWhenTheyAreCaptured) {
  CUdeviceptr where = p;
  int rounds = 2;
  void *parameters[] = {&where, &rounds};
  begin();
  ASSERT_CU(cuLaunchKernel(kernel("chain"), 1, 1, 1, 1, 1, 1, 0, stream,
                           parameters, nullptr));
  where = 0;
  rounds = 99;
  CUgraphExec exec = instantiate(end());
  launch(exec);
  EXPECT_EQ(read(), chained(1, 2));
}

TEST_F(DriverGraph, EventsForkAndJoinACapture) {
  begin();
  ASSERT_CU(chain(p, 1, stream));
  ASSERT_CU(cuEventRecord(event, stream));
  ASSERT_CU(cuStreamWaitEvent(other, event, 0));
  CUstreamCaptureStatus status;
  ASSERT_CU(cuStreamIsCapturing(other, &status));
  EXPECT_EQ(status, CU_STREAM_CAPTURE_STATUS_ACTIVE);
  ASSERT_CU(cuMemcpyDtoDAsync(p + 4, p, 4, other));
  ASSERT_CU(cuMemcpyDtoDAsync(p + 8, p, 4, stream));
  ASSERT_CU(cuEventRecord(event, other));
  ASSERT_CU(cuStreamWaitEvent(stream, event, 0));
  ASSERT_CU(cuMemcpyDtoDAsync(p + 12, p + 4, 4, stream));
  CUgraph graph = end();
  ASSERT_CU(cuStreamIsCapturing(other, &status));
  EXPECT_EQ(status, CU_STREAM_CAPTURE_STATUS_NONE);
  size_t nodes = 0, edges = 0, roots = 0;
  ASSERT_CU(cuGraphGetNodes(graph, nullptr, &nodes));
  ASSERT_CU(cuGraphGetEdges(graph, nullptr, nullptr, nullptr, &edges));
  ASSERT_CU(cuGraphGetRootNodes(graph, nullptr, &roots));
  EXPECT_EQ(nodes, 4u);
  EXPECT_EQ(edges, 4u); // a diamond
  EXPECT_EQ(roots, 1u);
  launch(instantiate(graph));
  for (unsigned i = 0; i < 4; ++i)
    EXPECT_EQ(read(i), chained(1, 1)) << i;
}

TEST_F(DriverGraph, WhatACaptureCannotStandInvalidatesIt) {
  CUdeviceptr q;
  CUgraph graph = nullptr;
  auto ends = [&](CUresult expected) {
    graph = reinterpret_cast<CUgraph>(stream); // must be overwritten
    EXPECT_CU(expected, cuStreamEndCapture(stream, &graph));
    EXPECT_EQ(graph, nullptr);
  };
  begin();
  EXPECT_CU(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuMemAlloc(&q, 4));
  CUstreamCaptureStatus status;
  ASSERT_CU(cuStreamIsCapturing(stream, &status));
  EXPECT_EQ(status, CU_STREAM_CAPTURE_STATUS_INVALIDATED);
  EXPECT_CU(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, chain(p, 1, stream));
  ends(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);

  begin(CU_STREAM_CAPTURE_MODE_RELAXED);
  ASSERT_CU(cuMemAlloc(&q, 4));
  EXPECT_CU(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamSynchronize(stream));
  ends(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);

  begin();
  EXPECT_CU(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuCtxSynchronize());
  ends(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);

  begin();
  ASSERT_CU(cuEventRecord(event, stream));
  EXPECT_CU(CUDA_ERROR_CAPTURED_EVENT, cuEventQuery(event));
  ends(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);

  ASSERT_CU(cuEventRecord(event, other)); // outside of any capture
  begin();
  EXPECT_CU(CUDA_ERROR_STREAM_CAPTURE_ISOLATION,
            cuStreamWaitEvent(stream, event, 0));
  ends(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);

  begin();
  ASSERT_CU(cuEventRecord(event, stream));
  ASSERT_CU(cuStreamWaitEvent(other, event, 0));
  ASSERT_CU(chain(p, 1, other));
  ends(CUDA_ERROR_STREAM_CAPTURE_UNJOINED);

  EXPECT_CU(CUDA_ERROR_ILLEGAL_STATE, cuStreamEndCapture(stream, &graph));
  EXPECT_CU(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
            cuStreamBeginCapture(nullptr, CU_STREAM_CAPTURE_MODE_GLOBAL));
  begin();
  EXPECT_CU(CUDA_ERROR_ILLEGAL_STATE,
            cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
  EXPECT_NE(end(), nullptr); // empty, but a graph
  EXPECT_EQ(read(), 1u);     // none of it ran
}

TEST_F(DriverGraph, TheLegacyStreamMayNotWaitForACapturedOne) {
  CUstream blocking;
  ASSERT_CU(cuStreamCreate(&blocking, CU_STREAM_DEFAULT));
  ASSERT_CU(cuStreamBeginCapture(blocking, CU_STREAM_CAPTURE_MODE_RELAXED));
  EXPECT_CU(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, chain(p, 1, nullptr));
  CUgraph graph;
  EXPECT_CU(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED,
            cuStreamEndCapture(blocking, &graph));
  begin(); // a non-blocking stream is none of the legacy stream's business
  ASSERT_CU(chain(p, 1, nullptr));
  end();
  EXPECT_EQ(read(), chained(1, 1));
}

TEST_F(DriverGraph, TheModeOfAThreadSaysWhatIsUnsafeInIt) {
  CUresult inGlobal = CUDA_SUCCESS, inLocal = CUDA_SUCCESS;
  CUresult wrongThread = CUDA_SUCCESS;
  CUdeviceptr q;
  auto elsewhere = [&](CUstreamCaptureMode mode, CUresult &result) {
    std::thread([&] {
      cuCtxSetCurrent(context);
      cuThreadExchangeStreamCaptureMode(&mode);
      result = cuMemAlloc(&q, 4);
      CUgraph graph;
      wrongThread = cuStreamEndCapture(stream, &graph);
    }).join();
  };
  begin();
  elsewhere(CU_STREAM_CAPTURE_MODE_THREAD_LOCAL, inLocal);
  EXPECT_CU(CUDA_SUCCESS, inLocal);
  EXPECT_CU(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, wrongThread);
  CUstreamCaptureMode relaxed = CU_STREAM_CAPTURE_MODE_RELAXED;
  ASSERT_CU(cuThreadExchangeStreamCaptureMode(&relaxed));
  EXPECT_EQ(relaxed, CU_STREAM_CAPTURE_MODE_GLOBAL);
  EXPECT_CU(CUDA_SUCCESS, cuMemAlloc(&q, 4));
  ASSERT_CU(cuThreadExchangeStreamCaptureMode(&relaxed));
  elsewhere(CU_STREAM_CAPTURE_MODE_GLOBAL, inGlobal);
  EXPECT_CU(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, inGlobal);
  CUgraph graph;
  EXPECT_CU(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED,
            cuStreamEndCapture(stream, &graph));
}

TEST_F(DriverGraph, GraphsBuiltByHandDoWhatTheirEdgesSay) {
  CUgraph graph, child;
  ASSERT_CU(cuGraphCreate(&graph, 0));
  ASSERT_CU(cuGraphCreate(&child, 0));
  CUgraphNode set, step, copy, inner, host, all, record;
  CUDA_MEMSET_NODE_PARAMS fill = {p, 0, 5, 4, 2, 1};
  ASSERT_CU(cuGraphAddMemsetNode(&set, graph, nullptr, 0, &fill, context));
  int rounds = 4;
  void *parameters[] = {&p, &rounds};
  CUDA_KERNEL_NODE_PARAMS node = chainNode(parameters);
  ASSERT_CU(cuGraphAddKernelNode(&step, child, nullptr, 0, &node));
  ASSERT_CU(cuGraphAddChildGraphNode(&inner, graph, &set, 1, child));
  ASSERT_CU(cuGraphDestroy(child)); // the node has a copy of its own
  unsigned out = 0, seen = 0;
  CUDA_MEMCPY3D back = {};
  back.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  back.srcDevice = p;
  back.dstMemoryType = CU_MEMORYTYPE_HOST;
  back.dstHost = &out;
  back.WidthInBytes = 4;
  back.Height = back.Depth = 1;
  ASSERT_CU(cuGraphAddMemcpyNode(&copy, graph, nullptr, 0, &back, context));
  ASSERT_CU(cuGraphAddDependencies(graph, &inner, &copy, nullptr, 1));
  struct Both {
    unsigned *from, *to;
  } both = {&out, &seen};
  CUDA_HOST_NODE_PARAMS call = {[](void *data) {
                                  auto *b = static_cast<Both *>(data);
                                  *b->to = *b->from;
                                },
                                &both};
  ASSERT_CU(cuGraphAddHostNode(&host, graph, &copy, 1, &call));
  ASSERT_CU(cuGraphAddEmptyNode(&all, graph, &host, 1));
  ASSERT_CU(cuGraphAddEventRecordNode(&record, graph, &all, 1, event));
  CUgraphExec exec = instantiate(graph);
  ASSERT_CU(cuGraphLaunch(exec, stream));
  ASSERT_CU(cuEventSynchronize(event)); // recorded by the launch
  EXPECT_EQ(seen, chained(5, 4));
  // A circle is no graph to launch.
  ASSERT_CU(cuGraphAddDependencies(graph, &host, &set, nullptr, 1));
  CUgraphExec none;
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuGraphInstantiate(&none, graph, 0));
  ASSERT_CU(cuGraphRemoveDependencies(graph, &host, &set, nullptr, 1));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE,
            cuGraphRemoveDependencies(graph, &host, &set, nullptr, 1));
  ASSERT_CU(cuGraphDestroyNode(all));
  size_t count = 9;
  ASSERT_CU(cuGraphNodeGetDependencies(record, nullptr, nullptr, &count));
  EXPECT_EQ(count, 0u);
}

TEST_F(DriverGraph, NodesChangeInTheGraphAndInTheExecutable) {
  begin();
  ASSERT_CU(chain(p, 1, stream));
  CUgraph graph = end();
  CUgraphNode node;
  size_t count = 1;
  ASSERT_CU(cuGraphGetNodes(graph, &node, &count));
  CUDA_KERNEL_NODE_PARAMS now = {};
  ASSERT_CU(cuGraphKernelNodeGetParams(node, &now));
  EXPECT_EQ(now.func, kernel("chain"));
  EXPECT_EQ(now.blockDimX, 1u);
  EXPECT_EQ(*static_cast<CUdeviceptr *>(now.kernelParams[0]), p);
  EXPECT_EQ(*static_cast<int *>(now.kernelParams[1]), 1);
  CUgraphExec exec = instantiate(graph);
  int rounds = 6;
  void *parameters[] = {&p, &rounds};
  CUDA_KERNEL_NODE_PARAMS next = chainNode(parameters);
  ASSERT_CU(cuGraphExecKernelNodeSetParams(exec, node, &next));
  launch(exec);
  EXPECT_EQ(read(), chained(1, 6));
  rounds = 2;
  ASSERT_CU(cuGraphKernelNodeSetParams(node, &next));
  CUgraphExecUpdateResultInfo info;
  ASSERT_CU(cuGraphExecUpdate(exec, graph, &info));
  EXPECT_EQ(info.result, CU_GRAPH_EXEC_UPDATE_SUCCESS);
  launch(exec);
  EXPECT_EQ(read(), chained(1, 8));
  ASSERT_CU(cuGraphNodeSetEnabled(exec, node, 0));
  launch(exec);
  EXPECT_EQ(read(), chained(1, 8));
  CUgraph clone, larger;
  ASSERT_CU(cuGraphClone(&clone, graph));
  CUgraphNode twin, more;
  ASSERT_CU(cuGraphNodeFindInClone(&twin, node, clone));
  EXPECT_NE(twin, node);
  larger = clone;
  ASSERT_CU(cuGraphAddEmptyNode(&more, larger, &twin, 1));
  EXPECT_CU(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE,
            cuGraphExecUpdate(exec, larger, &info));
  EXPECT_EQ(info.result, CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED);
}

TEST_F(DriverGraph, LaunchesOfOneExecutableFollowEachOtherInAllStreams) {
  begin();
  ASSERT_CU(chain(p, 200, stream));
  CUgraphExec exec = instantiate(end());
  for (int i = 0; i < 5; ++i) {
    ASSERT_CU(cuGraphLaunch(exec, stream));
    ASSERT_CU(cuGraphLaunch(exec, other));
  }
  ASSERT_CU(cuCtxSynchronize());
  EXPECT_EQ(read(), chained(1, 2000));
}

TEST_F(DriverGraph, ALaunchInACapturedStreamBecomesAChildGraph) {
  begin();
  ASSERT_CU(chain(p, 2, stream));
  ASSERT_CU(cuMemcpyDtoDAsync(p + 4, p, 4, stream));
  CUgraphExec inner = instantiate(end());
  begin();
  ASSERT_CU(cuGraphLaunch(inner, stream));
  ASSERT_CU(chain(p, 1, stream));
  CUgraph graph = end();
  CUgraphNode nodes[2];
  size_t count = 2;
  ASSERT_CU(cuGraphGetNodes(graph, nodes, &count));
  ASSERT_EQ(count, 2u);
  CUgraphNodeType type;
  ASSERT_CU(cuGraphNodeGetType(nodes[0], &type));
  EXPECT_EQ(type, CU_GRAPH_NODE_TYPE_GRAPH);
  launch(instantiate(graph));
  EXPECT_EQ(read(0), chained(1, 3));
  EXPECT_EQ(read(1), chained(1, 2));
}

TEST_F(DriverGraph, AFindingInAGraphIsTheContextsError) {
  begin();
  ASSERT_CU(chain(p + 64, 1, stream)); // behind the end
  CUgraphExec exec = instantiate(end());
  ASSERT_CU(cuGraphLaunch(exec, stream));
  EXPECT_CU(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(stream));
  EXPECT_CU(CUDA_ERROR_ILLEGAL_ADDRESS, cuGraphLaunch(exec, stream));
}

TEST_F(DriverGraph, ACaptureEndsWithTheStreamThatItBeganIn) {
  CUstream stream, joined;
  CUevent event;
  CUdeviceptr p = 0;
  ASSERT_CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  ASSERT_CU(cuStreamCreate(&joined, CU_STREAM_NON_BLOCKING));
  ASSERT_CU(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  ASSERT_CU(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
  ASSERT_CU(cuEventRecord(event, stream));
  ASSERT_CU(cuStreamWaitEvent(joined, event, 0));
  EXPECT_CU(CUDA_SUCCESS, cuStreamDestroy(stream));
  EXPECT_CU(CUDA_SUCCESS, cuMemAlloc(&p, 4)); // nothing is captured any more
  EXPECT_CU(CUDA_SUCCESS, cuMemsetD32Async(p, 5, 1, joined));
  EXPECT_CU(CUDA_SUCCESS, cuStreamSynchronize(joined));
  unsigned value = 0;
  ASSERT_CU(cuMemcpyDtoH(&value, p, 4));
  EXPECT_EQ(value, 5u);
}

TEST_F(DriverGraph, NodesOfAnyTypeTakeNewParameters) {
  CUdeviceptr p = allocate(8);
  ASSERT_CU(cuMemsetD32(p, 0, 2));
  CUgraph graph, child, next;
  CUgraphNode node, inner, nested, other;
  for (CUgraph *g : {&graph, &child, &next})
    ASSERT_CU(cuGraphCreate(g, 0));
  CUgraphNodeParams fill = {};
  fill.type = CU_GRAPH_NODE_TYPE_MEMSET;
  fill.memset = {p, 0, 1, 4, 1, 1, nullptr};
  ASSERT_CU(cuGraphAddNode(&node, graph, nullptr, nullptr, 0, &fill));
  fill.memset.dst = p + 4;
  ASSERT_CU(cuGraphAddNode(&inner, child, nullptr, nullptr, 0, &fill));
  ASSERT_CU(cuGraphAddChildGraphNode(&nested, graph, nullptr, 0, child));
  fill.memset.value = 7;
  ASSERT_CU(cuGraphAddNode(&other, next, nullptr, nullptr, 0, &fill));
  CUgraphExec exec;
  ASSERT_CU(cuGraphInstantiate(&exec, graph, 0));
  auto values = [&] {
    std::vector<unsigned> got(2);
    EXPECT_CU(CUDA_SUCCESS, cuGraphLaunch(exec, nullptr));
    EXPECT_CU(CUDA_SUCCESS, cuMemcpyDtoH(got.data(), p, 8));
    return got;
  };
  EXPECT_EQ(values(), (std::vector<unsigned>{1, 1}));
  fill.memset = {p, 0, 3, 4, 1, 1, nullptr};
  ASSERT_CU(cuGraphExecNodeSetParams(exec, node, &fill));
  EXPECT_EQ(values(), (std::vector<unsigned>{3, 1}));
  ASSERT_CU(cuGraphExecChildGraphNodeSetParams(exec, nested, next));
  EXPECT_EQ(values(), (std::vector<unsigned>{3, 7}));
  fill.memset.value = 4;
  ASSERT_CU(cuGraphNodeSetParams(node, &fill));
  CUDA_MEMSET_NODE_PARAMS now = {};
  ASSERT_CU(cuGraphMemsetNodeGetParams(node, &now));
  EXPECT_EQ(now.value, 4u);
  CUgraphNodeParams empty = {};
  empty.type = CU_GRAPH_NODE_TYPE_EMPTY;
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuGraphNodeSetParams(node, &empty));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE,
            cuGraphExecNodeSetParams(exec, node, &empty));
  EXPECT_STREQ(nyblEmuLastMessage(), "the node is of another type");
  CUgraph nothing;
  ASSERT_CU(cuGraphCreate(&nothing, 0));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE,
            cuGraphExecChildGraphNodeSetParams(exec, nested, nothing));
}

} // namespace
