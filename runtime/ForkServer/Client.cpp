// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One server for all threads, two sockets for each request.

#include "runtime/ForkServer/Client.h"
#include "runtime/ForkServer/Server.h"
#include "runtime/Support/Descriptor.h"
#include "runtime/Support/Spawn.h"
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nybl;
using namespace nybl::forkserver;

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct Pair {
  Descriptor ours, theirs;
};

Expected<Pair> makePair(int type) {
  int ends[2];
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) == 0)
    return Pair{Descriptor(ends[0]), Descriptor(ends[1])};
  return Status::environment(
      fmt::format("no sockets can be made: {}", std::strerror(errno)));
}

std::string describeEnd(int status, const std::string &words) {
  std::string said = words.empty() ? "" : fmt::format(", saying '{}'", words);
  if (WIFSIGNALED(status))
    return fmt::format(
        "was ended by signal {} ({}){}{}", WTERMSIG(status),
        strsignal(WTERMSIG(status)),
        WTERMSIG(status) == SIGKILL ? ", as when memory is short" : "", said);
  return fmt::format("exited with code {}{}", WEXITSTATUS(status), said);
}

Status notStarted(const std::string &why) {
  return Status::error(ErrorCode::NotFound, why);
}

/// An error from what the server says of the process; none where it says
/// nothing.
Status endOf(int socket) {
  // The process has let go of its socket, so the server hears of it any moment.
  Received end = receive(socket, steady_clock::now() + milliseconds(5000));
  if (end.outcome != Outcome::Whole || end.message.size() != endFields)
    return Status::ok();
  std::string words = end.message[EndWords].value_or("");
  if (!end.message[EndStatus])
    return notStarted("no process could be started: " + words);
  const std::string &text = *end.message[EndStatus];
  int status = 0;
  std::from_chars(text.data(), text.data() + text.size(), status);
  return Status::environment(describeEnd(status, words));
}

} // namespace

class Client::Server {
public:
  static Expected<std::shared_ptr<Server>>
  start(const std::string &program, const std::vector<std::string> &arguments) {
    auto ends = makePair(SOCK_SEQPACKET);
    if (!ends)
      return ends.status();
    // Readable when this process is over, whoever has its files then.
    Descriptor self(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
    auto process = spawnUnnoticed({program, arguments, {*ends->theirs, *self}});
    if (!process)
      return process.status();
    auto server = std::make_shared<Server>();
    server->control = std::move(ends->ours);
    server->process = std::move(*process);
    return server;
  }
  ~Server() {
    control.reset();
    if (!isOurs() || !process.isOpen())
      return;
    if (!waitReadable({*process}, steady_clock::now() + milliseconds(200)))
      syscall(SYS_pidfd_send_signal, *process, SIGKILL, nullptr, 0);
    reapIfOurs(process);
  }

  bool isOurs() const { return owner == getpid(); }

  /// What became of a request.
  struct Exchange {
    Received answer;
    Status end; ///< an error if its process ended without an answer
  };
  /// Errors: NotFound.
  Expected<Exchange> exchange(const Message &request, Deadline until) const {
    auto socket = makePair(SOCK_STREAM), end = makePair(SOCK_STREAM);
    if (!socket || !end)
      return notStarted((socket ? end : socket).message());
    Exchange result;
    if (!take(*socket->theirs, *end->theirs))
      return result;
    socket->theirs.reset();
    end->theirs.reset();
    result.answer.outcome = send(*socket->ours, request, until);
    if (result.answer.outcome == Outcome::Nonsense)
      result.answer.why = "the request is too large";
    else if (result.answer.outcome != Outcome::Late)
      result.answer = hear(*socket->ours, *end->ours, until);
    if (result.answer.outcome == Outcome::Closed)
      result.end = endOf(*end->ours);
    return result;
  }

  /// Whether it has ever said that it can be asked.
  bool wasReady() const {
    char byte;
    return recv(*control, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
  }

private:
  /// Hands over a request's sockets.
  bool take(int socket, int end) const {
    int files[requestFiles] = {socket, end};
    char byte = 0;
    iovec content = {&byte, 1};
    alignas(cmsghdr) char room[CMSG_SPACE(sizeof files)] = {};
    msghdr packet = {};
    packet.msg_iov = &content;
    packet.msg_iovlen = 1;
    packet.msg_control = room;
    packet.msg_controllen = sizeof room;
    cmsghdr *part = CMSG_FIRSTHDR(&packet);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof files);
    std::memcpy(CMSG_DATA(part), files, sizeof files);
    ssize_t sent;
    do
      sent = sendmsg(*control, &packet, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == 1;
  }

  /// What comes on `socket`. Once `end` or the server has ended, all that will
  /// ever come is there: its other end may yet be open, in a process that was
  /// forked off this one at the wrong moment.
  Received hear(int socket, int end, Deadline until) const {
    if (!waitReadable({socket, end, *process}, until))
      return {Outcome::Late, {}, ""};
    if (waitReadable({socket}, steady_clock::now()))
      return receive(socket, until);
    Received left = receive(socket, steady_clock::now());
    if (left.outcome == Outcome::Late)
      left.outcome = Outcome::Closed;
    return left;
  }

  Descriptor control, process;
  pid_t owner = getpid();
};

Client::Client(std::string program, std::vector<std::string> arguments)
    : program(std::move(program)), arguments(std::move(arguments)) {}

Client::~Client() = default;

Expected<std::shared_ptr<Client::Server>> Client::server() {
  std::lock_guard lock(mutex);
  if (current && current->isOurs())
    return current;
  auto started = Server::start(program, arguments);
  if (!started)
    return notStarted(started.message());
  current = *started;
  return current;
}

void Client::leave(const std::shared_ptr<Server> &server) {
  std::shared_ptr<Server> old;
  std::lock_guard lock(mutex);
  if (current == server)
    old.swap(current);
}

Expected<Message> Client::ask(const Message &request,
                              std::chrono::seconds limit) {
  Deadline until = steady_clock::now() + limit;
  bool wasReady = false;
  // A server that had nothing to do may have gone just now.
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto server = this->server();
    if (!server)
      return server.status();
    auto exchange = (*server)->exchange(request, until);
    if (!exchange)
      return exchange.status();
    if (exchange->answer.outcome == Outcome::Whole)
      return std::move(exchange->answer.message);
    if (exchange->answer.outcome == Outcome::Nonsense)
      return Status::environment("gave no answer: " + exchange->answer.why);
    if (!exchange->end)
      return exchange->end;
    wasReady = (*server)->wasReady();
    leave(*server);
    if (exchange->answer.outcome == Outcome::Late)
      return Status::environment(
          fmt::format("took longer than {} s and was ended", limit.count()));
  }
  return wasReady ? Status::environment("ended before it could say why")
                  : notStarted(program + " ended before it could be asked");
}
