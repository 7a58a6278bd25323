// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Stream capture: work of a stream becomes nodes of a graph. Events carry a
// capture from one stream to another. A call that a capture cannot stand is
// refused and invalidates it.
#ifndef NYBL_EMULATOR_DRIVER_CAPTURE_H
#define NYBL_EMULATOR_DRIVER_CAPTURE_H

#include "tools/emulator/Driver/Graph.h"

namespace nybl::emu {

/// One capture, of one or several streams. State::graphs guards all of them.
struct Capture {
  uint64_t id = 0;
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  std::thread::id thread; ///< that began it
  std::shared_ptr<Graph> graph;
  StreamRef origin;
  std::vector<StreamRef> streams; ///< origin and those that joined
  bool ownsGraph = true;          ///< false: a program gave it
  bool invalidated = false;
};

/// The calling thread's say in which calls are unsafe during captures.
CUstreamCaptureMode &captureModeOfThread();

/// Adds `work` to the capture of the stream, if it is captured, and says how
/// that went; nothing if the work is to be queued. Work for the legacy stream
/// is refused while a blocking stream is captured.
std::optional<CUresult> captureWork(State &s, const StreamUse &use,
                                    const Work &work);

/// Whether the stream is captured; asks for State::graphs.
bool isCaptured(State &s, const StreamObject &stream);

/// An event record, or a wait, in a stream or its capture. Nothing if neither
/// the stream nor the event has to do with a capture.
std::optional<CUresult> captureRecord(State &s, const StreamUse &use,
                                      const std::shared_ptr<Event> &event,
                                      bool external);
std::optional<CUresult> captureWait(State &s, const StreamUse &use,
                                    const std::shared_ptr<Event> &event,
                                    bool external);

/// For work that is never captured: an error if it is for the legacy stream
/// while a blocking stream is captured.
CUresult checkLegacyUse(State &s, const StreamUse &use);

/// For calls that are unsafe during a capture (they synchronise, or change what
/// captured work uses): an error, and the captures in the way are invalidated.
CUresult checkUnsafeCall(State &s);
/// The same for a question to, or a wait for, one stream or one event, and for
/// all streams of a context.
CUresult checkNotCaptured(State &s, StreamObject &stream);
CUresult checkNotCaptured(State &s, Event &event);
CUresult checkNoCapture(State &s, const Context &context);
void invalidateCapture(State &s, StreamObject &stream);
/// Of a stream that is going away: invalidates its capture, and ends it if it
/// began there.
void dropCapture(State &s, StreamObject &stream);
/// Of a context that is going away: ends its captures.
void dropCaptures(State &s, const Context &context);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_DRIVER_CAPTURE_H
