// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads and checks a captured layer, and writes its result.

#include "tools/nybl/Capture.h"
#include "tools/nybl/Files.h"
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace nybl;
using namespace nybl::cli;

std::string nybl::cli::shapeOf(const Tensor &tensor) {
  return fmt::format("{} [{}]", tensor.dtype, fmt::join(tensor.shape, ", "));
}

std::string nybl::cli::bytesOf(const Tensor &tensor) {
  return {reinterpret_cast<const char *>(tensor.bytes.data()),
          tensor.bytes.size()};
}

Expected<const Tensor *> nybl::cli::readCodes(const SafetensorsFile &file,
                                              const char *name, int64_t rows,
                                              int64_t k) {
  auto tensor = file.require(name);
  if (!tensor)
    return tensor;
  const Tensor &t = **tensor;
  int64_t columns = t.dtype == "F4" ? k : k / 2;
  bool right = (t.dtype == "U8" || t.dtype == "F4") && t.shape.size() == 2 &&
               t.shape[1] == columns && (rows < 0 || t.shape[0] == rows);
  if (right)
    return tensor;
  std::string count = rows < 0 ? "M" : std::to_string(rows);
  return Status::invalid(fmt::format(
      "tensor '{}' in '{}': expected U8 [{}, {}] or F4 [{}, {}], got {}", name,
      file.path(), count, k / 2, count, k, shapeOf(t)));
}

/// Sizes alone do not tell layouts apart: 121 rows are padded to 128 in two.
static Status checkLayout(const SafetensorsFile &file, const Tensor &tensor,
                          ScaleLayout layout) {
  if (tensor.layout.empty() || tensor.layout == nybl::name(layout))
    return Status::ok();
  if (!parseScaleLayout(tensor.layout))
    return Status::invalid(fmt::format(
        "tensor '{}' in '{}': expected linear, 128x4 or 8x4 as its layout in "
        "the file's metadata ('{}.layout'), got {} bytes of something else: "
        "make the file anew",
        tensor.name, file.path(), tensor.name, tensor.layout.size()));
  const char *key = tensor.name == "a_scale"   ? "sfa"
                    : tensor.name == "b_scale" ? "sfb"
                                               : "sf";
  return Status::invalid(fmt::format(
      "tensor '{}' in '{}': expected scale factors in {}, which the problem "
      "line states, got a tensor that was made in {}, as the file's metadata "
      "('{}.layout') says: say {}={}, or make it anew",
      tensor.name, file.path(), nybl::name(layout), tensor.layout, tensor.name,
      key, tensor.layout));
}

Expected<const Tensor *> nybl::cli::readScales(const SafetensorsFile &file,
                                               const char *name,
                                               ScaleLayout layout, int64_t rows,
                                               int64_t blocks) {
  auto tensor = file.require(name);
  if (!tensor)
    return tensor;
  const Tensor &t = **tensor;
  if (t.dtype != "U8" && t.dtype != "F8_E4M3")
    return Status::invalid(fmt::format(
        "tensor '{}' in '{}': expected U8 or F8_E4M3, one byte a scale, "
        "got {}",
        name, file.path(), shapeOf(t)));
  if (Status status = checkLayout(file, t, layout); !status)
    return status;
  uint64_t bytes = static_cast<uint64_t>(byteSize(layout, rows, blocks));
  if (t.bytes.size() == bytes)
    return tensor;
  std::string fits = layoutsOfSize(t.bytes.size(), rows, blocks);
  return Status::invalid(fmt::format(
      "tensor '{}' in '{}': expected {} bytes for {} rows x {} K blocks in {}, "
      "which "
      "the problem line states, got {}, which {}",
      name, file.path(), bytes, rows, blocks, nybl::name(layout),
      t.bytes.size(),
      fits.empty() ? std::string("fits none of linear, 128x4 and 8x4")
                   : "would be " + fits));
}

