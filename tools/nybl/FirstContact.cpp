// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// First contact: what a stranger with a GPU runs first. Micro-tests, the poison
// matrix, then speed.

#include "runtime/Abi/LeastDriver.h"
#include "tools/nybl/Command.h"
#include "tools/nybl/MicroTests.h"
#include "tools/nybl/Progress.h"
#include "tools/nybl/Reference.h"
#include "tools/nybl/SpeedTest.h"
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace nybl;
using namespace nybl::cli;
using Json = nlohmann::ordered_json;

namespace {

struct Options {
  std::string device = "cuda:0", jit, ptxas, tuneFile, bundle, cublasLt, nvml;
  bool json = false, problems = false;
};

/// For the emulated device, which is slow and whose times mean nothing.
constexpr Layer smallLayers[] = {{"small", 1, 64, 128}, {"small", 40, 96, 160}};

/// K blocks that do not fill words of four, and more tiles than one.
constexpr Layer poisonShapes[] = {{"", 300, 96, 96},
                                  {"", 300, 96, 80},
                                  {"", 129, 160, 480},
                                  {"", 129, 160, 464},
                                  {"", 5, 1024, 2048}};
/// Data by TMA, as tensor memory's kernels have it, wants whole 16 bytes.
constexpr int64_t tmaElements = 32;

constexpr ScaleLayout layouts[] = {ScaleLayout::Linear, ScaleLayout::T128x4,
                                   ScaleLayout::T8x4};

GemmProblem poisonProblem(const Layer &shape, ScaleLayout layout) {
  GemmProblem problem;
  problem.n = shape.n;
  problem.k = shape.k;
  problem.sfa = problem.sfb = layout;
  return problem;
}

bool hasBlockScaledMma(const driver::Device &gpu) {
  return gpu.chip().starts_with("sm_12");
}

bool hasTensorMemory(const driver::Device &gpu) {
  return gpu.chip().starts_with("sm_10") || gpu.chip().starts_with("sm_11");
}

struct PoisonResult {
  std::string problem, reason; ///< no reason: fine
  bool hasRun = true;          ///< else the reason is why not
};

class Contact {
public:
  Contact(Workbench &bench, const Options &options);

  /// What cannot be had is a result too.
  void run();
  std::string text() const;
  std::string json() const;
  Status verdict() const;
  /// As on a chip that nothing here is for.
  bool hasNothing() const {
    return micro.empty() && failures == matrix.size() + speed.size();
  }

private:
  void microTests();
  Status poison(PoisonResult &result, const GemmProblem &problem, int64_t m);
  void poisonMatrix();
  void speeds();
  void noteFailure(const Status &status);
  std::string microText() const;
  std::string speedText() const;
  const char *figures() const {
    return bench.isEmulated()
               ? "meaningless: the device is emulated"
               : "median of 30 launches with a cold L2, operands by turns";
  }

