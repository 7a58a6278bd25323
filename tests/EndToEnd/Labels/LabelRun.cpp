// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operands into memory, two launches, and what they show.

#include "tests/EndToEnd/Labels/LabelRun.h"
#include "compiler/Driver/Compiler.h"
#include "compiler/Select/Schedule.h"
#include "runtime/Driver/Memory.h"
#include "runtime/Driver/Module.h"
#include "runtime/Launch/Recipe.h"
#include "tests/Oracle/Data.h"
#include "tests/Oracle/Gemm.h"

#include <fmt/format.h>
#include <map>

using namespace nybl;
using namespace nybl::labels;

Expected<Kernel> nybl::labels::compileKernel(const GemmProblem &problem,
                                             const std::string &schedule,
                                             std::string chip) {
  static std::map<std::string, Kernel> known;
  if (chip.empty())
    chip =
        schedule.find("kind=tmem") == std::string::npos ? "sm_120a" : "sm_100a";
  std::string line = print(specialise(problem));
  std::string name = line + "; " + schedule + "; " + chip;
  auto at = known.find(name);
  if (at != known.end())
    return at->second;
  compiler::CompileOptions options;
  options.schedule = schedule;
  options.emit = "ptx";
  auto artefact = compiler::compile(line, chip, options);
  if (!artefact)
    return artefact.status();
  auto manifest = parseManifest(artefact->manifest);
  if (!manifest)
    return manifest.status();
  Kernel kernel{specialise(problem), *manifest, artefact->ptx};
  return known.emplace(name, kernel).first->second;
}

Expected<Kernel> nybl::labels::onlyTile(const Kernel &kernel, int64_t tile,
                                        int64_t tiles) {
  // "mov.u32 %r1, %ctaid.x;" with a number in the place of the register.
  Kernel changed = kernel;
  auto replace = [&](const std::string &name, int64_t value) {
    size_t count = 0;
    for (size_t at = 0;
         (at = changed.ptx.find(name + ";", at)) != std::string::npos; ++count)
      changed.ptx.replace(at, name.size(), std::to_string(value));
    return count;
  };
  if (replace("%ctaid.x", tile) == 0 || replace("%nctaid.x", tiles) == 0)
    return Status::invalid("the PTX reads no number of its CTA: expected mov "
                           "from %ctaid.x and %nctaid.x");
  return changed;
}

namespace {

constexpr int64_t gap = 16;           ///< bytes between rows
constexpr uint8_t paddingByte = 0x7f; ///< as a scale factor: NaN
constexpr uint8_t canvases[] = {0xa5, 0x5a};
constexpr float alpha = 0.5f; ///< exact

/// The emulated device of this process.
const Expected<std::shared_ptr<const driver::Device>> &device() {
  static const auto opened = [] {
    auto library =
        driver::Driver::open(NYBL_BINARY_DIR "/lib/emu/libcuda.so.1");
    return library ? driver::Device::open(*library, 0)
                   : Expected<std::shared_ptr<const driver::Device>>(
                         library.status());
  }();
  return opened;
}

class LabelRun {
public:
  LabelRun(const Kernel &kernel, const Launch &launch,
           std::shared_ptr<const driver::Device> gpu)
      : kernel(kernel), launch(launch), problem(kernel.problem),
        gpu(std::move(gpu)) {}
  Report run();

private:
  enum class Kind { Labelled, Bare };

  bool prepare();
  bool prepareOperands();
  bool launchAs(Kind kind);
  bool upload(Kind kind, unsigned operand);
  bool uploadOutput(Kind kind);
  bool clearWorkspace();
  uint64_t workspaceBytesStored() const;
  bool label(unsigned operand, uint32_t first);
  bool execute(Kind kind);
  void readRecords();
  void readReports();
  void checkStoredBytes();
  void checkOutput();
  nybl_gemm_args arguments() const;
  nybl_scales scales(Operand operand, int64_t rows, ScaleLayout layout) const;
  nybl_matrix matrix(Operand operand) const;
  bool isPart() const { return launch.part.has_value(); }

  template <typename F>
  F *extension(const char *name) const {
    return gpu->driver().extension<F>(name);
  }
  bool check(const Status &status) {
    if (!status)
      faults.add(status.message());
    return bool(status);
  }
  bool check(int result, const char *call) {
    return check(gpu->driver().check(static_cast<CUresult>(result), call));
  }

