// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl first-contact: what a stranger with a GPU runs first. Micro-tests, the
// poison matrix, then speed.

#include "tools/nybl/Command.h"
#include "tools/nybl/MicroTests.h"
#include "tools/nybl/Progress.h"
#include "tools/nybl/Reference.h"
#include "tools/nybl/Stopwatch.h"
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace nybl;
using namespace nybl::cli;
using Json = nlohmann::ordered_json;

namespace {

struct Options {
  std::string device = "cuda:0", jit, ptxas, nvrtc, tuneFile, bundle;
  bool json = false;
};

struct Shape {
  const char *layer;
  int64_t m, n, k;
};

/// Dense layers of models, one a kind: what binds differs from one to the next.
constexpr Shape layers[] = {{"llama3.1-8b qkv", 1, 6144, 4096},
                            {"llama3.1-8b gate_up", 64, 28672, 4096},
                            {"llama3.1-8b gate_up", 2048, 28672, 4096},
                            {"llama3.1-8b down", 1, 4096, 14336},
                            {"llama3.1-8b down", 2048, 4096, 14336},
                            {"llama3.3-70b TP4 qkv", 1, 2560, 8192},
                            {"llama3.3-70b TP4 o", 8, 8192, 2048},
                            {"llama3.3-70b TP4 gate_up", 32, 14336, 8192},
                            {"llama3.3-70b TP4 gate_up", 8192, 14336, 8192},
                            {"llama3.3-70b TP4 down", 8192, 8192, 7168},
                            {"llama3.1-405b TP8 gate_up", 16, 13312, 16384},
                            {"llama3.1-405b TP8 down", 4096, 16384, 6656},
                            {"ds-r1 TP8 o_proj", 128, 7168, 2048},
                            {"ds-r1 shared gate_up", 4096, 4096, 7168},
                            {"glm-5 o_proj TP8", 1205, 6144, 2048},
                            {"glm-4.5-air dense down TP2", 128, 4096, 5472},
                            {"nemotron3-nano shared down", 8, 2688, 3712}};
/// For the emulated device, which is slow and whose times mean nothing.
constexpr Shape smallLayers[] = {{"small", 1, 64, 128}, {"small", 40, 96, 80}};

constexpr Shape poisonShapes[] = {
    {"", 300, 96, 80}, {"", 129, 160, 464}, {"", 5, 1024, 2048}};

struct PoisonResult {
  std::string problem, reason; ///< no reason: fine
};

struct Speed {
  Shape shape;
  std::string schedule, tuned, problemClass, origin;
  Timing timing;
  uint64_t bytes = 0;

  double teraflops() const {
    return 2e-3 * double(shape.m) * double(shape.n) * double(shape.k) /
           double(timing.median);
  }
  double gigabytes() const { return double(bytes) / double(timing.median); }
};

class Contact {
public:
  Contact(Workbench &bench, std::optional<Nvrtc> nvrtc)
      : bench(bench), nvrtc(std::move(nvrtc)) {}

  Status run();
  std::string text() const;
  std::string json() const;
  Status verdict() const;

private:
  Status poison(const GemmProblem &problem, int64_t m);
  Status poisonMatrix();
  Expected<Speed> time(const Shape &shape);
  Status speeds();
  const char *figures() const {
    return bench.isEmulated()
               ? "meaningless: the device is emulated"
               : "median of 30 launches with a cold L2, operands by turns";
  }

