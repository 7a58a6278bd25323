// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows of elements with poison between them, and all bytes of what they become.

#include "runtime/Launch/QuantizeRecipe.h"
#include "tests/Mutation/Machine.h"
#include "tests/Oracle/Data.h"
#include <fmt/format.h>
#include <functional>
#include <map>

using namespace nybl;
using namespace nybl::mutation;

namespace {

constexpr int64_t gap = 16; ///< bytes between rows
constexpr uint8_t canvasByte = 0xa5, padding = 0x7f;
constexpr float global = 336;

/// Tails of rows, one CTA and several.
const Trial trials[] = {{33, 2, NYBL_EMU_SCHEDULE_ADVERSARY, true},
                        {130, 0, NYBL_EMU_SCHEDULE_EAGER, false},
                        {1, 1, NYBL_EMU_SCHEDULE_EAGER, false, false, true},
                        {8, 0, NYBL_EMU_SCHEDULE_RANDOM, true}};

/// Everything of one M.
struct Operands {
  driver::Buffer x, q, scales, global;
  std::vector<uint8_t> expectedQ, expectedScales;
};

class QuantizeBed : public Bed {
public:
  QuantizeBed(const Machine &machine, const QuantizeProblem &problem)
      : machine(machine), problem(problem) {}

  Status prepare(const std::string &ptx, const Manifest &manifest);
  std::optional<Symptom> run(const std::string &ptx,
                             const Manifest &manifest) override;

private:
  using Use = std::function<std::optional<Symptom>(
      Operands &on, std::vector<uint8_t> q, std::vector<uint8_t> scales)>;
  /// Calls `use` with what each trial gives.
  std::optional<Symptom> runAll(const std::string &ptx,
                                const Manifest &manifest, const Use &use);
  std::optional<Symptom> runOnce(CUfunction function, const Trial &trial,
                                 const launch::QuantizeRecipe &recipe,
                                 const Manifest &manifest);
  Status fill(Operands &on, int64_t m);
  Status uploadRows(Operands &on, int64_t m);
  nybl_quantize_args argumentsFor(const Operands &on, const Trial &trial) const;

