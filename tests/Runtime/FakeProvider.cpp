// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A compiler of one kernel, so that the runtime is tested without LLVM: it
// writes alpha to every element of an f32 D. What it shall do wrong is asked
// for in the schedule: "unproven", "chip", "manifest", "precondition",
// "refuse", "silent", "ptx", "leak", "refuted", "undecided", "maps", "shared",
// "elsewhere", separated by spaces. With "data" it adds the first word of A.
// "abort", "killed", "exit", "garbage", "half" and "widow" end the process that
// compiles, or what it says; "hang" is for ever, and leaves in dump_dir the
// number of a process that it started.
// "chosen" is a schedule for sm_120a alone, which the choice of one refuses
// elsewhere. "wide" makes nothing for few rows, "no16" nothing for up to 16 of
// them. With "rows" a class of M is told by the CTA's threads, with "parts"
// kernels for few rows say that they split tiles: both for drivers that run
// nothing. Of n=? k=? it makes a kernel that takes n as a parameter, for n up
// to 1000. With "waits" the certificate says that they wait for the grid before
// them.

#include "tests/Runtime/FakeProvider.h"
#include "runtime/Abi/Manifest.h"
#include "runtime/Abi/Problem.h"
#include "runtime/Support/PtxAs.h"
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <thread>
#include <unistd.h>

using namespace nybl;

namespace {

#define FINGERPRINT "fake 1"
NYBL_FINGERPRINT_NOTE(FINGERPRINT);

std::atomic<int> compilations;

struct Owner {
  std::string message, text, manifest, ptx, cubin, phases, counterexample;
};

NyblBytes bytes(const std::string &s) { return {s.data(), s.size()}; }

constexpr const char *ptxFormat = R"(.version 8.7
.target {0}
.address_size 64
.visible .entry fake_gemm(.param .u64 d, .param .u64 stride, .param .u64 alpha,
                          .param .f32 value, .param .u32 reciprocal, .param .u64 m,
                          .param .u64 a{3})
{{
  .reg .pred %p<4>;
  .reg .b32 %r<8>;
  .reg .b64 %l<12>;
  .reg .f32 %f<4>;
  ld.param.u64 %l1, [d];
  ld.param.u64 %l2, [stride];
  ld.param.u64 %l3, [alpha];
  ld.param.f32 %f1, [value];
  ld.param.u32 %r1, [reciprocal];
  ld.param.u64 %l4, [m];
  setp.eq.u64 %p1, %l3, 0;
  @%p1 bra SCALAR;
  ld.global.f32 %f1, [%l3];
SCALAR:
  setp.eq.u32 %p1, %r1, 0;
  @%p1 bra READY;
  rcp.rn.f32 %f1, %f1;
READY:
  {1}
  {2}
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %nctaid.x;
  cvt.u64.u32 %l5, %r2;
  cvt.u64.u32 %l6, %r3;
ROW:
  setp.ge.u64 %p1, %l5, %l4;
  @%p1 bra DONE;
  mul.lo.u64 %l7, %l5, %l2;
  add.u64 %l7, %l7, %l1;
  mov.u32 %r4, %tid.x;
COLUMN:
  setp.ge.u32 %p2, %r4, %r5;
  @%p2 bra NEXT;
  mul.wide.u32 %l8, %r4, 4;
  add.u64 %l8, %l8, %l7;
  st.global.f32 [%l8], %f1;
  add.u32 %r4, %r4, 32;
  bra COLUMN;
NEXT:
  add.u64 %l5, %l5, %l6;
  bra ROW;
DONE:
  ret;
}}
)";

/// Adds the word that lies `offset` bytes behind the begin of A.
std::string addWord(int64_t offset) {
  return fmt::format("ld.param.u64 %l9, [a]; ld.global.f32 %f2, [%l9+{}]; "
                     "add.f32 %f1, %f1, %f2;",
                     offset);
}

