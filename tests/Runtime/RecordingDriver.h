// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What RecordingDriver.cpp tells a test: found by dlsym, never linked.
#ifndef NYBL_TESTS_RUNTIME_RECORDINGDRIVER_H
#define NYBL_TESTS_RUNTIME_RECORDINGDRIVER_H

#include "tests/Runtime/Symbol.h"
#include <atomic>
#include <cstdint>
#include <memory>

/// The last cuLaunchKernel or cuLaunchKernelEx. Parameters are copied as 8
/// bytes each as long as the test said how many there are, and whole where it
/// said they are maps.
struct RecordedLaunch {
  uint64_t launches;
  unsigned grid[3], block[3], dynamicShared;
  void *stream;
  uint64_t parameters[32];
  uint64_t maps[32][16];
  bool cooperative, dependent; ///< attributes of cuLaunchKernelEx
};

/// What cuTensorMapEncodeTiled got; of the arrays as much as rank 2 has. The
/// map it gives is not a real one: word i holds mapWord(number of the call, i).
struct RecordedMap {
  const void *to;
  int type;
  unsigned rank;
  uint64_t address, sizes[2], stride;
  unsigned box[2], elementStrides[2];
  int interleave, swizzle, promotion, fill;
};

constexpr uint64_t mapWord(int call, int i) {
  return 0x6d61700000000000 + uint64_t(call) * 256 + uint64_t(i);
}

struct RecordingSettings {
  int multiprocessors = 10;
  int residentCtas = 2;
  int refuseCubin = 0;    ///< cuModuleLoadDataEx of an ELF: NO_BINARY_FOR_GPU
  int launchResult = 0;   ///< what cuLaunchKernel returns
  int parameterCount = 0; ///< how many parameters to copy
  uint32_t mapParameters = 0; ///< bit i: parameter i is a tensor map
  int encodeResult = 0;       ///< what cuTensorMapEncodeTiled returns
};

/// Threads may prepare side by side, so what any call counts is atomic; what
/// one launch or one encoded map left is for tests that have one thread.
struct RecordingState {
  RecordingSettings settings;
  RecordedLaunch last;
  std::atomic<int> contextDepth; ///< pushes minus pops, of all threads
  std::atomic<int> retained;     ///< primary context references
  std::atomic<int> modules;      ///< loaded minus unloaded
  std::atomic<int> ptxLoads, cubinLoads;
  /// Every call of the driver in order, by name; the oldest are kept.
  const char *calls[64];
  std::atomic<int> callCount;
  std::atomic<void *> synchronized; ///< the last stream waited for
  std::atomic<void *> current;      ///< the context pushed last, by any thread
  /// The last CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES.
  std::atomic<int> allowedShared;
  /// The dynamic shared memory of the last occupancy.
  std::atomic<uint64_t> askedShared;
  RecordedMap encoded[8]; ///< the oldest are kept
  int encodeCount;
};

/// extern "C" RecordingState *nyblTestState(void);
using RecordingStateEntry = RecordingState *();

/// The state of the recording driver `library`, as it was when loaded first;
/// null where the library has none.
inline RecordingState *restartRecording(const char *library) {
  auto *entry =
      nybl::tests::symbolOf<RecordingStateEntry>(library, "nyblTestState");
  return entry ? std::construct_at(entry()) : nullptr;
}

#endif // NYBL_TESTS_RUNTIME_RECORDINGDRIVER_H
