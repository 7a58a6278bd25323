// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// NYBL_CHECK: a launch whose operands are looked at; and a launch written to a
// file, for `nybl run` to replay.

#include "runtime/Library/Handles.h"
#include "runtime/Support/Environment.h"
#include "runtime/Support/Safetensors.h"
#include <atomic>
#include <cstdio>
#include <fmt/format.h>
#include <functional>
#include <initializer_list>
#include <unistd.h>

using namespace nybl;
using namespace nybl::library;

namespace {

/// Where nobody takes the log, whoever set NYBL_CHECK still reads it.
void warn(const Library &library, const std::string &message) {
  if (library.callback)
    return library.log(NYBL_LOG_WARNING, message);
  std::fprintf(stderr, "nybl: %s\n", message.c_str());
}

/// The problem with the launch's own M.
template <typename Problem>
Problem launched(Problem problem, int64_t m) {
  problem.m = Extent::fixed(m);
  return problem;
}

/// Tensors of a file, and the bytes that they point to.
class Dump {
public:
  explicit Dump(const driver::Device &device) : device(device) {}

  /// Rows, back to back: where they lie so, at once.
  Status matrix(const char *name, const nybl_matrix &from, int64_t rows,
                int64_t rowBytes, const char *dtype = "U8",
                int64_t elementBytes = 1) {
    if (rows > largestOperand / rowBytes)
      return tooLarge(name);
    std::string packed(static_cast<size_t>(rows * rowBytes), '\0');
    bool isDense = from.row_stride == rowBytes;
    int64_t pieces = isDense ? 1 : rows,
            bytes = isDense ? rows * rowBytes : rowBytes;
    for (int64_t piece = 0; piece < pieces; ++piece)
      if (Status status = driver::download(
              device,
              from.pointer + static_cast<uint64_t>(piece * from.row_stride),
              &packed[static_cast<size_t>(piece * bytes)],
              static_cast<uint64_t>(bytes));
          !status)
        return status;
    add(name, dtype, {rows, rowBytes / elementBytes}, std::move(packed));
    return Status::ok();
  }
  /// What rows that are used take of the tensor: its beginning, in each layout.
  Status scales(const char *name, const nybl_scales &from, ScaleLayout layout,
                int64_t rows, int64_t blocks) {
    int64_t bytes = byteSize(layout, rows, blocks);
    if (bytes > largestOperand)
      return tooLarge(name);
    std::string image(static_cast<size_t>(bytes), '\0');
    Status status =
        driver::download(device, from.pointer, image.data(), image.size());
    add(name, "U8", {bytes}, std::move(image));
    parts.back().tensor.layout = nybl::name(layout);
    return status;
  }
  /// One f32 of that convention.
  Status scalar(const char *name, const nybl_scalar &from,
                uint32_t convention) {
    float value = from.value;
    if (from.kind == NYBL_SCALAR_DEVICE)
      if (Status status =
              driver::download(device, from.pointer, &value, sizeof value);
          !status)
        return status;
    if (from.convention != convention)
      value = 1 / value;
    add(name, "F32", {1},
        std::string(reinterpret_cast<const char *>(&value), sizeof value));
    return Status::ok();
  }
  /// In the convention that it has, which is the problem's.
  Status global(GlobalKind kind, const nybl_scalar &from) {
    return kind == GlobalKind::None ? Status::ok()
                                    : scalar("global", from, from.convention);
  }
  Status write(const std::string &path) {
    std::vector<Tensor> tensors;
    for (Part &part : parts) {
      part.tensor.bytes = {reinterpret_cast<const uint8_t *>(part.bytes.data()),
                           part.bytes.size()};
      tensors.push_back(part.tensor);
    }
    return writeSafetensors(path, std::move(tensors));
  }

private:
  struct Part {
    Tensor tensor;
    std::string bytes;
  };
  /// 64 GiB: more is no operand, and none that this machine should try to hold.
  static constexpr int64_t largestOperand = int64_t(1) << 36;
  static Status tooLarge(const char *name) {
    return Status::refused(fmt::format(
        "nybl_dump_launch: {}: expected an operand of at most {} bytes", name,
        largestOperand));
  }
  void add(const char *name, const char *dtype, std::vector<int64_t> shape,
           std::string bytes) {
    Tensor tensor;
    tensor.name = name;
    tensor.dtype = dtype;
    tensor.shape = std::move(shape);
    parts.push_back({std::move(tensor), std::move(bytes)});
  }

