// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tile says what a multiply reads and how long it takes, the machine code
// how long one thread is busy asking for it.

#include "bench/ResourcesTensor.h"
#include "runtime/Support/File.h"

using namespace nybl;
using namespace nybl::bench;
using Json = nlohmann::ordered_json;

namespace {

/// Multiplies of `rows` x `columns` by `ctas` CTAs; ours by its schedule, a
/// peer's by its case.
struct Kernel {
  const char *label;
  int64_t rows, columns, ctas;
  const char *schedule, *peer;
};

constexpr Kernel kernels[] = {
    {"128x128x256, two groups", 128, 128, 1,
     "kind=tmem tile=128x128x256 warps=4x1 stages=4 fill=tma store=tma",
     nullptr},
    {"128x192x128, two groups", 128, 192, 1,
     "kind=tmem tile=128x192x128 warps=4x1 stages=5 fill=tma store=tma",
     nullptr},
    {"128x192x256, two groups", 128, 192, 1,
     "kind=tmem tile=128x192x256 warps=4x1 stages=2 fill=tma store=tma",
     nullptr},
    {"128x256x128, one group", 128, 256, 1,
     "kind=tmem tile=128x256x128 warps=4x1 stages=5 fill=tma store=tma",
     nullptr},
    {"128x256x256, one group", 128, 256, 1,
     "kind=tmem tile=128x256x256 warps=4x1 stages=3 fill=tma store=tma",
     nullptr},
    {"256x192x128, two CTAs, two groups", 256, 192, 2,
     "kind=tmem tile=256x192x128 warps=4x1 stages=5 fill=tma store=tma ctas=2",
     nullptr},
    {"256x256x256, two CTAs, one group", 256, 256, 2,
     "kind=tmem tile=256x256x256 warps=4x1 stages=4 fill=tma store=tma ctas=2",
     nullptr},
    {"CuTe DSL 128x128", 128, 128, 1, nullptr, "nvfp4_1cta"},
    {"CuTe DSL 256x128, two CTAs", 256, 128, 2, nullptr, "nvfp4_2cta"},
    {"CuTe DSL 256x256, two CTAs", 256, 256, 2, nullptr,
     "nvfp4_2cta_multicast"}};

/// A CTA multiplies 128 rows, 16,384 products a cycle (at 1.85 GHz, 148
/// multiprocessors are so at the 9 PFLOP/s of a B200), 64 of K at a time.
double multiplyCycles(const Kernel &kernel) {
  return static_cast<double>(kernel.columns) / 2;
}

/// It reads its own rows of both operands, 32 bytes each, at 128 bytes a cycle.
double readCycles(const Kernel &kernel) {
  return static_cast<double>((kernel.rows + kernel.columns) / kernel.ctas) / 4;
}

Expected<std::string> ptxOf(const Kernel &kernel,
                            const library::Provider &provider,
                            const char *problem, const std::string &cases) {
  if (kernel.peer)
    return readFile(cases + "/cute/" + tensorChip + "/" + kernel.peer +
                    "/kernel.ptx");
  NyblCompileRequest request = {};
  request.problem = problem;
  request.chip = tensorChip;
  request.schedule = kernel.schedule;
  request.emit = "ptx";
  auto made = provider.compile(request);
  if (!made)
    return made.status();
  return made->ptx;
}

} // namespace

Json nybl::bench::tensorTable(const Assembler &ptxas,
                              const sass::NvDisasm &tool,
                              const library::Provider &provider,
                              const char *problem, const std::string &cases) {
  Json rows = Json::array();
  for (const Kernel &kernel : kernels) {
    auto ptx = ptxOf(kernel, provider, problem, cases);
    auto figures = ptx ? machineFigures(*ptx, tensorChip, ptxas, tool)
                       : Expected<Json>(ptx.status());
    Json row = figures ? *figures : Json{{"note", figures.message()}};
    row["kernel"] = kernel.label;
    row["mma_cycles"] = multiplyCycles(kernel);
    row["read_cycles"] = readCycles(kernel);
    if (row.contains("mma"))
      row["loop_mma_cycles"] =
          row["mma"].get<double>() * multiplyCycles(kernel);
    rows.push_back(row);
  }
  return {{"ptxas", ptxas.version}, {"rows", rows}};
}
