// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One product through nybl.h: open, prepare, upload, launch, download.
#include "tests/EndToEnd/Demo/Device.h"
#include "nybl/nybl.h"
#include "runtime/Driver/Memory.h"
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

using namespace nybl;
using namespace nybl::demo;

using Clock = std::chrono::steady_clock;

namespace {

/// Handles of nybl.h, destroyed in the order the header asks for.
struct Handles {
  nybl_library *library = nullptr;
  nybl_device *device = nullptr;
  nybl_plan *plan = nullptr;

  Handles() = default;
  Handles(const Handles &) = delete;
  Handles &operator=(const Handles &) = delete;
  ~Handles() {
    nybl_plan_destroy(plan);
    nybl_device_destroy(device);
    nybl_library_destroy(library);
  }
};

/// The operands in device memory.
struct Operands {
  driver::Buffer a, sfa, b, sfb, d, alpha;
};

} // namespace

/// nybl_status counts as nybl::ErrorCode does.
static Status check(nybl_status status) {
  if (status == NYBL_OK)
    return Status::ok();
  return Status::error(static_cast<ErrorCode>(status), nybl_last_error());
}

static double millisecondsSince(Clock::time_point &last) {
  Clock::time_point begin = std::exchange(last, Clock::now());
  return std::chrono::duration<double, std::milli>(last - begin).count();
}

/// The scales in their layout, padding filled with one byte.
static std::vector<uint8_t> pack(const oracle::QuantizedMatrix &matrix,
                                 ScaleLayout layout, uint8_t padding) {
  std::vector<uint8_t> packed(byteSize(layout, matrix.rows, matrix.blocks()),
                              padding);
  for (int64_t row = 0; row < matrix.rows; ++row)
    for (int64_t block = 0; block < matrix.blocks(); ++block)
      packed[byteOffset(layout, matrix.blocks(), row, block)] =
          matrix.scale(row, block);
  return packed;
}

static Status prepare(const GemmProblem &problem, const DeviceOptions &options,
                      Handles &handles) {
  nybl_library_options libraryOptions = {};
  libraryOptions.size = sizeof libraryOptions;
  libraryOptions.cache_path = ""; // what is shown is compiled now
  if (Status s = check(nybl_library_create(&libraryOptions, &handles.library));
      !s)
    return s;
  nybl_device_options deviceOptions = {};
  deviceOptions.size = sizeof deviceOptions;
  deviceOptions.driver_path =
      options.driver.empty() ? nullptr : options.driver.c_str();
  if (Status s = check(
          nybl_device_open(handles.library, &deviceOptions, &handles.device));
      !s)
    return s;
  nybl_prepare_options prepareOptions = {};
  prepareOptions.size = sizeof prepareOptions;
  prepareOptions.dump_dir = options.dumpDir.c_str();
  return check(nybl_prepare(handles.device, print(problem).c_str(),
                            &prepareOptions, &handles.plan));
}

static Status describe(const nybl_plan *plan, DeviceRun &run) {
  nybl_plan_details details = {};
  details.size = sizeof details;
  if (Status s = check(nybl_plan_info(plan, &details)); !s)
    return s;
  Expected<Manifest> manifest = parseManifest(details.manifest_json);
  if (!manifest)
    return manifest.status();
  run.manifest = std::move(*manifest);
  run.isPtxLoaded = details.ptx_fallback;
  auto phases = nlohmann::json::parse(details.phases_json, nullptr,
                                      /*allow_exceptions=*/false);
  for (const auto &phase : phases)
    if (phase.is_object())
      run.phases.push_back({phase.value("phase", ""), phase.value("ms", 0.0)});
  return Status::ok();
}

static Status upload(const std::shared_ptr<const driver::Device> &device,
                     const std::vector<uint8_t> &bytes,
                     driver::Buffer &buffer) {
  Expected<driver::Buffer> made =
      driver::Buffer::allocate(device, bytes.size());
  if (!made)
    return made.status();
  buffer = std::move(*made);
  return buffer.upload(0, bytes.data(), bytes.size());
}

static nybl_gemm_args arguments(const GemmProblem &problem, int64_t rows,
                                const Operands &on) {
  nybl_gemm_args args = {};
  args.size = sizeof args;
  args.m = rows;
  args.a = {on.a.address(), on.a.bytes(), problem.k / 2};
  args.b = {on.b.address(), on.b.bytes(), problem.k / 2};
  args.d = {on.d.address(), on.d.bytes(), problem.n * byteWidth(problem.d)};
  // pack() knows the layout it writes, so the tags may be trusted.
  args.a_scales = {on.sfa.address(), on.sfa.bytes(), rows,
                   static_cast<uint32_t>(problem.sfa), 1};
  args.b_scales = {on.sfb.address(), on.sfb.bytes(), problem.n,
                   static_cast<uint32_t>(problem.sfb), 1};
  args.alpha.kind = NYBL_SCALAR_DEVICE;
  args.alpha.convention = NYBL_CONVENTION_DECODE;
  args.alpha.pointer = on.alpha.address();
  return args;
}

Expected<DeviceRun>
nybl::demo::multiplyOnDevice(const GemmProblem &problem,
                             const oracle::QuantizedMatrix &a,
                             const oracle::QuantizedMatrix &b, float alpha,
                             const DeviceOptions &options) {
  DeviceRun run;
  Handles handles;
  if (Status s = prepare(problem, options, handles); !s)
    return s;
  run.chip = nybl_device_chip(handles.device);
  if (Status s = describe(handles.plan, run); !s)
    return s;

  auto driver = driver::Driver::open(options.driver);
  if (!driver)
    return driver.status();
  auto device = driver::Device::open(*driver, 0);
  if (!device)
    return device.status();
  run.isEmulated = (*driver)->isEmulated();
  std::vector<uint8_t> alphaBytes(sizeof alpha);
  std::memcpy(alphaBytes.data(), &alpha, sizeof alpha);
  run.d.resize(a.rows * b.rows * byteWidth(problem.d));
  Operands on;
  Clock::time_point last = Clock::now();
  for (auto [bytes, buffer] :
       {std::pair(a.codes, &on.a), std::pair(b.codes, &on.b),
        std::pair(pack(a, problem.sfa, options.padding), &on.sfa),
        std::pair(pack(b, problem.sfb, options.padding), &on.sfb),
        std::pair(alphaBytes, &on.alpha)})
    if (Status s = upload(*device, bytes, *buffer); !s)
      return s;
  // D is left as it comes: an element that nobody stores is seen.
  Expected<driver::Buffer> d = driver::Buffer::allocate(*device, run.d.size());
  if (!d)
    return d.status();
  on.d = std::move(*d);
  run.phases.push_back({"upload", millisecondsSince(last)});

  auto stream = driver::Stream::create(*device);
  if (!stream)
    return stream.status();
  nybl_gemm_args args = arguments(problem, a.rows, on);
  args.stream = stream->handle();
  if (Status s = check(nybl_launch(handles.plan, &args)); !s)
    return s;
  if (Status s = stream->synchronize(); !s)
    return s;
  run.phases.push_back({"launch", millisecondsSince(last)});
  if (Status s = on.d.download(0, run.d.data(), run.d.size()); !s)
    return s;
  run.phases.push_back({"download", millisecondsSince(last)});
  return run;
}
