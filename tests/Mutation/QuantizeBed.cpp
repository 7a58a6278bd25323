// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elements, codes and scale factors with poison between them, and all bytes of
// what they become.

#include "runtime/Launch/QuantizeRecipe.h"
#include "tests/Mutation/Padded.h"
#include <fmt/format.h>
#include <functional>
#include <map>

using namespace nybl;
using namespace nybl::mutation;

namespace {

constexpr float global = 336;

/// Tails of rows, one CTA and several.
const Trial trials[] = {{33, 2, NYBL_EMU_SCHEDULE_ADVERSARY, true},
                        {130, 0, NYBL_EMU_SCHEDULE_EAGER, false},
                        {1, 1, NYBL_EMU_SCHEDULE_EAGER, false, false, true},
                        {8, 0, NYBL_EMU_SCHEDULE_RANDOM, true}};

/// A quantisation, or what undoes it: that makes x of q.
struct Line {
  QuantizeProblem problem;
  bool undoes;
};

Line lineOf(const AnyProblem &any) {
  if (auto *quantise = std::get_if<QuantizeProblem>(&any))
    return {*quantise, false};
  const auto &back = std::get<DequantizeProblem>(any);
  QuantizeProblem problem;
  problem.k = back.k;
  problem.x = back.y;
  problem.sf = back.sf;
  problem.global = back.global;
  return {problem, true};
}

/// Everything of one M.
struct Operands {
  Padded x, q, scales, global;
  std::vector<std::vector<uint8_t>> expected; ///< of each output
};

class QuantizeBed : public Bed {
public:
  QuantizeBed(const Machine &machine, const AnyProblem &any)
      : machine(machine), any(any), line(lineOf(any)) {}

  Status prepare(const std::string &ptx, const Manifest &manifest);
  std::optional<Symptom> run(const std::string &ptx,
                             const Manifest &manifest) override;

private:
  using Bytes = std::vector<std::vector<uint8_t>>;
  using Use = std::function<std::optional<Symptom>(Operands &on, Bytes got)>;
  /// Calls `use` with what each trial gives.
  std::optional<Symptom> runAll(const std::string &ptx,
                                const Manifest &manifest, const Use &use);
  std::optional<Symptom> runOnce(CUfunction function, const Trial &trial,
                                 const launch::QuantizeRecipe &recipe,
                                 const Manifest &manifest);
  Expected<launch::QuantizeRecipe> makeRecipe(const Manifest &manifest) const;
  Status fill(Operands &on, int64_t m);
  void declare(Operands &on, int64_t m) const;
  std::vector<std::pair<const char *, Padded *>> outputsOf(Operands &on) const;
  int64_t rowBytes() const {
    return line.problem.xColumns() * byteWidth(line.problem.x);
  }
  nybl_quantize_args argumentsFor(const Operands &on, const Trial &trial) const;

