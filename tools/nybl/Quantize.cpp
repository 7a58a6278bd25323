// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a file through nybl_quantize, or nybl_dequantize, to a file.

#include "tools/nybl/Quantize.h"
#include "tools/nybl/Capture.h"
#include "tools/nybl/Files.h"
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace nybl;
using namespace nybl::cli;

namespace {

Status readGlobal(const SafetensorsFile &file, GlobalKind kind,
                  std::optional<float> &global) {
  if (kind == GlobalKind::None)
    return file.find("global")
               ? Status::invalid(fmt::format(
                     "tensor 'global' in '{}': expected none, since the "
                     "problem line says global=none; say global=encode or "
                     "decode to use it",
                     file.path()))
               : Status::ok();
  auto tensor = file.require("global");
  if (!tensor)
    return tensor.status();
  const Tensor &t = **tensor;
  if (t.dtype != "F32" || t.bytes.size() != sizeof(float))
    return Status::invalid(fmt::format(
        "tensor 'global' in '{}': expected F32 with one element, got {}",
        file.path(), shapeOf(t)));
  float value;
  std::memcpy(&value, t.bytes.data(), sizeof value);
  global = value;
  return Status::ok();
}

/// What is never written stays 0, or poison.
Expected<DeviceScales> allocateScales(Memory &memory,
                                      const QuantizeProblem &problem, int64_t m,
                                      std::optional<uint8_t> poison) {
  std::string image(
      static_cast<size_t>(byteSize(problem.sf, m, problem.blocks())),
      static_cast<char>(poison.value_or(0)));
  return memory.scales(image, problem.sf, m, {});
}

/// M is in the problem's range.
Status checkRows(const Extent &rows, int64_t m, const char *name,
                 const std::string &path) {
  if (rows.contains(m))
    return Status::ok();
  return Status::invalid(fmt::format(
      "tensor '{}' in '{}': expected M in the problem line's range, "
      "got {} rows",
      name, path, m));
}

/// The word of the line that would take the tensor as it is.
std::string wordFor(const Tensor &x, const QuantizeProblem &problem) {
  for (OutputType type : {OutputType::BF16, OutputType::F16, OutputType::F32})
    if (x.dtype == dtypeOf(type) && type != problem.x)
      return fmt::format(": say x={}", name(type));
  if (x.dtype != dtypeOf(problem.x) || x.shape.size() != 2)
    return "";
  if (problem.m.contains(x.shape[0]) && x.shape[1] == problem.k)
    return ": a row has K gates and K numbers behind them where "
           "fuse=silu_mul";
  int64_t halves = problem.fuse == QuantizeFuse::SiluMul ? 2 : 1;
  if (x.shape[1] != problem.xColumns())
    return x.shape[1] > 0 && x.shape[1] % (kBlock * halves) == 0
               ? fmt::format(": say k={}", x.shape[1] / halves)
               : "";
  return fmt::format(": say m={}, or m=? for any number of rows", x.shape[0]);
}

} // namespace

nybl_scalar nybl::cli::globalOf(GlobalKind kind, std::optional<float> value) {
  if (!value)
    return {};
  uint32_t convention = kind == GlobalKind::Decode ? NYBL_CONVENTION_DECODE
                                                   : NYBL_CONVENTION_ENCODE;
  return {NYBL_SCALAR_HOST, convention, 0, *value, 0};
}

Expected<DequantizeCapture>
nybl::cli::readDequantizeCapture(const std::string &path,
                                 const DequantizeProblem &problem) {
  auto file = SafetensorsFile::read(path);
  if (!file)
    return file.status();
  auto q = readCodes(*file, "q", -1, problem.k);
  if (!q)
    return q.status();
  DequantizeCapture capture;
  capture.m = (*q)->shape[0];
  if (Status status = checkRows(problem.m, capture.m, "q", path); !status)
    return status;
  auto scales =
      readScales(*file, "q_scale", problem.sf, capture.m, problem.blocks());
  if (!scales)
    return scales.status();
  capture.q = bytesOf(**q);
  capture.scales = bytesOf(**scales);
  if (Status status = readGlobal(*file, problem.global, capture.global);
      !status)
    return status;
  return capture;
}

