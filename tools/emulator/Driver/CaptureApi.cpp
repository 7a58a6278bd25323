// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The calls that begin, end and look at stream captures.

#include "tools/emulator/Driver/Capture.h"

#include <algorithm>

using namespace nybl::emu;

static CUresult begin(CUstream handle, CUstreamCaptureMode mode,
                      std::shared_ptr<Graph> graph,
                      std::vector<GraphNode *> ends) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  StreamUse use = useStream(entry, handle);
  if (!use.context)
    return refuse(CUDA_ERROR_INVALID_HANDLE, "expected a live stream");
  if (unsigned(mode) > CU_STREAM_CAPTURE_MODE_RELAXED)
    return reject(CUDA_ERROR_INVALID_VALUE);
  if (use.stream == use.context->legacyStream())
    return refuse(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                  "the legacy stream cannot be captured");
  State &s = *entry.state;
  std::lock_guard lock(s.graphs);
  if (use.stream->capture)
    return refuse(CUDA_ERROR_ILLEGAL_STATE,
                  "the stream is being captured already");
  auto capture = std::make_shared<Capture>();
  capture->id = nextHandle();
  capture->mode = mode;
  capture->thread = std::this_thread::get_id();
  capture->ownsGraph = !graph;
  if (!graph) {
    graph = std::make_shared<Graph>();
    graph->handle = s.graphTable.add(graph);
  }
  capture->graph = std::move(graph);
  capture->origin = use.stream;
  capture->streams = {use.stream};
  use.stream->capture = capture;
  use.stream->captureEnds = std::move(ends);
  s.captures.push_back(std::move(capture));
  s.captureCount = s.captures.size();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamBeginCapture_v2(CUstream stream,
                                         CUstreamCaptureMode mode) {
  return begin(stream, mode, nullptr, {});
}

/// The nodes behind handles; nothing unless all are live ones of the graph.
static std::optional<std::vector<GraphNode *>>
nodesOf(State &s, const Graph &graph, const CUgraphNode *handles,
        size_t count) {
  std::vector<GraphNode *> nodes;
  for (size_t i = 0; i < count; ++i) {
    NodeRef node = s.graphNodes.find(handles[i]);
    if (!graph.holds(node.get()))
      return std::nullopt;
    nodes.push_back(node.get());
  }
  return nodes;
}

CUresult CUDAAPI cuStreamBeginCaptureToGraph(
    CUstream stream, CUgraph graphHandle, const CUgraphNode *dependencies,
    const CUgraphEdgeData *, size_t count, CUstreamCaptureMode mode) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  std::shared_ptr<Graph> graph = entry.state->graphTable.find(graphHandle);
  if (!graph || (count > 0 && !dependencies))
    return reject(CUDA_ERROR_INVALID_VALUE);
  std::optional<std::vector<GraphNode *>> ends;
  {
    std::lock_guard lock(entry.state->graphs);
    ends = nodesOf(*entry.state, *graph, dependencies, count);
  }
  if (!ends)
    return refuse(CUDA_ERROR_INVALID_VALUE, "expected nodes of the graph");
  return begin(stream, mode, std::move(graph), std::move(*ends));
}

/// Whether all that was captured in other streams comes before the origin's
/// ends.
static bool isJoined(const Capture &capture) {
  std::vector<GraphNode *> reached = capture.origin->captureEnds;
  for (size_t i = 0; i < reached.size(); ++i)
    for (GraphNode *earlier : reached[i]->dependencies)
      if (std::find(reached.begin(), reached.end(), earlier) == reached.end())
        reached.push_back(earlier);
  for (const StreamRef &stream : capture.streams)
    for (GraphNode *end : stream->captureEnds)
      if (std::find(reached.begin(), reached.end(), end) == reached.end())
        return false;
  return true;
}

/// How a capture ends; whatever it is, the streams are free again.
static CUresult ending(const Capture &capture) {
  if (capture.invalidated)
    return refuse(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED,
                  "the capture was invalidated by an earlier call");
  if (!isJoined(capture))
    return refuse(CUDA_ERROR_STREAM_CAPTURE_UNJOINED,
                  "work captured in another stream is not waited for by the "
                  "stream in which the capture began");
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamEndCapture(CUstream handle, CUgraph *graph) {
  Entry entry = enterAnyContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  StreamUse use = useStream(entry, handle);
  if (!use.context || !graph)
    return use.context ? reject(CUDA_ERROR_INVALID_VALUE)
                       : reject(CUDA_ERROR_INVALID_HANDLE);
  State &s = *entry.state;
  std::lock_guard lock(s.graphs);
  std::shared_ptr<Capture> capture = use.stream->capture;
  if (!capture)
    return refuse(CUDA_ERROR_ILLEGAL_STATE, "the stream is not captured");
  if (capture->origin != use.stream) {
    capture->invalidated = true;
    return refuse(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED,
                  "the capture began in another stream");
  }
  if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED &&
      capture->thread != std::this_thread::get_id())
    return refuse(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD,
                  "the capture was begun by another thread");
  CUresult status = ending(*capture);
  for (const StreamRef &stream : capture->streams) {
    stream->capture = nullptr;
    stream->captureEnds.clear();
  }
  std::erase(s.captures, capture);
  s.captureCount = s.captures.size();
  *graph = status == CUDA_SUCCESS ? capture->graph->handle : nullptr;
  if (status != CUDA_SUCCESS && capture->ownsGraph)
    capture->graph->dissolve(s);
  return status;
}

