// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the emulator's executor costs by itself: loops of PTX on one host
// thread, in CPU time of that thread, with checks off, with checks and poison,
// and with everything that can be looked for.
//   nybl-bench-emulator-instructions [--repeats 9] [--only mma|mixed] [--json]
#include "tools/emulator/Exec/Engine.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

using namespace nybl::emu;

namespace {

constexpr unsigned warps = 4;
constexpr double leastMultiplies = 2e6; ///< per second, with checks off
constexpr double mostPoison = 2, mostEverything = 5;

struct Loop {
  const char *name, *unit;
  std::string ptx;
  bool countsMultiplies; ///< the figure is of mma, else of all instructions
};

/// `setup`, then `body` as often as the parameter says; `result` is stored.
std::string kernelText(const std::string &setup, const std::string &body,
                       const std::string &result) {
  return ".version 8.7\n.target sm_120a\n.address_size 64\n"
         ".visible .entry k(.param .u64 p_out, .param .u32 p_count)\n{\n"
         "  .reg .pred %p<8>;\n  .reg .b32 %r<64>;\n  .reg .b64 %d<8>;\n"
         "  .reg .f32 %f<80>;\n  .shared .align 16 .b8 tile[2048];\n"
         "  ld.param.u64 %d0, [p_out];\n  ld.param.u32 %r0, [p_count];\n"
         "  mov.u32 %r1, %tid.x;\n" +
         setup + "loop:\n" + body +
         "  sub.u32 %r0, %r0, 1;\n  setp.ne.u32 %p0, %r0, 0;\n"
         "  @%p0 bra loop;\n  mul.wide.u32 %d1, %r1, 4;\n"
         "  add.u64 %d2, %d0, %d1;\n  st.global.b32 [%d2], " +
         result + ";\n  ret;\n}\n";
}

/// Sixteen multiplies that do not depend on each other. Codes and scales are
/// ordinary numbers, those of lanes differ.
Loop multiplies() {
  std::string setup, body;
  for (unsigned i = 0; i < 6; ++i)
    setup += fmt::format("  mad.lo.u32 %r{}, %r1, {}, {};\n", 10 + i,
                         0x01234567u + 0x11111u * i, 0x2a17c531u * (i + 1));
  setup += "  and.b32 %r20, %r1, 7;\n"
           "  mad.lo.u32 %r20, %r20, 0x01010101, 0x38363a34;\n"
           "  mad.lo.u32 %r21, %r1, 0, 0x3937353b;\n";
  for (unsigned i = 0; i < 64; ++i)
    setup += fmt::format("  mov.f32 %f{}, 0f{:08X};\n", i, 0x3f800000 + i);
  for (unsigned i = 0; i < 16; ++i) {
    std::string d = fmt::format("{{%f{}, %f{}, %f{}, %f{}}}", 4 * i, 4 * i + 1,
                                4 * i + 2, 4 * i + 3);
    body += "  mma.sync.aligned.m16n8k64.row.col.kind::mxf4nvf4.block_scale"
            ".scale_vec::4X.f32.e2m1.e2m1.f32.ue4m3 " +
            d + ", {%r10, %r11, %r12, %r13}, {%r14, %r15}, " + d +
            ", %r20, {0, 0}, %r21, {0, 0};\n";
  }
  return {"m16n8k64 mma", "mma", kernelText(setup, body, "%f0"), true};
}

/// Fifty instructions as kernels have them around their multiplies. Lanes of a
/// warp hand words over in shared memory.
Loop mixed() {
  std::string setup = R"(  mov.u32 %r2, tile;
  shl.b32 %r3, %r1, 4;
  add.u32 %r3, %r2, %r3;
  xor.b32 %r4, %r3, 16;
  mov.u32 %r10, 12345;
  mov.f32 %f1, 0f3F000000;
  mov.f32 %f2, 0f3F800000;
  mov.f32 %f3, 0f40000000;
  mov.f32 %f4, 0f40400000;
)";
  std::string body = R"(  add.u32 %r10, %r10, %r1;
  mul.lo.u32 %r11, %r10, 1664525;
  add.u32 %r11, %r11, 1013904223;
  xor.b32 %r12, %r11, %r10;
  shl.b32 %r13, %r12, 3;
  shr.u32 %r14, %r12, 5;
  or.b32 %r15, %r13, %r14;
  and.b32 %r16, %r15, 0xffff;
  mad.lo.u32 %r17, %r16, 3, %r10;
  min.u32 %r18, %r17, %r11;
  max.u32 %r19, %r17, %r11;
  prmt.b32 %r20, %r18, %r19, 0x5410;
  lop3.b32 %r21, %r20, %r18, %r19, 0x96;
  setp.lt.u32 %p1, %r18, %r12;
  selp.b32 %r22, %r18, %r12, %p1;
  setp.gt.u32 %p2, %r16, 0x7fff;
  @%p2 add.u32 %r22, %r22, 7;
  @!%p2 xor.b32 %r22, %r22, 5;
  cvt.rn.f32.u32 %f5, %r16;
  fma.rn.f32 %f6, %f5, %f1, %f2;
  fma.rn.f32 %f7, %f6, %f1, %f3;
  mul.f32 %f8, %f6, %f7;
  add.f32 %f9, %f8, %f4;
  sub.f32 %f10, %f9, %f5;
  max.f32 %f11, %f10, %f6;
  min.f32 %f12, %f11, %f9;
  fma.rn.f32 %f13, %f12, %f2, %f7;
  setp.gt.f32 %p3, %f13, %f9;
  selp.f32 %f14, %f13, %f9, %p3;
  mov.b32 %r23, %f14;
  shfl.sync.bfly.b32 %r24, %r23, 1, 31, 0xffffffff;
  shfl.sync.bfly.b32 %r25, %r22, 16, 31, 0xffffffff;
  add.u32 %r26, %r24, %r25;
  st.shared.v4.b32 [%r3], {%r22, %r23, %r25, %r26};
  bar.warp.sync 0xffffffff;
  ld.shared.b32 %r27, [%r4];
  ld.shared.v2.b32 {%r28, %r29}, [%r4+8];
  ld.shared.b32 %r30, [%r3+4];
  bar.warp.sync 0xffffffff;
  st.shared.b32 [%r3+4], %r27;
  ld.shared.b32 %r31, [%r3+4];
  add.u32 %r32, %r27, %r28;
  xor.b32 %r33, %r32, %r29;
  add.u32 %r34, %r33, %r30;
  sub.u32 %r35, %r34, %r31;
  popc.b32 %r36, %r35;
  add.u32 %r10, %r35, %r36;
)";
  return {"mixed loop", "warp instructions", kernelText(setup, body, "%r10"),
          false};
}

double cpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + double(now.tv_nsec) * 1e-9;
}

/// A loop that is loaded and can be run.
struct Bench {
  const Loop &loop;
  GlobalMemory memory{uint64_t(1) << 30};
  std::shared_ptr<const Program> program;
  uint64_t out = 0;

  explicit Bench(const Loop &loop) : loop(loop) {
    auto loaded = loadProgram(loop.ptx, *findChip("sm_120a"), memory);
    if (!loaded)
      stop(loaded.message());
    program = *loaded;
    out = *memory.allocate(warps * 32 * 4);
  }

  [[noreturn]] void stop(const std::string &why) const {
    fmt::print(stderr, "{}: {}\n", loop.name, why);
    std::exit(3);
  }

  /// CPU seconds; `work` is what was counted.
  double run(LaunchConfig config, uint32_t iterations, uint64_t &work) {
    config.grid = {1, 1, 1};
    config.block = {warps * 32, 1, 1};
    config.hostThreads = 1;
    struct {
      uint64_t out;
      uint32_t count, unused;
    } parameters{out, iterations, 0};
    const KernelInfo *kernel = program->findKernel("k");
    double begin = cpuSeconds();
    LaunchResult result =
        runKernel(*program, *kernel, config,
                  reinterpret_cast<const uint8_t *>(&parameters), memory);
    double seconds = cpuSeconds() - begin;
    if (!result.reports.empty())
      stop(result.reports.front().text());
    work = loop.countsMultiplies ? result.counters.multiplies
                                 : result.counters.warpInstructions;
    return seconds;
  }
};

