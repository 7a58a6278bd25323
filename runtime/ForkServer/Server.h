// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The process that forks one for each request, and says how it ended.
#ifndef NYBL_RUNTIME_FORKSERVER_SERVER_H
#define NYBL_RUNTIME_FORKSERVER_SERVER_H

#include "runtime/ForkServer/Message.h"
#include <functional>

namespace nybl::forkserver {

/// The files that a server is started with (Spawn.h).
constexpr int controlFile = 3, clientFile = 4;

/// Of the packet on the control socket that brings a request's two sockets: the
/// answer's, and that of how its process ended.
constexpr size_t requestFiles = 2;

/// The server's own packet on the control socket, once: it takes requests.
constexpr char readyByte = 1;

/// How a request's process ended: wait status (none: it could not be started),
/// and its last words, or the reason.
enum EndField { EndStatus, EndWords, endFields };

/// Answers requests by `answer`, each in a process of its own, until the client
/// is gone or has asked nothing for `idle`. A request whose client is gone is
/// ended, with all that its process has started. This process must have no
/// other thread. Returns the exit code.
int serve(std::chrono::milliseconds idle,
          const std::function<Message(const Message &)> &answer);

} // namespace nybl::forkserver

#endif // NYBL_RUNTIME_FORKSERVER_SERVER_H
