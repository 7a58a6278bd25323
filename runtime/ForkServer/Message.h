// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What two processes of one machine tell each other over a stream socket:
// fields of bytes, each there or not. Who reads trusts no length.
#ifndef NYBL_RUNTIME_FORKSERVER_MESSAGE_H
#define NYBL_RUNTIME_FORKSERVER_MESSAGE_H

#include <chrono>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace nybl::forkserver {

using Message = std::vector<std::optional<std::string>>;
using Deadline = std::chrono::steady_clock::time_point;

constexpr Deadline never = Deadline::max();

/// How reading ended.
enum class Outcome {
  Whole,    ///< a message
  Closed,   ///< the other end is gone, perhaps amid a message
  Nonsense, ///< no message of this version
  Late,     ///< not by the deadline
};

struct Received {
  Outcome outcome = Outcome::Closed;
  Message message; ///< if Whole
  std::string why; ///< if Nonsense: what was expected, and what came
};

Received receive(int socket, Deadline until);

/// Late, Closed, or Nonsense where the message is too large. No signal is
/// raised where nobody reads.
Outcome send(int socket, const Message &message, Deadline until);

/// Whether one of them becomes readable, or is closed, by then. Negative ones
/// are passed over.
bool waitReadable(std::initializer_list<int> files, Deadline until);

} // namespace nybl::forkserver

#endif // NYBL_RUNTIME_FORKSERVER_MESSAGE_H