  const Kernel &kernel;
  const Launch &launch;
  const GemmProblem &problem;
  std::shared_ptr<const driver::Device> gpu;
  std::shared_ptr<const driver::Module> module;
  std::optional<launch::Recipe> recipe;
  Part whole, part; ///< with operands in memory; computed
  Tensor tensors[4];
  driver::Buffer buffers[4], d; ///< by Operand
  driver::Buffer workspace;
  std::vector<Unit> units; ///< by label
  int64_t dStride = 0, elementBytes = 0;
  std::vector<uint8_t> outputs[2]; ///< D as each launch left it
  oracle::GemmOutput expected;     ///< of `whole`
  Faults faults;
  size_t records = 0;
};

/// The rows around `part` that a layout keeps together, as far as there are.
Rows around(const Rows &part, int64_t rows) {
  return {part.first / 128 * 128, std::min(rows, (part.end + 127) / 128 * 128)};
}

bool LabelRun::prepare() {
  Part all{{0, launch.m}, {0, problem.n}};
  part = launch.part.value_or(all);
  whole = {around(part.rows, launch.m), around(part.columns, problem.n)};
  elementBytes = byteWidth(problem.d);
  dStride = launch.dStride ? launch.dStride : problem.n * elementBytes + gap;
  auto made = launch::Recipe::make(kernel.manifest, problem);
  auto loaded =
      driver::Module::load(gpu, {"", kernel.ptx}, kernel.manifest.kernel);
  if (!check(made.status()) || !check(loaded.status()))
    return false;
  recipe = *made;
  module = *loaded;
  // Allows the shared memory.
  auto fits = module->residentCtas(kernel.manifest.threads,
                                   kernel.manifest.dynamicShared);
  return check(fits.status()) && prepareOperands();
}

bool LabelRun::prepareOperands() {
  // Data whose sums are exact in every order, so that any kernel can be
  // compared with one oracle.
  int64_t k = problem.k;
  auto a = oracle::exactDomainMatrix(whole.rows.count(), k, launch.seed);
  auto b = oracle::exactDomainMatrix(whole.columns.count(), k, launch.seed + 1);
  if (!check(a.status()) || !check(b.status()))
    return false;
  auto stride = [&](int64_t given) { return given ? given : k / 2 + gap; };
  tensors[0] = dataTensor(Operand::A, *a, whole.rows, stride(launch.aStride),
                          paddingByte);
  tensors[1] = dataTensor(Operand::B, *b, whole.columns, stride(launch.bStride),
                          paddingByte);
  tensors[2] =
      scaleTensor(Operand::ScaleA, *a, whole.rows, problem.sfa, paddingByte);
  tensors[3] =
      scaleTensor(Operand::ScaleB, *b, whole.columns, problem.sfb, paddingByte);
  auto result =
      oracle::gemm(*a, *b, problem.alpha == AlphaKind::None ? 1 : alpha,
                   problem.d, oracle::Model::Exact);
  if (result)
    expected = *result;
  return check(result.status());
}

/// A bare launch finds reads of padding: nobody has written it.
bool LabelRun::upload(Kind kind, unsigned operand) {
  const Tensor &t = tensors[operand];
  auto made = driver::Buffer::allocate(gpu, t.bytes.size());
  if (!check(made.status()))
    return false;
  buffers[operand] = std::move(*made);
  driver::Buffer &to = buffers[operand];
  auto *mark = extension<decltype(nyblEmuMarkPoison)>("nyblEmuMarkPoison");
  bool isFull = kind == Kind::Labelled || launch.mayReadPadding;
  for (const Tensor::Run &run : t.runs()) {
    size_t count = run.end - run.begin;
    if (!run.isReal && !isFull)
      continue;
    if (!check(to.upload(run.begin, t.bytes.data() + run.begin, count)))
      return false;
    if (!run.isReal &&
        !check(mark(to.address() + run.begin, count), "nyblEmuMarkPoison"))
      return false;
  }
  return true;
}

bool LabelRun::label(unsigned operand, uint32_t first) {
  const Tensor &t = tensors[operand];
  units.insert(units.end(), t.units.begin(), t.units.end());
  return check(
      extension<decltype(nyblEmuLabelBytes)>("nyblEmuLabelBytes")(
          buffers[operand].address(), t.bytes.size(), first, t.unitBytes),
      "nyblEmuLabelBytes");
}

bool LabelRun::uploadOutput(Kind kind) {
  // All of the last row's gap, unless that is too much to look at.
  constexpr int64_t most = 1 << 20;
  int64_t lastRow =
      std::min(dStride, std::max(most, problem.n * elementBytes + gap));
  int64_t bytes = (part.rows.count() - 1) * dStride + lastRow;
  auto made = driver::Buffer::allocate(gpu, bytes);
  if (!check(made.status()))
    return false;
  d = std::move(*made);
  if (!check(d.fill(canvases[static_cast<int>(kind)])))
    return false;
  return check(extension<decltype(nyblEmuDeclareOutput)>(
                   "nyblEmuDeclareOutput")(d.address(), "d", part.rows.count(),
                                           problem.n, dStride,
                                           static_cast<uint32_t>(elementBytes)),
               "nyblEmuDeclareOutput");
}

bool LabelRun::clearWorkspace() {
  auto bytes = recipe->workspaceBytes(launch.m);
  if (!check(bytes.status()))
    return false;
  auto made = driver::Buffer::allocate(gpu, *bytes);
  if (!check(made.status()))
    return false;
  workspace = std::move(*made);
  return *bytes == 0 || check(workspace.fill(0));
}

/// Each part of a tile leaves its sums, and a counter for each warp.
uint64_t LabelRun::workspaceBytesStored() const {
  const Manifest &m = kernel.manifest;
  auto schedule = compiler::parseSchedule(m.schedule);
  if (m.split == 1 || !schedule)
    return 0;
  int64_t warps = schedule->warps[0] * schedule->warps[1];
  return static_cast<uint64_t>(recipe->tasks(launch.m) * 4 *
                               (m.tileM * m.tileN + warps));
}

nybl_matrix LabelRun::matrix(Operand operand) const {
  const Tensor &t = tensors[static_cast<int>(operand)];
  const driver::Buffer &buffer = buffers[static_cast<int>(operand)];
  return {buffer.address() - t.offset, buffer.bytes() + t.offset, t.stride};
}

nybl_scales LabelRun::scales(Operand operand, int64_t rows,
                             ScaleLayout layout) const {
  const Tensor &t = tensors[static_cast<int>(operand)];
  uint64_t address = buffers[static_cast<int>(operand)].address() - t.offset;
  return {address, uint64_t(byteSize(layout, rows, problem.blocks())), rows,
          static_cast<uint32_t>(layout), 1};
}

nybl_gemm_args LabelRun::arguments() const {
  int64_t dOffset = part.rows.first * dStride;
  nybl_gemm_args args = {};
  args.size = sizeof args;
  args.m = launch.m;
  args.a = matrix(Operand::A);
  args.b = matrix(Operand::B);
  args.a_scales = scales(Operand::ScaleA, launch.m, problem.sfa);
  args.b_scales = scales(Operand::ScaleB, problem.n, problem.sfb);
  args.d = {d.address() - dOffset, d.bytes() + dOffset, dStride};
  args.workspace = workspace.address();
  args.workspace_bytes = workspace.bytes();
  if (problem.alpha == AlphaKind::Tensor)
    args.alpha = {NYBL_SCALAR_HOST, NYBL_CONVENTION_DECODE, 0, alpha, 0};
  return args;
}

bool LabelRun::execute(Kind kind) {
  auto *schedule =
      extension<decltype(nyblEmuSetSchedule)>("nyblEmuSetSchedule");
  auto *labels = extension<decltype(nyblEmuSetLabels)>("nyblEmuSetLabels");
  auto *count = extension<decltype(nyblEmuSetCounting)>("nyblEmuSetCounting");
  auto stream = driver::Stream::create(gpu);
  nybl_gemm_args args = arguments();
  // What of a part is not in memory may seem to overlap.
  if (!check(stream.status()) || (!isPart() && !check(recipe->check(args))))
    return false;
  driver::ContextScope scope(*gpu);
  launch::ParameterBlock parameters;
  if (!check(scope.status()) ||
      !check(recipe->pack(args, gpu->driver(), parameters)))
    return false;
  auto grid = static_cast<unsigned>(
      isPart()
          ? 1
          : std::min<int64_t>(recipe->tasks(launch.m) * kernel.manifest.cluster,
                              launch.grid));
  schedule(launch.policy, launch.seed);
  labels(kind == Kind::Labelled ? 15 : 0);
  count(kind == Kind::Bare);
  Status launched = module->enqueue({grid, unsigned(kernel.manifest.threads),
                                     unsigned(kernel.manifest.dynamicShared)},
                                    stream->handle(), parameters.data());
  Status finished = stream->synchronize();
  labels(0);
  count(0);
  schedule(NYBL_EMU_SCHEDULE_EAGER, 0);
  readReports();
  if (kind == Kind::Labelled)
    readRecords();
  return check(launched) && check(finished) && faults.sentences.empty();
}

/// The emulated driver's findings, which end a context.
void LabelRun::readReports() {
  auto *count = extension<decltype(nyblEmuReportCount)>("nyblEmuReportCount");
  auto *text = extension<decltype(nyblEmuReportText)>("nyblEmuReportText");
  for (size_t i = 0; i < count(); ++i) {
    char line[1024];
    text(i, line, sizeof line);
    faults.add(line);
  }
  if (count() == 0)
    return;
  extension<decltype(nyblEmuClearReports)>("nyblEmuClearReports")();
  driver::ContextScope scope(*gpu);
  extension<decltype(nyblEmuResetContext)>("nyblEmuResetContext")();
}

void LabelRun::readRecords() {
  auto *count = extension<decltype(nyblEmuLabelCount)>("nyblEmuLabelCount");
  auto *read = extension<decltype(nyblEmuLabelRead)>("nyblEmuLabelRead");
  std::vector<nyblEmuLabel> all(count());
  for (size_t i = 0; i < all.size(); ++i) {
    all[i].size = sizeof all[i];
    if (!check(read(i, &all[i]), "nyblEmuLabelRead"))
      return;
  }
  records = all.size();
  if (all.empty()) { // reading the first one says why
    nyblEmuLabel none{};
    none.size = sizeof none;
    check(read(0, &none), "nyblEmuLabelRead");
    return;
  }
  checkSlots(all, units, problem.blocks(), whole, part, faults);
}

bool LabelRun::launchAs(Kind kind) {
  auto *clear = extension<decltype(nyblEmuClearLabels)>("nyblEmuClearLabels");
  units.clear();
  clear();
  for (unsigned operand = 0; operand < 4; ++operand) {
    auto first = static_cast<uint32_t>(units.size());
    if (!upload(kind, operand) ||
        (kind == Kind::Labelled && !label(operand, first)))
      return false;
  }
  if (!uploadOutput(kind) || !clearWorkspace() || !execute(kind))
    return false;
  if (kind == Kind::Bare)
    checkStoredBytes();
  std::vector<uint8_t> &output = outputs[static_cast<int>(kind)];
  output.resize(d.bytes());
  return check(d.download(0, output.data(), output.size()));
}

/// With the set of stored bytes equal to D, as many as D has: each one once.
void LabelRun::checkStoredBytes() {
  nyblEmuCounts counts{};
  counts.size = sizeof counts;
  extension<decltype(nyblEmuCounters)>("nyblEmuCounters")(&counts);
  auto bytes = static_cast<uint64_t>(part.rows.count() * part.columns.count() *
                                     elementBytes) +
               workspaceBytesStored();
  uint64_t byTma =
      counts.bulkBytes + counts.tensorBytes - counts.asyncBytesLoaded;
  if (uint64_t stored = counts.bytesStored + byTma; stored != bytes)
    faults.add(fmt::format("expected {} bytes to be stored, each once, got {}",
                           bytes, stored));
}

/// A byte was stored if it is the same on either canvas.
void LabelRun::checkOutput() {
  for (size_t i = 0; i < outputs[0].size(); ++i) {
    auto at = static_cast<int64_t>(i);
    int64_t row = at / dStride + part.rows.first;
    int64_t column = at % dStride / elementBytes;
    bool isStored = outputs[0][i] == outputs[1][i];
    bool isUntouched =
        outputs[0][i] == canvases[0] && outputs[1][i] == canvases[1];
    bool isReal = part.holds(row, column);
    std::string where = fmt::format("byte {} of D[{}, {}]",
                                    at % dStride % elementBytes, row, column);
    if (!(isReal ? isStored : isUntouched)) {
      faults.add(where + (isReal ? ": never stored" : ": stored"));
      continue;
    }
    if (!isReal)
      continue;
    int64_t element = (row - whole.rows.first) * whole.columns.count() +
                      column - whole.columns.first;
    uint8_t value =
        expected.bytes[element * elementBytes + at % dStride % elementBytes];
    if (outputs[0][i] != value)
      faults.add(
          fmt::format("{}: expected {}, got {}", where, value, outputs[0][i]));
  }
}

Report LabelRun::run() {
  if (prepare() && launchAs(Kind::Labelled) && launchAs(Kind::Bare))
    checkOutput();
  return {faults.sentences, records};
}

} // namespace

Report nybl::labels::run(const Kernel &kernel, const Launch &launch) {
  const auto &gpu = device();
  if (!gpu)
    return {{gpu.message()}, 0};
  return LabelRun(kernel, launch, *gpu).run();
}
