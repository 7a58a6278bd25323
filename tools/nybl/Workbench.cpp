// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One device, many plans.

#include "tools/nybl/Workbench.h"
#include <cstring>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::cli;

namespace {

/// nybl_status counts as ErrorCode does.
Status check(nybl_status status) {
  return status == NYBL_OK
             ? Status::ok()
             : Status::error(static_cast<ErrorCode>(status), nybl_last_error());
}

/// Numbers that are the same everywhere (splitmix64).
class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

private:
  uint64_t state;
};

std::string randomBytes(Random &random, int64_t size) {
  std::string bytes(static_cast<size_t>(size), '\0');
  for (size_t at = 0; at < bytes.size(); at += 8) {
    uint64_t eight = random.next();
    std::memcpy(&bytes[at], &eight, std::min<size_t>(8, bytes.size() - at));
  }
  return bytes;
}

/// ue4m3 from 2^-3 to just under 2^3.
std::string randomScales(Random &random, int64_t size) {
  std::string bytes = randomBytes(random, size);
  for (char &byte : bytes)
    byte = static_cast<char>(0x20 + static_cast<unsigned char>(byte) % 0x30);
  return bytes;
}

/// Scales at their places in the layout.
std::string arrange(const std::string &scales, ScaleLayout layout, int64_t rows,
                    int64_t blocks, uint8_t padding) {
  std::string image(static_cast<size_t>(byteSize(layout, rows, blocks)),
                    static_cast<char>(padding));
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t block = 0; block < blocks; ++block)
      image[static_cast<size_t>(byteOffset(layout, blocks, row, block))] =
          scales[static_cast<size_t>(row * blocks + block)];
  return image;
}

} // namespace

Product Product::make(const GemmProblem &problem, int64_t m, uint64_t seed) {
  Random random(seed);
  Product p;
  p.problem = problem;
  p.m = m;
  p.a = randomBytes(random, m * problem.k / 2);
  p.b = randomBytes(random, problem.n * problem.k / 2);
  p.aScales = randomScales(random, m * problem.blocks());
  p.bScales = randomScales(random, problem.n * problem.blocks());
  p.alpha = problem.alpha == AlphaKind::None ? 1 : 0.0078125f;
  return p;
}

uint64_t DeviceProduct::bytes() const {
  return a.buffer.bytes() + b.buffer.bytes() + d.buffer.bytes() +
         aScales.buffer.bytes() + bScales.buffer.bytes();
}

Expected<std::unique_ptr<Workbench>>
Workbench::open(const DeviceChoice &choice, const WorkbenchOptions &options) {
  auto gpu = openDevice(choice);
  if (!gpu)
    return gpu.status();
  std::unique_ptr<Workbench> bench(new Workbench(*gpu));
  bench->options = options;
  auto libraryOptions = face::sized<nybl_library_options>();
  libraryOptions.jit_path = orNull(options.jit);
  libraryOptions.bundle_path = orNull(options.bundle);
  libraryOptions.log = logToStderr;
  libraryOptions.tune_path = options.tuneFile.c_str(); // "": none
  if (Status s = check(face::Library::create(libraryOptions, bench->library));
      !s)
    return s;
  auto deviceOptions = face::sized<nybl_device_options>();
  deviceOptions.driver_path = orNull(choice.driver);
  deviceOptions.ordinal = choice.ordinal;
  if (Status s = check(bench->library.open(deviceOptions, bench->opened)); !s)
    return s;
  return bench;
}

Expected<PreparedPlan> Workbench::prepare(const std::string &problem,
                                          const std::string &schedule) const {
  auto prepare = face::sized<nybl_prepare_options>();
  prepare.schedule = orNull(schedule);
  prepare.ptxas = orNull(options.ptxas);
  prepare.exact_class = options.exactClass;
  PreparedPlan prepared;
  if (Status s = check(opened.prepare(problem, prepare, prepared.plan)); !s)
    return s;
  nybl_plan_details details;
  if (Status s = check(prepared.plan.info(details)); !s)
    return s;
  auto manifest = parseManifest(details.manifest_json);
  if (!manifest)
    return manifest.status();
  prepared.manifest = std::move(*manifest);
  prepared.fingerprint = details.fingerprint;
  prepared.tuned = details.tuned;
  prepared.problemClass = details.problem_class;
  prepared.origin = details.origin;
  return prepared;
}

Expected<DeviceProduct> Workbench::upload(const Product &product, bool padded,
                                          uint8_t scalePad) {
  const GemmProblem &p = product.problem;
  auto matrix = [&](const std::string &rows, int64_t count) {
    MatrixShape shape = MatrixShape::make(count, p.k / 2, padded);
    return operands.matrix(spread(rows, shape, 0x7f), shape, shape.padding());
  };
  auto scales = [&](const std::string &bytes, ScaleLayout layout,
                    int64_t rows) {
    return operands.scales(arrange(bytes, layout, rows, p.blocks(), scalePad),
                           layout, rows,
                           scalePadding(layout, rows, p.blocks()));
  };
  DeviceProduct result;
  result.shape = MatrixShape::make(product.m, p.n * byteWidth(p.d), padded);
  auto a = matrix(product.a, product.m);
  auto b = matrix(product.b, p.n);
  auto sfa = scales(product.aScales, p.sfa, product.m);
  auto sfb = scales(product.bScales, p.sfb, p.n);
  auto d = operands.output(result.shape, p.n, byteWidth(p.d));
  for (const Status &status :
       {a.status(), b.status(), sfa.status(), sfb.status(), d.status()})
    if (!status)
      return status;
  result.args = face::sized<nybl_gemm_args>();
  result.args.m = product.m;
  result.args.a = a->view;
  result.args.b = b->view;
  result.args.a_scales = sfa->view;
  result.args.b_scales = sfb->view;
  result.args.d = d->view;
  if (p.alpha != AlphaKind::None)
    result.args.alpha = {NYBL_SCALAR_HOST, NYBL_CONVENTION_DECODE, 0,
                         product.alpha, 0};
  result.a = std::move(*a);
  result.b = std::move(*b);
  result.d = std::move(*d);
  result.aScales = std::move(*sfa);
  result.bScales = std::move(*sfb);
  return result;
}

Status Workbench::launch(const face::Plan &plan, const DeviceProduct &product,
                         const driver::Stream &stream) const {
  nybl_gemm_args args = product.args;
  args.stream = stream.handle();
  return check(nybl_launch(plan.get(), &args));
}

Expected<std::string> Workbench::run(const face::Plan &plan,
                                     DeviceProduct &product) {
  if (Status status = product.d.buffer.fill(Memory::unwritten); !status)
    return status;
  auto stream = driver::Stream::create(device());
  if (!stream)
    return stream.status();
  Status status = launch(plan, product, *stream);
  if (status)
    status = stream->synchronize();
  if (!status) {
    std::string report = operands.firstReport();
    return report.empty()
               ? status
               : Status::refused("the emulated driver reports: " + report);
  }
  return operands.readBack(product.d, product.shape);
}
