// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How long a fresh process takes from its start to a loaded kernel: by the
// compiler, in a process of its own as is the default and in the same one, and
// out of a cache that another process filled. A peer's fresh process beside it.
//   nybl-bench-start [--problem LINE] [--repeats 9] [--stub PATH]
//     [--peer COMMAND] [--json]
// The driver is the one that takes no time (StubDriver.cpp). Ours is the wall
// time of whole processes; of the peer its import and first compile alone, as
// its own clock has them, without the interpreter's start. Exit code 1 if a
// kernel came from elsewhere than it should.
#include "bench/Arguments.h"
#include "bench/LoadProvider.h"
#include "nybl/nybl.hpp"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace nybl;
using nlohmann::ordered_json;

namespace {

constexpr double coldTarget = 250, warmTarget = 15, peerTarget = 4;

struct Options {
  std::string problem = "gemm m=? n=4096 k=7168 sfa=128x4 sfb=128x4 d=bf16";
  std::string stub, peer;
  std::string once; ///< the origin that this process is to get its kernel from
  std::string cache;
  int repeats = 9;
  bool isJson = false;
};

Expected<Options> parse(int argc, char **argv) {
  Options options;
  options.stub = ourFile("libnybl_bench_stub.so");
  std::string repeats = "9";
  std::map<std::string, std::string *> texts = {
      {"--problem", &options.problem}, {"--stub", &options.stub},
      {"--peer", &options.peer},       {"--once", &options.once},
      {"--cache", &options.cache},     {"--repeats", &repeats}};
  if (Status status = readArguments(argc, argv, texts, options.isJson,
                                    "--problem, --repeats, --stub or --peer");
      !status)
    return status;
  options.repeats = std::atoi(repeats.c_str());
  if (options.repeats < 1)
    return Status::invalid("expected a positive number after --repeats, got '" +
                           repeats + "'");
  return options;
}

/// What a fresh process does.
Status prepareOnce(const Options &options) {
  auto libraryOptions = face::sized<nybl_library_options>();
  libraryOptions.cache_path = options.cache.c_str(); // "": none
  libraryOptions.tune_path = "";
  auto deviceOptions = face::sized<nybl_device_options>();
  deviceOptions.driver_path = options.stub.c_str();
  face::Library library;
  face::Device device;
  face::Plan plan;
  nybl_plan_details details;
  nybl_status status = face::Library::create(libraryOptions, library);
  if (status == NYBL_OK)
    status = library.open(deviceOptions, device);
  if (status == NYBL_OK)
    status = device.prepare(options.problem,
                            face::sized<nybl_prepare_options>(), plan);
  if (status == NYBL_OK)
    status = plan.info(details);
  if (status != NYBL_OK)
    return Status::error(static_cast<ErrorCode>(status), nybl_last_error());
  if (details.origin == options.once)
    return Status::ok();
  return Status::refused(fmt::format("expected a kernel from the {}, got one "
                                     "from the {}",
                                     options.once, details.origin));
}

/// Milliseconds from the start of such a process to its end.
Expected<double> timeProcess(const Options &options, const char *origin,
                             const std::string &cache, const char *place) {
  std::error_code error;
  std::string self = std::filesystem::read_symlink("/proc/self/exe", error);
  auto begin = std::chrono::steady_clock::now();
  pid_t child = fork();
  if (child == 0) {
    setenv("NYBL_COMPILE", place, 1);
    execl(self.c_str(), self.c_str(), "--problem", options.problem.c_str(),
          "--stub", options.stub.c_str(), "--once", origin, "--cache",
          cache.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  std::chrono::duration<double, std::milli> taken =
      std::chrono::steady_clock::now() - begin;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return taken.count();
  return Status::refused(
      fmt::format("expected a process with a kernel from the {}", origin));
}

Expected<ordered_json> timeProcesses(const Options &options, const char *origin,
                                     const std::string &cache,
                                     const char *place = "child") {
  std::vector<double> times;
  for (int i = 0; i < options.repeats; ++i) {
    auto taken = timeProcess(options, origin, cache, place);
    if (!taken)
      return taken.status();
    times.push_back(*taken);
  }
  std::sort(times.begin(), times.end());
  return ordered_json{{"least_ms", times.front()},
                      {"median_ms", times[times.size() / 2]}};
}

/// A cache that holds the kernel, gone again at the end.
class FilledCache {
public:
  explicit FilledCache(const Options &options) {
    std::string name =
        std::filesystem::temp_directory_path() / "nybl-bench-XXXXXX";
    path = mkdtemp(name.data()) ? name : "";
    filled = path.empty()
                 ? Status::environment("expected a folder for files "
                                       "of a short life")
                 : timeProcess(options, "compiler", path, "child").status();
  }
  ~FilledCache() {
    std::error_code error;
    if (!path.empty())
      std::filesystem::remove_all(path, error);
  }
  FilledCache(const FilledCache &) = delete;
  FilledCache &operator=(const FilledCache &) = delete;

  const Status &status() const { return filled; }
  const std::string &folder() const { return path; }

private:
  std::string path;
  Status filled;
};

/// Runs the peer's command, which prints JSON (bench/peers).
Expected<ordered_json> runPeer(const std::string &command) {
  std::FILE *pipe = popen(command.c_str(), "r");
  std::string text;
  char buffer[4096];
  while (size_t count = pipe ? fread(buffer, 1, sizeof buffer, pipe) : 0)
    text.append(buffer, count);
  int code = pipe ? pclose(pipe) : -1;
  auto json = ordered_json::parse(text, nullptr, /*exceptions=*/false);
  if (code || !json.is_object() || !json.contains("import_ms") ||
      !json.contains("cold") || !json["cold"].contains("total"))
    return Status::environment("expected figures in JSON from '" + command +
                               "', it failed");
  return ordered_json{{"name", json.value("peer", "?")},
                      {"import_ms", json["import_ms"]},
                      {"compile_ms", json["cold"]["total"]}};
}

void print(const ordered_json &json) {
  auto verdict = [](bool good) { return good ? "yes" : "NO"; };
  double cold = json["cold"].value("median_ms", 0.0),
         warm = json["warm"].value("median_ms", 0.0);
  fmt::print("{}\nms from the start of a process to a loaded kernel, {} "
             "processes\n",
             json.value("problem", ""), json.value("repeats", 0));
  fmt::print("  {:<36}{:>10}{:>10}\n", "", "least", "median");
  fmt::print("  {:<36}{:>10.1f}{:>10.1f}   within {:.0f}: {}\n",
             "by a compiler of its own, no cache",
             json["cold"].value("least_ms", 0.0), cold, coldTarget,
             verdict(cold <= coldTarget));
  fmt::print("  {:<36}{:>10.1f}{:>10.1f}\n", "by the compiler in that process",
             json["cold_in_process"].value("least_ms", 0.0),
             json["cold_in_process"].value("median_ms", 0.0));
  fmt::print("  {:<36}{:>10.1f}{:>10.1f}   within {:.0f}: {}\n",
             "out of a cache on disk", json["warm"].value("least_ms", 0.0),
             warm, warmTarget, verdict(warm <= warmTarget));
  if (!json.contains("peer"))
    return;
  const ordered_json &peer = json["peer"];
  double import = peer.value("import_ms", 0.0),
         compile = peer.value("compile_ms", 0.0);
  fmt::print("  {:<36}{:>20.1f}   {:.1f} times ours; at least {:.0f}: {}\n",
             peer.value("name", "") + ", import and first compile",
             import + compile, (import + compile) / cold, peerTarget,
             verdict(import + compile >= peerTarget * cold));
}

Status run(const Options &options) {
  if (!options.once.empty())
    return prepareOnce(options);
  FilledCache cache(options);
  if (!cache.status())
    return cache.status();
  auto cold = timeProcesses(options, "compiler", "");
  auto alone = timeProcesses(options, "compiler", "", "inprocess");
  auto warm = timeProcesses(options, "cache", cache.folder());
  for (const auto *times : {&cold, &alone, &warm})
    if (!*times)
      return times->status();
  ordered_json json = {{"problem", options.problem},
                       {"repeats", options.repeats},
                       {"cold", *cold},
                       {"cold_in_process", *alone},
                       {"warm", *warm}};
  if (!options.peer.empty()) {
    auto peer = runPeer(options.peer);
    if (!peer)
      return peer.status();
    json["peer"] = *peer;
  }
  if (options.isJson)
    fmt::print("{}\n", json.dump(1));
  else
    print(json);
  return Status::ok();
}

} // namespace

int main(int argc, char **argv) {
  Expected<Options> options = parse(argc, argv);
  return exitCode("nybl-bench-start",
                  options ? run(*options) : options.status());
}