  const driver::Device &device;
  std::vector<Part> parts;
};

/// A name that nobody else uses, in the folder that NYBL_CHECK_DUMP names.
std::string dumpName() {
  static std::atomic<unsigned> number;
  std::string folder = environmentVariable("NYBL_CHECK_DUMP");
  if (folder.empty())
    return "";
  return fmt::format("{}/nybl-{}-{}.safetensors", folder, getpid(), number++);
}

/// What a replay makes of the operands.
constexpr const char *resultOf(const GemmProblem &) { return "d"; }
constexpr const char *resultOf(const QuantizeProblem &) { return "q"; }
constexpr const char *resultOf(const DequantizeProblem &) { return "y"; }

/// As recipes take them.
const nybl_gemm_args &operandsOf(const nybl_gemm_args &args) { return args; }
const nybl_quantize_args &operandsOf(const nybl_quantize_args &args) {
  return args;
}
using nybl::library::operandsOf;

/// What `nybl run` takes the same kernel for: of one for any N and K its class,
/// since the sizes are in the file.
template <typename Problem>
std::string replayLine(const PlanKernel &one, const Problem &problem,
                       int64_t m) {
  auto gemm = parseProblem(one.problemClass);
  return gemm && gemm->isGeneric() ? one.problemClass
                                   : print(launched(problem, m));
}

template <typename Problem, typename Args>
void dumpAndSay(const Plan &plan, const PlanKernel &one, const Problem &problem,
                const Args &args) {
  std::string path = dumpName();
  if (path.empty())
    return;
  Status status = dumpLaunch(plan, args, path);
  warn(*plan.device->library,
       status ? fmt::format("NYBL_CHECK: written to '{0}'; `nybl run \"{1}\" "
                            "--in {0} --out {3}.safetensors --device emu:{2} "
                            "--poison-padding 0x7f` replays it",
                            path, replayLine(one, problem, args.m),
                            plan.device->gpu->chip(), resultOf(problem))
              : "NYBL_CHECK: nothing is written: " + status.message());
}

/// Looks at the operands around one launch, and says what it found.
template <typename Recipe, typename Problem, typename Args>
Status launchChecked(const Plan &plan, const PlanKernel &one,
                     const Recipe &recipe, const Problem &problem,
                     const Args &args) {
  const auto &operands = operandsOf(args);
  if (Status status = recipe.check(operands); !status)
    return status;
  const Library &library = *plan.device->library;
  std::string name = print(launched(problem, args.m));
  if (plan.check->isCapturing(args.stream)) {
    warn(library, fmt::format("NYBL_CHECK: '{}' is launched unchecked: its "
                              "stream is being captured",
                              name));
    return one.kernel->launch(recipe, operands);
  }
  if (args.m == 0)
    return Status::ok();
  auto run = plan.check->start();
  if (Status status = run.before(problem, args); !status)
    return status;
  if (Status status = one.kernel->launch(recipe, operands); !status)
    return status;
  auto findings = run.after(problem, args);
  if (!findings)
    return findings.status();
  for (const std::string &line : findings->describe(problem))
    warn(library, fmt::format("NYBL_CHECK: '{}': {}", name, line));
  if (findings->any())
    dumpAndSay(plan, one, problem, args);
  return Status::ok();
}

Status wrongPlan(const char *call, const char *expected, const Plan &plan) {
  return Status::invalid(
      fmt::format("{}: expected the plan of a '{}', got one of a '{}'", call,
                  expected, operationOf(plan.problem)));
}

/// Of a quantisation, or what undoes it: its operands are there to be read.
/// Without rows no other field was looked at.
Status awaitRows(const char *call, int64_t m, const driver::Device &device,
                 void *stream) {
  if (m == 0)
    return Status::refused(
        fmt::format("{}: expected a launch of at least one row, got m = 0: it "
                    "launches nothing, and there is nothing to write",
                    call));
  return driver::synchronize(device, stream);
}

} // namespace