LaunchConfig off() {
  LaunchConfig config;
  config.checks = config.poison = false;
  return config;
}

LaunchConfig everything() {
  LaunchConfig config;
  config.races = config.count = true;
  return config;
}

/// Per second, in millions: medians of runs that take turns.
struct Rates {
  double off = 0, poison = 0, everything = 0;
};

Rates measure(const Loop &loop, unsigned repeats) {
  Bench bench(loop);
  const LaunchConfig configs[3] = {off(), LaunchConfig(), everything()};
  constexpr double aim = 0.1; // seconds of one run
  std::vector<double> rates[3];
  uint32_t iterations[3];
  uint64_t work = 0;
  for (unsigned i = 0; i < 3; ++i) {
    constexpr uint32_t few = 200;
    bench.run(configs[i], few, work); // warm
    double seconds = bench.run(configs[i], few, work);
    iterations[i] = few + static_cast<uint32_t>(few * aim / seconds);
  }
  for (unsigned repeat = 0; repeat < repeats; ++repeat)
    for (unsigned i = 0; i < 3; ++i) {
      double seconds = bench.run(configs[i], iterations[i], work);
      rates[i].push_back(double(work) / seconds / 1e6);
    }
  for (auto &of : rates)
    std::nth_element(of.begin(), of.begin() + of.size() / 2, of.end());
  auto median = [&](unsigned i) { return rates[i][repeats / 2]; };
  return {median(0), median(1), median(2)};
}

const char *yes(bool fits) { return fits ? "yes" : "NO"; }

void print(const Loop &loop, const Rates &r) {
  double poison = r.off / r.poison, all = r.off / r.everything;
  fmt::print("{}, million {} per second of CPU time\n"
             "  checks off        {:8.2f}",
             loop.name, loop.unit, r.off);
  if (loop.countsMultiplies)
    fmt::print("  at least {:.0f} million: {}", leastMultiplies / 1e6,
               yes(r.off * 1e6 >= leastMultiplies));
  fmt::print("\n  checks and poison {:8.2f}  {:.2f} times; at most {}: {}\n"
             "  everything        {:8.2f}  {:.2f} times; at most {}: {}\n",
             r.poison, poison, mostPoison, yes(poison <= mostPoison),
             r.everything, all, mostEverything, yes(all <= mostEverything));
}

nlohmann::ordered_json json(const Loop &loop, const Rates &r) {
  return {{"loop", loop.name},
          {"unit", std::string("million ") + loop.unit + " per CPU second"},
          {"checks_off", r.off},
          {"checks_and_poison", r.poison},
          {"everything", r.everything},
          {"poison_ratio", r.off / r.poison},
          {"everything_ratio", r.off / r.everything}};
}

} // namespace

int main(int argc, char **argv) {
  unsigned repeats = 9;
  bool asJson = false;
  std::string only;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (word == "--json")
      asJson = true;
    else if (word == "--repeats" && i + 1 < argc)
      repeats = static_cast<unsigned>(std::max(1, std::atoi(argv[++i])));
    else if (word == "--only" && i + 1 < argc)
      only = argv[++i];
    else
      return fmt::print(stderr,
                        "expected --repeats N, --only mma|mixed or --json, "
                        "got '{}'\n",
                        word),
             2;
  }
  std::vector<Loop> loops;
  if (only != "mixed")
    loops.push_back(multiplies());
  if (only != "mma")
    loops.push_back(mixed());
  nlohmann::ordered_json all;
  for (const Loop &loop : loops) {
    Rates rates = measure(loop, repeats);
    if (asJson)
      all.push_back(json(loop, rates));
    else
      print(loop, rates);
  }
  if (asJson)
    std::puts(all.dump(2).c_str());
  return 0;
}
