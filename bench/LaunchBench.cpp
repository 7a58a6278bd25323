// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a launch of a prepared plan costs the host, above the driver's own
// cuLaunchKernel: a kernel of the real compiler, on a driver that takes no time
// (StubDriver.cpp), by one thread and by two that share the plan.
//   nybl-bench-launch [--problem LINE] [--schedule TEXT] [--launches 20000]
//     [--classes one|all] [--batches 31] [--encode-ns N] [--stub PATH]
//     [--emulator PATH] [--json]
// --classes all: of a plan that has a kernel for each class of M, and launches
// the last of them.
// Encoding a tensor map takes N on the stub; without --encode-ns as long as the
// emulated driver takes for one here, since no real one is at hand. Exit code 1
// if launches encode more or fewer maps than documented (docs/runtime.md).
#include "bench/Arguments.h"
#include "bench/LoadProvider.h"
#include "bench/StubDriver.h"
#include "nybl/nybl.hpp"
#include "runtime/Abi/Manifest.h"
#include "runtime/Abi/Problem.h"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cuda.h>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

using namespace nybl;
using nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

namespace {

constexpr double targetNanoseconds = 150;
constexpr int64_t rows = 256;

struct Options {
  std::string problem = "gemm m=? n=4096 k=7168 sfa=128x4 sfb=128x4 d=bf16";
  std::string schedule, stub, emulator, classes = "one";
  int64_t launches = 20000, batches = 31, encodeNanoseconds = -1;
  bool isJson = false;
};

Expected<Options> parse(int argc, char **argv) {
  Options options;
  options.stub = ourFile("libnybl_bench_stub.so");
  options.emulator = ourFile("emu/libcuda.so.1");
  std::string launches = "20000", batches = "31", encode = "-1";
  std::map<std::string, std::string *> texts = {
      {"--problem", &options.problem}, {"--schedule", &options.schedule},
      {"--stub", &options.stub},       {"--emulator", &options.emulator},
      {"--launches", &launches},       {"--batches", &batches},
      {"--encode-ns", &encode},        {"--classes", &options.classes}};
  if (Status status =
          readArguments(argc, argv, texts, options.isJson,
                        "--problem, --schedule, --classes, --launches, "
                        "--batches, --encode-ns, --stub or --emulator");
      !status)
    return status;
  options.launches = std::atoll(launches.c_str());
  options.batches = std::atoll(batches.c_str());
  options.encodeNanoseconds = std::atoll(encode.c_str());
  if (options.classes != "one" && options.classes != "all")
    return Status::invalid(fmt::format(
        "--classes: expected one or all, got '{}'", options.classes));
  if (options.launches < 1 || options.batches < 1)
    return Status::invalid("expected positive numbers after --launches and "
                           "--batches");
  return options;
}

template <typename Function>
Expected<Function *> symbolOf(const std::string &library, const char *name) {
  void *handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  void *symbol = handle ? dlsym(handle, name) : nullptr;
  if (!symbol)
    return Status::environment(fmt::format(
        "expected the library '{}' with '{}': {}", library, name, dlerror()));
  return reinterpret_cast<Function *>(symbol);
}

Status check(nybl_status status) {
  return status == NYBL_OK
             ? Status::ok()
             : Status::error(static_cast<ErrorCode>(status), nybl_last_error());
}

/// Least and median of some batches; nanoseconds a launch.
struct Times {
  double least = 0, median = 0;
};

Times summarise(std::vector<double> batches) {
  std::sort(batches.begin(), batches.end());
  return {batches.front(), batches[batches.size() / 2]};
}

/// Each thread does the same batch at the same time; the slowest counts.
/// `once` is called with the thread and the number of the launch.
template <typename Once>
Times measure(const Options &options, int threads, Once once) {
  std::vector<double> batches(static_cast<size_t>(options.batches));
  std::vector<std::atomic<double>> slowest(batches.size());
  std::atomic<int64_t> arrived{0};
  auto work = [&](int thread) {
    int64_t launch = 0;
    for (int64_t batch = 0; batch < options.batches; ++batch) {
      ++arrived;
      while (arrived < (batch + 1) * threads)
        std::this_thread::yield();
      auto begin = Clock::now();
      for (int64_t i = 0; i < options.launches; ++i)
        once(thread, launch++);
      std::chrono::duration<double, std::nano> taken = Clock::now() - begin;
      auto &most = slowest[static_cast<size_t>(batch)];
      double before = most;
      while (before < taken.count() &&
             !most.compare_exchange_weak(before, taken.count()))
        ;
    }
  };
  std::vector<std::thread> others;
  for (int thread = 1; thread < threads; ++thread)
    others.emplace_back(work, thread);
  work(0);
  for (std::thread &other : others)
    other.join();
  for (size_t i = 0; i < batches.size(); ++i)
    batches[i] = slowest[i] / double(options.launches);
  return summarise(std::move(batches));
}

/// Round addresses that nothing is behind; every buffer as large as it must be.
nybl_gemm_args argumentsFor(const GemmProblem &p) {
  auto bytes = [](int64_t size) { return static_cast<uint64_t>(size); };
  auto scales = [&](uint64_t pointer, ScaleLayout layout, int64_t count) {
    return nybl_scales{pointer, bytes(byteSize(layout, count, p.blocks())),
                       count, static_cast<uint32_t>(layout), 1};
  };
  auto args = face::sized<nybl_gemm_args>();
  int64_t row = p.k / 2, out = p.n * byteWidth(p.d);
  args.m = rows;
  args.a = {uint64_t(1) << 36, bytes(rows * row), row};
  args.b = {uint64_t(2) << 36, bytes(p.n * row), row};
  args.d = {uint64_t(3) << 36, bytes(rows * out), out};
  args.a_scales = scales(uint64_t(4) << 36, p.sfa, rows);
  args.b_scales = scales(uint64_t(5) << 36, p.sfb, p.n);
  if (p.alpha == AlphaKind::Tensor)
    args.alpha = {NYBL_SCALAR_DEVICE, NYBL_CONVENTION_DECODE, uint64_t(6) << 36,
                  0, 0};
  return args;
}

/// A device of the stub, and a plan on it.
struct Setting {
  face::Library library;
  face::Device device;
  face::Plan plan;
  nybl_gemm_args args = {};
  Manifest manifest;
};

Status open(const Options &options, Setting &s) {
  auto libraryOptions = face::sized<nybl_library_options>();
  libraryOptions.cache_path = libraryOptions.tune_path = "";
  auto deviceOptions = face::sized<nybl_device_options>();
  deviceOptions.driver_path = options.stub.c_str();
  auto prepareOptions = face::sized<nybl_prepare_options>();
  prepareOptions.all_classes = options.classes == "all";
  if (!options.schedule.empty())
    prepareOptions.schedule = options.schedule.c_str();
  nybl_status status = face::Library::create(libraryOptions, s.library);
  if (status == NYBL_OK)
    status = s.library.open(deviceOptions, s.device);
  if (status == NYBL_OK)
    status = s.device.prepare(options.problem, prepareOptions, s.plan);
  return check(status);
}

/// Everything up to the second launch.
Status prepare(const Options &options, Setting &s) {
  auto problem = parseProblem(options.problem);
  if (!problem)
    return problem.status();
  if (Status status = open(options, s); !status)
    return status;
  nybl_plan_details details;
  if (Status status = check(s.plan.info(details)); !status)
    return status;
  auto manifest = parseManifest(details.manifest_json);
  if (!manifest)
    return manifest.status();
  s.manifest = std::move(*manifest);
  s.args = argumentsFor(*problem);
  if (Status status = check(s.plan.workspace(rows, s.args.workspace_bytes));
      !status)
    return status;
  s.args.workspace = s.args.workspace_bytes ? uint64_t(7) << 36 : 0;
  return check(nybl_launch(s.plan.get(), &s.args));
}

/// How long the emulated driver takes to encode a map of two dimensions; it
/// checks and packs as a driver has to.
Expected<double> emulatedEncoding(const Options &options) {
  auto init = symbolOf<decltype(cuInit)>(options.emulator, "cuInit");
  auto retain = symbolOf<decltype(cuDevicePrimaryCtxRetain)>(
      options.emulator, "cuDevicePrimaryCtxRetain");
  auto use =
      symbolOf<decltype(cuCtxSetCurrent)>(options.emulator, "cuCtxSetCurrent");
  auto encode = symbolOf<decltype(cuTensorMapEncodeTiled)>(
      options.emulator, "cuTensorMapEncodeTiled");
  for (const Status &status :
       {init.status(), retain.status(), use.status(), encode.status()})
    if (!status)
      return status;
  const cuuint64_t sizes[] = {3584, rows}, strides[] = {3584};
  const cuuint32_t box[] = {64, 128}, steps[] = {1, 1};
  CUcontext context = nullptr;
  CUtensorMap map;
  bool isWrong = (*init)(0) || (*retain)(&context, 0) || (*use)(context);
  Times times = measure(options, 1, [&](int, int64_t i) {
    isWrong |=
        (*encode)(&map, CU_TENSOR_MAP_DATA_TYPE_UINT8, 2,
                  reinterpret_cast<void *>((i + 1) << 12), sizes, strides, box,
                  steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
                  CU_TENSOR_MAP_SWIZZLE_64B, CU_TENSOR_MAP_L2_PROMOTION_L2_128B,
                  CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) != CUDA_SUCCESS;
  });
  if (isWrong)
    return Status::environment(fmt::format(
        "expected '{}' to encode a tensor map, it fails", options.emulator));
  return times.least;
}

/// The driver's own call, as often.
Expected<Times> timeBare(const Options &options, int threads) {
  auto launch =
      symbolOf<decltype(cuLaunchKernel)>(options.stub, "cuLaunchKernel");
  if (!launch)
    return launch.status();
  void *parameters[16] = {};
  return measure(options, threads, [&](int thread, int64_t) {
    (*launch)(nullptr, 188, 1, 1, 128, 1, 1, 0,
              reinterpret_cast<CUstream>(intptr_t(thread)), parameters,
              nullptr);
  });
}

struct Row {
  const char *name;
  int threads;
  int64_t maps; ///< encoded in each launch
  Times bare, ours;
  double encodes = 0; ///< maps that were, on the average of thread 0