Status library::dumpLaunch(const Plan &plan, const nybl_gemm_args &args,
                           const std::string &path) {
  auto *gemm = std::get_if<GemmProblem>(&plan.problem);
  if (!gemm)
    return wrongPlan("nybl_dump_launch", "gemm", plan);
  const GemmProblem &p = *gemm;
  const PlanKernel *one = plan.kernelFor(args.m);
  if (Status status = one ? one->recipe->check(args) : checkRows(plan, args.m);
      !status)
    return status;
  // No other field was looked at.
  if (args.m == 0 || p.n == 0)
    return Status::refused(fmt::format(
        "nybl_dump_launch: expected a launch of at least one row and column, "
        "got m = {} and n = {}: it launches nothing, and there is nothing to "
        "write",
        args.m, p.n));
  const driver::Device &device = *plan.device->gpu;
  if (Status status = driver::synchronize(device, args.stream); !status)
    return status;
  Dump dump(device);
  for (auto step : std::initializer_list<std::function<Status()>>{
           [&] { return dump.matrix("a", args.a, args.m, p.k / 2); },
           [&] { return dump.matrix("b", args.b, p.n, p.k / 2); },
           [&] {
             return dump.scales("a_scale", args.a_scales, p.sfa, args.m,
                                p.blocks());
           },
           [&] {
             return dump.scales("b_scale", args.b_scales, p.sfb, p.n,
                                p.blocks());
           },
           [&] {
             return p.alpha == AlphaKind::None
                        ? Status::ok()
                        : dump.scalar("alpha", args.alpha,
                                      NYBL_CONVENTION_DECODE);
           }})
    if (Status status = step(); !status)
      return status;
  return dump.write(path);
}

Status library::dumpLaunch(const Plan &plan, const nybl_quantize_args &args,
                           const std::string &path) {
  auto *problem = std::get_if<QuantizeProblem>(&plan.problem);
  if (!problem)
    return wrongPlan("nybl_dump_quantize", "quantize", plan);
  const PlanKernel &one = *plan.kernelFor(args.m);
  if (Status status = one.quantizeRecipe->check(args); !status)
    return status;
  const driver::Device &device = *plan.device->gpu;
  if (Status status =
          awaitRows("nybl_dump_quantize", args.m, device, args.stream);
      !status)
    return status;
  Dump dump(device);
  int64_t width = byteWidth(problem->x);
  if (Status status =
          dump.matrix("x", args.x, args.m, problem->xColumns() * width,
                      dtypeOf(problem->x), width);
      !status)
    return status;
  if (Status status = dump.global(problem->global, args.global); !status)
    return status;
  return dump.write(path);
}

Status library::dumpLaunch(const Plan &plan, const nybl_dequantize_args &args,
                           const std::string &path) {
  auto *problem = std::get_if<DequantizeProblem>(&plan.problem);
  if (!problem)
    return wrongPlan("nybl_dump_dequantize", "dequantize", plan);
  const PlanKernel &one = *plan.kernelFor(args.m);
  if (Status status = one.quantizeRecipe->check(operandsOf(args)); !status)
    return status;
  const driver::Device &device = *plan.device->gpu;
  if (Status status =
          awaitRows("nybl_dump_dequantize", args.m, device, args.stream);
      !status)
    return status;
  Dump dump(device);
  if (Status status = dump.matrix("q", args.q, args.m, problem->k / 2); !status)
    return status;
  if (Status status = dump.scales("q_scale", args.q_scales, problem->sf, args.m,
                                  problem->blocks());
      !status)
    return status;
  if (Status status = dump.global(problem->global, args.global); !status)
    return status;
  return dump.write(path);
}

Status library::enqueueChecked(const Plan &plan, const PlanKernel &one,
                               const nybl_gemm_args &args) {
  return launchChecked(plan, one, *one.recipe, one.recipe->problem(), args);
}

Status library::enqueueChecked(const Plan &plan, const PlanKernel &one,
                               const nybl_quantize_args &args) {
  return launchChecked(plan, one, *one.quantizeRecipe,
                       std::get<QuantizeProblem>(plan.problem), args);
}

Status library::enqueueChecked(const Plan &plan, const PlanKernel &one,
                               const nybl_dequantize_args &args) {
  return launchChecked(plan, one, *one.quantizeRecipe,
                       std::get<DequantizeProblem>(plan.problem), args);
}
