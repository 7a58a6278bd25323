// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A counterexample on the emulated driver, through the same launch path as any
// kernel, but for the certificate.

#include "tools/nybl/Replay.h"
#include "runtime/Abi/Manifest.h"
#include "runtime/Launch/Kernel.h"
#include "tools/emulator/include/nybl-emu.h"
#include "tools/nybl/Memory.h"
#include <fmt/format.h>
#include <random>

using namespace nybl;
using namespace nybl::cli;

namespace {

constexpr int64_t mostRows = 4096;
/// Multiply-adds that the emulated driver does in about a minute.
constexpr double mostProducts = 4e9;
/// A NaN as a scale factor; as data, two elements of 6 and -6.
constexpr uint8_t fill = 0x7f;

/// Host images of the operands, and which of their bytes are marked.
struct Operands {
  MatrixShape aShape, bShape, dShape;
  std::string a, b, sfa, sfb;
  std::vector<ByteRange> aMarks, bMarks, sfaMarks, sfbMarks, dMarks;
};

struct Loaded {
  launch::Recipe recipe;
  std::shared_ptr<const launch::Kernel> kernel;
};

/// The operands on the device.
struct Uploaded {
  DeviceMatrix a, b, d;
  DeviceScales sfa, sfb;
};

class Replayer {
public:
  Replayer(const ReplayRequest &request, Memory memory)
      : request(request), problem(specialise(request.problem)),
        example(request.counterexample), memory(std::move(memory)),
        m(std::max<int64_t>(example.m < 0 ? 1 : example.m, 0)) {}

  Expected<Evidence> run();

private:
  Operands makeOperands();
  void markByte(Operands &operands) const;
  void markPadding(Operands &operands) const;
  Expected<Loaded> load(const KernelImage &image) const;
  Expected<Uploaded> upload(const Operands &operands);
  nybl_gemm_args argumentsOf(const Uploaded &uploaded) const;
  /// What the launch gave: D's rows, or what was found.
  struct Run {
    std::string finding, d;
  };
  Expected<Run> launch(const Loaded &kernel, const Operands &operands);
  Status settle(int schedule, bool uninitialised);
  Expected<std::string> overwritten(const Operands &operands,
                                    const Uploaded &uploaded) const;
  std::string inWords(const std::string &report, const std::string &who) const;
  Expected<Evidence> tryByte(const Loaded &kernel, Operands operands);
  Expected<Evidence> tryPadding(const Loaded &kernel, const Operands &operands,
                                int schedule);
  Expected<Evidence> compare(const std::string &d, const Operands &operands);

