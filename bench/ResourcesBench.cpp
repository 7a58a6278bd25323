// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What kernels take of the chip, without a chip: counts of an emulated launch
// (from the addresses that it really accessed), and the machine code that one
// ptxas makes of the PTX. Ours beside Triton's and CuTe DSL's of tests/Foreign,
// each on the problem of its case. Nothing is timed.
//   nybl-bench-resources --ptxas PATH [--ptxas PATH] [--cases FOLDER] [--json]

#include "bench/ResourcesTensor.h"
#include "runtime/Library/Provider.h"
#include "runtime/Support/File.h"
#include "tests/EndToEnd/Gemm/Road.h"
#include "tests/Foreign/Counts.h"
#include "tests/Oracle/Data.h"
#include "tools/sass/Child.h"
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>

using namespace nybl;
using Json = nlohmann::ordered_json;

namespace {

constexpr const char *chip = "sm_120a";

struct Peer {
  const char *label, *folder, *name, *program;
};

/// A problem, and who is compared on it: cases of tests/Foreign with tiles of
/// 128 x 128 x 128.
struct Problem {
  int64_t m, n, k;
  std::vector<Peer> peers;
};

const Problem problems[] = {
    {256,
     384,
     768,
     {{"CuTe DSL pingpong 128x128x128", "cute", "nvfp4_pingpong",
       "nybl_foreign_cute_test"}}},
    {192,
     160,
     320,
     {{"Triton descriptors 128x128x128", "triton", "scaled_descriptors_nvfp4",
       "nybl_foreign_case_test"},
      {"Triton pointers 128x128x128", "triton", "scaled_pointers_nvfp4",
       "nybl_foreign_case_test"}}}};

constexpr const char *schedules[] = {
    "kind=plain tile=128x128x128 warps=2x4",
    "kind=multistage tile=128x128x128 warps=2x4 stages=2",
    "kind=multistage tile=64x128x128 warps=2x4 stages=2",
    "kind=multistage tile=64x64x128 warps=2x2 stages=3",
    "kind=cooperative tile=128x128x128 warps=2x4 stages=4",
    "kind=cooperative tile=128x128x128 warps=2x4 stages=4 fill=tma",
    "kind=cooperative tile=128x256x128 warps=2x4 stages=3 fill=tma",
    "kind=pingpong tile=128x128x128 warps=2x2 stages=4 fill=tma",
    "kind=pingpong tile=64x256x128 warps=1x4 stages=3 fill=tma"};
/// For machine code: large enough that ptxas keeps the loop over K.
constexpr const char *longProblem =
    "gemm m=? n=4096 k=7168 sfa=128x4 sfb=128x4 d=bf16";

struct Options {
  std::vector<std::string> ptxas;
  std::string cases;
  bool json = false;
};

/// Folder of this build.
std::string buildFolder() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error)
      .parent_path()
      .parent_path();
}

//===----------------------------------------------------------------------===//
// Emulated launches
//===----------------------------------------------------------------------===//

Json emulateOurs(road::Session &session, const Problem &size,
                 const char *schedule) {
  GemmProblem problem;
  problem.n = size.n;
  problem.k = size.k;
  road::Options options;
  options.schedule = schedule;
  auto a = oracle::randomMatrix(size.m, size.k, 1, 0x30, 0x48);
  auto b = oracle::randomMatrix(size.n, size.k, 2, 0x30, 0x48);
  session.extension<decltype(nyblEmuSetCounting)>("nyblEmuSetCounting")(1);
  road::Run run = road::gemm(session, problem, a, b, options);
  if (!run.ok())
    return {{"note", run.error}};
  return foreign::countsOfLastLaunch(
      {session.extension<decltype(nyblEmuCounters)>("nyblEmuCounters"),
       session.extension<decltype(nyblEmuHotspotCount)>("nyblEmuHotspotCount"),
       session.extension<decltype(nyblEmuHotspotRead)>("nyblEmuHotspotRead"),
       session.extension<decltype(nyblEmuHotspotText)>("nyblEmuHotspotText")});
}

/// By the test that launches the case and checks its result.
Json emulatePeer(const Peer &peer, const Options &options) {
  sass::Scratch counts;
  std::string program = buildFolder() + "/tests/" + peer.program;
  sass::Outcome outcome =
      sass::runChild("/usr/bin/env",
                     {std::string("NYBL_EMU_CHIP=") + chip,
                      "NYBL_FOREIGN_CASES=" + options.cases + "/" + peer.folder,
                      "NYBL_FOREIGN_COUNTS=" + counts.path(), program,
                      std::string("--gtest_filter=*/") + peer.name});
  Json line = Json::parse(counts.read(), nullptr, false);
  if (outcome.code != 0 || !line.is_object())
    return {{"note", "not run: " + program + " on " + options.cases + "/" +
                         peer.folder + "/" + chip + "/" + peer.name}};
  return line["counts"];
}

