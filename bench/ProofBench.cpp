// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a proof costs, over every layout and kind of schedule that the chip has:
// the phase `prove` of a compilation, after a first one that warms the process
// up.
//   nybl-bench-proof [--chip sm_120a] [--repeats 9] [--jit PATH] [--json]
#include "bench/LoadProvider.h"
#include "dialects/Chips/Chips.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

using namespace nybl;
using nlohmann::ordered_json;

namespace {

constexpr const char *schedules[] = {
    "kind=plain tile=128x128x128 warps=2x4",
    "kind=plain tile=64x64x64 warps=2x2",
    "kind=plain tile=16x16x64 warps=1x1",
    "kind=multistage tile=128x128x128 warps=2x4 stages=2",
    "kind=multistage tile=64x64x128 warps=2x2 stages=3",
    "kind=multistage tile=32x32x64 warps=2x1 stages=8",
    "kind=cooperative tile=128x128x128 warps=2x4 stages=4",
    "kind=cooperative tile=128x128x128 warps=2x4 stages=4 fill=tma",
    "kind=cooperative tile=128x256x128 warps=2x4 stages=3 fill=tma",
    "kind=tmem tile=128x128x256 warps=4x1 stages=4 fill=tma store=tma",
    "kind=tmem tile=128x128x256 warps=4x1 stages=4 fill=tma",
    "kind=tmem tile=128x256x128 warps=4x1 stages=5 fill=tma store=tma",
    "kind=tmem tile=128x256x256 warps=4x1 stages=4 fill=tma",
    "kind=tmem tile=16x128x256 warps=1x4 stages=6 fill=tma swap=ab"};
constexpr const char *layouts[] = {"linear", "128x4", "8x4"};
/// A large layer; tails in N and K; a linear layout that is copied by bytes.
struct Shape {
  int n, k;
  const char *d;
};
constexpr Shape shapes[] = {
    {4096, 7168, "bf16"}, {136, 464, "f32"}, {1536, 400, "f16"}};

/// Chips with tensor memory multiply nowhere else.
bool isFor(const char *schedule, const Chip &chip) {
  return chip.tcgen05 == bool(strstr(schedule, "kind=tmem"));
}

/// TMA copies rows of whole 16 bytes.
bool fits(const char *schedule, const Shape &shape) {
  return shape.k % 32 == 0 || !strstr(schedule, "fill=tma");
}

double proveMilliseconds(const NyblKernelProvider &provider,
                         const std::string &problem, const char *schedule,
                         const std::string &chip, std::string &error) {
  NyblCompileRequest request = {};
  request.size = sizeof request;
  request.problem = problem.c_str();
  request.chip = chip.c_str();
  request.schedule = schedule;
  request.emit = "certificate";
  NyblCompileResult result = {};
  result.size = sizeof result;
  if (provider.compile(&request, &result) != 0)
    error = view(result.message);
  double ms = 0;
  auto phases = ordered_json::parse(view(result.phases), nullptr, false);
  for (const auto &phase : phases)
    if (phase.is_object() && phase.value("phase", "") == "prove")
      ms = phase.value("ms", 0.0);
  provider.release_result(&result);
  return ms;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int run(const std::string &chip, int repeats, const std::string &jit,
        bool isJson) {
  auto provider = loadProvider(jit);
  if (!provider)
    return std::fprintf(stderr, "nybl-bench-proof: %s\n",
                        provider.message().c_str()),
           3;
  auto record = findChip(chip);
  if (!record)
    return std::fprintf(stderr, "nybl-bench-proof: %s\n",
                        record.message().c_str()),
           2;
  std::string error;
  proveMilliseconds(**provider, "gemm n=8 k=32", nullptr, chip, error);
  ordered_json rows = ordered_json::array();
  std::vector<double> all;
  for (const char *schedule : schedules) {
    if (!isFor(schedule, **record))
      continue;
    std::vector<double> own;
    for (const Shape &shape : shapes)
      for (const char *sfa : layouts)
        for (const char *sfb : layouts)
          for (int i = 0; i < repeats && error.empty() && fits(schedule, shape);
               ++i)
            own.push_back(proveMilliseconds(
                **provider,
                fmt::format("gemm n={} k={} d={} sfa={} sfb={}", shape.n,
                            shape.k, shape.d, sfa, sfb),
                schedule, chip, error));
    if (!error.empty())
      return std::fprintf(stderr, "nybl-bench-proof: %s\n", error.c_str()), 1;
    all.insert(all.end(), own.begin(), own.end());
    rows.push_back({{"schedule", schedule},
                    {"proofs", own.size()},
                    {"median_ms", median(own)},
                    {"worst_ms", *std::max_element(own.begin(), own.end())}});
  }
  rows.push_back({{"schedule", "all"},
                  {"proofs", all.size()},
                  {"median_ms", median(all)},
                  {"worst_ms", *std::max_element(all.begin(), all.end())}});
  if (isJson)
    return fmt::print("{}\n", rows.dump(2)), 0;
  fmt::print("{:<54}{:>8}{:>12}{:>10}\n", "proof of", "proofs", "median ms",
             "worst ms");
  for (const auto &row : rows)
    fmt::print("{:<54}{:>8}{:>12.2f}{:>10.2f}\n",
               row["schedule"].get<std::string>(), row["proofs"].get<size_t>(),
               row["median_ms"].get<double>(), row["worst_ms"].get<double>());
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  std::string chip = "sm_120a", jit, repeats = "9";
  bool isJson = false;
  std::map<std::string, std::string *> texts = {
      {"--chip", &chip}, {"--jit", &jit}, {"--repeats", &repeats}};
  for (int i = 1; i < argc; ++i) {
    auto found = texts.find(argv[i]);
    if (std::string(argv[i]) == "--json")
      isJson = true;
    else if (found != texts.end() && i + 1 < argc)
      *found->second = argv[++i];
    else
      return std::fprintf(stderr,
                          "nybl-bench-proof: expected --chip, --repeats or "
                          "--jit with a value, or --json, got '%s'\n",
                          argv[i]),
             2;
  }
  int count = std::atoi(repeats.c_str());
  if (count < 1)
    return std::fprintf(stderr,
                        "nybl-bench-proof: expected a positive number "
                        "after --repeats, got '%s'\n",
                        repeats.c_str()),
           2;
  return run(chip, count, jit, isJson);
}