  const ReplayRequest &request;
  GemmProblem problem;
  const Counterexample &example;
  Memory memory;
  int64_t m;
};

/// Fixed, so that a replay can be replayed.
std::string randomBytes(std::mt19937 &random, int64_t count, unsigned low,
                        unsigned high) {
  std::string bytes(static_cast<size_t>(count), '\0');
  for (char &byte : bytes)
    byte = static_cast<char>(low + random() % (high - low + 1));
  return bytes;
}

Operands Replayer::makeOperands() {
  std::mt19937 random(5);
  Operands o;
  o.aShape = MatrixShape::make(m, problem.k / 2, /*padded=*/true);
  o.bShape = MatrixShape::make(problem.n, problem.k / 2, /*padded=*/true);
  o.dShape =
      MatrixShape::make(m, problem.n * byteWidth(problem.d), /*padded=*/true);
  o.a = spread(randomBytes(random, m * problem.k / 2, 0, 255), o.aShape, fill);
  o.b = spread(randomBytes(random, problem.n * problem.k / 2, 0, 255), o.bShape,
               fill);
  auto scales = [&](ScaleLayout layout, int64_t rows) { // from 1/2 to 2
    std::string image = randomBytes(
        random, byteSize(layout, rows, problem.blocks()), 0x30, 0x40);
    fillRanges(image, scalePadding(layout, rows, problem.blocks()), fill);
    return image;
  };
  o.sfa = scales(problem.sfa, m);
  o.sfb = scales(problem.sfb, problem.n);
  return o;
}

/// Those of the bytes [begin, begin + count) that are padding and in memory.
std::vector<ByteRange> within(const std::vector<ByteRange> &padding,
                              int64_t begin, int64_t count) {
  std::vector<ByteRange> ranges;
  for (const ByteRange &range : padding) {
    int64_t from = std::max(begin, range.begin);
    int64_t to = std::min(begin + count, range.end);
    if (from < to)
      ranges.push_back({from, to});
  }
  return ranges;
}

/// Marks what the counterexample reaches, as far as it is memory that no input
/// lies in: padding, and what D held before.
void Replayer::markByte(Operands &o) const {
  constexpr int64_t loadBytes = 8;
  auto inMatrix = [&](const MatrixShape &shape,
                      const std::vector<ByteRange> &padding, int64_t count) {
    return within(padding, example.row * shape.stride + example.byte, count);
  };
  auto inScales = [&](ScaleLayout layout, int64_t rows) {
    return within(scalePadding(layout, rows, problem.blocks()), example.byte,
                  1);
  };
  if (example.operand == "sfa")
    o.sfaMarks = inScales(problem.sfa, m);
  else if (example.operand == "sfb")
    o.sfbMarks = inScales(problem.sfb, problem.n);
  else if (example.operand == "a")
    o.aMarks = inMatrix(o.aShape, o.aShape.padding(), loadBytes);
  else if (example.operand == "b")
    o.bMarks = inMatrix(o.bShape, o.bShape.padding(), loadBytes);
  else if (example.operand == "d")
    o.dMarks = inMatrix(o.dShape, {{0, o.dShape.allocatedBytes()}},
                        byteWidth(problem.d));
}

void Replayer::markPadding(Operands &o) const {
  o.aMarks = o.aShape.padding();
  o.bMarks = o.bShape.padding();
  o.sfaMarks = scalePadding(problem.sfa, m, problem.blocks());
  o.sfbMarks = scalePadding(problem.sfb, problem.n, problem.blocks());
  // What an output held before is nobody's input.
  o.dMarks = {{0, o.dShape.allocatedBytes()}};
}

Expected<Loaded> Replayer::load(const KernelImage &image) const {
  auto manifest = parseManifest(image.manifest);
  if (!manifest)
    return Status::environment("the compiler's manifest: " +
                               manifest.message());
  auto recipe = launch::Recipe::make(*manifest, problem);
  if (!recipe)
    return recipe.status();
  auto kernel =
      launch::Kernel::load(memory.device(), *manifest, {"", image.ptx});
  if (!kernel)
    return kernel.status();
  return Loaded{std::move(*recipe), *kernel};
}

Expected<Uploaded> Replayer::upload(const Operands &o) {
  auto a = memory.matrix(o.a, o.aShape, o.aMarks);
  auto b = memory.matrix(o.b, o.bShape, o.bMarks);
  auto sfa = memory.scales(o.sfa, problem.sfa, m, o.sfaMarks);
  auto sfb = memory.scales(o.sfb, problem.sfb, problem.n, o.sfbMarks);
  auto d = memory.output(o.dShape, problem.n, byteWidth(problem.d), o.dMarks);
  for (const Status &status :
       {a.status(), b.status(), sfa.status(), sfb.status(), d.status()})
    if (!status)
      return status;
  return Uploaded{std::move(*a), std::move(*b), std::move(*d), std::move(*sfa),
                  std::move(*sfb)};
}

/// "poison stored: a marked byte reached d[3, 0] [kernel gemm, ...": the
/// element, or an empty text.
std::string elementIn(const std::string &report) {
  constexpr std::string_view before = "a marked byte reached ";
  size_t begin = report.find(before);
  if (begin == report.npos)
    return "";
  begin += before.size();
  return report.substr(begin, report.find(" [kernel", begin) - begin);
}

std::string Replayer::inWords(const std::string &report,
                              const std::string &who) const {
  std::string element = elementIn(report);
  return element.empty()
             ? fmt::format("the emulated driver reports: {}", report)
             : fmt::format("{} arrives in {}", who, element);
}

/// An input that is not what was uploaded, in words.
Expected<std::string> Replayer::overwritten(const Operands &o,
                                            const Uploaded &u) const {
  const std::tuple<const char *, const std::string *, const driver::Buffer *>
      inputs[] = {{"a", &o.a, &u.a.buffer},
                  {"b", &o.b, &u.b.buffer},
                  {"sfa", &o.sfa, &u.sfa.buffer},
                  {"sfb", &o.sfb, &u.sfb.buffer}};
  for (auto [name, image, buffer] : inputs) {
    std::string now(image->size(), '\0');
    if (Status status = buffer->download(0, now.data(), now.size()); !status)
      return status;
    size_t at = std::mismatch(now.begin(), now.end(), image->begin()).first -
                now.begin();
    if (at < now.size())
      return fmt::format("the kernel overwrites byte {} of '{}', an input", at,
                         name);
  }
  return std::string();
}

nybl_gemm_args Replayer::argumentsOf(const Uploaded &u) const {
  nybl_gemm_args args = {};
  args.size = sizeof args;
  args.m = m;
  args.a = u.a.view;
  args.a_scales = u.sfa.view;
  args.b = u.b.view;
  args.b_scales = u.sfb.view;
  args.d = u.d.view;
  if (problem.alpha == AlphaKind::Tensor)
    args.alpha = {NYBL_SCALAR_HOST, NYBL_CONVENTION_DECODE, 0, 1.0f, 0};
  return args;
}

Expected<Replayer::Run> Replayer::launch(const Loaded &loaded,
                                         const Operands &operands) {
  auto uploaded = upload(operands);
  auto stream = driver::Stream::create(memory.device());
  for (const Status &status : {uploaded.status(), stream.status()})
    if (!status)
      return status;
  nybl_gemm_args args = argumentsOf(*uploaded);
  args.stream = stream->handle();
  auto bytes = loaded.recipe.workspaceBytes(m);
  if (!bytes)
    return bytes.status();
  auto workspace = memory.workspace(*bytes, args);
  if (!workspace)
    return workspace.status();
  Status status = loaded.kernel->launch(loaded.recipe, args);
  if (status)
    status = stream->synchronize();
  if (!status) {
    std::string report = memory.firstReport();
    return report.empty() ? Expected<Run>(status) : Run{report, ""};
  }
  auto rows = memory.readBack(uploaded->d, operands.dShape);
  if (!rows)
    return rows.status().code() == ErrorCode::Refused
               ? Expected<Run>(Run{rows.message(), ""})
               : rows.status();
  auto changed = overwritten(operands, *uploaded);
  if (!changed)
    return changed.status();
  return Run{*changed, std::move(*rows)};
}

/// What the emulated driver looks for in the launches that follow. Looking for
/// races makes the order of CTAs, and so the first finding, the same each time.
Status Replayer::settle(int schedule, bool uninitialised) {
  const driver::Driver &api = memory.device()->driver();
  auto *clear =
      api.extension<decltype(nyblEmuClearReports)>("nyblEmuClearReports");
  auto *checks = api.extension<decltype(nyblEmuSetChecks)>("nyblEmuSetChecks");
  auto *order =
      api.extension<decltype(nyblEmuSetSchedule)>("nyblEmuSetSchedule");
  auto *races = api.extension<decltype(nyblEmuSetRaces)>("nyblEmuSetRaces");
  if (!clear || !checks || !order || !races)
    return Status::environment(fmt::format(
        "expected the emulated driver, but '{}' is none", api.path()));
  for (int code : {clear(), checks(uninitialised, /*poison=*/1),
                   order(schedule, /*seed=*/0), races(1, /*strictFences=*/0)})
    if (code != 0)
      return api.check(static_cast<CUresult>(code), "the replay's settings");
  return Status::ok();
}

/// The byte alone is marked; or it lies outside of all memory, and the access
/// itself is the evidence.
Expected<Evidence> Replayer::tryByte(const Loaded &kernel, Operands operands) {
  markByte(operands);
  if (Status status = settle(NYBL_EMU_SCHEDULE_EAGER, false); !status)
    return status;
  auto run = launch(kernel, operands);
  if (!run)
    return run.status();
  return Evidence{!run->finding.empty(),
                  inWords(run->finding, describeByte(example, problem, m))};
}

/// "0x3f80": the bytes of an element, the highest first.
std::string hexOf(std::string_view bytes) {
  std::string text = "0x";
  for (size_t i = bytes.size(); i-- > 0;)
    text += fmt::format("{:02x}", static_cast<uint8_t>(bytes[i]));
  return text;
}

/// The first element in which the two differ.
Expected<Evidence> Replayer::compare(const std::string &d,
                                     const Operands &operands) {
  auto plain = load(request.plain);
  if (!plain)
    return plain.status();
  auto run = launch(*plain, operands);
  if (!run)
    return run.status();
  if (!run->finding.empty())
    return Status::environment("the built-in kernel: " + run->finding);
  size_t width = byteWidth(problem.d), columns = size_t(problem.n);
  size_t at =
      std::mismatch(d.begin(), d.end(), run->d.begin()).first - d.begin();
  if (at == d.size())
    return Evidence{};
  size_t element = at / width;
  auto valueIn = [&](std::string_view rows) {
    return hexOf(rows.substr(element * width, width));
  };
  return Evidence{
      true, fmt::format("d[{}, {}] is {}, and the built-in plain kernel gives "
                        "{} on the same data",
                        element / columns, element % columns, valueIn(d),
                        valueIn(run->d))};
}

Expected<Evidence> Replayer::tryPadding(const Loaded &kernel,
                                        const Operands &operands,
                                        int schedule) {
  if (Status status = settle(schedule, true); !status)
    return status;
  auto run = launch(kernel, operands);
  if (!run)
    return run.status();
  if (!run->finding.empty())
    return Evidence{true,
                    inWords(run->finding, "a byte outside the real inputs")};
  return compare(run->d, operands);
}

Expected<Evidence> Replayer::run() {
  if (m == 0)
    return Evidence{false, "a launch of no rows starts no kernel"};
  auto kernel = load(request.refuted);
  if (!kernel)
    return kernel.status();
  Operands operands = makeOperands();
  std::string alone;
  if (example.lemma == "L1" && example.hasByte()) {
    auto evidence = tryByte(*kernel, operands);
    if (!evidence || evidence->shown)
      return evidence;
    alone = describeByte(example, problem, m) + " alone did not show; ";
  }
  markPadding(operands);
  for (int schedule : {NYBL_EMU_SCHEDULE_EAGER, NYBL_EMU_SCHEDULE_ADVERSARY}) {
    auto evidence = tryPadding(*kernel, operands, schedule);
    if (!evidence)
      return evidence;
    if (evidence->shown)
      return Evidence{true, alone + evidence->sentence};
  }
  return Evidence{false, "the counterexample did not show in this run"};
}

} // namespace

std::string nybl::cli::emulatedChipOf(std::string target) {
  if (target.ends_with('f'))
    target.back() = 'a';
  return target;
}

Expected<Evidence> nybl::cli::replay(const ReplayRequest &request) {
  int64_t m = std::max<int64_t>(request.counterexample.m, 1);
  // Whole tiles are multiplied.
  double products = double((m + 127) / 128 * 128) * double(request.problem.n) *
                    double(request.problem.k);
  if (m > mostRows || products > mostProducts)
    return Status::refused(fmt::format(
        "expected at most {} rows and {:.0e} products, which the emulated "
        "driver does in a minute, and the counterexample has M = {} of {}",
        mostRows, mostProducts, m, print(request.problem)));
  auto choice = chooseDevice("emu:" + emulatedChipOf(request.chip));
  if (!choice)
    return choice.status();
  auto gpu = openDevice(*choice);
  if (!gpu)
    return gpu.status();
  return Replayer(request, Memory(*gpu)).run();
}
