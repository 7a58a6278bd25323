// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One piece of work, apart from where it runs: a task of a stream, or a node of
// a graph.
#ifndef NYBL_EMULATOR_DRIVER_WORK_H
#define NYBL_EMULATOR_DRIVER_WORK_H

#include "tools/emulator/Driver/State.h"

#include <variant>

namespace nybl::emu {

struct Graph;

struct EmptyWork {};

/// One launch, checked and packed.
struct KernelWork {
  std::shared_ptr<Function> function;
  LaunchConfig config;
  Dim3 askedGrid; ///< as a program gave it: it may count clusters
  bool cooperative = false;
  bool programmatic = false; ///< may begin before the launch ahead has ended
  std::vector<uint8_t> parameters;
  /// Recorded when the next launch may begin, or this one has ended.
  std::vector<std::shared_ptr<Event>> events;
};

/// One end of a copy.
struct CopyEnd {
  bool isDevice = false;
  uint64_t address = 0;
  uint64_t pitch = 0, slice = 0; ///< bytes between rows, between slices

  uint8_t *host() const { return reinterpret_cast<uint8_t *>(address); }
};

struct CopyWork {
  CopyEnd to, from;
  uint64_t width = 0, height = 1, depth = 1; ///< bytes, rows, slices
  /// What was read of pageable host memory when the copy was asked for.
  std::shared_ptr<std::vector<uint8_t>> staged;
};

struct FillWork {
  uint64_t to = 0, pitch = 0;
  uint32_t value = 0, elementBytes = 1;
  uint64_t width = 0, height = 1; ///< elements, rows
};

struct HostWork {
  CUhostFn function = nullptr;
  void *data = nullptr;
};

struct RecordWork {
  std::shared_ptr<Event> event;
};

struct WaitWork {
  std::shared_ptr<Event> event;
};

struct ChildWork {
  std::shared_ptr<Graph> graph;
};

/// In the order of the alternatives: CUgraphNodeType, see typeOf().
using Work = std::variant<EmptyWork, KernelWork, CopyWork, FillWork, HostWork,
                          RecordWork, WaitWork, ChildWork>;

Access accessOf(const Work &work);

/// Does it now, in this thread. Event and child work is not for here.
CUresult performWork(State &s, const Work &work);

/// Launch.cpp: the same for a launch.
CUresult performKernel(State &s, const KernelWork &work);
/// LabelApi.cpp: one launch of a kernel, traced if labels are asked for.
LaunchResult runLaunch(State &s, const KernelWork &work,
                       const LaunchConfig &config);
bool tracesLabels(State &s);
/// The same as a task that can overlap others of its stream.
std::shared_ptr<LaunchWork>
makeLaunchWork(State &s, std::shared_ptr<Context> context, KernelWork work);

enum class Mode { Wait, Async };

/// Into a stream, or the graph that the stream is captured into.
CUresult enqueue(const Entry &entry, CUstream stream, Work work, Mode mode);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_DRIVER_WORK_H
