// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Asks a server (Server.h), which is started when it is needed.
#ifndef NYBL_RUNTIME_FORKSERVER_CLIENT_H
#define NYBL_RUNTIME_FORKSERVER_CLIENT_H

#include "runtime/Abi/Status.h"
#include "runtime/ForkServer/Message.h"
#include <memory>
#include <mutex>

namespace nybl::forkserver {

/// Thread safe. A process that was forked off this one starts its own server.
class Client {
public:
  /// `program` calls serve.
  Client(std::string program, std::vector<std::string> arguments);
  ~Client(); ///< ends the server
  Client(const Client &) = delete;
  Client &operator=(const Client &) = delete;

  /// The answer, made in a process of its own. Errors: NotFound if none could
  /// be started, nor the server; Environment if the process ended, was ended
  /// because it took longer than `limit`, or gave no answer: then the message
  /// is what the process did ("was ended by signal 6 (Aborted)").
  Expected<Message> ask(const Message &request, std::chrono::seconds limit);

private:
  class Server;
  Expected<std::shared_ptr<Server>> server();
  /// Does not use this one again.
  void leave(const std::shared_ptr<Server> &server);

  std::string program;
  std::vector<std::string> arguments;
  std::mutex mutex; ///< of `current`
  std::shared_ptr<Server> current;
};

} // namespace nybl::forkserver

#endif // NYBL_RUNTIME_FORKSERVER_CLIENT_H
