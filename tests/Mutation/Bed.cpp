// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Buffers, launches, comparisons.

#include "tests/Mutation/Bed.h"
#include "runtime/Launch/Recipe.h"
#include "tests/Mutation/Padded.h"
#include "tests/Oracle/Gemm.h"
#include <atomic>
#include <fmt/format.h>
#include <map>

using namespace nybl;
using namespace nybl::mutation;

const char *nybl::mutation::name(Sign sign) {
  constexpr const char *names[] = {"finding", "canvas", "missing", "wrong",
                                   "refused"};
  return names[static_cast<unsigned>(sign)];
}

std::vector<Trial> nybl::mutation::defaultTrials() {
  constexpr int eager = NYBL_EMU_SCHEDULE_EAGER;
  constexpr int adversary = NYBL_EMU_SCHEDULE_ADVERSARY;
  // Alpha as a divisor; rows of more than one tile of a scale layout.
  return {{33, 1, adversary, true},          {17, 2, eager, false},
          {16, 0, adversary, false},         {31, 3, eager, true},
          {5, 1, eager, false, false, true}, {1, 2, adversary, true},
          {33, 0, eager, false, true},       {140, 2, eager, false}};
}

std::vector<Trial> nybl::mutation::tensorTrials() {
  constexpr int eager = NYBL_EMU_SCHEDULE_EAGER;
  constexpr int adversary = NYBL_EMU_SCHEDULE_ADVERSARY;
  constexpr int lazy = NYBL_EMU_SCHEDULE_LAZY;
  return {{33, 1, adversary, true},
          {300, 1, lazy, false},
          {140, 2, eager, false},
          {5, 1, eager, false, false, true},
          {33, 0, eager, false, true}};
}

namespace {

constexpr float alpha = 0.001f, divisor = 1000;
static_assert(1 / divisor == alpha);

/// Everything of one M.
struct Operands {
  static constexpr size_t count = 6;
  Padded list[count]; ///< a, sfa, b, sfb, alpha, d: as bits of Trial::late
  std::vector<uint8_t> expected;
  int64_t m;

  Padded &a() { return list[0]; }
  Padded &scalesA() { return list[1]; }
  Padded &b() { return list[2]; }
  Padded &scalesB() { return list[3]; }
  Padded &alphaCell() { return list[4]; }
  Padded &d() { return list[5]; }
};

/// A kernel that lets dependents start, then copies six buffers byte by byte.
std::string copierPtx() {
  std::string parameters, body;
  for (size_t i = 0; i < Operands::count; ++i) {
    parameters += fmt::format("{}.param .u64 to{}, .param .u64 from{}, "
                              ".param .u64 n{}",
                              i ? ", " : "", i, i, i);
    body += fmt::format("ld.param.u64 %rd1, [to{0}];\n"
                        "ld.param.u64 %rd2, [from{0}];\n"
                        "ld.param.u64 %rd3, [n{0}];\n"
                        "cvt.u64.u32 %rd4, %r1;\n"
                        "begin{0}: setp.ge.u64 %p1, %rd4, %rd3;\n"
                        "@%p1 bra end{0};\n"
                        "add.u64 %rd5, %rd2, %rd4;\n"
                        "ld.global.b8 %rs1, [%rd5];\n"
                        "add.u64 %rd5, %rd1, %rd4;\n"
                        "st.global.b8 [%rd5], %rs1;\n"
                        "add.u64 %rd4, %rd4, 32;\n"
                        "bra begin{0};\n"
                        "end{0}:\n",
                        i);
  }
  return ".version 8.7\n.target sm_90\n.address_size 64\n"
         ".visible .entry copier(" +
         parameters +
         ")\n{\n.reg .pred %p<2>;\n.reg .b16 %rs<2>;\n.reg .b32 %r<2>;\n"
         ".reg .b64 %rd<6>;\nmov.u32 %r1, %tid.x;\n"
         "griddepcontrol.launch_dependents;\n" +
         body + "ret;\n}\n";
}

class TestBed : public Bed {
public:
  TestBed(const Machine &machine, const GemmProblem &problem,
          std::vector<Trial> trials, int64_t partElements)
      : machine(machine), problem(problem), trials(std::move(trials)),
        partElements(partElements) {}