Status nybl::cli::writeElements(const std::string &path,
                                const DequantizeProblem &problem, int64_t m,
                                const std::string &rows) {
  Tensor y;
  y.name = "y";
  y.dtype = dtypeOf(problem.y);
  y.shape = {m, problem.k};
  y.bytes = {reinterpret_cast<const uint8_t *>(rows.data()), rows.size()};
  return writeOutput(path, printSafetensors({y}));
}

Expected<QuantizeCapture>
nybl::cli::readQuantizeCapture(const std::string &path,
                               const QuantizeProblem &problem) {
  auto file = SafetensorsFile::read(path);
  if (!file)
    return file.status();
  auto tensor = file->require("x");
  if (!tensor)
    return tensor.status();
  const Tensor &x = **tensor;
  if (x.dtype != dtypeOf(problem.x) || x.shape.size() != 2 ||
      x.shape[1] != problem.xColumns() || !problem.m.contains(x.shape[0]))
    return Status::invalid(fmt::format(
        "tensor 'x' in '{}': expected {} [M, {}] with M in the problem line's "
        "range, got {}{}",
        path, dtypeOf(problem.x), problem.xColumns(), shapeOf(x),
        wordFor(x, problem)));
  QuantizeCapture capture;
  capture.m = x.shape[0];
  capture.x = {reinterpret_cast<const char *>(x.bytes.data()), x.bytes.size()};
  if (Status status = readGlobal(*file, problem.global, capture.global);
      !status)
    return status;
  return capture;
}

Expected<QuantizeOutput> nybl::cli::quantize(Session &session,
                                             const QuantizeProblem &problem,
                                             const QuantizeCapture &capture,
                                             std::optional<uint8_t> poison,
                                             Phases &phases) {
  bool padded = poison.has_value();
  Memory &memory = session.memory();
  MatrixShape xShape = MatrixShape::make(
      capture.m, problem.xColumns() * byteWidth(problem.x), padded);
  MatrixShape qShape = MatrixShape::make(capture.m, problem.k / 2, padded);
  auto x = memory.matrix(spread(capture.x, xShape, poison.value_or(0)), xShape,
                         padded ? xShape.padding() : std::vector<ByteRange>());
  auto q = memory.output(qShape, problem.k / 2, 1, {}, "q");
  auto scales = allocateScales(memory, problem, capture.m, poison);
  for (const Status &status : {x.status(), q.status(), scales.status()})
    if (!status)
      return status;
  phases.mark("upload");
  auto args = face::sized<nybl_quantize_args>();
  args.m = capture.m;
  args.x = x->view;
  args.q = q->view;
  args.q_scales = scales->view;
  args.global = globalOf(problem.global, capture.global);
  if (Status status = session.quantize(args); !status)
    return status;
  phases.mark("launch");
  QuantizeOutput output;
  auto rows = memory.readBack(*q, qShape);
  if (!rows)
    return rows.status();
  output.q = std::move(*rows);
  output.scales.resize(scales->view.bytes);
  if (Status status = scales->buffer.download(0, output.scales.data(),
                                              output.scales.size());
      !status)
    return status;
  phases.mark("download");
  return output;
}

Status nybl::cli::writeQuantized(const std::string &path,
                                 const QuantizeProblem &problem, int64_t m,
                                 const QuantizeOutput &output) {
  auto tensor = [](const char *name, std::vector<int64_t> shape,
                   const std::string &bytes) {
    Tensor t;
    t.name = name;
    t.dtype = "U8";
    t.shape = std::move(shape);
    t.bytes = {reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()};
    return t;
  };
  ScaleBox box = paddedBox(problem.sf, m, problem.blocks());
  Tensor scales = tensor("q_scale", {box.rows, box.blocks}, output.scales);
  scales.layout = name(problem.sf);
  return writeOutput(
      path, printSafetensors({tensor("q", {m, problem.k / 2}, output.q),
                              std::move(scales)}));
}
