// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How long a server lives, and who clears it away.

#include "runtime/ForkServer/Client.h"
#include "runtime/Support/Descriptor.h"
#include "tests/Tools/Folder.h"
#include <cerrno>
#include <csignal>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

using namespace nybl;
using namespace nybl::forkserver;
using nybl::tests::Folder;

namespace {

constexpr const char *aMinute = "60000";

/// The process id of the server that answers; -1 if none does.
int serverOf(Client &client) {
  auto answer = client.ask({"who"}, std::chrono::seconds(20));
  EXPECT_TRUE(answer) << answer.message();
  return answer && answer->size() == 1 ? std::atoi((*answer)[0]->c_str()) : -1;
}

Descriptor watch(int process) {
  return Descriptor(static_cast<int>(syscall(SYS_pidfd_open, process, 0)));
}

bool endsWithin(const Descriptor &process, int milliseconds) {
  return process.isOpen() &&
         waitReadable({*process}, std::chrono::steady_clock::now() +
                                      std::chrono::milliseconds(milliseconds));
}

TEST(Server, ServesAllRequestsOfItsClientAndEndsWithIt) {
  Descriptor process;
  {
    Client client(NYBL_TEST_ECHO_SERVER, {aMinute});
    int server = serverOf(client);
    EXPECT_GT(server, 0);
    EXPECT_EQ(serverOf(client), server);
    process = watch(server);
    EXPECT_FALSE(endsWithin(process, 0));
  }
  EXPECT_TRUE(endsWithin(process, 0));
}

TEST(Server, ThatHasNothingToDoGoesAndTheNextRequestStartsAnother) {
  Client client(NYBL_TEST_ECHO_SERVER, {"50"});
  int first = serverOf(client);
  EXPECT_TRUE(endsWithin(watch(first), 10000));
  int second = serverOf(client);
  EXPECT_GT(second, 0);
  EXPECT_NE(second, first);
}

TEST(Server, EndsWithItsClientThoughAnotherHoldsTheFiles) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  pid_t host = fork();
  if (host == 0) {
    Client client(NYBL_TEST_ECHO_SERVER, {aMinute});
    int server = serverOf(client);
    pid_t heir = fork();
    if (heir == 0)
      for (;;)
        pause();
    int told[2] = {server, heir};
    _exit(write(ends[1], told, sizeof told) != sizeof told);
  }
  int told[2] = {-1, -1};
  ASSERT_EQ(read(ends[0], told, sizeof told), ssize_t(sizeof told));
  Descriptor process = watch(told[0]);
  waitpid(host, nullptr, 0);
  // Not open: it was over before we looked.
  EXPECT_TRUE(!process.isOpen() || endsWithin(process, 10000));
  EXPECT_EQ(kill(told[1], SIGKILL), 0) << "and the other was still there";
  close(ends[0]);
  close(ends[1]);
}

TEST(Server, IsClearedAwayByAProcessThatAdoptsOrphans) {
  pid_t host = fork();
  if (host == 0) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    {
      Client client(NYBL_TEST_ECHO_SERVER, {aMinute});
      if (serverOf(client) < 0)
        _exit(1);
    }
    bool hasNone = waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD;
    _exit(hasNone ? 0 : 2);
  }
  int status = -1;
  waitpid(host, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(Server, SignalsOfARequestAreAsInAFreshProcess) {
  Client client(NYBL_TEST_ECHO_SERVER, {aMinute});
  auto answer = client.ask({"pipe"}, std::chrono::seconds(20));
  ASSERT_FALSE(answer) << "the server ignores what it does not";
  EXPECT_EQ(answer.message(), "was ended by signal 13 (Broken pipe)");
}

TEST(Server, ThatCannotBeStartedIsNotFound) {
  Client client("/nonexistent/server", {});
  auto answer = client.ask({"who"}, std::chrono::seconds(20));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.status().code(), ErrorCode::NotFound);
}

TEST(Server, AProgramThatIsNoneIsNotFound) {
  Client client("/bin/true", {});
  auto answer = client.ask({"who"}, std::chrono::seconds(20));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.status().code(), ErrorCode::NotFound);
  EXPECT_EQ(answer.message(), "/bin/true ended before it could be asked");
}

TEST(Server, ThatEndsAtWorkIsNoServerThatWasNotThere) {
  Client client(NYBL_TEST_ECHO_SERVER, {aMinute});
  auto answer = client.ask({"widow"}, std::chrono::seconds(20));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.status().code(), ErrorCode::Environment);
  EXPECT_EQ(answer.message(), "ended before it could say why");
}

TEST(Server, ThatIsKilledLeavesNobodyAtWork) {
  Folder folder;
  Client client(NYBL_TEST_ECHO_SERVER, {aMinute});
  auto answer =
      client.ask({"family", folder / "children"}, std::chrono::seconds(20));
  EXPECT_FALSE(answer);
  std::ifstream children(folder / "children");
  int count = 0;
  for (int child; children >> child; ++count) {
    Descriptor process = watch(child);
    // Not open: it was over before we looked.
    EXPECT_TRUE(!process.isOpen() || endsWithin(process, 10000)) << child;
  }
  EXPECT_EQ(count, 2) << "it is tried twice";
}

TEST(Server, ThatCanStartNoProcessIsNotFound) {
  Client client(NYBL_TEST_ECHO_SERVER, {aMinute, "alone"});
  auto answer = client.ask({"who"}, std::chrono::seconds(20));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.status().code(), ErrorCode::NotFound);
  EXPECT_EQ(answer.message(), "no process could be started: Resource "
                              "temporarily unavailable");
}

TEST(Server, ThatCannotBeAskedForWantOfFilesIsNotFound) {
  Client client(NYBL_TEST_ECHO_SERVER, {aMinute});
  ASSERT_GT(serverOf(client), 0);
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = {0, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  auto answer = client.ask({"who"}, std::chrono::seconds(20));
  setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.status().code(), ErrorCode::NotFound);
  EXPECT_EQ(answer.message(), "no sockets can be made: Too many open files");
  EXPECT_GT(serverOf(client), 0) << "and can be asked again";
}

} // namespace
