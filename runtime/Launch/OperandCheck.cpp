// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Launches the kernels that count.

#include "runtime/Launch/OperandCheck.h"
#include "runtime/Launch/OperandCheckPtx.h"
#include "runtime/Launch/QuantizeRecipe.h"
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::launch;

namespace {

constexpr unsigned threads = 256;
/// Counters in device memory, in the order of Findings.
constexpr size_t counterCount = 5;
using Counters = std::array<Count, counterCount>;

driver::LaunchShape shapeFor(const driver::Device &device, int64_t elements) {
  driver::LaunchShape shape;
  shape.threads = threads;
  shape.grid = static_cast<unsigned>(std::clamp<int64_t>(
      (elements + threads - 1) / threads, 1, device.multiprocessors() * 8));
  return shape;
}

uint32_t exponentMask(OutputType type) {
  switch (type) {
  case OutputType::BF16:
    return 0x7f80;
  case OutputType::F16:
    return 0x7c00;
  case OutputType::F32:
    return 0x7f800000;
  }
  return 0;
}

void addLine(std::vector<std::string> &lines, const char *operand,
             const Count &found, const char *what, int64_t columns,
             const char *column) {
  if (found.count == 0)
    return;
  auto width = static_cast<uint64_t>(columns);
  lines.push_back(fmt::format("{}: {} {}, the first at row {}, {} {}", operand,
                              found.count, what, found.first / width, column,
                              found.first % width));
}

} // namespace

bool Findings::any() const {
  return nanScalesA.count || zeroScalesA.count || nanScalesB.count ||
         zeroScalesB.count || output.count || alphaNotFinite;
}

std::vector<std::string> Findings::describe(const GemmProblem &problem) const {
  std::vector<std::string> lines;
  int64_t blocks = problem.blocks();
  addLine(lines, "sfa", nanScalesA, "NaN bytes", blocks, "K block");
  addLine(lines, "sfa", zeroScalesA, "zero scales with data that is not zero",
          blocks, "K block");
  addLine(lines, "sfb", nanScalesB, "NaN bytes", blocks, "K block");
  addLine(lines, "sfb", zeroScalesB, "zero scales with data that is not zero",
          blocks, "K block");
  if (alphaNotFinite)
    lines.push_back("alpha: not finite");
  addLine(lines, "d", output, "elements that are not finite", problem.n,
          "column");
  return lines;
}

static constexpr const char *unusableGlobal =
    "global: not a positive normal number with a normal reciprocal";

std::vector<std::string>
QuantizeFindings::describe(const QuantizeProblem &problem) const {
  std::vector<std::string> lines;
  addLine(lines, "x", input, "elements that are not finite", problem.xColumns(),
          "column");
  if (globalUnusable)
    lines.push_back(unusableGlobal);
  return lines;
}

std::vector<std::string>
DequantizeFindings::describe(const DequantizeProblem &problem) const {
  std::vector<std::string> lines;
  int64_t blocks = problem.blocks();
  addLine(lines, "q_scales", nanScales, "NaN bytes", blocks, "K block");
  addLine(lines, "q_scales", zeroScales,
          "zero scales with data that is not zero", blocks, "K block");
  if (globalUnusable)
    lines.push_back(unusableGlobal);
  addLine(lines, "y", output, "elements that are not finite", problem.k,
          "column");
  return lines;
}

Expected<std::shared_ptr<const OperandCheck>>
OperandCheck::load(std::shared_ptr<const driver::Device> device) {
  auto check = std::make_shared<OperandCheck>();
  check->device = device;
  auto scales =
      driver::Module::load(device, {"", scaleCheckPtx}, "nybl_check_scales");
  if (!scales)
    return scales.status();
  auto output = driver::Module::load(device, {"", elementCheckPtx},
                                     "nybl_check_elements");
  if (!output)
    return output.status();
  check->scaleKernel = *scales;
  check->elementKernel = *output;
  return std::shared_ptr<const OperandCheck>(std::move(check));
}

bool OperandCheck::isCapturing(void *stream) const {
  const driver::Driver &api = device->driver();
  if (!api.cuStreamIsCapturing)
    return false;
  driver::ContextScope scope(*device);
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  return api.cuStreamIsCapturing(static_cast<CUstream>(stream), &status) !=
             CUDA_SUCCESS ||
         status != CU_STREAM_CAPTURE_STATUS_NONE;
}

Status OperandCheck::Run::scales(int64_t rows, int64_t blocks,
                                 const nybl_matrix &data,
                                 const nybl_scales &scales, void *stream,
                                 size_t counter) {
  uint64_t pointer = data.pointer, bytes = scales.pointer,
           stride = static_cast<uint64_t>(data.row_stride),
           count = static_cast<uint64_t>(rows),
           width = static_cast<uint64_t>(blocks),
           counts = counters.address() + counter * sizeof(Count);
  uint32_t layout = scales.layout;
  void *parameters[] = {&pointer, &stride, &bytes, &count,
                        &width,   &layout, &counts};
  return check.scaleKernel->launch(shapeFor(*check.device, rows * blocks),
                                   stream, parameters);
}