//===----------------------------------------------------------------------===//
// Machine code
//===----------------------------------------------------------------------===//

Expected<std::string> ourPtx(const library::Provider &provider,
                             const char *schedule) {
  NyblCompileRequest request = {};
  request.problem = longProblem;
  request.chip = chip;
  request.schedule = schedule;
  request.emit = "ptx";
  auto made = provider.compile(request);
  if (!made)
    return made.status();
  return made->ptx;
}

/// The PTX of each kernel, by label.
std::vector<std::pair<std::string, Expected<std::string>>>
allPtx(const library::Provider &provider, const Options &options) {
  std::vector<std::pair<std::string, Expected<std::string>>> all;
  for (const char *schedule : schedules)
    all.emplace_back(schedule, ourPtx(provider, schedule));
  for (const Problem &problem : problems)
    for (const Peer &peer : problem.peers)
      all.emplace_back(peer.label,
                       readFile(options.cases + "/" + peer.folder + "/" + chip +
                                "/" + peer.name + "/kernel.ptx"));
  return all;
}

Json machineTable(const bench::Assembler &ptxas, const sass::NvDisasm &tool,
                  const library::Provider &provider, const Options &options) {
  Json rows = Json::array();
  for (auto &[label, ptx] : allPtx(provider, options)) {
    auto figures = ptx ? bench::machineFigures(*ptx, chip, ptxas, tool)
                       : Expected<Json>(ptx.status());
    Json row = figures ? *figures : Json{{"note", figures.message()}};
    row["kernel"] = label;
    rows.push_back(row);
  }
  return {{"ptxas", ptxas.version}, {"rows", rows}};
}

Json launchTable(road::Session &session, const Problem &problem,
                 const Options &options) {
  Json rows = Json::array();
  auto add = [&](const std::string &label, Json row) {
    if (!row.is_object())
      row = {{"note", "nothing was counted"}};
    row["kernel"] = label;
    rows.push_back(row);
  };
  for (const char *schedule : schedules)
    add(schedule, emulateOurs(session, problem, schedule));
  for (const Peer &peer : problem.peers)
    add(peer.label, emulatePeer(peer, options));
  return {{"problem", fmt::format("{}x{}x{}", problem.m, problem.n, problem.k)},
          {"rows", rows}};
}

//===----------------------------------------------------------------------===//
// What is printed
//===----------------------------------------------------------------------===//

/// Columns: a heading, a field, the field that it is divided by, and what the
/// quotient is multiplied by.
struct Column {
  const char *heading, *field, *per;
  int factor = 1;
};

constexpr Column launchColumns[] = {
    {"mma", "multiplies", nullptr},
    {"wavefronts/mma", "wavefronts", "multiplies"},
    {"ldmatrix conflicts/mma", "ldmatrix_conflicts", "multiplies"},
    {"ld.shared conflicts/mma", "load_conflicts", "multiplies"},
    {"other conflicts/mma", "other_conflicts", "multiplies"},
    {"L2 bytes read/mma", "l2_bytes_read", "multiplies"},
    {"PTX instr/mma", "warp_instructions", "multiplies"}};
constexpr Column tensorColumns[] = {
    {"operand reads, % of MMA time", "read_cycles", "mma_cycles", 100},
    {"asking, % of MMA time", "stall_cycles", "loop_mma_cycles", 100},
    {"mma in loop", "mma", nullptr},
    {"instr/mma", "instructions", "mma"},
    {"NOP/mma", "nops", "mma"},
    {"LDL+STL in loop", "local", nullptr},
    {"spill bytes", "spill_bytes", nullptr},
    {"registers", "registers", nullptr}};
constexpr Column machineColumns[] = {
    {"mma", "mma", nullptr},
    {"instr/mma", "instructions", "mma"},
    {"NOP/mma", "nops", "mma"},
    {"moves/mma", "moves", "mma"},
    {"stall cycles/mma", "stall_cycles", "mma"},
    {"LDL+STL in loop", "local", nullptr},
    {"spill bytes", "spill_bytes", nullptr},
    {"registers", "registers", nullptr}};

