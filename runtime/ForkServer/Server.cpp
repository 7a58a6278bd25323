// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Waits for requests, for ends of their processes, and for clients that go.

#include "runtime/ForkServer/Server.h"
#include "runtime/Support/Descriptor.h"
#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <list>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nybl;
using namespace nybl::forkserver;

namespace {

using Answer = std::function<Message(const Message &)>;

/// A request that is being answered.
struct Job {
  pid_t process = -1;
  Descriptor end;   ///< hears how it ended; closed by a client that is gone
  Descriptor words; ///< its standard error, in memory
};

/// The last line that is not empty, and no more than fits a sentence.
std::string lastLine(std::string text) {
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  size_t begin = text.rfind('\n');
  return text.substr(begin == text.npos ? 0 : begin + 1, 300);
}

/// What the process wrote, the end of it.
std::string wordsOf(const Job &job) {
  constexpr off_t most = 65536;
  off_t size = lseek(*job.words, 0, SEEK_END);
  if (size <= 0)
    return "";
  std::string text(static_cast<size_t>(std::min(size, most)), '\0');
  ssize_t got = pread(*job.words, text.data(), text.size(),
                      std::max(size - most, off_t(0)));
  text.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

/// Writes to our standard error as far as it takes bytes at once: whoever reads
/// it may be slow, or gone, and other requests wait.
void passOn(const std::string &text) {
  for (size_t at = 0; at < text.size();) {
    // What a pipe that takes anything has room for.
    size_t size = std::min<size_t>(PIPE_BUF, text.size() - at);
    ssize_t put = ::send(STDERR_FILENO, text.data() + at, size,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
    pollfd entry = {STDERR_FILENO, POLLOUT, 0};
    if (put < 0 && errno == ENOTSOCK && poll(&entry, 1, 0) > 0 &&
        (entry.revents & POLLOUT))
      put = write(STDERR_FILENO, text.data() + at, size);
    if (put <= 0)
      return;
    at += static_cast<size_t>(put);
  }
}

/// When memory is short, this is to go and not the client.
void volunteer() {
  Descriptor file(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (file.isOpen() && write(*file, "500", 3) < 0)
    return; // a matter of luck then
}

void endOwnGroup(int) { kill(0, SIGKILL); }

/// Once the server is gone, this process is ended with all that it has started:
/// SIGKILL at the server's end would leave those at work.
void endWithServer(pid_t server) {
  setpgid(0, 0);
  struct sigaction action = {};
  action.sa_handler = endOwnGroup;
  // A signal that neither a compiler nor its libraries have a use for.
  int notice = SIGRTMAX - 1;
  sigaction(notice, &action, nullptr);
  prctl(PR_SET_PDEATHSIG, notice);
  if (getppid() != server)
    _exit(1);
}

/// The process of one request. Its files are the standard ones and its socket.
[[noreturn]] void work(pid_t server, int socket, int words,
                       const Answer &answer) {
  endWithServer(server);
  dup2(words, STDERR_FILENO);
  dup2(socket, controlFile);
  syscall(SYS_close_range, controlFile + 1, ~0u, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  volunteer();
  Received request = receive(controlFile, never);
  if (request.outcome != Outcome::Whole)
    _exit(1);
  _exit(send(controlFile, answer(request.message), never) != Outcome::Whole);
}

class Server {
public:
  Server(std::chrono::milliseconds idle, const Answer &answer)
      : idle(idle), answer(answer) {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, nullptr);
    ends.reset(signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
    // Nobody may read our standard error.
    signal(SIGPIPE, SIG_IGN);
    // What a request's process leaves behind is ours to clear away.
    prctl(PR_SET_CHILD_SUBREAPER, 1);
  }
  int run();

private:
  bool accept();
  void begin(Descriptor socket, Descriptor end);
  pid_t nextEnded(int *status);
  void reap();
  void stop();
  void endAbandoned(const std::vector<pollfd> &entries);

  std::chrono::milliseconds idle;
  const Answer &answer;
  Descriptor ends; ///< readable when a process has ended
  std::list<Job> jobs;
};

/// The two files of a packet; none that is not whole.
std::vector<Descriptor> filesIn(msghdr &packet) {
  std::vector<Descriptor> files;
  for (cmsghdr *part = CMSG_FIRSTHDR(&packet); part;
       part = CMSG_NXTHDR(&packet, part))
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS)
      for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= part->cmsg_len;
           at += sizeof(int)) {
        int file;
        std::memcpy(&file, CMSG_DATA(part) + at, sizeof file);
        files.emplace_back(file);
      }
  return files;
}

/// Takes a request; false if the client has hung up.
bool Server::accept() {
  char byte;
  iovec content = {&byte, 1};
  alignas(cmsghdr) char room[CMSG_SPACE(requestFiles * sizeof(int))];
  msghdr packet = {};
  packet.msg_iov = &content;
  packet.msg_iovlen = 1;
  packet.msg_control = room;
  packet.msg_controllen = sizeof room;
  ssize_t got = recvmsg(controlFile, &packet, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0)
    return errno == EINTR || errno == EAGAIN;
  std::vector<Descriptor> files = filesIn(packet);
  if (files.size() == requestFiles)
    begin(std::move(files[0]), std::move(files[1]));
  return got > 0;
}

void sendEnd(const Job &job, std::optional<std::string> status,
             std::string words) {
  Message message(endFields);
  message[EndStatus] = std::move(status);
  message[EndWords] = std::move(words);
  send(*job.end, message, std::chrono::steady_clock::now());
}

void Server::begin(Descriptor socket, Descriptor end) {
  Job job;
  job.end = std::move(end);
  job.words.reset(memfd_create("nybl-words", MFD_CLOEXEC));
  fcntl(*job.words, F_SETFL, O_APPEND);
  pid_t server = getpid();
  job.process = fork();
  if (job.process == 0)
    work(server, *socket, *job.words, answer);
  if (job.process < 0)
    return sendEnd(job, std::nullopt, std::strerror(errno));
  setpgid(job.process, job.process); // whoever of the two comes first
  jobs.push_back(std::move(job));
}

/// A process that has ended; 0 if none has, negative if there is none.
pid_t Server::nextEnded(int *status) {
  signalfd_siginfo told;
  while (read(*ends, &told, sizeof told) > 0)
    ;
  return waitpid(-1, status, WNOHANG);
}

void Server::reap() {
  int status;
  for (pid_t process; (process = nextEnded(&status)) > 0;) {
    auto job = std::find_if(jobs.begin(), jobs.end(),
                            [&](const Job &j) { return j.process == process; });
    if (job == jobs.end())
      continue;
    std::string words = wordsOf(*job);
    sendEnd(*job, std::to_string(status), lastLine(words));
    jobs.erase(job);
    passOn(words);
  }
}

/// `entries` are of the jobs, in their order.
void Server::endAbandoned(const std::vector<pollfd> &entries) {
  for (Job &job : jobs)
    for (const pollfd &entry : entries)
      if (entry.fd == *job.end && (entry.revents & (POLLHUP | POLLERR))) {
        kill(-job.process, SIGKILL);
        job.end.reset();
        break;
      }
}

/// Ends all that is at work, and clears it away, unless it takes long.
void Server::stop() {
  for (const Job &job : jobs)
    kill(-job.process, SIGKILL);
  Deadline until =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
  for (pid_t process; (process = nextEnded(nullptr)) >= 0;)
    if (process == 0 && !waitReadable({*ends}, until))
      return;
}

int Server::run() {
  int client = fcntl(clientFile, F_GETFD) < 0 ? -1 : clientFile;
  bool isWanted =
      ends.isOpen() && ::send(controlFile, &readyByte, sizeof readyByte,
                              MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof readyByte;
  while (isWanted) {
    std::vector<pollfd> entries = {
        {controlFile, POLLIN, 0}, {client, POLLIN, 0}, {*ends, POLLIN, 0}};
    for (const Job &job : jobs)
      entries.push_back({*job.end, 0, 0});
    int wait = jobs.empty() ? static_cast<int>(idle.count()) : -1;
    int ready = poll(entries.data(), entries.size(), wait);
    if (ready == 0 || (ready < 0 && errno != EINTR))
      break;
    if (ready < 0)
      continue;
    isWanted = !(entries[1].revents & POLLIN);
    endAbandoned(entries);
    if (entries[2].revents)
      reap();
    if (isWanted && entries[0].revents)
      isWanted = accept();
  }
  stop();
  return 0;
}

} // namespace

int nybl::forkserver::serve(std::chrono::milliseconds idle,
                            const Answer &answer) {
  return Server(idle, answer).run();
}
