// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How long a kernel takes to make: problem -> PTX by phase, PTX -> cubin, and a
// peer on the same tile. Loads the compiler as the runtime does.
//   nybl-bench-compile [--problem LINE] [--chip sm_120a] [--schedule TEXT]
//     [--repeats 15] [--jit PATH] [--peer COMMAND] [--json]
#include "bench/Arguments.h"
#include "bench/LoadProvider.h"
#include "runtime/Abi/Manifest.h"
#include "runtime/Abi/Status.h"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <sys/resource.h>
#include <vector>

using namespace nybl;
using nlohmann::ordered_json;

namespace {

struct Options {
  std::string problem = "gemm m=? n=4096 k=7168 sfa=128x4 sfb=128x4 d=bf16";
  std::string chip = "sm_120a";
  std::string schedule, jit, peer;
  int repeats = 15;
  bool isJson = false;
};

/// One compile: its phases in order, and the call as a whole.
struct Sample {
  std::vector<std::pair<std::string, double>> phases;
  double wall = 0;
  double ownCpu = 0, ptxasCpu = 0; ///< of this process, and of its child
  Manifest manifest;
};

/// Processor time so far, in ms: other work on the machine does not count.
double cpuMs(int who) {
  rusage used = {};
  getrusage(who, &used);
  auto ms = [](const timeval &t) {
    return static_cast<double>(t.tv_sec) * 1e3 +
           static_cast<double>(t.tv_usec) / 1e3;
  };
  return ms(used.ru_utime) + ms(used.ru_stime);
}

/// The phase that runs ptxas; all others make the PTX.
constexpr const char *kCubinPhase = "ptxas";

double toPtx(const Sample &sample) {
  double sum = sample.wall;
  for (const auto &[phase, ms] : sample.phases)
    sum -= phase == kCubinPhase ? ms : 0;
  return sum;
}

double toCubin(const Sample &sample) { return sample.wall - toPtx(sample); }

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

template <typename Measure>
double medianOf(const std::vector<Sample> &samples, Measure measure) {
  std::vector<double> values;
  for (const Sample &sample : samples)
    values.push_back(measure(sample));
  return median(std::move(values));
}

Expected<Options> parse(int argc, char **argv) {
  Options options;
  std::string repeats = "15";
  std::map<std::string, std::string *> texts = {
      {"--problem", &options.problem},   {"--chip", &options.chip},
      {"--schedule", &options.schedule}, {"--jit", &options.jit},
      {"--peer", &options.peer},         {"--repeats", &repeats}};
  if (Status status = readArguments(
          argc, argv, texts, options.isJson,
          "--problem, --chip, --schedule, --repeats, --jit or --peer");
      !status)
    return status;
  options.repeats = std::atoi(repeats.c_str());
  if (options.repeats < 1)
    return Status::invalid("expected a positive number after --repeats, got '" +
                           repeats + "'");
  return options;
}

Expected<Sample> read(const NyblCompileResult &result, double wall) {
  if (result.code)
    return Status::error(static_cast<ErrorCode>(result.code),
                         std::string(view(result.message)));
  Expected<Manifest> manifest = parseManifest(view(result.manifest));
  if (!manifest)
    return manifest.status();
  Sample sample;
  sample.wall = wall;
  sample.manifest = std::move(*manifest);
  auto phases =
      ordered_json::parse(view(result.phases), nullptr, /*exceptions=*/false);
  for (const auto &phase : phases)
    if (phase.is_object())
      sample.phases.emplace_back(phase.value("phase", ""),
                                 phase.value("ms", 0.0));
  if (sample.phases.empty())
    return Status::environment("expected the compiler to report its phases, it "
                               "reported none");
  return sample;
}

Expected<Sample> compileOnce(const NyblKernelProvider &provider,
                             const Options &options) {
  NyblCompileRequest request = {};
  request.size = sizeof request;
  request.problem = options.problem.c_str();
  request.chip = options.chip.c_str();
  request.schedule =
      options.schedule.empty() ? nullptr : options.schedule.c_str();
  NyblCompileResult result = {};
  result.size = sizeof result;
  double own = cpuMs(RUSAGE_SELF), children = cpuMs(RUSAGE_CHILDREN);
  auto begin = std::chrono::steady_clock::now();
  provider.compile(&request, &result);
  std::chrono::duration<double, std::milli> wall =
      std::chrono::steady_clock::now() - begin;
  own = cpuMs(RUSAGE_SELF) - own;
  children = cpuMs(RUSAGE_CHILDREN) - children;
  Expected<Sample> sample = read(result, wall.count());
  if (sample) {
    sample->ownCpu = own;
    sample->ptxasCpu = children;
  }
  provider.release_result(&result);
  return sample;
}

/// "tile=128x128x128" of the schedule without its key.
std::string tileOf(const Manifest &manifest) {
  size_t begin = manifest.schedule.find("tile=");
  if (begin == std::string::npos)
    return "128x128x128";
  begin += 5;
  return manifest.schedule.substr(begin,
                                  manifest.schedule.find(' ', begin) - begin);
}

/// Runs the peer's command, which prints JSON (bench/peers).
Expected<ordered_json> runPeer(const std::string &command) {
  std::FILE *pipe = popen(command.c_str(), "r");
  std::string text;
  char buffer[4096];
  while (size_t count = pipe ? fread(buffer, 1, sizeof buffer, pipe) : 0)
    text.append(buffer, count);
  int code = pipe ? pclose(pipe) : -1;
  auto json = ordered_json::parse(text, nullptr, /*exceptions=*/false);
  if (code || !json.is_object() || !json.contains("cold") ||
      !json.contains("warm"))
    return Status::environment("expected figures in JSON from '" + command +
                               "', it failed");
  return json;
}

ordered_json report(const Options &options, const char *compiler,
                    const Sample &first, const std::vector<Sample> &samples) {
  ordered_json json = {
      {"problem", first.manifest.problem},   {"chip", first.manifest.chip},
      {"schedule", first.manifest.schedule}, {"compiler", compiler},
      {"ptxas", first.manifest.ptxas},       {"repeats", options.repeats}};
  for (size_t i = 0; i < first.phases.size(); ++i) {
    auto phase = [i](const Sample &s) { return s.phases[i].second; };
    json["phases"][first.phases[i].first] = {{"first_ms", phase(first)},
                                             {"ms", medianOf(samples, phase)}};
  }
  json["ptx"] = {{"first_ms", toPtx(first)}, {"ms", medianOf(samples, toPtx)}};
  json["cubin"] = {{"first_ms", toCubin(first)},
                   {"ms", medianOf(samples, toCubin)}};
  auto add = [&](const char *step, double Sample::*cpu) {
    auto of = [cpu](const Sample &s) { return s.*cpu; };
    json["processor"][step] = {{"first_ms", of(first)},
                               {"ms", medianOf(samples, of)}};
  };
  add("ptx", &Sample::ownCpu);
  add("cubin", &Sample::ptxasCpu);
  return json;
}

void printRow(const std::string &name, const ordered_json &times) {
  fmt::print("  {:<28}{:>10.1f}{:>10.1f}\n", name, times.value("first_ms", 0.0),
             times.value("ms", 0.0));
}

/// `ours` is the median from the problem to the cubin.
void printPeer(const ordered_json &peer, double ours) {
  auto upTo = [&](const char *which) {
    double sum = 0;
    for (const auto &[stage, ms] : peer[which].items())
      sum += stage == "total" || stage == "cubin" ? 0 : ms.get<double>();
    return sum;
  };
  fmt::print("\n{}, tile {}\n", peer.value("peer", "?"),
             peer.value("tile", "?"));
  for (const auto &[stage, ms] : peer["warm"].items())
    if (stage != "cubin" && stage != "total")
      printRow(stage,
               {{"first_ms", peer["cold"].value(stage, 0.0)}, {"ms", ms}});
  printRow("problem -> PTX",
           {{"first_ms", upTo("cold")}, {"ms", upTo("warm")}});
  printRow("PTX -> cubin (its ptxas)",
           {{"first_ms", peer["cold"].value("cubin", 0.0)},
            {"ms", peer["warm"].value("cubin", 0.0)}});
  if (peer.contains("ptxas_ms"))
    fmt::print("  {:<28}{:>20.1f}\n", "PTX -> cubin (our ptxas)",
               peer.value("ptxas_ms", 0.0));
  double theirs = upTo("warm") + peer["warm"].value("cubin", 0.0);
  fmt::print("  problem -> cubin: {:.1f} ms, ours {:.1f} ms, {:.1f} times "
             "faster (wanted: 5)\n",
             theirs, ours, theirs / ours);
}

void print(const ordered_json &json) {
  fmt::print("{}\n{}, {}, {}\n", json.value("problem", ""),
             json.value("chip", ""), json.value("schedule", ""),
             json.value("compiler", ""));
  fmt::print("  {:<28}{:>10}{:>10}\n", "ms, first and median", "first",
             json.value("repeats", 0));
  for (const auto &[phase, times] : json["phases"].items())
    if (phase != kCubinPhase)
      printRow(phase, times);
  printRow("problem -> PTX", json["ptx"]);
  printRow("PTX -> cubin (ptxas " + json.value("ptxas", "") + ")",
           json["cubin"]);
  double ptx = json["ptx"].value("ms", 0.0);
  double cubin = json["cubin"].value("ms", 0.0);
  auto judge = [](double ptx, double cubin) {
    fmt::print(
        "  problem -> PTX within 60 ms: {}; within ptxas on that PTX: {}\n",
        ptx <= 60 ? "yes" : "NO", ptx <= cubin ? "yes" : "NO");
  };
  judge(ptx, cubin);
  const ordered_json &processor = json["processor"];
  printRow("processor time to PTX", processor["ptx"]);
  printRow("processor time of ptxas", processor["cubin"]);
  judge(processor["ptx"].value("ms", 0.0), processor["cubin"].value("ms", 0.0));
  if (json.contains("peer"))
    printPeer(json["peer"], ptx + cubin);
}

Status run(const Options &options) {
  Expected<const NyblKernelProvider *> provider = loadProvider(options.jit);
  if (!provider)
    return provider.status();
  std::vector<Sample> samples;
  for (int i = 0; i <= options.repeats; ++i) {
    Expected<Sample> sample = compileOnce(**provider, options);
    if (!sample)
      return sample.status();
    samples.push_back(std::move(*sample));
  }
  Sample first = std::move(samples.front());
  samples.erase(samples.begin());
  ordered_json json = report(options, (*provider)->describe(), first, samples);
  if (!options.peer.empty()) {
    Expected<ordered_json> peer =
        runPeer(options.peer + " --tile " + tileOf(first.manifest));
    if (!peer)
      return peer.status();
    json["peer"] = std::move(*peer);
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
  Status status = options ? run(*options) : options.status();
  if (status)
    return 0;
  fmt::print(stderr, "nybl-bench-compile: {}\n", status.message());
  return status.code() == ErrorCode::Invalid ? 2 : 3;
}
