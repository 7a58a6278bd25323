// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the kernels of a model's dense layers take to make and to keep: how
// many, seconds on this machine's cores, memory, and the size of their bundle.
//   nybl-bench-layers [--chips sm_100a,sm_120a] [--ptxas PATH] [--json]
// Each set is made in a process of its own, without a cache. A chip that no
// kernel can be made for is named and left out. Exit code 1 if a kernel of a
// chip that there are kernels for cannot be made.
#include "bench/MemoryWatch.h"
#include "runtime/Abi/Problem.h"
#include "runtime/Launch/Recipe.h"
#include "runtime/Library/Artefacts.h"
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fmt/format.h>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace nybl;
using nlohmann::ordered_json;

namespace {

struct Options {
  std::string chips = "sm_100a,sm_120a", ptxas;
  bool isJson = false;
};

/// m 0: a plan for every M that has rows of its own: few, and any number.
struct Shape {
  int64_t m, n, k;
};

struct Set {
  const char *name;
  std::vector<Shape> shapes;
};

/// Layers of one GPU: of four that share Llama-3.3-70B, and of one that has
/// Qwen3-30B-A3B (32 heads and 2 x 4 of keys and values, of 128 each). Last,
/// dense layers of nine models at the M that they are compared at.
const Set sets[] = {
    {"llama3.3-70b TP4, any M",
     {{0, 2560, 8192}, {0, 8192, 2048}, {0, 14336, 8192}, {0, 8192, 7168}}},
    {"qwen3-30b-a3b attention, any M", {{0, 5120, 2048}, {0, 2048, 4096}}},
    {"dense layers of nine models",
     {{1, 6144, 4096},     {16, 6144, 4096},    {1, 28672, 4096},
      {64, 28672, 4096},   {2048, 28672, 4096}, {1, 4096, 14336},
      {64, 4096, 14336},   {2048, 4096, 14336}, {1, 2560, 8192},
      {8, 8192, 2048},     {1, 14336, 8192},    {32, 14336, 8192},
      {8192, 14336, 8192}, {1, 8192, 7168},     {32, 8192, 7168},
      {8192, 8192, 7168},  {16, 13312, 16384},  {16, 16384, 6656},
      {4096, 16384, 6656}, {1, 7168, 2048},     {128, 7168, 2048},
      {8, 4608, 7168},     {4, 4096, 7168},     {4096, 4096, 7168},
      {2, 25600, 5120},    {1024, 25600, 5120}, {32, 5120, 17408},
      {64, 3072, 6144},    {1205, 6144, 2048},  {1, 4096, 5472},
      {128, 4096, 5472},   {8, 2688, 3712}}}};
/// The most rows of the classes of few; more are any number's.
constexpr int64_t fewRows[] = {16, 32, 64, 128};
constexpr int64_t mostRows = 8192;

GemmProblem problemOf(const Shape &shape, int64_t m) {
  GemmProblem problem;
  problem.m = Extent::fixed(m);
  problem.n = shape.n;
  problem.k = shape.k;
  problem.sfa = problem.sfb = ScaleLayout::T128x4;
  return specialise(problem);
}

/// Problem classes, each once.
std::vector<GemmProblem> classesOf(const Set &set) {
  std::map<std::string, GemmProblem> classes;
  auto add = [&](const GemmProblem &p) { classes.emplace(print(p), p); };
  for (const Shape &shape : set.shapes) {
    add(problemOf(shape, shape.m ? shape.m : mostRows));
    for (int64_t m : fewRows)
      if (shape.m == 0)
        add(problemOf(shape, m));
  }
  std::vector<GemmProblem> list;
  for (const auto &[line, problem] : classes)
    list.push_back(problem);
  return list;
}

struct Made {
  std::vector<library::Artefact> artefacts;
  Status outcome;
  double seconds = 0;
  int64_t peakBytes = 0;
};

/// As nybl_prepare makes them, by as many threads as there are cores.
Made makeAll(const Options &options, const std::string &chip,
             const std::vector<GemmProblem> &classes) {
  Made made;
  auto compiling = library::CompileSettings::find(NYBL_COMPILE_DEFAULT, 0);
  if (!compiling) {
    made.outcome = compiling.status();
    return made;
  }
  MemoryWatch memory("ptxas");
  library::Artefacts source(
      "", cache::Settings::find(""), [](nybl_log_level, const std::string &) {},
      *compiling);
  std::mutex mutex; // of what is made
  std::atomic<size_t> next{0};
  auto work = [&] {
    for (size_t i = next++; i < classes.size(); i = next++) {
      library::Wish wish;
      wish.problemClass = print(classes[i]);
      wish.chip = chip;
      wish.ptxas = options.ptxas.empty() ? nullptr : options.ptxas.c_str();
      auto artefact = source.make(wish);
      std::lock_guard lock(mutex);
      if (artefact)
        made.artefacts.push_back(std::move(*artefact));
      else if (made.outcome)
        made.outcome = artefact.status();
    }
  };
  auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> threads(
      std::max(1u, std::thread::hardware_concurrency()));
  for (std::thread &thread : threads)
    thread = std::thread(work);
  for (std::thread &thread : threads)
    thread.join();
  std::chrono::duration<double> taken =
      std::chrono::steady_clock::now() - begin;
  made.seconds = taken.count();
  made.peakBytes = memory.mostBytes();
  return made;
}

/// Of the launch that needs the most, with at most `mostRows`.
Expected<uint64_t> workspaceOf(const std::vector<library::Artefact> &all) {
  uint64_t most = 0;
  for (const library::Artefact &artefact : all) {
    GemmProblem problem = *parseProblem(artefact.manifest.problem);
    auto recipe = launch::Recipe::make(artefact.manifest, problem);
    auto bytes =
        recipe ? recipe->workspaceBytes(std::min(mostRows, problem.m.high))
               : Expected<uint64_t>(recipe.status());
    if (!bytes)
      return bytes.status();
    most = std::max(most, *bytes);
  }
  return most;
}

Expected<ordered_json> report(const Set &set, const std::string &chip,
                              Made made) {
  auto workspace = workspaceOf(made.artefacts);
  if (!workspace)
    return workspace.status();
  std::vector<bundle::Kernel> kernels;
  std::set<std::string> schedules;
  uint64_t cubins = 0;
  int64_t peak = made.peakBytes;
  for (library::Artefact &artefact : made.artefacts) {
    cubins += artefact.kernel.cubin.size();
    schedules.insert(artefact.manifest.schedule);
    kernels.push_back(std::move(artefact.kernel));
  }
  size_t count = kernels.size();
  auto bundle = bundle::write(std::move(kernels));
  if (!bundle)
    return bundle.status();
  return ordered_json{{"set", set.name},
                      {"chip", chip},
                      {"layers", set.shapes.size()},
                      {"kernels", count},
                      {"schedules", schedules.size()},
                      {"seconds", made.seconds},
                      {"threads", std::thread::hardware_concurrency()},
                      {"peak_bytes", peak},
                      {"cubin_bytes", cubins},
                      {"bundle_bytes", bundle->size()},
                      {"workspace_bytes", *workspace}};
}

/// In a process of its own, whose memory is this set's. {"error": ...} where it
/// fails, with "none" if no kernel could be made.
ordered_json measure(const Options &options, const Set &set,
                     const std::string &chip) {
  int ends[2];
  if (pipe(ends) != 0)
    return {{"error", "expected a pipe"}};
  pid_t child = fork();
  if (child == 0) {
    Made made = makeAll(options, chip, classesOf(set));
    bool hasNone = made.artefacts.empty();
    auto json = made.outcome ? report(set, chip, std::move(made))
                             : Expected<ordered_json>(made.outcome);
    std::string text =
        json
            ? json->dump()
            : ordered_json{{"error", json.message()}, {"none", hasNone}}.dump();
    bool isWritten = write(ends[1], text.data(), text.size()) > 0;
    _exit(isWritten ? 0 : 1);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, size_t(n));
  close(ends[0]);
  waitpid(child, nullptr, 0);
  auto json = ordered_json::parse(text, nullptr, /*exceptions=*/false);
  return json.is_object() ? json
                          : ordered_json{{"error", "its process was ended"}};
}

/// Static figures of another library's files, for no chip of ours.
const ordered_json peer = {
    {"name", "flashinfer-cubin 0.6.13, dense NVFP4"},
    {"chip", "sm_100f"},
    {"kernels", 34},
    {"cubin_bytes", 1800000},
    {"note", "counted in its wheel: 34 cubins of 7 tiles, bf16 out; nothing of "
             "it is for a chip of this table"}};

double megabytes(const ordered_json &row, const char *field) {
  return row.value(field, 0.0) / 1e6;
}

void print(const ordered_json &json) {
  fmt::print("{:<38}{:<9}{:>8}{:>7}{:>8}{:>8}{:>8}{:>10}\n", "", "chip",
             "kernels", "s", "MB", "cubins", "bundle", "workspace");
  for (const ordered_json &row : json["sets"])
    fmt::print("{:<38}{:<9}{:>8}{:>7.1f}{:>8.0f}{:>8.2f}{:>8.2f}{:>10.2f}\n",
               row.value("set", ""), row.value("chip", ""),
               row.value("kernels", 0), row.value("seconds", 0.0),
               megabytes(row, "peak_bytes"), megabytes(row, "cubin_bytes"),
               megabytes(row, "bundle_bytes"),
               megabytes(row, "workspace_bytes"));
  fmt::print("{:<38}{:<9}{:>8}{:>7}{:>8}{:>8.2f}\n  {}\n",
             peer.value("name", ""), peer.value("chip", ""),
             peer.value("kernels", 0), "", "", megabytes(peer, "cubin_bytes"),
             peer.value("note", ""));
  fmt::print(
      "  s: all kernels of a set, {} threads, no cache\n"
      "  MB: the most that process held with those that compile for it, seen "
      "every 25 ms, each ptxas left out; cubins: what a device loads, MB; "
      "bundle: with PTX and manifests, MB\n"
      "  workspace: of the launch that needs the most, up to {} rows\n",
      std::thread::hardware_concurrency(), mostRows);
  for (const ordered_json &chip : json["left_out"])
    fmt::print("  {} is left out, no kernel can be made for it: {}\n",
               chip.value("chip", ""), chip.value("error", ""));
}

Expected<Options> parse(int argc, char **argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "--json")
      options.isJson = true;
    else if (argument == "--chips" && i + 1 < argc)
      options.chips = argv[++i];
    else if (argument == "--ptxas" && i + 1 < argc)
      options.ptxas = argv[++i];
    else
      return Status::invalid(fmt::format("expected --chips LIST, --ptxas PATH "
                                         "or --json, got '{}'",
                                         argument));
  }
  return options;
}

std::vector<std::string> split(const std::string &list) {
  std::vector<std::string> words;
  for (size_t begin = 0; begin <= list.size();) {
    size_t end = std::min(list.find(',', begin), list.size());
    words.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

Status run(const Options &options) {
  ordered_json json = {{"peer", peer},
                       {"sets", ordered_json::array()},
                       {"left_out", ordered_json::array()}};
  for (const std::string &chip : split(options.chips))
    for (const Set &set : sets) {
      ordered_json row = measure(options, set, chip);
      if (row.value("none", false)) {
        json["left_out"].push_back(
            {{"chip", chip}, {"error", row.value("error", "")}});
        break;
      }
      if (row.contains("error"))
        return Status::refused(fmt::format("'{}' on {}: {}", set.name, chip,
                                           row.value("error", "")));
      json["sets"].push_back(std::move(row));
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
  fmt::print(stderr, "nybl-bench-layers: {}\n", status.message());
  return status.code() == ErrorCode::Invalid ? 2 : 1;
}
