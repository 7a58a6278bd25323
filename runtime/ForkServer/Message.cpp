// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A message is a head, the size of each field, and their bytes.

#include "runtime/ForkServer/Message.h"
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

using namespace nybl;
using namespace nybl::forkserver;

namespace {

/// Both ends are of one machine, so its order of bytes will do.
struct Head {
  uint32_t magic, version, fields, reserved;
};

constexpr uint32_t magic = 0x4b52464e, version = 1, mostFields = 32;
constexpr uint64_t mostBytes = uint64_t(1) << 30, absent = ~uint64_t(0);
/// A size that nobody has kept to yet takes no more memory than this.
constexpr size_t piece = size_t(1) << 20;

int millisecondsUntil(Deadline until) {
  if (until == never)
    return -1;
  auto left = std::chrono::ceil<std::chrono::milliseconds>(
      until - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 1 << 30));
}

bool waitFor(std::initializer_list<int> files, short events, Deadline until) {
  std::vector<pollfd> entries;
  for (int file : files)
    entries.push_back({file, events, 0});
  for (;;) {
    int ready = poll(entries.data(), entries.size(), millisecondsUntil(until));
    if (ready >= 0 || errno != EINTR)
      return ready > 0;
  }
}

/// Whole if all of the bytes came.
Outcome readAll(int socket, char *bytes, size_t size, Deadline until) {
  while (size > 0) {
    if (!waitFor({socket}, POLLIN, until))
      return Outcome::Late;
    ssize_t got = recv(socket, bytes, size, MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
      continue;
    if (got <= 0)
      return Outcome::Closed;
    bytes += got;
    size -= static_cast<size_t>(got);
  }
  return Outcome::Whole;
}

Outcome writeAll(int socket, const char *bytes, size_t size, Deadline until) {
  while (size > 0) {
    if (!waitFor({socket}, POLLOUT, until))
      return Outcome::Late;
    ssize_t sent = ::send(socket, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && (errno == EINTR || errno == EAGAIN))
      continue;
    if (sent < 0)
      return Outcome::Closed;
    bytes += sent;
    size -= static_cast<size_t>(sent);
  }
  return Outcome::Whole;
}

Outcome readField(int socket, uint64_t size, Deadline until,
                  std::string &field) {
  while (field.size() < size) {
    size_t begin = field.size();
    field.resize(begin + std::min<size_t>(piece, size - begin));
    Outcome outcome =
        readAll(socket, &field[begin], field.size() - begin, until);
    if (outcome != Outcome::Whole)
      return outcome;
  }
  return Outcome::Whole;
}

std::string faultOf(const Head &head) {
  if (head.magic != magic || head.reserved != 0 || head.fields > mostFields)
    return fmt::format("expected a message that begins with {:#010x}, got "
                       "{:#010x}",
                       magic, head.magic);
  if (head.version != version)
    return fmt::format("expected a message of version {}, got version {}",
                       version, head.version);
  return "";
}

std::string faultOf(const std::vector<uint64_t> &sizes) {
  uint64_t total = 0;
  for (uint64_t size : sizes)
    if (size != absent)
      total = size > mostBytes ? mostBytes + 1 : total + size;
  return total > mostBytes
             ? fmt::format("expected at most {} bytes in a message, got more",
                           mostBytes)
             : "";
}

} // namespace

bool nybl::forkserver::waitReadable(std::initializer_list<int> files,
                                    Deadline until) {
  return waitFor(files, POLLIN, until);
}

Received nybl::forkserver::receive(int socket, Deadline until) {
  Head head = {};
  Outcome outcome =
      readAll(socket, reinterpret_cast<char *>(&head), sizeof head, until);
  if (outcome != Outcome::Whole)
    return {outcome, {}, ""};
  if (std::string fault = faultOf(head); !fault.empty())
    return {Outcome::Nonsense, {}, fault};
  std::vector<uint64_t> sizes(head.fields);
  outcome = readAll(socket, reinterpret_cast<char *>(sizes.data()),
                    sizes.size() * sizeof(uint64_t), until);
  if (outcome != Outcome::Whole)
    return {outcome, {}, ""};
  if (std::string fault = faultOf(sizes); !fault.empty())
    return {Outcome::Nonsense, {}, fault};
  Received result;
  for (uint64_t size : sizes) {
    auto &field = result.message.emplace_back();
    if (size == absent)
      continue;
    outcome = readField(socket, size, until, field.emplace());
    if (outcome != Outcome::Whole)
      return {outcome, {}, ""};
  }
  result.outcome = Outcome::Whole;
  return result;
}

Outcome nybl::forkserver::send(int socket, const Message &message,
                               Deadline until) {
  std::vector<uint64_t> sizes;
  for (const auto &field : message)
    sizes.push_back(field ? field->size() : absent);
  if (sizes.size() > mostFields || !faultOf(sizes).empty())
    return Outcome::Nonsense;
  Head head = {magic, version, static_cast<uint32_t>(sizes.size()), 0};
  std::string bytes(reinterpret_cast<const char *>(&head), sizeof head);
  bytes.append(reinterpret_cast<const char *>(sizes.data()),
               sizes.size() * sizeof(uint64_t));
  for (const auto &field : message)
    bytes += field.value_or("");
  return writeAll(socket, bytes.data(), bytes.size(), until);
}