std::string cell(const Json &row, const Column &column) {
  if (!row.contains(column.field))
    return "-";
  double value = row[column.field];
  if (!column.per)
    return fmt::format("{:.0f}", value);
  double per = row[column.per];
  if (per <= 0)
    return "-";
  return fmt::format("{:.{}f}", value / per * column.factor,
                     column.factor == 1 ? 2 : 0);
}

template <size_t N>
void printTable(const std::string &title, const Json &rows,
                const Column (&columns)[N]) {
  fmt::print("{}\n{:<52}", title, "");
  for (const Column &column : columns)
    fmt::print("  {}", column.heading);
  fmt::print("\n");
  for (const Json &row : rows) {
    fmt::print("{:<52}", row["kernel"].get<std::string>());
    if (row.contains("note")) {
      fmt::print("  {}\n", row["note"].get<std::string>());
      continue;
    }
    for (const Column &column : columns)
      fmt::print("  {:>{}}", cell(row, column),
                 std::string_view(column.heading).size());
    fmt::print("\n");
  }
  fmt::print("\n");
}

/// Who reads as long as it multiplies has no time left in which TMA could fill
/// the next slots, or D leave.
void printTensor(const Json &table) {
  printTable(fmt::format("Accumulators in tensor memory, {}, ptxas {}: by the "
                         "tile what multiplies read of shared memory, by the "
                         "machine code the least time in which the main loop "
                         "asks for them",
                         bench::tensorChip, table["ptxas"].get<std::string>()),
             table["rows"], tensorColumns);
  for (const Json &row : table["rows"])
    fmt::print("  {}: {}\n", row["kernel"].get<std::string>(),
               row["read_cycles"] < row["mma_cycles"]
                   ? "can reach the peak, by what it reads"
                   : "cannot reach the peak: reading takes all the time");
  fmt::print("\n");
}

void print(const Json &all) {
  fmt::print("Static and emulated figures for {}: no GPU ran, and nothing was "
             "timed.\n\n",
             chip);
  for (const Json &table : all["launches"])
    printTable(fmt::format("Emulated launch, M x N x K = {}: counts of PTX "
                           "instructions, all warps, padding of tiles included",
                           table["problem"].get<std::string>()),
               table["rows"], launchColumns);
  for (const Json &table : all["machine_code"])
    printTable(
        fmt::format("Machine code of the main loop, ptxas {} (tables of two "
                    "versions are not compared); ours for {}",
                    table["ptxas"].get<std::string>(), longProblem),
        table["rows"], machineColumns);
  for (const Json &table : all["tensor_memory"])
    printTensor(table);
}

int fail(const Status &status) {
  std::fprintf(stderr, "nybl-bench-resources: %s\n", status.message().c_str());
  return 3;
}

int run(const Options &options) {
  auto tool = sass::findNvDisasm("");
  if (!tool)
    return fail(tool.status());
  auto provider = library::Provider::load("");
  if (!provider)
    return fail(provider.status());
  road::Session *session = road::Session::get();
  if (!session)
    return 3;
  Json all = {{"chip", chip},
              {"measured", "nothing: static and emulated figures"},
              {"nvdisasm", tool->version},
              {"launches", Json::array()},
              {"machine_code", Json::array()},
              {"tensor_memory", Json::array()}};
  for (const Problem &problem : problems)
    all["launches"].push_back(launchTable(*session, problem, options));
  for (const std::string &path : options.ptxas) {
    auto ptxas = bench::openAssembler(path);
    if (!ptxas)
      return fail(ptxas.status());
    all["machine_code"].push_back(
        machineTable(*ptxas, *tool, *provider, options));
    all["tensor_memory"].push_back(bench::tensorTable(
        *ptxas, *tool, *provider, longProblem, options.cases));
  }
  options.json ? fmt::print("{}\n", all.dump(2)) : print(all);
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  options.cases = buildFolder() + "/tests/Foreign";
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (word == "--json")
      options.json = true;
    else if (word == "--ptxas" && i + 1 < argc)
      options.ptxas.push_back(argv[++i]);
    else if (word == "--cases" && i + 1 < argc)
      options.cases = argv[++i];
    else
      return fmt::print(stderr,
                        "nybl-bench-resources: expected --ptxas PATH, --cases "
                        "FOLDER or --json, got '{}'\n",
                        word),
             2;
  }
  setenv("NYBL_EMU_CHIP", chip, /*overwrite=*/1);
  return run(options);
}
