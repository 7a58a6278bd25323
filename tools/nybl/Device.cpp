// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One plan on one device: prepare, upload, launch, read back.

#include "tools/nybl/Device.h"
#include "runtime/Abi/Manifest.h"
#include "tools/emulator/include/nybl-emu.h"
#include "tools/nybl/Files.h"
#include <cstring>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::cli;

namespace {

/// What D's memory holds before the launch: no NaN, no zero, no small number.
constexpr uint8_t unwritten = 0xcb;

/// nybl_status counts as ErrorCode does.
Status check(nybl_status status) {
  return status == NYBL_OK
             ? Status::ok()
             : Status::error(static_cast<ErrorCode>(status), nybl_last_error());
}

const char *orNull(const std::string &text) {
  return text.empty() ? nullptr : text.c_str();
}

Status checkChip(const DeviceChoice &choice, const driver::Device &gpu) {
  if (choice.emulatedChip.empty() || choice.emulatedChip == gpu.chip())
    return Status::ok();
  return Status::environment(
      fmt::format("--device emu:{}: expected that chip, but '{}' is a {}",
                  choice.emulatedChip, gpu.driver().path(), gpu.chip()));
}

/// The chip of --device travels to the emulated driver in its variable; what
/// the driver says of it is about --device.
Status aboutDevice(const DeviceChoice &choice, const Status &status) {
  const std::string &said = status.message();
  size_t at = said.find("expected one of");
  if (choice.emulatedChip.empty() || at == said.npos ||
      said.find("NYBL_EMU_CHIP: ") == said.npos)
    return status;
  return Status::invalid(fmt::format("--device emu:{}: {}", choice.emulatedChip,
                                     said.substr(at, said.find(';', at) - at)));
}

Expected<driver::Buffer>
uploaded(const std::shared_ptr<const driver::Device> &gpu,
         const std::string &image) {
  auto buffer = driver::Buffer::allocate(gpu, image.size());
  if (!buffer)
    return buffer;
  if (Status status = buffer->upload(0, image.data(), image.size()); !status)
    return status;
  return buffer;
}

} // namespace

Expected<std::unique_ptr<Session>>
Session::open(const DeviceChoice &choice, const std::string &problem,
              const SessionOptions &options) {
  auto templateText = readTemplate(options.templateFile);
  if (!templateText)
    return templateText.status();
  std::unique_ptr<Session> session(new Session());
  auto libraryOptions = face::sized<nybl_library_options>();
  libraryOptions.jit_path = orNull(options.jit);
  auto deviceOptions = face::sized<nybl_device_options>();
  deviceOptions.driver_path = orNull(choice.driver);
  deviceOptions.ordinal = choice.ordinal;
  auto api = driver::Driver::open(choice.driver);
  if (!api)
    return aboutDevice(choice, api.status());
  auto gpu = driver::Device::open(*api, choice.ordinal);
  if (!gpu)
    return aboutDevice(choice, gpu.status());
  session->gpu = *gpu;
  if (Status status = checkChip(choice, **gpu); !status)
    return status;
  if (Status s = check(face::Library::create(libraryOptions, session->library));
      !s)
    return s;
  if (Status s = check(session->library.open(deviceOptions, session->device));
      !s)
    return s;
  auto prepare = face::sized<nybl_prepare_options>();
  prepare.schedule = orNull(options.schedule);
  prepare.template_text = *templateText ? (*templateText)->c_str() : nullptr;
  prepare.dump_dir = orNull(options.dumpDir);
  prepare.ptxas = orNull(options.ptxas);
  prepare.allow_unproven = options.allowUnproven;
  if (Status s =
          check(session->device.prepare(problem, prepare, session->plan));
      !s)
    return s;
  nybl_plan_details details;
  if (Status s = check(session->plan.info(details)); !s)
    return s;
  if (auto manifest = parseManifest(details.manifest_json))
    session->unproven = manifest->certificate.unproven();
  return session;
}

Status Session::markPoison(const driver::Buffer &buffer,
                           const std::vector<ByteRange> &ranges) {
  auto *mark =
      gpu->driver().extension<decltype(nyblEmuMarkPoison)>("nyblEmuMarkPoison");
  if (!mark)
    return Status::ok();
  driver::ContextScope scope(*gpu);
  for (const ByteRange &range : ranges)
    if (int code = mark(buffer.address() + static_cast<uint64_t>(range.begin),
                        static_cast<uint64_t>(range.end - range.begin)))
      return gpu->driver().check(static_cast<CUresult>(code),
                                 "nyblEmuMarkPoison");
  return Status::ok();
}