namespace {

Status checkRows(const GemmProblem &problem, int64_t m,
                 const std::string &path) {
  if (problem.m.contains(m))
    return Status::ok();
  std::string range = problem.m.isFixed()
                          ? std::to_string(problem.m.low)
                          : fmt::format("{} to {}", problem.m.low,
                                        problem.m.high == Extent::unbounded
                                            ? std::string("any number of")
                                            : std::to_string(problem.m.high));
  return Status::invalid(fmt::format(
      "tensor 'a' in '{}': expected {} rows, the problem line's m, got {}",
      path, range, m));
}

Status readAlpha(const SafetensorsFile &file, const GemmProblem &problem,
                 Capture &capture) {
  const Tensor *given = file.find("alpha");
  if (problem.alpha == AlphaKind::None)
    return given ? Status::invalid(fmt::format(
                       "tensor 'alpha' in '{}': expected none, since the "
                       "problem line "
                       "says alpha=none; say alpha=tensor to use it",
                       file.path()))
                 : Status::ok();
  auto tensor = file.require("alpha");
  if (!tensor)
    return tensor.status();
  const Tensor &t = **tensor;
  if (t.dtype != "F32" || t.bytes.size() != sizeof(float))
    return Status::invalid(fmt::format(
        "tensor 'alpha' in '{}': expected F32 with one element, got {}",
        file.path(), shapeOf(t)));
  float value;
  std::memcpy(&value, t.bytes.data(), sizeof value);
  capture.alpha = value;
  return Status::ok();
}

} // namespace

Expected<GemmProblem> nybl::cli::withSizes(const std::string &path,
                                           const GemmProblem &problem) {
  if (!problem.isGeneric())
    return problem;
  auto file = SafetensorsFile::read(path);
  if (!file)
    return file.status();
  auto b = file->require("b");
  if (!b)
    return b.status();
  const Tensor &t = **b;
  if ((t.dtype != "U8" && t.dtype != "F4") || t.shape.size() != 2 ||
      t.shape[0] < 1 || t.shape[1] < 1)
    return Status::invalid(fmt::format("tensor 'b' in '{}': expected U8 [N, "
                                       "K/2] or F4 [N, K] with N and K of at "
                                       "least 1, got {}",
                                       file->path(), shapeOf(t)));
  GemmProblem sized = problem;
  sized.n = t.shape[0];
  sized.k = t.dtype == "F4" ? t.shape[1] : t.shape[1] * 2;
  if (sized.k % kBlock != 0)
    return Status::invalid(fmt::format(
        "tensor 'b' in '{}': expected K a multiple of {}, got K = {}, which is "
        "{}",
        file->path(), kBlock, sized.k, shapeOf(t)));
  return parseProblem(print(sized)); // either may be too large
}

Expected<Capture> nybl::cli::readCapture(const std::string &path,
                                         const GemmProblem &problem) {
  auto file = SafetensorsFile::read(path);
  if (!file)
    return file.status();
  Capture capture;
  auto a = readCodes(*file, "a", -1, problem.k);
  if (!a)
    return a.status();
  capture.m = (*a)->shape[0];
  if (Status status = checkRows(problem, capture.m, path); !status)
    return status;
  auto b = readCodes(*file, "b", problem.n, problem.k);
  auto sfa =
      readScales(*file, "a_scale", problem.sfa, capture.m, problem.blocks());
  auto sfb =
      readScales(*file, "b_scale", problem.sfb, problem.n, problem.blocks());
  for (const Status &status : {b.status(), sfa.status(), sfb.status()})
    if (!status)
      return status;
  capture.a = bytesOf(**a);
  capture.b = bytesOf(**b);
  capture.aScale = bytesOf(**sfa);
  capture.bScale = bytesOf(**sfb);
  if (Status status = readAlpha(*file, problem, capture); !status)
    return status;
  return capture;
}

Status nybl::cli::writeResult(const std::string &path,
                              const GemmProblem &problem, int64_t m,
                              const std::string &rows) {
  Tensor d;
  d.name = "d";
  d.dtype = dtypeOf(problem.d);
  d.shape = {m, problem.n};
  d.bytes = {reinterpret_cast<const uint8_t *>(rows.data()), rows.size()};
  return writeOutput(path, printSafetensors({d}));
}