  const Machine &machine;
  AnyProblem any;
  Line line;
  std::map<int64_t, Operands> operands; ///< by M
  std::optional<driver::Stream> stream;
};

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

Padded randomRows(OutputType type, int64_t m, int64_t rowBytes) {
  int64_t width = byteWidth(type);
  Padded p = padded((m + 1) * (rowBytes + gap));
  oracle::Random random(m);
  for (int64_t row = 0; row < m; ++row)
    for (int64_t at = 0; at < rowBytes; at += width) {
      uint32_t element = randomElement(type, random);
      for (int64_t i = 0; i < width; ++i)
        p.put(row * (rowBytes + gap) + at + i,
              static_cast<uint8_t>(element >> i * 8));
    }
  return p;
}

std::vector<std::pair<const char *, Padded *>>
QuantizeBed::outputsOf(Operands &on) const {
  if (line.undoes)
    return {{"y", &on.x}};
  return {{"q", &on.q}, {"q_scale", &on.scales}};
}

Status QuantizeBed::fill(Operands &on, int64_t m) {
  const QuantizeProblem &problem = line.problem;
  if (line.undoes) {
    auto q = oracle::randomMatrix(m, problem.k, m, 0x20, 0x50);
    on.q = padData(q);
    on.scales = padScales(q, problem.sf);
    on.x = canvas((m + 1) * (rowBytes() + gap));
  } else {
    on.q = canvas((m + 1) * (problem.k / 2 + gap));
    on.scales = canvas(byteSize(problem.sf, m, problem.blocks()) + gap);
    on.x = randomRows(problem.x, m, rowBytes());
  }
  on.global = padded(4);
  const auto *bits = reinterpret_cast<const uint8_t *>(&global);
  for (int i = 0; i < 4; ++i)
    on.global.put(i, bits[i]);
  for (Padded *p : {&on.x, &on.q, &on.scales, &on.global})
    if (Status s = upload(machine, *p, /*poison=*/true); !s)
      return s;
  declare(on, m);
  return Status::ok();
}

void QuantizeBed::declare(Operands &on, int64_t m) const {
  auto rows = [&](Padded &p, const char *name, int64_t bytes) {
    machine.nyblEmuDeclareOutput(p.buffer.address(), name, m, bytes,
                                 bytes + gap, 1);
  };
  if (line.undoes)
    return rows(on.x, "y", rowBytes());
  rows(on.q, "q", line.problem.k / 2);
  uint64_t bytes = on.scales.buffer.bytes();
  machine.nyblEmuDeclareOutput(on.scales.buffer.address(), "q_scale", 1,
                               bytes - gap, bytes, 1);
}

nybl_quantize_args QuantizeBed::argumentsFor(const Operands &on,
                                             const Trial &trial) const {
  auto matrix = [](const Padded &p, int64_t bytes) {
    return nybl_matrix{p.buffer.address(), p.buffer.bytes(), bytes + gap};
  };
  const QuantizeProblem &problem = line.problem;
  nybl_quantize_args args = {};
  args.size = sizeof args;
  args.m = trial.m;
  args.x = matrix(on.x, rowBytes());
  args.q = matrix(on.q, problem.k / 2);
  args.q_scales = {on.scales.buffer.address(),
                   on.scales.buffer.bytes() - (line.undoes ? 0 : gap), trial.m,
                   static_cast<uint32_t>(problem.sf), line.undoes};
  uint32_t convention = problem.global == GlobalKind::Decode
                            ? NYBL_CONVENTION_DECODE
                            : NYBL_CONVENTION_ENCODE;
  args.global = {NYBL_SCALAR_DEVICE, convention, on.global.buffer.address(), 0,
                 0};
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
  for (auto [name, p] : outputsOf(on))
    if (Status s = upload(machine, *p, /*poison=*/false); !s)
      return Symptom{Sign::Refused, s.message()};
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

Expected<launch::QuantizeRecipe>
QuantizeBed::makeRecipe(const Manifest &manifest) const {
  if (line.undoes)
    return launch::QuantizeRecipe::make(manifest,
                                        std::get<DequantizeProblem>(any));
  return launch::QuantizeRecipe::make(manifest, line.problem);
}

std::optional<Symptom> QuantizeBed::runAll(const std::string &ptx,
                                           const Manifest &manifest,
                                           const Use &use) {
  driver::ContextScope scope(*machine.device);
  auto recipe = makeRecipe(manifest);
  if (!recipe)
    return Symptom{Sign::Refused, recipe.message()};
  Loaded loaded(machine, ptx, manifest.kernel);
  if (!loaded.function)
    return Symptom{Sign::Refused, "the PTX does not load"};
  for (const Trial &trial : trials) {
    if (auto symptom = runOnce(loaded.function, trial, *recipe, manifest))
      return symptom;
    Operands &on = operands.at(trial.m);
    Bytes got;
    for (auto [name, p] : outputsOf(on)) {
      got.emplace_back(p->bytes.size());
      if (Status s = p->buffer.download(0, got.back().data(), p->bytes.size());
          !s)
        return Symptom{Sign::Refused, s.message()};
    }
    if (auto symptom = use(on, std::move(got)))
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
  auto symptom = runAll(ptx, manifest, [](Operands &on, Bytes got) {
    on.expected = std::move(got);
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
  return runAll(ptx, manifest, [this](Operands &on, Bytes got) {
    std::optional<Symptom> symptom;
    auto outputs = outputsOf(on);
    for (size_t i = 0; i < outputs.size() && !symptom; ++i)
      symptom = differ(outputs[i].first, got[i], on.expected[i]);
    return symptom;
  });
}

} // namespace

Expected<std::unique_ptr<Bed>>
Bed::makeForConversion(const AnyProblem &problem, const std::string &ptx,
                       const Manifest &manifest) {
  auto machine = Machine::get();
  if (!machine)
    return machine.status();
  auto bed = std::make_unique<QuantizeBed>(**machine, problem);
  if (Status s = bed->prepare(ptx, manifest); !s)
    return s;
  return std::unique_ptr<Bed>(std::move(bed));
}
