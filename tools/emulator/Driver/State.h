// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All that the emulated driver holds: one device with its memory, contexts and
// the objects in them, findings. One instance, made by cuInit and never
// destroyed: streams may still work while a program ends.
#ifndef NYBL_EMULATOR_DRIVER_STATE_H
#define NYBL_EMULATOR_DRIVER_STATE_H

#include "tools/emulator/Driver/Context.h"
#include "tools/emulator/Driver/Handles.h"
#include "tools/emulator/Driver/Settings.h"
#include "tools/emulator/Exec/Engine.h"
#include "tools/emulator/Exec/Labels.h"
#include "tools/emulator/Memory/GlobalMemory.h"

namespace nybl::emu {

/// What a CUmodule, and a CUlibrary, stands for.
struct Module {
  std::shared_ptr<const Program> program;
  std::weak_ptr<Context> context;
  CUmodule libraryModule = nullptr; ///< a library's only module

  std::mutex mutex;
  std::map<std::string, CUfunction> functions; ///< handles given out
};

/// What a CUfunction, and a CUkernel, stands for.
struct Function {
  std::shared_ptr<Module> module;
  const KernelInfo *kernel = nullptr; ///< the module's program holds it
  CUmodule moduleHandle = nullptr;
  std::atomic<int> maxDynamicShared{0};
  std::atomic<int> carveout{-1};
  std::atomic<int> clusterScheduling{0};
  std::atomic<bool> nonPortableCluster{false};
  std::atomic<bool> clusterMustBeSet{false};
  std::atomic<unsigned> requiredCluster[3] = {}; ///< set by an attribute
};

struct Graph;
struct GraphExec;
struct MemoryPool;

/// What a CUlinkState stands for.
struct LinkState {
  std::mutex mutex;
  std::string text; ///< what was added
};

/// Findings, oldest first. Thread safe.
class Findings {
public:
  void add(const Report &report, bool print);
  size_t count() const;
  bool text(size_t index, std::string &to) const;
  std::string newest() const;
  void clear();

private:
  /// A program that goes wrong in a loop must not eat the memory.
  static constexpr size_t mostKept = 4096;
  mutable std::mutex mutex;
  std::vector<std::string> lines;
  size_t dropped = 0;
};

struct State {
  explicit State(const Settings &settings)
      : settings(settings), memory(settings.memoryBytes),
        checks(settings.checks), poison(settings.poison), races(settings.races),
        policy(settings.policy), seed(settings.seed),
        numerics(settings.numerics) {
    count = settings.count;
    axioms = static_cast<unsigned>(settings.axioms);
  }

  const Settings settings;
  GlobalMemory memory;
  Findings findings;
  std::atomic<bool> checks, poison, races;
  std::atomic<bool> strictProxyFence{false}, count{false};
  std::atomic<unsigned> axioms{0}; ///< bits of nyblEmuSetAxioms
  std::atomic<SchedulePolicy> policy;
  std::atomic<uint64_t> seed;
  std::atomic<NumericModel> numerics;

  Handles<CUcontext, Context> contexts;
  Handles<CUstream, StreamObject> streams;
  Handles<CUevent, Event> events;
  Handles<CUmodule, Module> modules;
  Handles<CUlibrary, Module> libraries;
  Handles<CUfunction, Function> functions;
  Handles<CUlinkState, LinkState> links;
  Handles<CUmemoryPool, MemoryPool> pools;
  Handles<CUgraph, Graph> graphTable;
  Handles<CUgraphNode, GraphNode> graphNodes;
  Handles<CUgraphExec, GraphExec> graphExecs;

  /// Guards all graphs, and what streams and events know of captures.
  std::mutex graphs;
  std::vector<std::shared_ptr<Capture>> captures; ///< not ended
  std::atomic<size_t> captureCount{0};            ///< of them

  /// Guards what follows.
  std::mutex mutex;
  CUcontext primary = nullptr;
  unsigned primaryUsers = 0, primaryFlags = 0;
  std::map<CUdeviceptr, CUcontext> owners; ///< live allocations
  struct PinnedRange {
    size_t bytes;
    unsigned flags; ///< as given to the call that made it
  };
  std::map<uintptr_t, PinnedRange> pinned; ///< page-locked host memory
  std::map<uintptr_t, void *> hostBlocks;  ///< of cuMemHostAlloc
  CUmemoryPool defaultPool = nullptr, currentPool = nullptr;
  Counters lastLaunch;
  std::vector<CountedLine> lastLines;
  std::vector<LabelRequest> labelRequests;
  unsigned labelOperands = 0; ///< a bit for each LabelOperand; 0: trace nothing
  std::vector<LabelRecord> labels; ///< of the launch traced last
  std::string labelProblem;        ///< why it has none

  bool isPinned(const void *from, size_t bytes);
  /// Waits for the context's work and takes down all it owns.
  void destroyContext(CUcontext handle);
};

/// Null before a successful cuInit.
State *state();
/// Makes it on the first call; later calls only repeat the first answer.
CUresult initialise();

/// The calling thread's stack of current contexts; may hold destroyed ones.
std::vector<CUcontext> &contextStack();

/// The calling thread's last refusal in words, empty where its last call was
/// none; nyblEmuLastMessage gives it.
std::string &lastMessage();
CUresult refuse(CUresult code, std::string message);
/// Where the code says all: its description is the message, with the name of
/// the call where that is the caller.
CUresult reject(CUresult code, const char *caller = __builtin_FUNCTION());
/// The context's error, with the finding that made it as last message.
CUresult answerOf(const Context &context);

/// What an entry point starts with.
struct Entry {
  CUresult status = CUDA_SUCCESS;
  State *state = nullptr;
  std::shared_ptr<Context> context;
  CUcontext handle = nullptr;
};
Entry enterDriver();     ///< after cuInit; no context needed
Entry enterContext();    ///< needs a context without sticky error
Entry enterAnyContext(); ///< a sticky error is no obstacle: for clean-up

/// The stream that a handle names for the calling thread, and its context; null
/// if there is none.
struct StreamUse {
  StreamRef stream;
  std::shared_ptr<Context> context;
};
StreamUse useStream(const Entry &entry, CUstream handle);

std::string hex(uint64_t value);
/// Errors.cpp: a code in words.
const char *describe(CUresult code);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_DRIVER_STATE_H