Expected<DeviceMatrix> Session::matrix(const std::string &rows,
                                       const MatrixShape &shape,
                                       std::optional<uint8_t> poison) {
  auto buffer = uploaded(gpu, spread(rows, shape, poison.value_or(0)));
  if (!buffer)
    return buffer.status();
  if (poison)
    if (Status status = markPoison(*buffer, shape.padding()); !status)
      return status;
  DeviceMatrix result{std::move(*buffer), {}};
  result.view = {result.buffer.address(), static_cast<uint64_t>(shape.bytes()),
                 shape.stride};
  return result;
}

Expected<DeviceScales> Session::scales(const std::string &bytes,
                                       ScaleLayout layout, int64_t rows,
                                       int64_t blocks,
                                       std::optional<uint8_t> poison) {
  std::vector<ByteRange> padding;
  std::string image = bytes;
  if (poison) {
    padding = scalePadding(layout, rows, blocks);
    fillRanges(image, padding, *poison);
  }
  auto buffer = uploaded(gpu, image);
  if (!buffer)
    return buffer.status();
  if (poison)
    if (Status status = markPoison(*buffer, padding); !status)
      return status;
  DeviceScales result{std::move(*buffer), {}};
  // The problem line states the layout, and its writer answers for it.
  result.view = {result.buffer.address(), image.size(), rows,
                 static_cast<uint32_t>(layout), /*trust_layout=*/1};
  return result;
}

Expected<DeviceMatrix> Session::output(const MatrixShape &shape,
                                       int64_t columns, unsigned elementBytes) {
  auto buffer = driver::Buffer::allocate(
      gpu, static_cast<uint64_t>(shape.allocatedBytes()));
  if (!buffer)
    return buffer.status();
  if (Status status = buffer->fill(unwritten); !status)
    return status;
  DeviceMatrix result{std::move(*buffer), {}};
  result.view = {result.buffer.address(), static_cast<uint64_t>(shape.bytes()),
                 shape.stride};
  auto *declare = gpu->driver().extension<decltype(nyblEmuDeclareOutput)>(
      "nyblEmuDeclareOutput");
  if (!declare || shape.bytes() == 0)
    return result;
  driver::ContextScope scope(*gpu);
  int code =
      declare(result.view.pointer, "d", static_cast<uint64_t>(shape.rows),
              static_cast<uint64_t>(columns),
              static_cast<uint64_t>(shape.stride), elementBytes);
  if (code != 0)
    return gpu->driver().check(static_cast<CUresult>(code),
                               "nyblEmuDeclareOutput");
  return result;
}

Status Session::launch(nybl_gemm_args args) {
  auto stream = driver::Stream::create(gpu);
  if (!stream)
    return stream.status();
  args.stream = stream->handle();
  if (Status status = check(nybl_launch(plan.get(), &args)); !status)
    return withReport(status);
  return withReport(stream->synchronize());
}

Status Session::withReport(const Status &status) const {
  if (status || status.code() != ErrorCode::Environment)
    return status;
  auto *count = gpu->driver().extension<decltype(nyblEmuReportCount)>(
      "nyblEmuReportCount");
  auto *read =
      gpu->driver().extension<decltype(nyblEmuReportText)>("nyblEmuReportText");
  char text[2048] = {};
  if (!count || !read || count() == 0 || read(0, text, sizeof text) != 0)
    return status;
  return Status::refused(fmt::format("the emulated driver reports: {}", text));
}

Expected<std::string> Session::readBack(const DeviceMatrix &d,
                                        const MatrixShape &shape) {
  std::string image(static_cast<size_t>(shape.allocatedBytes()), '\0');
  if (Status status = d.buffer.download(0, image.data(), image.size()); !status)
    return status;
  for (const ByteRange &range : shape.padding())
    for (int64_t at = range.begin; at < range.end; ++at)
      if (static_cast<uint8_t>(image[static_cast<size_t>(at)]) != unwritten)
        return Status::refused(fmt::format(
            "d: expected the kernel to leave the bytes between its rows "
            "alone, but it wrote byte {} of row {}, of which {} are real",
            at % shape.stride, at / shape.stride, shape.rowBytes));
  return gather(image, shape);
}

std::string Session::phasesJson() const {
  nybl_plan_details details;
  return plan.info(details) == NYBL_OK ? details.phases_json : "";
}

std::string Session::describe() const {
  std::string text =
      fmt::format("device: {} ({}){}\n", gpu->chip(), gpu->name(),
                  gpu->driver().isEmulated() ? ", emulated" : "");
  if (!unproven.empty())
    text += fmt::format("not proven, and allowed: {}\n", unproven);
  return text;
}