  Status prepare();
  std::optional<Symptom> run(const std::string &ptx,
                             const Manifest &manifest) override;

private:
  Status fill(Operands &operands, int64_t m);
  nybl_gemm_args argumentsFor(Operands &on, bool encode) const;
  std::optional<Symptom> runOnce(CUfunction function, const Trial &trial,
                                 const launch::Recipe &recipe,
                                 const CtaShape &cta);
  Status spoil(unsigned which);
  int launchCopier(void *stream, unsigned which);
  Status addWorkspace(const launch::Recipe &recipe, nybl_gemm_args &args,
                      driver::Buffer &workspace) const;
  std::optional<Symptom> compare(Operands &on);

  const Machine &machine;
  GemmProblem problem;
  std::vector<Trial> trials;
  int64_t partElements;
  std::map<int64_t, Operands> operands; ///< by M
  /// What dependent grids read, and what is copied there.
  Operands late, source;
  std::unique_ptr<Loaded> copier;
  std::optional<driver::Stream> stream;
};

Status TestBed::fill(Operands &on, int64_t m) {
  on.m = m;
  auto a = oracle::randomMatrix(m, problem.k, 1, 0x20, 0x50);
  auto b = oracle::randomMatrix(problem.n, problem.k, 2, 0x20, 0x50);
  on.a() = padData(a);
  on.scalesA() = padScales(a, problem.sfa);
  on.b() = padData(b);
  on.scalesB() = padScales(b, problem.sfb);
  on.alphaCell() = padded(4);
  const auto *bits = reinterpret_cast<const uint8_t *>(&alpha);
  for (int i = 0; i < 4; ++i)
    on.alphaCell().put(i, bits[i]);
  int64_t rowBytes = problem.n * byteWidth(problem.d);
  on.d() = canvas((m + 1) * (rowBytes + gap));
  auto d = oracle::gemmOfParts(a, b, alpha, problem.d, oracle::Model::MmaSim,
                               partElements);
  if (!d)
    return d.status();
  on.expected = d->bytes;
  return Status::ok();
}

Status TestBed::prepare() {
  driver::ContextScope scope(*machine.device);
  for (const Trial &trial : trials) {
    if (trial.dependent) {
      if (Status s = fill(source, trial.m); !s)
        return s;
      if (Status s = fill(late, trial.m); !s)
        return s;
      for (Padded &p : source.list)
        if (Status s = upload(machine, p, false); !s)
          return s;
      continue;
    }
    auto [at, isNew] = operands.try_emplace(trial.m);
    Operands &on = at->second;
    if (Status s = isNew ? fill(on, trial.m) : Status::ok(); !s)
      return s;
    for (Padded &p : on.list)
      if (Status s = upload(machine, p, &p != &on.d()); !s)
        return s;
    machine.nyblEmuDeclareOutput(on.d().buffer.address(), "d", on.m, problem.n,
                                 problem.n * byteWidth(problem.d) + gap,
                                 byteWidth(problem.d));
  }
  copier = std::make_unique<Loaded>(machine, copierPtx(), "copier");
  auto made = driver::Stream::create(machine.device);
  if (!made)
    return made.status();
  stream.emplace(std::move(*made));
  return copier->function
             ? Status::ok()
             : Status::environment("the copier kernel does not load");
}

nybl_gemm_args TestBed::argumentsFor(Operands &on, bool encode) const {
  auto matrix = [](const Padded &p, int64_t stride) {
    return nybl_matrix{p.buffer.address(), p.buffer.bytes(), stride};
  };
  auto scales = [](const Padded &p, int64_t rows, ScaleLayout layout) {
    return nybl_scales{p.buffer.address(), p.buffer.bytes(), rows,
                       static_cast<uint32_t>(layout), 1};
  };
  nybl_gemm_args args = {};
  args.size = sizeof args;
  args.m = on.m;
  args.a = matrix(on.a(), problem.k / 2 + gap);
  args.b = matrix(on.b(), problem.k / 2 + gap);
  args.a_scales = scales(on.scalesA(), on.m, problem.sfa);
  args.b_scales = scales(on.scalesB(), problem.n, problem.sfb);
  args.d = matrix(on.d(), problem.n * byteWidth(problem.d) + gap);
  args.alpha.kind = NYBL_SCALAR_DEVICE;
  args.alpha.convention = NYBL_CONVENTION_DECODE;
  args.alpha.pointer = on.alphaCell().buffer.address();
  if (encode)
    args.alpha = {NYBL_SCALAR_HOST, NYBL_CONVENTION_ENCODE, 0, divisor, 0};
  return args;
}

/// What a dependent grid sees if it does not wait: NaN scales, other data.
Status TestBed::spoil(unsigned which) {
  for (size_t i = 0; i < Operands::count; ++i) {
    Padded &p = late.list[i];
    Padded spoilt = padded(static_cast<int64_t>(p.bytes.size()));
    if (!(which >> i & 1))
      spoilt.bytes = p.bytes;
    spoilt.buffer = std::move(p.buffer);
    Status s = upload(machine, spoilt, false);
    p.buffer = std::move(spoilt.buffer);
    if (!s)
      return s;
  }
  return Status::ok();
}

int TestBed::launchCopier(void *on, unsigned which) {
  uint64_t values[3 * Operands::count];
  void *parameters[3 * Operands::count];
  for (size_t i = 0; i < Operands::count; ++i) {
    values[3 * i] = late.list[i].buffer.address();
    values[3 * i + 1] = source.list[i].buffer.address();
    values[3 * i + 2] = which >> i & 1 ? source.list[i].buffer.bytes() : 0;
  }
  for (size_t i = 0; i < 3 * Operands::count; ++i)
    parameters[i] = &values[i];
  return launchOn(machine, copier->function, 1, {32}, parameters, on, false);
}

/// All zero; none where the kernel needs none.
Status TestBed::addWorkspace(const launch::Recipe &recipe, nybl_gemm_args &args,
                             driver::Buffer &workspace) const {
  auto bytes = recipe.workspaceBytes(args.m);
  if (!bytes)
    return bytes.status();
  auto made = driver::Buffer::allocate(machine.device, *bytes);
  if (!made)
    return made.status();
  workspace = std::move(*made);
  args.workspace = workspace.address();
  args.workspace_bytes = workspace.bytes();
  return *bytes == 0 ? Status::ok() : workspace.fill(0);
}

std::optional<Symptom> TestBed::compare(Operands &on) {
  std::vector<uint8_t> got(on.d().bytes.size());
  if (Status s = on.d().buffer.download(0, got.data(), got.size()); !s)
    return Symptom{Sign::Refused, s.message()};
  int64_t width = byteWidth(problem.d), rowBytes = problem.n * width;
  std::optional<Symptom> wrong;
  for (size_t i = 0; i < got.size(); ++i) {
    int64_t row = i / (rowBytes + gap), at = i % (rowBytes + gap);
    bool real = row < on.m && at < rowBytes;
    uint8_t expected = real ? on.expected[row * rowBytes + at] : canvasByte;
    if (got[i] == expected)
      continue;
    if (!real)
      return Symptom{Sign::Canvas, fmt::format("byte {} beside row {} of D, "
                                               "M = {}, was written",
                                               at, row, on.m)};
    if (!wrong)
      wrong = Symptom{got[i] == canvasByte ? Sign::Missing : Sign::Wrong,
                      fmt::format("D[{}, {}], M = {}", row, at / width, on.m)};
  }
  return wrong;
}

/// Holds a stream until all that follows is queued.
struct Gate {
  std::atomic<bool> open = false;
  static void wait(void *gate) {
    while (!static_cast<Gate *>(gate)->open)
      ;
  }
};

std::optional<Symptom> TestBed::runOnce(CUfunction function, const Trial &trial,
                                        const launch::Recipe &recipe,
                                        const CtaShape &cta) {
  Operands &on = trial.dependent ? late : operands.at(trial.m);
  Status ready = trial.dependent ? spoil(trial.late)
                                 : on.d().buffer.upload(0, on.d().bytes.data(),
                                                        on.d().bytes.size());
  nybl_gemm_args args = argumentsFor(on, trial.encode);
  driver::Buffer workspace;
  if (Status s = addWorkspace(recipe, args, workspace); !s)
    return Symptom{Sign::Refused, s.message()};
  Status allowed = recipe.check(args);
  if (!ready || !allowed)
    return Symptom{Sign::Refused, ready ? allowed.message() : ready.message()};
  launch::ParameterBlock block;
  Status packed = recipe.pack(args, machine.device->driver(), block);
  if (!packed)
    return Symptom{Sign::Refused, packed.message()};
  machine.nyblEmuSetSchedule(trial.schedule, 0);
  machine.nyblEmuSetRaces(trial.races, 0);
  Gate gate;
  int result = 0;
  if (trial.dependent) {
    result = machine.cuLaunchHostFunc(static_cast<CUstream>(stream->handle()),
                                      Gate::wait, &gate);
    result = result ? result : launchCopier(stream->handle(), trial.late);
  }
  unsigned tiles = static_cast<unsigned>(recipe.tasks(on.m));
  unsigned grid = trial.grid ? std::min(trial.grid, tiles) : tiles;
  if (result == 0)
    result = launchOn(machine, function, grid * cta.cluster, cta, block.data(),
                      stream->handle(), trial.dependent);
  gate.open = true;
  Status done = stream->synchronize();
  if (machine.nyblEmuReportCount() > 0)
    return takeFinding(machine);
  if (result != 0 || !done)
    return Symptom{Sign::Refused,
                   done ? "the launch was refused" : done.message()};
  std::vector<uint8_t> left(workspace.bytes());
  (void)workspace.download(0, left.data(), left.size());
  if (std::any_of(left.begin(), left.end(), [](uint8_t b) { return b != 0; }))
    return Symptom{Sign::Canvas, "the workspace is not left as it was"};
  return compare(on);
}

std::optional<Symptom> TestBed::run(const std::string &ptx,
                                    const Manifest &manifest) {
  driver::ContextScope scope(*machine.device);
  Expected<launch::Recipe> recipe = launch::Recipe::make(manifest, problem);
  if (!recipe)
    return Symptom{Sign::Refused, recipe.message()};
  Loaded loaded(machine, ptx, manifest.kernel);
  if (!loaded.function)
    return Symptom{Sign::Refused, "the PTX does not load"};
  CtaShape cta = {static_cast<unsigned>(manifest.threads),
                  static_cast<unsigned>(manifest.dynamicShared),
                  static_cast<unsigned>(manifest.cluster)};
  if (!loaded.allowShared(cta.dynamicShared))
    return Symptom{Sign::Refused, "too much shared memory"};
  for (const Trial &trial : trials)
    if (auto symptom = runOnce(loaded.function, trial, *recipe, cta))
      return symptom;
  return std::nullopt;
}

} // namespace

Expected<std::unique_ptr<Bed>> Bed::make(const GemmProblem &problem,
                                         const std::vector<Trial> &trials,
                                         int64_t partElements) {
  auto machine = Machine::get();
  if (!machine)
    return machine.status();
  auto bed =
      std::make_unique<TestBed>(**machine, problem, trials, partElements);
  if (Status s = bed->prepare(); !s)
    return s;
  return std::unique_ptr<Bed>(std::move(bed));
}
