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
#include "tools/emulator/Memory/GlobalMemory.h"

namespace nybl::emu {

/// What a CUmodule, and a CUlibrary, stands for.
struct Module {
  ~Module();

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
        checks(settings.checks), poison(settings.poison) {}

  const Settings settings;
  GlobalMemory memory;
  /// Guards contents of device memory against release; see Access.
  std::shared_mutex memoryUse;
  Findings findings;
  std::atomic<bool> checks, poison;

  Handles<CUcontext, Context> contexts;
  Handles<CUstream, StreamObject> streams;
  Handles<CUevent, Event> events;
  Handles<CUmodule, Module> modules;
  Handles<CUlibrary, Module> libraries;
  Handles<CUfunction, Function> functions;

  /// Guards what follows.
  std::mutex mutex;
  CUcontext primary = nullptr;
  unsigned primaryUsers = 0, primaryFlags = 0;
  std::map<CUdeviceptr, CUcontext> owners; ///< live allocations
  std::map<uintptr_t, size_t> pinned;      ///< page-locked host ranges
  std::map<uintptr_t, void *> hostBlocks;  ///< of cuMemHostAlloc
  Counters lastLaunch;

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

/// The calling thread's last refusal in words; nyblEmuLastMessage gives it.
std::string &lastMessage();
CUresult refuse(CUresult code, std::string message);

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

} // namespace nybl::emu

#endif // NYBL_EMULATOR_DRIVER_STATE_H