/// "leak" adds what lies behind the first row of A, which belongs to nobody.
std::string additionOf(std::string_view wish, const GemmProblem &problem) {
  if (wish.find("leak") != wish.npos)
    return addWord(problem.k / 2);
  return wish.find("data") != wish.npos ? addWord(0) : "";
}

Manifest makeManifest(const GemmProblem &problem, const char *chip) {
  Manifest m;
  m.key = std::string(64, '0');
  m.problem = print(specialise(problem));
  m.chip = chip;
  m.schedule = "kind=fake";
  m.kernel = "fake_gemm";
  m.templateDigest = m.key;
  m.compiler = FINGERPRINT;
  m.ptxVersion = "8.7";
  m.threads = 32;
  m.tileM = 1;
  m.tileN = problem.n;
  m.parameters = {
      {"d", "pointer"},       {"d.stride", "i64"},         {"alpha", "pointer"},
      {"alpha.value", "f32"}, {"alpha.reciprocal", "i32"}, {"m", "i64"},
      {"a", "pointer"}};
  m.preconditions = {{"alignment", "a", 8},
                     {"rows_fit", "a", problem.k / 2},
                     {"scale_bytes", "sfa", 0},
                     {"rows_fit", "b", problem.k / 2},
                     {"scale_bytes", "sfb", 0},
                     {"alignment", "d", byteWidth(problem.d)},
                     {"rows_fit", "d", problem.n * byteWidth(problem.d)},
                     {"no_overlap", "d", 0},
                     {"rows_max", "m", 1 << 20}};
  m.certificate = {"fake 1", m.key, 1 << 20, 0, 0, {}, {{"L1", true, "", ""}}};
  return m;
}

/// What a kernel of any N and K states in the place of numbers.
void takeSizes(Manifest &m, OutputType d) {
  m.tileN = 1024;
  m.parameters.push_back({"n", "i32"});
  m.parameters.push_back({"k.blocks", "i32"});
  std::erase_if(m.preconditions,
                [](const Precondition &p) { return p.check == "rows_fit"; });
  for (const Precondition &p : {Precondition{"rows_fit_blocks", "a", 8},
                                {"rows_fit_blocks", "b", 8},
                                {"rows_fit_columns", "d", byteWidth(d)},
                                {"n_max", "n", 1000},
                                {"k_max", "k", 1 << 20},
                                {"k_multiple", "k", 16}})
    m.preconditions.push_back(p);
}

/// The PTX of a kernel; its columns are a number or a parameter.
std::string ptxOf(const GemmProblem &problem, const char *chip,
                  std::string_view wish) {
  bool generic = problem.isGeneric();
  std::string columns = generic ? "ld.param.u32 %r5, [n];"
                                : fmt::format("mov.u32 %r5, {};", problem.n);
  return fmt::format(ptxFormat, chip, columns, additionOf(wish, problem),
                     generic ? ", .param .u32 n, .param .u32 blocks" : "");
}

/// Of 16 rows and all columns, whose sums need a workspace.
void addParts(Manifest &m) {
  m.split = 4;
  m.tileM = 16;
  m.parameters.push_back({"workspace", "pointer"});
  m.preconditions.push_back({"tile_bytes", "workspace", m.tileN * 64 + 128});
  m.preconditions.push_back({"alignment", "workspace", 128});
  m.preconditions.push_back({"no_overlap", "workspace", 0});
}

/// Says that the kernel takes tensor maps besides, which the PTX does not: for
/// drivers that run nothing.
void addMaps(Manifest &m) {
  for (const char *operand : {"a", "d"}) {
    m.parameters.push_back({std::string(operand) + ".map", "tensor_map"});
    m.tensorMaps.push_back({operand, 64, 32, 32});
    m.preconditions.push_back({"alignment", operand, 16});
    m.preconditions.push_back({"stride_multiple", operand, 16});
    m.preconditions.push_back({"stride_max", operand, 1 << 20});
  }
}