  Workbench &bench;
  std::shared_ptr<const CublasLt> peer;
  std::optional<Clocks> clocks;
  std::string peerName, clocksName, microSkipped; ///< or why there is none
  std::string microFailed; ///< why the micro-tests end before the last
  std::vector<MicroTest> micro;
  std::vector<PoisonResult> matrix;
  std::vector<Speed> speed;
  Status firstFailure; ///< of what could not be had
  size_t failures = 0;
  Status lost; ///< why the device takes no more work
};

Contact::Contact(Workbench &bench, const Options &options) : bench(bench) {
  // A real library on an emulated device is asked for by name alone.
  auto wanted = [&](const std::string &path) {
    return !bench.isEmulated() || !path.empty();
  };
  const char *notAsked = "not looked for: the device is emulated";
  peerName = clocksName = notAsked;
  if (wanted(options.cublasLt)) {
    auto found = CublasLt::load(options.cublasLt, bench.device());
    peerName = found ? (*found)->name() : found.message();
    if (found)
      peer = std::move(*found);
  }
  if (wanted(options.nvml)) {
    auto found = Clocks::open(options.nvml, bench.gpu());
    clocksName = found ? "NVML" : found.message();
    if (found)
      clocks = *found;
  }
}

/// A context that a kernel has broken fails every call from then on.
void Contact::noteFailure(const Status &status) {
  ++failures;
  if (firstFailure)
    firstFailure = status;
  if (auto probe = driver::Buffer::allocate(bench.device(), 1); lost && !probe)
    lost = Status::error(status.code(),
                         "skipped: the device takes no more work since: " +
                             status.message());
}

void Contact::microTests() {
  bool inRegisters = hasBlockScaledMma(bench.gpu());
  if (!inRegisters && !hasTensorMemory(bench.gpu())) {
    microSkipped = fmt::format("skipped: they ask multiplies with block "
                               "scaling, which {} does not have",
                               bench.gpu().chip());
    return;
  }
  auto run = inRegisters ? runMicroTests : runTensorMicroTests;
  if (Status status = run(bench.device(), micro); !status) {
    microFailed = status.message();
    noteFailure(status);
  }
}

/// The same bits with clean and with poisoned padding, and the right ones.
/// Errors: what keeps it from running.
Status Contact::poison(PoisonResult &result, const GemmProblem &problem,
                       int64_t m) {
  auto plan = bench.prepare(print(problem), "");
  if (!plan)
    return plan.status();
  Product product = Product::make(problem, m, /*seed=*/7);
  Reference expected = Reference::onHost(product, SIZE_MAX);
  std::string first;
  for (bool padded : {false, true}) {
    auto operands = bench.upload(product, padded);
    if (!operands)
      return operands.status();
    auto d = bench.run(plan->plan, *operands);
    if (d.status().code() == ErrorCode::Refused) {
      result.reason = d.message(); // it did what it must not
      return Status::ok();
    }
    if (!d)
      return d.status();
    if (Status right = expected.check(*d); !right && result.reason.empty())
      result.reason = right.message();
    if (padded && *d != first && result.reason.empty())
      result.reason = "padding changes the result";
    first = std::move(*d);
  }
  return Status::ok();
}

void Contact::poisonMatrix() {
  Progress progress("poisoned products",
                    std::size(poisonShapes) * std::size(layouts));
  for (const Layer &shape : poisonShapes) {
    bool byTma = shape.k % tmaElements == 0;
    if (!byTma && !hasBlockScaledMma(bench.gpu()))
      continue;
    for (ScaleLayout layout : layouts) {
      if (bench.isEmulated() && (shape.n > 96 || layout == ScaleLayout::T8x4))
        continue;
      progress.show(matrix.size());
      GemmProblem problem = poisonProblem(shape, layout);
      int64_t m = bench.isEmulated() ? 5 : shape.m;
      PoisonResult result{fmt::format("M = {}, {}", m, print(problem)), ""};
      Status status = lost ? poison(result, problem, m) : lost;
      if (!status) {
        result.reason = status.message();
        result.hasRun = false;
        noteFailure(status);
      }
      matrix.push_back(std::move(result));
    }
  }
}

void Contact::speeds() {
  std::vector<Layer> layers(std::begin(denseLayers), std::end(denseLayers));
  if (bench.isEmulated())
    layers.assign(std::begin(smallLayers), std::end(smallLayers));
  SpeedTest test(bench, peer, clocks ? &*clocks : nullptr);
  Progress progress("layers", layers.size());
  for (const Layer &layer : layers) {
    progress.show(speed.size());
    Expected<Speed> one = lost ? test.time(layer) : Expected<Speed>(lost);
    if (one) {
      speed.push_back(std::move(*one));
      continue;
    }
    noteFailure(one.status());
    speed.emplace_back();
    speed.back().layer = layer;
    speed.back().failed = one.message();
  }
}

void Contact::run() {
  microTests();
  poisonMatrix();
  speeds();
}

//===----------------------------------------------------------------------===//
// What is said
//===----------------------------------------------------------------------===//

std::string Contact::microText() const {
  std::string out = "\nThe multiply, where no manual says what it does:\n";
  if (!microSkipped.empty())
    out += "  " + microSkipped + "\n";
  for (const MicroTest &test : micro)
    out +=
        fmt::format("  {:<8}{:<45}{}{}\n", test.agrees() ? "agrees" : "DIFFERS",
                    test.question, test.observed,
                    test.agrees() ? "" : ", modelled: " + test.modelled);
  if (!microFailed.empty())
    out += "  FAILED  " + microFailed + "\n";
  return out;
}

/// Four columns: a time, its spread, and two rates.
std::string columns(const Speed &s, const Measured &by) {
  return fmt::format(
      "{:>11.2f}{:>9.2f}{:>9.1f}{:>8.0f}", double(by.timing.median) / 1000,
      double(by.timing.spread) / 1000, s.teraflops(by), s.gigabytes(by));
}

std::string Contact::speedText() const {
  std::string out = fmt::format(
      "\nSpeed ({}):\n  beside it: {}\n  clocks: {}\n  {:<28}{:>6}{:>7}{:>7}"
      "{:>11}{:>9}{:>9}{:>8}",
      figures(), peerName, clocksName, "layer", "M", "N", "K", "us", "+-us",
      "TFLOP/s", "GB/s");
  if (peer)
    out += fmt::format("{:>11}{:>9}{:>9}{:>8}", "theirs us", "+-us", "TFLOP/s",
                       "GB/s");
  out += "\n";
  for (const Speed &s : speed) {
    out += fmt::format("  {:<28}{:>6}{:>7}{:>7}", s.layer.name, s.layer.m,
                       s.layer.n, s.layer.k);
    if (!s.failed.empty()) {
      out += "  FAILED: " + s.failed + "\n";
      continue;
    }
    out += columns(s, s.ours);
    if (s.peer && s.peer->timing.median > 0)
      out += columns(s, *s.peer);
    if (s.ours.clocks)
      out += fmt::format("  {} MHz, memory {} MHz",
                         s.ours.clocks->multiprocessorMHz,
                         s.ours.clocks->memoryMHz);
    out += "  " + s.schedule + "\n";
    if (!s.ours.wrong.empty())
      out += "    WRONG: " + s.ours.wrong + "\n";
    if (s.peer && !s.peer->wrong.empty())
      out += "    theirs: " + s.peer->wrong + "\n";
  }
  return out;
}

std::string Contact::text() const {
  const driver::Device &gpu = bench.gpu();
  // Newer drivers no longer say it, nor does the emulated one.
  std::string clock =
      gpu.clockKHz() > 0
          ? fmt::format("at most {:.2f} GHz", double(gpu.clockKHz()) / 1e6)
          : "clock not known";
  std::string out = fmt::format("{} ({}), {} multiprocessors, {}, CUDA {}{}\n",
                                gpu.name(), gpu.chip(), gpu.multiprocessors(),
                                clock, driverText(gpu.driver().version()),
                                bench.isEmulated() ? ", emulated" : "");
  out += microText();
  out += fmt::format("\nClean and poisoned padding, checked against {}:\n",
                     Reference::hostName);
  for (const PoisonResult &one : matrix)
    out +=
        fmt::format("  {:<8}{}{}\n",
                    !one.hasRun          ? "FAILED"
                    : one.reason.empty() ? "same"
                                         : "WRONG",
                    one.problem, one.reason.empty() ? "" : ": " + one.reason);
  return out + speedText();
}

Json asJson(const Speed &s, const Measured &by) {
  Json json = {{"us", double(by.timing.median) / 1000},
               {"spread_us", double(by.timing.spread) / 1000},
               {"runs", by.timing.runs},
               {"wrong", by.wrong}};
  if (by.timing.median > 0) {
    json["tflops"] = s.teraflops(by);
    json["gb_per_s"] = s.gigabytes(by);
  }
  if (by.clocks) {
    json["sm_mhz"] = by.clocks->multiprocessorMHz;
    json["memory_mhz"] = by.clocks->memoryMHz;
  }
  return json;
}

Json asJson(const Speed &s) {
  Json json = {{"layer", s.layer.name},
               {"m", s.layer.m},
               {"n", s.layer.n},
               {"k", s.layer.k},
               {"failed", s.failed}};
  if (!s.failed.empty())
    return json;
  json.update(asJson(s, s.ours));
  json.update({{"schedule", s.schedule},
               {"tuned", s.tuned},
               {"problem_class", s.problemClass},
               {"origin", s.origin}});
  if (s.peer)
    json["peer"] = asJson(s, *s.peer);
  return json;
}

std::string Contact::json() const {
  const driver::Device &gpu = bench.gpu();
  Json tests = Json::array(), poisoned = Json::array(), times = Json::array();
  for (const MicroTest &test : micro)
    tests.push_back({{"question", test.question},
                     {"observed", test.observed},
                     {"modelled", test.modelled},
                     {"agrees", test.agrees()}});
  for (const PoisonResult &one : matrix)
    poisoned.push_back({{"problem", one.problem},
                        {"same", one.reason.empty()},
                        {"failed", !one.hasRun},
                        {"reason", one.reason}});
  for (const Speed &s : speed)
    times.push_back(asJson(s));
  Json root = {{"nybl", nybl_version()},
               {"gpu", gpu.name()},
               {"chip", gpu.chip()},
               {"multiprocessors", gpu.multiprocessors()},
               {"clock_khz", gpu.clockKHz()},
               {"driver", gpu.driver().version()},
               {"emulated", bench.isEmulated()},
               {"checked", Reference::hostName},
               {"micro_tests", tests},
               {"micro_tests_skipped", microSkipped},
               {"micro_tests_failed", microFailed},
               {"poison", poisoned},
               {"figures", figures()},
               {"peer", peerName},
               {"clocks", clocksName},
               {"speed", times}};
  return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Status Contact::verdict() const {
  size_t differ = 0, wrong = 0;
  for (const MicroTest &test : micro)
    differ += !test.agrees();
  for (const PoisonResult &one : matrix)
    wrong += one.hasRun && !one.reason.empty();
  for (const Speed &one : speed)
    wrong += !one.ours.wrong.empty();
  if (differ + wrong == 0 && failures == 0)
    return Status::ok();
  if (differ + wrong == 0)
    return Status::error(firstFailure.code(),
                         fmt::format("{} of what was asked could not be had, "
                                     "all else is fine; the first: {}",
                                     failures, firstFailure.message()));
  return Status::refused(fmt::format(
      "{} where the GPU does not do what the emulated one is made to do, {} "
      "wrong, {} failed: please send the output of --json",
      countText(differ, "micro-test"), countText(wrong, "product"), failures));
}

/// The lines of all problems that any device is asked for.
std::string problemLines() {
  std::string out;
  for (const Layer &shape : poisonShapes)
    for (ScaleLayout layout : layouts)
      out += print(poisonProblem(shape, layout)) + "\n";
  for (const Layer &layer : smallLayers)
    out += print(problemOf(layer)) + "\n";
  for (const Layer &layer : denseLayers)
    out += print(problemOf(layer)) + "\n";
  return out;
}

Status runFirstContact(const Options &options) {
  if (options.problems) {
    printOut(problemLines());
    return Status::ok();
  }
  auto choice =
      chooseDevice(options.device == "emu" ? "emu:sm_120a" : options.device);
  if (!choice)
    return choice.status();
  auto bench = Workbench::open(
      *choice, {options.jit, options.ptxas, options.tuneFile, options.bundle});
  if (!bench)
    return bench.status();
  Contact contact(**bench, options);
  contact.run();
  if (contact.hasNothing())
    return contact.verdict();
  printOut(options.json ? contact.json() : contact.text());
  return contact.verdict();
}

} // namespace

void nybl::cli::addFirstContact(CLI::App &verb, int &code,
                                const std::string &bundle) {
  auto options = std::make_shared<Options>();
  options->bundle = bundle;
  verb.description(
      "What to run first on a GPU that is new here: what its multiply does "
      "where no manual says it, products with poisoned padding, and speed, "
      "beside cuBLASLt's where that is found\n"
      "A difference is exit code 1, and what fails is said in its place; "
      "--json is what to send us. On an emulated "
      "device it runs on small shapes, and its times mean nothing.");
  verb.add_option("--device", options->device,
                  "cuda:N, emu, or emu:CHIP for the emulated driver")
      ->capture_default_str();
  verb.add_option("--tune", options->tuneFile, "a tune file to follow");
  verb.add_option("--bundle", options->bundle,
                  "bundles with kernels, separated by ':'")
      ->capture_default_str();
  verb.add_option("--cublaslt", options->cublasLt,
                  "path of libcublasLt.so; without it, it is looked for");
  verb.add_option("--nvml", options->nvml,
                  "path of libnvidia-ml.so; without it, it is looked for");
  verb.add_option("--ptxas", options->ptxas, "path of ptxas");
  verb.add_option("--jit", options->jit, "path of libnybl_jit.so");
  verb.add_flag("--json", options->json, "print JSON");
  verb.add_flag("--problems", options->problems,
                "print the problem lines it needs kernels for, as `nybl "
                "bundle` reads them, and do nothing else");
  verb.callback([options, &code] { code = report(runFirstContact(*options)); });
}