Status OperandCheck::Run::allocate() {
  auto buffer = driver::Buffer::allocate(check.device, sizeof(Counters));
  if (!buffer)
    return buffer.status();
  counters = std::move(*buffer);
  Counters none;
  return counters.upload(0, none.data(), sizeof none);
}

Status OperandCheck::Run::elements(const nybl_matrix &matrix, int64_t rows,
                                   int64_t columns, OutputType type,
                                   void *stream) {
  uint64_t pointer = matrix.pointer,
           stride = static_cast<uint64_t>(matrix.row_stride),
           height = static_cast<uint64_t>(rows),
           length = static_cast<uint64_t>(columns),
           counts = counters.address() + 4 * sizeof(Count);
  uint32_t width = byteWidth(type), mask = exponentMask(type);
  void *parameters[] = {&pointer, &stride, &height, &length,
                        &width,   &mask,   &counts};
  return check.elementKernel->launch(shapeFor(*check.device, rows * columns),
                                     stream, parameters);
}

Expected<Counters> OperandCheck::Run::counted(void *stream) {
  Counters found;
  Status status = driver::synchronize(*check.device, stream);
  if (status)
    status = counters.download(0, found.data(), sizeof found);
  return status ? Expected<Counters>(found) : status;
}

Expected<float> OperandCheck::Run::valueOf(const nybl_scalar &scalar) {
  float value = scalar.value;
  if (scalar.kind != NYBL_SCALAR_DEVICE)
    return value;
  Status status =
      driver::download(*check.device, scalar.pointer, &value, sizeof value);
  return status ? Expected<float>(value) : status;
}

Status OperandCheck::Run::before(const GemmProblem &problem,
                                 const nybl_gemm_args &args) {
  if (Status status = allocate(); !status)
    return status;
  if (Status status = scales(args.m, problem.blocks(), args.a, args.a_scales,
                             args.stream, 0);
      !status)
    return status;
  return scales(problem.n, problem.blocks(), args.b, args.b_scales, args.stream,
                2);
}

Expected<Findings> OperandCheck::Run::after(const GemmProblem &problem,
                                            const nybl_gemm_args &args) {
  if (Status status =
          elements(args.d, args.m, problem.n, problem.d, args.stream);
      !status)
    return status;
  auto found = counted(args.stream);
  if (!found)
    return found.status();
  const Counters &c = *found;
  Findings findings{c[0], c[1], c[2], c[3], c[4]};
  if (args.alpha.kind != NYBL_SCALAR_DEVICE) // a host's value is checked
    return findings;
  auto alpha = valueOf(args.alpha);
  if (!alpha)
    return alpha.status();
  findings.alphaNotFinite = !std::isfinite(*alpha) ||
                            (args.alpha.convention == NYBL_CONVENTION_ENCODE &&
                             !std::isfinite(1 / *alpha));
  return findings;
}

Status OperandCheck::Run::before(const QuantizeProblem &problem,
                                 const nybl_quantize_args &args) {
  if (Status status = allocate(); !status)
    return status;
  return elements(args.x, args.m, problem.xColumns(), problem.x, args.stream);
}

Expected<bool> OperandCheck::Run::isGlobalUnusable(GlobalKind kind,
                                                   const nybl_scalar &global) {
  if (kind == GlobalKind::None)
    return false;
  auto value = valueOf(global);
  return value ? Expected<bool>(!isUsableGlobal(*value)) : value.status();
}

Expected<QuantizeFindings>
OperandCheck::Run::after(const QuantizeProblem &problem,
                         const nybl_quantize_args &args) {
  auto found = counted(args.stream);
  if (!found)
    return found.status();
  auto unusable = isGlobalUnusable(problem.global, args.global);
  if (!unusable)
    return unusable.status();
  return QuantizeFindings{(*found)[4], *unusable};
}

Status OperandCheck::Run::before(const DequantizeProblem &problem,
                                 const nybl_dequantize_args &args) {
  if (Status status = allocate(); !status)
    return status;
  return scales(args.m, problem.blocks(), args.q, args.q_scales, args.stream,
                0);
}

Expected<DequantizeFindings>
OperandCheck::Run::after(const DequantizeProblem &problem,
                         const nybl_dequantize_args &args) {
  if (Status status =
          elements(args.y, args.m, problem.k, problem.y, args.stream);
      !status)
    return status;
  auto found = counted(args.stream);
  if (!found)
    return found.status();
  auto unusable = isGlobalUnusable(problem.global, args.global);
  if (!unusable)
    return unusable.status();
  const Counters &c = *found;
  return DequantizeFindings{c[0], c[1], c[4], *unusable};
}
