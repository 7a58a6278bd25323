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
#include "tools/nybl/Layers.h"
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

using Layers = std::vector<cli::Layer>;

struct Set {
  const char *name;
  Layers layers; ///< m 0: a plan for every M that has kernels of its own for
                 ///< few rows, and one for any number
};

/// Layers of one GPU: of four that share Llama-3.3-70B, and of one that has
/// Qwen3-30B-A3B (32 heads and 2 x 4 of keys and values, of 128 each).
const Set sets[] = {
    {"llama3.3-70b TP4, any M",
     {{"qkv", 0, 2560, 8192},
      {"o", 0, 8192, 2048},
      {"gate_up", 0, 14336, 8192},
      {"down", 0, 8192, 7168}}},
    {"qwen3-30b-a3b attention, any M",
     {{"qkv", 0, 5120, 2048}, {"o", 0, 2048, 4096}}},
    {"dense layers of nine models",
     Layers(std::begin(cli::denseLayers), std::end(cli::denseLayers))}};
/// The most rows of the classes of few; more are any number's.
constexpr int64_t fewRows[] = {16, 32, 64, 128};
constexpr int64_t mostRows = 8192;

GemmProblem problemOf(const cli::Layer &layer, int64_t m) {
  GemmProblem problem;
  problem.m = Extent::fixed(m);
  problem.n = layer.n;
  problem.k = layer.k;
  problem.sfa = problem.sfb = ScaleLayout::T128x4;
  return specialise(problem);
}

/// Problem classes, each once.
std::vector<GemmProblem> classesOf(const Set &set) {
  std::map<std::string, GemmProblem> classes;
  auto add = [&](const GemmProblem &p) { classes.emplace(print(p), p); };
  for (const cli::Layer &layer : set.layers) {
    add(problemOf(layer, layer.m ? layer.m : mostRows));
    for (int64_t m : fewRows)
      if (layer.m == 0)
        add(problemOf(layer, m));
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
Made makeAll(const Options &options, const std::vector<std::string> &chips,
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
    for (size_t i = next++; i < chips.size() * classes.size(); i = next++) {
      library::Wish wish;
      wish.problemClass = print(classes[i % classes.size()]);
      wish.chip = chips[i / classes.size()];
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

Expected<ordered_json> report(const Set &set, const std::string &chips,
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
                      {"chip", chips},
                      {"layers", set.layers.size()},
                      {"kernels", count},
                      {"schedules", schedules.size()},
                      {"seconds", made.seconds},
                      {"threads", std::thread::hardware_concurrency()},
                      {"peak_bytes", peak},
                      {"cubin_bytes", cubins},
                      {"bundle_bytes", bundle->size()},
                      {"workspace_bytes", *workspace}};
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

/// For chips that `chips` names, in one bundle. In a process of its own, whose
/// memory is this set's. {"error": ...} where it
/// fails, with "none" if no kernel could be made.
ordered_json measure(const Options &options, const Set &set,
                     const std::string &chips) {
  int ends[2];
  if (pipe(ends) != 0)
    return {{"error", "expected a pipe"}};
  pid_t child = fork();
  if (child == 0) {
    Made made = makeAll(options, split(chips), classesOf(set));
    bool hasNone = made.artefacts.empty();
    auto json = made.outcome ? report(set, chips, std::move(made))
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

/// Static figures of another library's files.
const ordered_json peer = {
    {"name", "flashinfer-cubin 0.6.13, dense NVFP4"},
    {"chip", "sm_100f"},
    {"kernels", 34},
    {"cubin_bytes", 1800000},
    {"note", "counted in its wheel: 34 cubins of 7 tiles, bf16 out, for the "
             "family of sm_100a; its host code and tables are not in it"}};

double megabytes(const ordered_json &row, const char *field) {
  return row.value(field, 0.0) / 1e6;
}

void print(const ordered_json &json) {
  fmt::print("{:<38}{:<17}{:>8}{:>7}{:>8}{:>8}{:>8}{:>10}\n", "", "chip",
             "kernels", "s", "MB", "cubins", "bundle", "workspace");
  for (const ordered_json &row : json["sets"])
    fmt::print("{:<38}{:<17}{:>8}{:>7.1f}{:>8.0f}{:>8.2f}{:>8.2f}{:>10.2f}\n",
               row.value("set", ""), row.value("chip", ""),
               row.value("kernels", 0), row.value("seconds", 0.0),
               megabytes(row, "peak_bytes"), megabytes(row, "cubin_bytes"),
               megabytes(row, "bundle_bytes"),
               megabytes(row, "workspace_bytes"));
  fmt::print("{:<38}{:<17}{:>8}{:>7}{:>8}{:>8.2f}\n  {}\n",
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

/// False where no kernel at all can be made.
Expected<bool> addRow(const Options &options, const Set &set,
                      const std::string &chips, ordered_json &json) {
  ordered_json row = measure(options, set, chips);
  if (row.value("none", false)) {
    json["left_out"].push_back(
        {{"chip", chips}, {"error", row.value("error", "")}});
    return false;
  }
  if (row.contains("error"))
    return Status::refused(
        fmt::format("'{}' on {}: {}", set.name, chips, row.value("error", "")));
  json["sets"].push_back(std::move(row));
  return true;
}

Status run(const Options &options) {
  ordered_json json = {{"peer", peer},
                       {"sets", ordered_json::array()},
                       {"left_out", ordered_json::array()}};
  std::vector<std::string> served;
  for (const std::string &chip : split(options.chips)) {
    Expected<bool> isServed = true;
    for (const Set &set : sets)
      if (isServed = addRow(options, set, chip, json); !isServed)
        return isServed.status();
      else if (!*isServed)
        break;
    if (*isServed)
      served.push_back(chip);
  }
  // The last set once more, for all of them in one file.
  if (served.size() > 1)
    if (auto added = addRow(options, sets[std::size(sets) - 1],
                            fmt::format("{}", fmt::join(served, ",")), json);
        !added)
      return added.status();
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
