// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What RecordingDriver.cpp tells a test: found by dlsym, never linked.
#ifndef NYBL_TESTS_RUNTIME_RECORDINGDRIVER_H
#define NYBL_TESTS_RUNTIME_RECORDINGDRIVER_H

#include <cstdint>

/// The last cuLaunchKernel. Parameters are copied as 8 bytes each as long as
/// the test said how many there are.
struct RecordedLaunch {
  uint64_t launches;
  unsigned grid[3], block[3], dynamicShared;
  void *stream;
  uint64_t parameters[32];
};

struct RecordingSettings {
  int multiprocessors = 10;
  int residentCtas = 2;
  int refuseCubin = 0;    ///< cuModuleLoadDataEx of an ELF: NO_BINARY_FOR_GPU
  int launchResult = 0;   ///< what cuLaunchKernel returns
  int parameterCount = 0; ///< how many parameters to copy
};

struct RecordingState {
  RecordingSettings settings;
  RecordedLaunch last;
  int contextDepth; ///< pushes minus pops
  int retained;     ///< primary context references
  int modules;      ///< loaded minus unloaded
  int ptxLoads, cubinLoads;
  /// Every call of the driver in order, by name; the oldest are kept.
  const char *calls[64];
  int callCount;
  void *current; ///< the context on top of the stack
};

/// extern "C" RecordingState *nyblTestState(void);
using RecordingStateEntry = RecordingState *();

#endif // NYBL_TESTS_RUNTIME_RECORDINGDRIVER_H
