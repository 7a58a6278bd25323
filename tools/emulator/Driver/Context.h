// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A context: its streams, the order among them, and its sticky error.
#ifndef NYBL_EMULATOR_DRIVER_CONTEXT_H
#define NYBL_EMULATOR_DRIVER_CONTEXT_H

#include "tools/emulator/Driver/Cuda.h"
#include "tools/emulator/Driver/Stream.h"
#include <array>
#include <atomic>
#include <map>
#include <thread>
#include <vector>

namespace nybl::emu {

class Context;
struct Capture;
struct GraphNode;

/// What a CUstream stands for.
struct StreamObject {
  Stream queue;
  std::weak_ptr<Context> context;
  unsigned flags = CU_STREAM_DEFAULT;
  int priority = 0;
  uint64_t id = 0;

  /// Where work goes instead of the queue, see Capture.h; null: into the queue.
  std::shared_ptr<Capture> capture;
  std::vector<GraphNode *> captureEnds;    ///< what captured work waits for
  std::vector<CUgraphNode> captureHandles; ///< as last given to a program

  /// Of cuStreamSetAttribute, by CUstreamAttrID; without effect here.
  std::mutex attributeMutex;
  std::map<int, CUstreamAttrValue> attributes;

  bool isBlocking() const { return !(flags & CU_STREAM_NON_BLOCKING); }
};
using StreamRef = std::shared_ptr<StreamObject>;

/// What a CUevent stands for.
struct Event {
  std::weak_ptr<Context> context;
  unsigned flags = 0;

  void set(CompletionRef end);
  CompletionRef recorded() const; ///< null: never recorded

  /// The last record was captured: the nodes it stands for.
  std::shared_ptr<Capture> capture;
  std::vector<GraphNode *> captureEnds;

private:
  mutable std::mutex mutex;
  CompletionRef end;
};

/// Whether a task uses the contents of device memory. A host function does not:
/// it may block.
enum class Access { None, Memory };

/// Thread safe.
class Context : public std::enable_shared_from_this<Context> {
public:
  static std::shared_ptr<Context> create(unsigned flags, GlobalMemory &memory);

  const StreamRef &legacyStream() const { return legacy; }
  StreamRef perThreadStream();
  StreamRef newStream(unsigned flags, int priority);
  /// Forgets the stream; what is queued in it still counts for synchronize().
  void dropStream(const StreamRef &stream);

  /// Queues `work`. An error it returns becomes the context's; once there is
  /// one, queued work is skipped. The legacy stream and blocking streams wait
  /// for each other's earlier work.
  CompletionRef submit(StreamObject &stream, std::function<CUresult()> work,
                       Access access, CompletionRef after = nullptr);
  CompletionRef submit(StreamObject &stream,
                       std::shared_ptr<LaunchWork> launch);
  /// Is run after an error too; gets the context's.
  void submitAlways(StreamObject &stream, std::function<void(CUresult)> work);
  /// Does one piece of work now; skipped once there is an error.
  void perform(const std::function<CUresult()> &work, Access access);
  /// Waits for all work of all streams.
  void synchronize();

  CUresult stickyError() const { return sticky; }
  /// Keeps the first error.
  void fail(CUresult error);
  void clearError() { sticky = CUDA_SUCCESS; }

  bool isPrimary() const { return primary; }
  void setPrimary() { primary = true; }
  std::atomic<unsigned> flags;
  std::atomic<CUfunc_cache> cacheConfig{CU_FUNC_CACHE_PREFER_NONE};
  /// By CUlimit: stack, printf buffer, heap; a real driver's first values.
  std::array<std::atomic<size_t>, 3> limits{1024, 1 << 20, 8 << 20};

private:
  Context(unsigned flags, GlobalMemory &memory);
  StreamRef makeStream(unsigned flags, int priority);
  std::vector<CompletionRef> ordering(const StreamObject &stream);
  std::vector<CompletionRef> pending();

  GlobalMemory &memory;
  std::atomic<CUresult> sticky{CUDA_SUCCESS};
  bool primary = false;
  StreamRef legacy;
  /// Guards the rest, and makes one order of all appended tasks.
  std::mutex order;
  std::vector<StreamRef> streams;
  std::map<std::thread::id, StreamRef> perThread;
  std::vector<CompletionRef> orphans; ///< of dropped blocking streams
};

/// True in a host function, where the API may not be called.
bool insideHostFunction();
void setInsideHostFunction(bool inside);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_DRIVER_CONTEXT_H