namespace {
/// What is asked of a stream's capture; null: not asked.
struct CaptureAnswer {
  CUstreamCaptureStatus *status;
  cuuint64_t *id = nullptr;
  CUgraph *graph = nullptr;
  const CUgraphNode **dependencies = nullptr;
  size_t *count = nullptr;
};
} // namespace

static CUresult captureInfo(CUstream handle, const CaptureAnswer &answer) {
  Entry entry = enterAnyContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  StreamUse use = useStream(entry, handle);
  if (!use.context || !answer.status)
    return use.context ? reject(CUDA_ERROR_INVALID_VALUE)
                       : reject(CUDA_ERROR_INVALID_HANDLE);
  std::lock_guard lock(entry.state->graphs);
  StreamObject &stream = *use.stream;
  *answer.status = CU_STREAM_CAPTURE_STATUS_NONE;
  if (!stream.capture)
    return CUDA_SUCCESS;
  *answer.status = stream.capture->invalidated
                       ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                       : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  if (stream.capture->invalidated)
    return CUDA_SUCCESS;
  stream.captureHandles.clear();
  for (GraphNode *end : stream.captureEnds)
    stream.captureHandles.push_back(end->handle);
  if (answer.id)
    *answer.id = stream.capture->id;
  if (answer.graph)
    *answer.graph = stream.capture->graph->handle;
  if (answer.dependencies)
    *answer.dependencies = stream.captureHandles.data();
  if (answer.count)
    *answer.count = stream.captureHandles.size();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamIsCapturing(CUstream stream,
                                     CUstreamCaptureStatus *status) {
  return captureInfo(stream, {status});
}

CUresult CUDAAPI cuStreamGetCaptureInfo(CUstream stream,
                                        CUstreamCaptureStatus *status,
                                        cuuint64_t *id) {
  return captureInfo(stream, {status, id});
}

CUresult CUDAAPI cuStreamGetCaptureInfo_v2(CUstream stream,
                                           CUstreamCaptureStatus *status,
                                           cuuint64_t *id, CUgraph *graph,
                                           const CUgraphNode **dependencies,
                                           size_t *count) {
  return captureInfo(stream, {status, id, graph, dependencies, count});
}

/// Every edge is an ordinary one, which is what a null `edges` says.
CUresult CUDAAPI cuStreamGetCaptureInfo_v3(CUstream stream,
                                           CUstreamCaptureStatus *status,
                                           cuuint64_t *id, CUgraph *graph,
                                           const CUgraphNode **dependencies,
                                           const CUgraphEdgeData **edges,
                                           size_t *count) {
  if (edges)
    *edges = nullptr;
  return captureInfo(stream, {status, id, graph, dependencies, count});
}

CUresult CUDAAPI cuStreamUpdateCaptureDependencies(CUstream handle,
                                                   CUgraphNode *dependencies,
                                                   size_t count,
                                                   unsigned int flags) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  StreamUse use = useStream(entry, handle);
  if (!use.context || (count > 0 && !dependencies) ||
      flags > CU_STREAM_SET_CAPTURE_DEPENDENCIES)
    return use.context ? reject(CUDA_ERROR_INVALID_VALUE)
                       : reject(CUDA_ERROR_INVALID_HANDLE);
  std::lock_guard lock(entry.state->graphs);
  StreamObject &stream = *use.stream;
  if (!stream.capture || stream.capture->invalidated)
    return refuse(CUDA_ERROR_ILLEGAL_STATE, "the stream is not captured");
  auto nodes =
      nodesOf(*entry.state, *stream.capture->graph, dependencies, count);
  if (!nodes)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "expected nodes of the graph that is being captured");
  if (flags == CU_STREAM_SET_CAPTURE_DEPENDENCIES)
    stream.captureEnds.clear();
  for (GraphNode *node : *nodes)
    if (std::find(stream.captureEnds.begin(), stream.captureEnds.end(), node) ==
        stream.captureEnds.end())
      stream.captureEnds.push_back(node);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamUpdateCaptureDependencies_v2(CUstream stream,
                                                      CUgraphNode *dependencies,
                                                      const CUgraphEdgeData *,
                                                      size_t count,
                                                      unsigned int flags) {
  return cuStreamUpdateCaptureDependencies(stream, dependencies, count, flags);
}

CUresult CUDAAPI cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode *mode) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!mode || unsigned(*mode) > CU_STREAM_CAPTURE_MODE_RELAXED)
    return reject(CUDA_ERROR_INVALID_VALUE);
  std::swap(*mode, captureModeOfThread());
  return CUDA_SUCCESS;
}
