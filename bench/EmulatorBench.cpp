// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the emulated driver costs: a 256 x 256 x 256 GEMM launch on one host
// thread, with checks off and with poison followed, and what it executes.
//   nybl-bench-emulator [--repeats 15] [--json]
#include "tests/EndToEnd/Gemm/Road.h"
#include "tests/Oracle/Data.h"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string>

using namespace nybl;

namespace {

constexpr int64_t extent = 256;
/// Bytes of a row of A and B, and of the marked gap behind it: real marks lie
/// between the bytes that are read.
constexpr int64_t rowBytes = extent / 2, gapBytes = 32;
constexpr double mostMs = 50, mostTimes = 2;

struct Figures {
  double medianMs = 0, leastMs = 0;
  nyblEmuCounts counts{};
};

struct Operands {
  driver::Buffer a, b, sfa, sfb, d;
};

driver::Buffer upload(road::Session &session,
                      const std::vector<uint8_t> &bytes) {
  auto buffer = driver::Buffer::allocate(session.memory, bytes.size());
  (void)buffer->upload(0, bytes.data(), bytes.size());
  return std::move(*buffer);
}

/// Rows with a gap of marked bytes behind each.
driver::Buffer uploadRows(road::Session &session,
                          const std::vector<uint8_t> &bytes) {
  std::vector<uint8_t> wide;
  for (int64_t row = 0; row < extent; ++row) {
    auto from = bytes.begin() + row * rowBytes;
    wide.insert(wide.end(), from, from + rowBytes);
    wide.insert(wide.end(), gapBytes, 0x7f);
  }
  driver::Buffer buffer = upload(session, wide);
  auto mark =
      session.extension<decltype(nyblEmuMarkPoison)>("nyblEmuMarkPoison");
  for (int64_t row = 0; row < extent; ++row)
    mark(buffer.address() + row * (rowBytes + gapBytes) + rowBytes, gapBytes);
  return buffer;
}

nybl_gemm_args arguments(const Operands &on, void *stream) {
  nybl_gemm_args args = {};
  args.size = sizeof args;
  args.m = extent;
  args.a = {on.a.address(), on.a.bytes(), rowBytes + gapBytes};
  args.b = {on.b.address(), on.b.bytes(), rowBytes + gapBytes};
  args.a_scales = {on.sfa.address(), on.sfa.bytes(), extent, NYBL_LAYOUT_128X4,
                   1};
  args.b_scales = {on.sfb.address(), on.sfb.bytes(), extent, NYBL_LAYOUT_128X4,
                   1};
  args.d = {on.d.address(), on.d.bytes(), extent * 2};
  args.alpha.kind = NYBL_SCALAR_HOST;
  args.alpha.convention = NYBL_CONVENTION_DECODE;
  args.alpha.value = 1.0f;
  args.stream = stream;
  return args;
}

/// One launch, from nybl_launch until the stream is idle.
double timeLaunch(nybl_plan *plan, const nybl_gemm_args &args,
                  driver::Stream &stream) {
  auto begin = std::chrono::steady_clock::now();
  bool good = nybl_launch(plan, &args) == NYBL_OK && stream.synchronize();
  std::chrono::duration<double, std::milli> time =
      std::chrono::steady_clock::now() - begin;
  if (!good) {
    std::fprintf(stderr, "the launch failed: %s\n", nybl_last_error());
    std::exit(1);
  }
  return time.count();
}

Figures measure(road::Session &session, nybl_plan *plan, const Operands &on,
                bool checks, bool poison, int repeats) {
  session.extension<decltype(nyblEmuSetChecks)>("nyblEmuSetChecks")(checks,
                                                                    poison);
  auto stream = driver::Stream::create(session.memory);
  nybl_gemm_args args = arguments(on, stream->handle());
  std::vector<double> times;
  timeLaunch(plan, args, *stream); // warm
  for (int i = 0; i < repeats; ++i)
    times.push_back(timeLaunch(plan, args, *stream));
  std::sort(times.begin(), times.end());
  Figures f{times[times.size() / 2], times.front(), {}};
  f.counts.size = sizeof f.counts;
  session.extension<decltype(nyblEmuCounters)>("nyblEmuCounters")(&f.counts);
  return f;
}

void print(const Figures &off, const Figures &on, bool json) {
  double perMultiply =
      double(off.counts.warpInstructions) / double(off.counts.multiplies);
  if (json) {
    nlohmann::ordered_json out = {
        {"problem", "256x256x256"},
        {"host_threads", 1},
        {"checks_off_ms", off.medianMs},
        {"poison_on_ms", on.medianMs},
        {"ratio", on.medianMs / off.medianMs},
        {"warp_instructions", off.counts.warpInstructions},
        {"multiplies", off.counts.multiplies},
        {"warp_instructions_per_multiply", perMultiply}};
    std::puts(out.dump(2).c_str());
    return;
  }
  fmt::print("256 x 256 x 256 GEMM launch, one host thread, median (least) ms\n"
             "  checks off        {:8.2f} ({:.2f}); under {} ms: {}\n"
             "  checks and poison {:8.2f} ({:.2f}), {:.2f} times; at most {}: "
             "{}\n"
             "  dynamic warp instructions {} ({} mma): {:.1f} per mma\n",
             off.medianMs, off.leastMs, mostMs,
             off.medianMs < mostMs ? "yes" : "NO", on.medianMs, on.leastMs,
             on.medianMs / off.medianMs, mostTimes,
             on.medianMs <= mostTimes * off.medianMs ? "yes" : "NO",
             off.counts.warpInstructions, off.counts.multiplies, perMultiply);
}

} // namespace

int main(int argc, char **argv) {
  int repeats = 15;
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (word == "--json")
      json = true;
    else if (word == "--repeats" && i + 1 < argc)
      repeats = std::max(1, std::atoi(argv[++i]));
    else
      return std::fprintf(stderr, "expected --repeats N or --json, got '%s'\n",
                          argv[i]),
             2;
  }
  ::setenv("NYBL_EMU_THREADS", "1", 1);
  road::Session *session = road::Session::get();
  if (!session)
    return 3;
  GemmProblem problem;
  problem.n = problem.k = extent;
  std::string error;
  nybl_plan *plan = session->plan(problem, &error);
  if (!plan)
    return std::fprintf(stderr, "%s\n", error.c_str()), 3;
  auto a = oracle::randomMatrix(extent, extent, 1, 0x30, 0x48);
  auto b = oracle::randomMatrix(extent, extent, 2, 0x30, 0x48);
  Operands on{uploadRows(*session, a.codes), uploadRows(*session, b.codes),
              upload(*session, road::packScales(a, ScaleLayout::T128x4, 0)),
              upload(*session, road::packScales(b, ScaleLayout::T128x4, 0)),
              upload(*session, std::vector<uint8_t>(extent * extent * 2))};
  Figures off = measure(*session, plan, on, false, false, repeats);
  Figures full = measure(*session, plan, on, true, true, repeats);
  print(off, full, json);
  return 0;
}