int fail(Owner &owner, NyblCompileResult *result, ErrorCode code,
         std::string message) {
  owner.message = std::move(message);
  result->message = bytes(owner.message);
  return result->code = static_cast<int>(code);
}

/// The fake proof of the kernel that leaks; 0 if there is none.
int refute(Owner &owner, NyblCompileResult *result, std::string_view wish,
           const GemmProblem &problem) {
  owner.phases = R"([{"phase": "prove", "ms": 0.25}])";
  result->phases = bytes(owner.phases);
  if (wish.find("undecided") != wish.npos)
    return fail(owner, result, ErrorCode::Unproven,
                "fake:1:1: not proven: the fake cannot tell");
  if (wish.find("refuted") == wish.npos)
    return 0;
  owner.counterexample =
      fmt::format(R"({{"lemma": "L1", "operand": "a", "m": 5, "tile": 0,)"
                  R"( "k_step": null, "thread": 3, "row": 0, "byte": {}}})",
                  problem.k / 2);
  result->counterexample = bytes(owner.counterexample);
  return fail(owner, result, ErrorCode::Refused,
              "fake:1:1: refuted: with M = 5 this reaches what it must not");
}

[[noreturn]] void hang(const char *folder) {
  pid_t child = fork();
  if (child != 0 && folder)
    std::ofstream(std::string(folder) + "/child") << child << std::endl;
  for (;;)
    pause();
}

/// Writes to whoever asked.
void say(std::string_view bytes) {
  constexpr int socket = 3; // of nybl-jit-server's processes
  if (write(socket, bytes.data(), bytes.size()) < 0)
    std::perror("the fake's socket");
}

/// Ends, or spoils, the process that compiles.
void misbehave(std::string_view wish, const char *folder) {
  auto wants = [&](const char *word) { return wish.find(word) != wish.npos; };
  if (wants("abort")) {
    std::fputs("first words\nLLVM ERROR: the fake aborts\n", stderr);
    std::abort();
  }
  if (wants("killed"))
    kill(getpid(), SIGKILL);
  if (wants("exit"))
    _exit(7);
  if (wants("garbage"))
    say("this is no message of any version");
  if (wants("half")) {
    say("NFRK"); // as far as a message begins
    _exit(0);
  }
  if (wants("widow")) {
    kill(getppid(), SIGKILL);
    pause();
  }
  if (wants("hang"))
    hang(folder);
}

bool fitsNowhere(std::string_view wish, std::string_view chip) {
  return wish.find("chosen") != wish.npos && chip != "sm_120a";
}