  Workbench &bench;
  std::optional<Nvrtc> nvrtc;
  std::vector<MicroTest> micro;
  std::vector<PoisonResult> matrix;
  std::vector<Speed> speed;
  std::string reference;
};

/// The same bits with clean and with poisoned padding, and the right ones.
Status Contact::poison(const GemmProblem &problem, int64_t m) {
  auto plan = bench.prepare(print(problem), "");
  if (!plan)
    return plan.status();
  Product product = Product::make(problem, m, /*seed=*/7);
  auto expected = Reference::make(bench, product, nvrtc ? &*nvrtc : nullptr);
  if (!expected)
    return expected.status();
  reference = expected->name();
  PoisonResult result{fmt::format("M = {}, {}", m, print(problem)), ""};
  std::string first;
  for (bool padded : {false, true}) {
    auto operands = bench.upload(product, padded);
    if (!operands)
      return operands.status();
    auto d = bench.run(plan->plan, *operands);
    if (!d)
      return Status::error(d.status().code(),
                           result.problem + ": " + d.message());
    if (Status right = expected->check(*d); !right && result.reason.empty())
      result.reason = right.message();
    if (padded && *d != first && result.reason.empty())
      result.reason = "padding changes the result";
    first = std::move(*d);
  }
  matrix.push_back(std::move(result));
  return Status::ok();
}

Status Contact::poisonMatrix() {
  Progress progress("poisoned products", std::size(poisonShapes) * 3);
  for (const Shape &shape : poisonShapes)
    for (ScaleLayout layout :
         {ScaleLayout::Linear, ScaleLayout::T128x4, ScaleLayout::T8x4}) {
      if (bench.isEmulated() && (shape.n > 96 || layout == ScaleLayout::T8x4))
        continue;
      progress.show(matrix.size());
      GemmProblem problem;
      problem.n = shape.n;
      problem.k = shape.k;
      problem.sfa = problem.sfb = layout;
      int64_t m = bench.isEmulated() ? 5 : shape.m;
      if (Status status = poison(problem, m); !status)
        return status;
    }
  return Status::ok();
}

Expected<Speed> Contact::time(const Shape &shape) {
  GemmProblem problem;
  problem.m = Extent::fixed(shape.m);
  problem.n = shape.n;
  problem.k = shape.k;
  auto plan = bench.prepare(print(problem), "");
  if (!plan)
    return plan.status();
  std::vector<DeviceProduct> operands;
  for (uint64_t seed = 0; seed < 3; ++seed) {
    auto one = bench.upload(Product::make(problem, shape.m, seed), false);
    if (!one && operands.empty())
      return one.status();
    if (!one)
      break; // fewer, where memory is short
    operands.push_back(std::move(*one));
  }
  auto watch = Stopwatch::make(bench.device());
  if (!watch)
    return watch.status();
  auto timing = watch->time(
      bench.isEmulated() ? 1 : 30, [&](const driver::Stream &stream, int run) {
        return bench.launch(
            plan->plan, operands[static_cast<size_t>(run) % operands.size()],
            stream);
      });
  if (!timing)
    return timing.status();
  return Speed{shape,
               plan->manifest.schedule,
               plan->tuned,
               plan->problemClass,
               plan->origin,
               *timing,
               operands.front().bytes()};
}

Status Contact::speeds() {
  std::vector<Shape> shapes(std::begin(layers), std::end(layers));
  if (bench.isEmulated())
    shapes.assign(std::begin(smallLayers), std::end(smallLayers));
  Progress progress("layers", shapes.size());
  for (const Shape &shape : shapes) {
    progress.show(speed.size());
    auto one = time(shape);
    if (!one)
      return one.status();
    speed.push_back(std::move(*one));
  }
  return Status::ok();
}

Status Contact::run() {
  auto tests = runMicroTests(bench.device());
  if (!tests)
    return tests.status();
  micro = std::move(*tests);
  if (Status status = poisonMatrix(); !status)
    return status;
  return speeds();
}

std::string Contact::text() const {
  const driver::Device &gpu = bench.gpu();
  int version = gpu.driver().version();
  // Newer drivers no longer say it, nor does the emulated one.
  std::string clock =
      gpu.clockKHz() > 0
          ? fmt::format("at most {:.2f} GHz", double(gpu.clockKHz()) / 1e6)
          : "clock not known";
  std::string out =
      fmt::format("{} ({}), {} multiprocessors, {}, CUDA {}.{}{}\n", gpu.name(),
                  gpu.chip(), gpu.multiprocessors(), clock, version / 1000,
                  version % 1000 / 10, bench.isEmulated() ? ", emulated" : "");
  out += "\nThe multiply, where no manual says what it does:\n";
  for (const MicroTest &test : micro)
    out +=
        fmt::format("  {:<8}{:<45}{}{}\n", test.agrees() ? "agrees" : "DIFFERS",
                    test.question, test.observed,
                    test.agrees() ? "" : ", modelled: " + test.modelled);
  out += fmt::format("\nClean and poisoned padding, checked against {}:\n",
                     reference);
  for (const PoisonResult &one : matrix)
    out +=
        fmt::format("  {:<8}{}{}\n", one.reason.empty() ? "same" : "WRONG",
                    one.problem, one.reason.empty() ? "" : ": " + one.reason);
  out += fmt::format("\nSpeed ({}):\n  {:<28}{:>6}{:>7}{:>7}{:>11}{:>9}{:>9}"
                     "{:>8}\n",
                     figures(), "layer", "M", "N", "K", "us", "+-us", "TFLOP/s",
                     "GB/s");
  for (const Speed &s : speed)
    out += fmt::format("  {:<28}{:>6}{:>7}{:>7}{:>11.2f}{:>9.2f}{:>9.1f}"
                       "{:>8.0f}  {}\n",
                       s.shape.layer, s.shape.m, s.shape.n, s.shape.k,
                       double(s.timing.median) / 1000,
                       double(s.timing.spread) / 1000, s.teraflops(),
                       s.gigabytes(), s.schedule);
  return out;
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
                        {"reason", one.reason}});
  for (const Speed &s : speed)
    times.push_back({{"layer", s.shape.layer},
                     {"m", s.shape.m},
                     {"n", s.shape.n},
                     {"k", s.shape.k},
                     {"us", double(s.timing.median) / 1000},
                     {"spread_us", double(s.timing.spread) / 1000},
                     {"runs", s.timing.runs},
                     {"tflops", s.teraflops()},
                     {"gb_per_s", s.gigabytes()},
                     {"schedule", s.schedule},
                     {"tuned", s.tuned},
                     {"problem_class", s.problemClass},
                     {"origin", s.origin}});
  Json root = {{"nybl", nybl_version()},
               {"gpu", gpu.name()},
               {"chip", gpu.chip()},
               {"multiprocessors", gpu.multiprocessors()},
               {"clock_khz", gpu.clockKHz()},
               {"driver", gpu.driver().version()},
               {"emulated", bench.isEmulated()},
               {"checked", reference},
               {"micro_tests", tests},
               {"poison", poisoned},
               {"figures", figures()},
               {"speed", times}};
  return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Status Contact::verdict() const {
  size_t differ = 0, wrong = 0;
  for (const MicroTest &test : micro)
    differ += !test.agrees();
  for (const PoisonResult &one : matrix)
    wrong += !one.reason.empty();
  if (differ + wrong == 0)
    return Status::ok();
  return Status::refused(fmt::format(
      "{} where the GPU does not do what the emulated one is made to do, {} "
      "wrong: please send the output of --json",
      countText(differ, "micro-test"), countText(wrong, "poisoned product")));
}