  double above(double encodeNanoseconds) const {
    return ours.least - bare.least - double(maps) * encodeNanoseconds;
  }
};

/// `moves`: each launch has an activation and an output of its own.
Expected<Row> timeLaunches(const Options &options, const Setting &s,
                           int threads, bool moves) {
  auto encodes = symbolOf<StubEncodes>(options.stub, "nyblStubEncodes");
  auto bare = timeBare(options, threads);
  if (!encodes || !bare)
    return encodes ? bare.status() : encodes.status();
  int64_t moving = 0;
  for (const TensorMap &map : s.manifest.tensorMaps)
    moving += map.operand != "b";
  std::atomic<uint64_t> failures{0};
  uint64_t before = (*encodes)();
  Times ours = measure(options, threads, [&](int thread, int64_t i) {
    nybl_gemm_args args = s.args;
    args.stream = reinterpret_cast<void *>(intptr_t(thread));
    uint64_t by = moves ? uint64_t(i * 2 + thread + 1) << 12 : 0;
    args.a.pointer += by, args.d.pointer += by;
    if (nybl_launch(s.plan.get(), &args) != NYBL_OK)
      ++failures;
  });
  if (failures > 0)
    return Status::environment(fmt::format("expected launches to succeed, {} "
                                           "failed",
                                           failures.load()));
  return Row{moves ? "new a and d" : "same arguments",
             threads,
             moves ? moving : 0,
             *bare,
             ours,
             double((*encodes)() - before) /
                 double(options.launches * options.batches)};
}

ordered_json report(const Options &options, const Setting &s, double encode,
                    const std::vector<Row> &rowsOf) {
  ordered_json json = {{"problem", s.manifest.problem},
                       {"chip", s.manifest.chip},
                       {"schedule", s.manifest.schedule},
                       {"parameters", s.manifest.parameters.size()},
                       {"tensor_maps", s.manifest.tensorMaps.size()},
                       {"launches", options.launches},
                       {"batches", options.batches},
                       {"encode_ns", encode},
                       {"encode_is", options.encodeNanoseconds < 0
                                         ? "measured, of the emulated driver"
                                         : "asked for"}};
  for (const Row &row : rowsOf)
    json["rows"].push_back({{"arguments", row.name},
                            {"threads", row.threads},
                            {"maps_encoded", row.encodes},
                            {"bare_ns", row.bare.least},
                            {"launch_ns", row.ours.least},
                            {"launch_median_ns", row.ours.median},
                            {"above_ns", row.above(encode)}});
  return json;
}

void print(const ordered_json &json) {
  fmt::print(
      "{}\n{}, {}\n{} parameters, {} tensor maps; ns a launch, the least "
      "of {} batches of {}; encoding a map takes {:.0f} ns ({})\n",
      json.value("problem", ""), json.value("chip", ""),
      json.value("schedule", ""), json.value("parameters", 0),
      json.value("tensor_maps", 0), json.value("batches", 0),
      json.value("launches", 0), json.value("encode_ns", 0.0),
      json.value("encode_is", ""));
  fmt::print("  {:<16}{:>8}{:>8}{:>8}{:>10}{:>10}{:>16}\n", "arguments",
             "threads", "maps", "bare", "launch", "(median)", "above, no maps");
  bool isWithin = true;
  for (const ordered_json &row : json["rows"]) {
    double above = row.value("above_ns", 0.0);
    isWithin &=
        row.value("maps_encoded", 0.0) > 0 || above <= targetNanoseconds;
    fmt::print("  {:<16}{:>8}{:>8.0f}{:>8.1f}{:>10.1f}{:>10.1f}{:>16.1f}\n",
               row.value("arguments", ""), row.value("threads", 0),
               row.value("maps_encoded", 0.0), row.value("bare_ns", 0.0),
               row.value("launch_ns", 0.0), row.value("launch_median_ns", 0.0),
               above);
  }
  fmt::print("  same arguments within {:.0f} ns above the driver's call: {}\n",
             targetNanoseconds, isWithin ? "yes" : "NO");
}

Status run(const Options &options) {
  Setting setting;
  if (Status status = prepare(options, setting); !status)
    return status;
  auto takes = symbolOf<StubEncodeTakes>(options.stub, "nyblStubEncodeTakes");
  auto encode = options.encodeNanoseconds < 0
                    ? emulatedEncoding(options)
                    : Expected<double>(double(options.encodeNanoseconds));
  if (!takes || !encode)
    return takes ? encode.status() : takes.status();
  (*takes)(int64_t(*encode));
  std::vector<Row> rowsOf;
  for (bool moves : {false, true})
    for (int threads : {1, 2}) {
      auto row = timeLaunches(options, setting, threads, moves);
      if (!row)
        return row.status();
      rowsOf.push_back(*row);
    }
  ordered_json json = report(options, setting, *encode, rowsOf);
  if (options.isJson)
    fmt::print("{}\n", json.dump(1));
  else
    print(json);
  for (const Row &row : rowsOf)
    if (row.encodes != double(row.maps))
      return Status::refused(fmt::format(
          "expected {} maps encoded in each launch of '{}', counted {}",
          row.maps, row.name, row.encodes));
  return Status::ok();
}

} // namespace

int main(int argc, char **argv) {
  Expected<Options> options = parse(argc, argv);
  return exitCode("nybl-bench-launch",
                  options ? run(*options) : options.status());
}