int compile(const NyblCompileRequest *request, NyblCompileResult *result) {
  ++compilations;
  auto *owner = new Owner();
  *result = {};
  result->size = sizeof *result;
  result->owner = owner;
  std::string_view wish = request->schedule ? request->schedule : "";
  auto wants = [&](const char *word) { return wish.find(word) != wish.npos; };
  auto problem = parseProblem(request->problem);
  if (!problem)
    return fail(*owner, result, ErrorCode::Invalid, problem.message());
  misbehave(wish, request->dump_dir);
  if (wants("refuse"))
    return fail(*owner, result, ErrorCode::Refused, "the fake refuses");
  if (wants("silent"))
    return fail(*owner, result, ErrorCode::Refused, "");
  if (fitsNowhere(wish, request->chip))
    return fail(*owner, result, ErrorCode::Refused, "no schedule fits");
  if ((wants("wide") && problem->m.high != Extent::unbounded) ||
      (wants("no16") && problem->m.high == 16))
    return fail(*owner, result, ErrorCode::Environment, "the fake is ill");
  if (!request->keep_refuted)
    if (int code = refute(*owner, result, wish, *problem))
      return code;
  // Long enough for threads that ask for the same key to meet.
  if (wants("slow"))
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  Manifest manifest =
      makeManifest(*problem, wants("chip") ? "sm_1a" : request->chip);
  // Whoever names a ptxas is told which made the kernel.
  std::string_view emit = request->emit ? request->emit : "cubin";
  std::string ptxas = request->ptxas_version ? request->ptxas_version : "";
  if (ptxas.empty())
    if (auto found = findPtxAs(request->ptxas ? request->ptxas : "-", ""))
      ptxas = found->version;
  if (emit != "ptx")
    manifest.ptxas = wants("elsewhere") && !ptxas.empty() ? "1.0" : ptxas;
  if (problem->isGeneric())
    takeSizes(manifest, problem->d);
  if (wants("refuted"))
    manifest.certificate.lemmas = {{"L1", false, "refuted", ""}};
  if (wants("unproven"))
    manifest.certificate.lemmas = {
        {"L1", true, "", ""}, {"L2", false, "", ""}, {"L3", false, "", ""}};
  if (wants("waits"))
    manifest.certificate.lemmas.push_back({"L7", true, "", ""});
  if (wants("precondition"))
    manifest.preconditions.push_back({"moon_phase", "a", 1});
  if (wants("maps"))
    addMaps(manifest);
  bool few = problem->m.high != Extent::unbounded;
  if (wants("rows") && few)
    manifest.threads = 64 + problem->m.high;
  if (wants("parts") && few)
    addParts(manifest);
  if (wants("shared"))
    manifest.dynamicShared = 80 << 10;
  owner->manifest = wants("manifest") ? "{]" : print(manifest);
  owner->ptx =
      wants("ptx") ? "this is no PTX" : ptxOf(*problem, request->chip, wish);
  if (emit != "ptx")
    owner->cubin = "\x7f"
                   "ELF, as far as anybody looks";
  owner->phases = R"([{"phase": "fake", "ms": 0.125}])";
  owner->text = emit == "manifest"      ? owner->manifest
                : emit == "certificate" ? print(manifest.certificate)
                                        : owner->ptx;
  result->text = bytes(owner->text);
  result->manifest = bytes(owner->manifest);
  result->ptx = bytes(owner->ptx);
  result->cubin = bytes(owner->cubin);
  result->phases = bytes(owner->phases);
  return 0;
}

void release(NyblCompileResult *result) {
  delete static_cast<Owner *>(result->owner);
  result->owner = nullptr;
}

const char *describe() { return FINGERPRINT; }