  const Machine &machine;
  QuantizeProblem problem;
  std::map<int64_t, Operands> operands; ///< by M
  std::optional<driver::Stream> stream;
};

std::vector<uint8_t> bytesOf(const driver::Buffer &buffer) {
  std::vector<uint8_t> bytes(buffer.bytes());
  (void)buffer.download(0, bytes.data(), bytes.size());
  return bytes;
}

/// A number of moderate size, in any of the formats.
uint32_t randomElement(OutputType type, oracle::Random &random) {
  auto bits = static_cast<uint32_t>(random.between(0, 0x7fffffff)) * 2;
  int64_t exponent = random.between(-3, 3);
  if (type == OutputType::F16)
    return (bits >> 16 & 0x83ff) | static_cast<uint32_t>(15 + exponent) << 10;
  uint32_t wide = (bits & 0x807fffff) | static_cast<uint32_t>(127 + exponent)
                                            << 23;
  return type == OutputType::F32 ? wide : wide >> 16;
}

Status QuantizeBed::uploadRows(Operands &on, int64_t m) {
  int64_t width = byteWidth(problem.x), rowBytes = problem.xColumns() * width;
  int64_t stride = rowBytes + gap;
  std::vector<uint8_t> image((m + 1) * stride, padding);
  oracle::Random random(m);
  for (int64_t row = 0; row < m; ++row)
    for (int64_t at = 0; at < rowBytes; at += width) {
      uint32_t element = randomElement(problem.x, random);
      for (int64_t i = 0; i < width; ++i)
        image[row * stride + at + i] = static_cast<uint8_t>(element >> i * 8);
    }
  if (Status s = on.x.upload(0, image.data(), image.size()); !s)
    return s;
  for (int64_t row = 0; row <= m; ++row) {
    int64_t real = row < m ? rowBytes : 0;
    if (machine.nyblEmuMarkPoison(on.x.address() + row * stride + real,
                                  stride - real) != 0)
      return Status::environment("padding cannot be marked as poison");
  }
  return Status::ok();
}

Status QuantizeBed::fill(Operands &on, int64_t m) {
  int64_t qStride = problem.k / 2 + gap;
  const std::pair<driver::Buffer *, int64_t> sizes[] = {
      {&on.x, (m + 1) * (problem.xColumns() * byteWidth(problem.x) + gap)},
      {&on.q, (m + 1) * qStride},
      {&on.scales, byteSize(problem.sf, m, problem.blocks()) + gap},
      {&on.global, 4}};
  for (auto [buffer, bytes] : sizes) {
    auto made = driver::Buffer::allocate(machine.device, bytes);
    if (!made)
      return made.status();
    *buffer = std::move(*made);
  }
  if (Status s = on.global.upload(0, &global, 4); !s)
    return s;
  machine.nyblEmuDeclareOutput(on.q.address(), "q", m, problem.k / 2, qStride,
                               1);
  machine.nyblEmuDeclareOutput(on.scales.address(), "q_scale", 1,
                               on.scales.bytes() - gap, on.scales.bytes(), 1);
  return uploadRows(on, m);
}

nybl_quantize_args QuantizeBed::argumentsFor(const Operands &on,
                                             const Trial &trial) const {
  nybl_quantize_args args = {};
  args.size = sizeof args;
  args.m = trial.m;
  args.x = {on.x.address(), on.x.bytes(),
            problem.xColumns() * byteWidth(problem.x) + gap};
  args.q = {on.q.address(), on.q.bytes(), problem.k / 2 + gap};
  args.q_scales = {on.scales.address(), on.scales.bytes() - gap, trial.m,
                   static_cast<uint32_t>(problem.sf), 0};
  uint32_t convention = problem.global == GlobalKind::Decode
                            ? NYBL_CONVENTION_DECODE
                            : NYBL_CONVENTION_ENCODE;
  args.global = {NYBL_SCALAR_DEVICE, convention, on.global.address(), 0, 0};
  if (trial.encode)
    args.global = {NYBL_SCALAR_HOST, convention, 0, global, 0};
  if (problem.global == GlobalKind::None)
    args.global = {};
  return args;
}

std::optional<Symptom>
QuantizeBed::runOnce(CUfunction function, const Trial &trial,
                     const launch::QuantizeRecipe &recipe,
                     const Manifest &manifest) {
  Operands &on = operands.at(trial.m);
  for (driver::Buffer *buffer : {&on.q, &on.scales}) {
    std::vector<uint8_t> canvas(buffer->bytes(), canvasByte);
    (void)buffer->upload(0, canvas.data(), canvas.size());
  }
  nybl_quantize_args args = argumentsFor(on, trial);
  if (Status allowed = recipe.check(args); !allowed)
    return Symptom{Sign::Refused, allowed.message()};
  launch::ParameterBlock block;
  recipe.pack(args, block);
  machine.nyblEmuSetSchedule(trial.schedule, 0);
  machine.nyblEmuSetRaces(trial.races, 0);
  auto tiles = static_cast<unsigned>(recipe.tiles(trial.m));
  unsigned grid = trial.grid ? std::min(trial.grid, tiles) : tiles;
  CtaShape cta = {static_cast<unsigned>(manifest.threads)};
  int result = launchOn(machine, function, grid, cta, block.data(),
                        stream->handle(), /*dependent=*/false);
  Status done = stream->synchronize();
  if (machine.nyblEmuReportCount() > 0)
    return takeFinding(machine);
  if (result == 0 && done)
    return std::nullopt;
  return Symptom{Sign::Refused,
                 done ? "the launch was refused" : done.message()};
}

std::optional<Symptom> QuantizeBed::runAll(const std::string &ptx,
                                           const Manifest &manifest,
                                           const Use &use) {
  driver::ContextScope scope(*machine.device);
  auto recipe = launch::QuantizeRecipe::make(manifest, problem);
  if (!recipe)
    return Symptom{Sign::Refused, recipe.message()};
  Loaded loaded(machine, ptx, manifest.kernel);
  if (!loaded.function)
    return Symptom{Sign::Refused, "the PTX does not load"};
  for (const Trial &trial : trials) {
    if (auto symptom = runOnce(loaded.function, trial, *recipe, manifest))
      return symptom;
    Operands &on = operands.at(trial.m);
    if (auto symptom = use(on, bytesOf(on.q), bytesOf(on.scales)))
      return symptom;
  }
  return std::nullopt;
}

Status QuantizeBed::prepare(const std::string &ptx, const Manifest &manifest) {
  driver::ContextScope scope(*machine.device);
  auto made = driver::Stream::create(machine.device);
  if (!made)
    return made.status();
  stream.emplace(std::move(*made));
  for (const Trial &trial : trials)
    if (Status s = fill(operands[trial.m], trial.m); !s)
      return s;
  auto symptom = runAll(ptx, manifest, [](Operands &on, auto q, auto scales) {
    on.expectedQ = std::move(q);
    on.expectedScales = std::move(scales);
    return std::optional<Symptom>();
  });
  return symptom ? Status::environment(symptom->text) : Status::ok();
}

/// The first byte that is another.
std::optional<Symptom> differ(const char *name, const std::vector<uint8_t> &got,
                              const std::vector<uint8_t> &expected) {
  for (size_t i = 0; i < got.size(); ++i)
    if (got[i] != expected[i])
      return Symptom{expected[i] == canvasByte ? Sign::Canvas
                     : got[i] == canvasByte    ? Sign::Missing
                                               : Sign::Wrong,
                     fmt::format("byte {} of {}", i, name)};
  return std::nullopt;
}

std::optional<Symptom> QuantizeBed::run(const std::string &ptx,
                                        const Manifest &manifest) {
  return runAll(ptx, manifest, [](Operands &on, auto q, auto scales) {
    auto symptom = differ("q", q, on.expectedQ);
    return symptom ? symptom : differ("q_scale", scales, on.expectedScales);
  });
}

} // namespace

Expected<std::unique_ptr<Bed>> Bed::make(const QuantizeProblem &problem,
                                         const std::string &ptx,
                                         const Manifest &manifest) {
  auto machine = Machine::get();
  if (!machine)
    return machine.status();
  auto bed = std::make_unique<QuantizeBed>(**machine, problem);
  if (Status s = bed->prepare(ptx, manifest); !s)
    return s;
  return std::unique_ptr<Bed>(std::move(bed));
}