Status runFirstContact(const Options &options) {
  auto choice =
      chooseDevice(options.device == "emu" ? "emu:sm_120a" : options.device);
  if (!choice)
    return choice.status();
  auto bench = Workbench::open(
      *choice, {options.jit, options.ptxas, options.tuneFile, options.bundle});
  if (!bench)
    return bench.status();
  if (!(*bench)->gpu().chip().starts_with("sm_12"))
    return Status::refused(fmt::format(
        "expected a GPU with the block-scaled mma.sync (sm_120a, sm_121a), got "
        "{} ({})",
        (*bench)->gpu().name(), (*bench)->gpu().chip()));
  auto nvrtc = Nvrtc::load(options.nvrtc, options.ptxas);
  if (!nvrtc && !options.nvrtc.empty())
    return nvrtc.status();
  Contact contact(**bench, nvrtc ? std::optional(*nvrtc) : std::nullopt);
  if (Status status = contact.run(); !status)
    return status;
  printOut(options.json ? contact.json() : contact.text());
  return contact.verdict();
}

} // namespace

void nybl::cli::addFirstContact(CLI::App &app, int &code) {
  auto options = std::make_shared<Options>();
  CLI::App *verb = app.add_subcommand(
      "first-contact",
      "What to run first on a GPU that is new here: what its multiply does "
      "where no manual says it, products with poisoned padding, and speed\n"
      "A difference is exit code 1; --json is what to send us. On an emulated "
      "device it runs on small shapes, and its times mean nothing.");
  verb->add_option("--device", options->device,
                   "cuda:N, emu, or emu:CHIP for the emulated driver")
      ->capture_default_str();
  verb->add_option("--tune", options->tuneFile, "a tune file to follow");
  verb->add_option("--bundle", options->bundle,
                   "bundles with kernels, separated by ':'");
  verb->add_option("--nvrtc", options->nvrtc, "path of libnvrtc.so");
  verb->add_option("--ptxas", options->ptxas, "path of ptxas");
  verb->add_option("--jit", options->jit, "path of libnybl_jit.so");
  verb->add_flag("--json", options->json, "print JSON");
  verb->callback(
      [options, &code] { code = report(runFirstContact(*options)); });
}
