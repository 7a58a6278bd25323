// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Messages come as they were sent; anything else is told apart, and no length
// is believed before its bytes are there.

#include "runtime/ForkServer/Message.h"
#include "runtime/Support/Descriptor.h"
#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>

using namespace nybl;
using namespace nybl::forkserver;

namespace {

struct Line {
  Line() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    one.reset(ends[0]);
    other.reset(ends[1]);
  }
  Descriptor one, other;
};

Deadline soon() {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
}

/// What comes of these bytes, and no more.
Received readOf(const std::string &bytes) {
  Line line;
  EXPECT_EQ(write(*line.one, bytes.data(), bytes.size()),
            ssize_t(bytes.size()));
  line.one.reset();
  return receive(*line.other, never);
}

/// The bytes of a message of two fields, three and no bytes long.
std::string right() {
  Line line;
  EXPECT_EQ(send(*line.one, {"abc", std::nullopt, ""}, never), Outcome::Whole);
  std::string bytes(4096, '\0');
  ssize_t got = recv(*line.other, bytes.data(), bytes.size(), 0);
  bytes.resize(size_t(std::max<ssize_t>(got, 0)));
  return bytes;
}

TEST(Message, ComesAsItWasSent) {
  std::string large(5 << 20, 'x');
  for (const Message &message :
       {Message{}, Message{"abc", std::nullopt, ""}, Message{large, "tail"},
        Message(32, std::string(1, '\0'))}) {
    Line line;
    std::thread sender(
        [&] { EXPECT_EQ(send(*line.one, message, never), Outcome::Whole); });
    Received received = receive(*line.other, never);
    sender.join();
    EXPECT_EQ(received.outcome, Outcome::Whole);
    EXPECT_TRUE(received.message == message);
  }
}

TEST(Message, EachPartOfOneIsClosed) {
  std::string bytes = right();
  ASSERT_EQ(readOf(bytes).outcome, Outcome::Whole);
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(readOf(bytes.substr(0, size)).outcome, Outcome::Closed) << size;
}

TEST(Message, WhatIsNoneIsNonsense) {
  std::string bytes = right();
  auto with = [&](size_t at, char byte) {
    std::string wrong = bytes;
    wrong[at] = byte;
    return readOf(wrong);
  };
  EXPECT_EQ(with(0, 'x').outcome, Outcome::Nonsense);
  EXPECT_NE(with(0, 'x').why.find("begins with 0x4b52464e, got"),
            std::string::npos);
  EXPECT_NE(with(4, 9).why.find("of version 1, got version 9"),
            std::string::npos)
      << with(4, 9).why;
  EXPECT_EQ(with(8, 33).outcome, Outcome::Nonsense) << "33 fields";
  EXPECT_EQ(with(12, 1).outcome, Outcome::Nonsense);
  EXPECT_NE(with(20, 1).why.find("at most 1073741824 bytes"), std::string::npos)
      << "a field of 4 GiB";
}

TEST(Message, ALengthTakesNoMemoryBeforeItsBytesAreThere) {
  std::string bytes = right();
  uint64_t size = uint64_t(1) << 30;
  std::memcpy(&bytes[16], &size, sizeof size);
  rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  EXPECT_EQ(readOf(bytes).outcome, Outcome::Closed);
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 100 << 10) << "KiB";
}

TEST(Message, NobodyWaitsLonger) {
  Line line;
  EXPECT_EQ(receive(*line.other, soon()).outcome, Outcome::Late);
  EXPECT_EQ(send(*line.one, {std::string(64 << 20, 'x')}, soon()),
            Outcome::Late);
  line.other.reset();
  EXPECT_EQ(send(*line.one, {"abc"}, never), Outcome::Closed) << "no signal";
  Message tooMany(33);
  EXPECT_EQ(send(*line.one, tooMany, never), Outcome::Nonsense);
}

TEST(Message, RandomBytesAreRead) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = right();
    for (int change = 0; change < 3; ++change)
      bytes[random() % bytes.size()] = char(random());
    Received received = readOf(bytes);
    EXPECT_TRUE(received.outcome != Outcome::Late &&
                received.message.size() <= 32);
  }
}

} // namespace