/// One launch, of figures that are the same for any product, or for anything
/// else. "silent" is bad
/// input without a reason, "cubin" and any card with one; "garbage" is no JSON;
/// "chosen" as above.
int explain(const NyblExplainRequest *request, NyblExplainResult *result) {
  static const std::string numbers =
      R"("estimate_us": 2.5, "tflops": 1.5, "of_peak": 0.25, "bound": "L2",
      "resources": [{"name": "L2", "us": 2.5}, {"name": "memory", "us": 1.0}],
      "tensor_cycles": 1000.0, "issue_cycles": 2000.0,
      "shared_wavefronts": 3000.0, "l2_bytes": 4000.0, "memory_bytes": 5e6,
      "tiles": 6, "ctas_at_a_time": 4, "waves": 1.5, "last_wave_fill": 0.5,
      "multiprocessors_busy": 4, "bytes_in_flight": 7000.0)";
  static const std::string json =
      R"({"problem": "gemm m=? n=24 k=48", "chip": "sm_120a", "card":
      {"name": "fake-card", "multiprocessors": 4, "clock_mhz": 1500,
      "l2_bytes": 1048576, "l2_bytes_per_cycle": 64,
      "memory_mb_per_second": 1000, "peak_tflops": 6.0}, "selection":
      {"schedule": "kind=fake", "why": "because", "rows": 9, "shortlist":
      [{"schedule": "kind=fake", "estimate_us": 2.5, "bound": "L2"},
      {"schedule": "kind=next", "estimate_us": 3.5, "bound": "memory"}]},
      "forced": false, "tensor_memory": {"columns": 512, "used": 384, "map":
      [{"holds": "accumulators", "first": 0, "columns": 128, "stages": 2},
      {"holds": "scale factors of a", "first": 256, "columns": 16,
      "stages": 4}]}, "launches": [{"m": 3, "chosen": {"schedule": "kind=fake", )" +
      numbers + R"(}, "place": 2, "candidates": 9,
      "if_m_is_named": "kind=small", "best":
      [{"schedule": "kind=best", )" +
      numbers + "}]}]}";
  static const std::string movement = R"({"chip": "sm_120a", "selection":
      {"schedule": "kind=fake", "why": "because"}, "forced": false, "tile":
      {"rows": 8, "columns": 64, "threads": 32, "blocks_per_thread": 1},
      "launches": [{"m": 3, "tiles": 2, "read_bytes": 2500.0,
      "written_bytes": 1500.0, "instructions_per_tile": 99.0, "cards":
      [{"name": "fake-card", "memory_mb_per_second": 5000,
      "estimate_us": 1.25, "bound": "memory"}]}]})";
  static const std::string reason = "the fake refuses";
  bool moves = !std::string_view(request->problem).starts_with("gemm");
  std::string wanted = request->schedule ? request->schedule : "";
  bool silent = wanted == "silent";
  if (silent || request->card || wanted == "cubin")
    result->code = static_cast<int>(ErrorCode::Invalid);
  if (fitsNowhere(wanted, request->chip))
    result->code = static_cast<int>(ErrorCode::Refused);
  if (result->code != 0 && !silent)
    result->message = bytes(reason);
  if (result->code == 0)
    result->json = wanted == "garbage" ? bytes(reason)
                   : moves             ? bytes(movement)
                                       : bytes(json);
  return result->code;
}

void releaseExplanation(NyblExplainResult *) {}

/// "kind=fake" and, a microsecond longer each, what makes it do something
/// wrong. With M = 12 there is one that can be made for any M alone, with M =
/// 13 the compiler is of another version, with M = 14 it refuses.
int candidates(const NyblCandidatesRequest *request,
               NyblCandidatesResult *result) {
  static const std::string reason = "the fake refuses";
  static const std::string header = NYBL_CANDIDATES_HEADER "\n";
  static const std::string list =
      R"({"total": 4, "candidates": [
      {"schedule": "kind=fake", "estimate_us": 1.5, "bound": "L2",
       "resources": [{"name": "L2", "us": 1.5}]},
      {"schedule": "kind=fake fast", "estimate_us": 2.5, "bound": "L2",
       "resources": []},
      {"schedule": "kind=refuse", "estimate_us": 3.5, "bound": "L2",
       "resources": []},
      {"schedule": "kind=leak", "estimate_us": 4.5, "bound": "L2",
       "resources": []}]})";
  static const std::string wide = header + R"({"total": 1, "candidates": [
      {"schedule": "kind=fake wide", "estimate_us": 1.5}]})";
  static const std::string good = header + list, old = "nybl candidates 0\n{}";
  if (request->m == 14) {
    result->message = bytes(reason);
    return result->code = static_cast<int>(ErrorCode::Refused);
  }
  result->text = bytes(request->m == 12 ? wide : request->m == 13 ? old : good);
  return result->code = 0;
}

void releaseCandidates(NyblCandidatesResult *) {}

} // namespace

extern "C" __attribute__((visibility("default"))) int nyblTestCompilations() {
  return compilations;
}

extern "C" __attribute__((visibility("default"))) const NyblKernelProvider *
nybl_kernel_provider() {
  static const NyblKernelProvider table = {NYBL_KERNEL_PROVIDER_MAGIC,
                                           NYBL_KERNEL_PROVIDER_VERSION,
                                           sizeof(NyblKernelProvider),
                                           &compile,
                                           &release,
                                           &describe,
                                           &explain,
                                           &releaseExplanation,
                                           &candidates,
                                           &releaseCandidates};
  return &table;
}
