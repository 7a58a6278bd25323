// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds the server, asks it, and puts its ends into sentences.

#include "runtime/Library/ChildCompiler.h"
#include "runtime/Library/CompileMessage.h"
#include "runtime/Support/OwnFolder.h"
#include <filesystem>
#include <fmt/format.h>
#include <unistd.h>

using namespace nybl;
using namespace nybl::library;

namespace {

constexpr const char *serverName = "nybl-jit-server";

/// A path stays what it is when the current folder changes.
std::string absolute(const std::string &path) {
  std::error_code error;
  auto whole = std::filesystem::absolute(path, error);
  return error || path.find('/') == path.npos ? path : whole.string();
}

} // namespace

Expected<std::string> ChildCompiler::findServer() {
  std::string folder = ownFolder();
  if (folder.empty())
    return Status::error(
        ErrorCode::NotFound,
        fmt::format("no process to compile in: expected {} beside this "
                    "library, but /proc/self/maps does not say where that is",
                    serverName));
  std::string places[] = {folder + "/" + serverName,
                          folder + "/../libexec/nybl/" + serverName};
  for (const std::string &place : places)
    if (access(place.c_str(), X_OK) == 0)
      return place;
  return Status::error(
      ErrorCode::NotFound,
      fmt::format("no process to compile in: looked for '{}', '{}'; install "
                  "{} of this version there",
                  places[0], places[1], serverName));
}

Expected<std::shared_ptr<forkserver::Client>>
ChildCompiler::client(const std::string &jit) {
  std::lock_guard lock(mutex);
  if (open && openJit == jit)
    return open;
  auto server = findServer();
  if (!server)
    return server.status();
  open = std::make_shared<forkserver::Client>(
      *server, std::vector<std::string>{absolute(jit)});
  openJit = jit;
  return open;
}

Expected<Compilation> ChildCompiler::compile(const std::string &jit,
                                             const NyblCompileRequest &request,
                                             std::chrono::seconds limit,
                                             bool &isStarted) {
  isStarted = false;
  auto client = this->client(jit);
  if (!client)
    return client.status();
  auto message = (*client)->ask(toMessage(request), limit);
  isStarted = message || message.status().code() != ErrorCode::NotFound;
  if (message)
    return fromAnswer(std::move(*message));
  if (!isStarted)
    return message.status();
  return Status::environment(fmt::format(
      "expected a kernel for '{}' on {}, but the compiler's process {}: report "
      "the line as a fault of the compiler; with NYBL_COMPILE=inprocess it "
      "happens in this process, for a debugger",
      request.problem, request.chip, message.message()));
}
