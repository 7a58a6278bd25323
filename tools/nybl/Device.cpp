// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One plan on one device: prepare, upload, launch, read back.

#include "tools/nybl/Device.h"
#include "runtime/Abi/Manifest.h"
#include "tools/nybl/Files.h"
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

} // namespace

Expected<std::unique_ptr<Session>>
Session::open(const DeviceChoice &choice, const std::string &problem,
              const SessionOptions &options) {
  auto templateText = readTemplate(options.templateFile);
  if (!templateText)
    return templateText.status();
  auto libraryOptions = face::sized<nybl_library_options>();
  libraryOptions.log = logToStderr;
  libraryOptions.jit_path = orNull(options.jit);
  libraryOptions.bundle_path = orNull(options.bundle);
  auto deviceOptions = face::sized<nybl_device_options>();
  deviceOptions.driver_path = orNull(choice.driver);
  deviceOptions.ordinal = choice.ordinal;
  auto gpu = openDevice(choice);
  if (!gpu)
    return gpu.status();
  std::unique_ptr<Session> session(new Session(*gpu));
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
  prepare.generic = options.generic;
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

Status Session::launch(nybl_gemm_args args) {
  auto stream = driver::Stream::create(operands.device());
  if (!stream)
    return stream.status();
  args.stream = stream->handle();
  uint64_t bytes = 0;
  if (Status status = check(plan.workspace(args.m, bytes)); !status)
    return status;
  auto workspace = operands.workspace(bytes, args);
  if (!workspace)
    return workspace.status();
  if (Status status = check(nybl_launch(plan.get(), &args)); !status)
    return withReport(status);
  return withReport(stream->synchronize());
}

Status Session::quantize(nybl_quantize_args args) {
  auto stream = driver::Stream::create(operands.device());
  if (!stream)
    return stream.status();
  args.stream = stream->handle();
  if (Status status = check(nybl_quantize(plan.get(), &args, nullptr)); !status)
    return withReport(status);
  return withReport(stream->synchronize());
}

Status Session::dequantize(nybl_dequantize_args args) {
  auto stream = driver::Stream::create(operands.device());
  if (!stream)
    return stream.status();
  args.stream = stream->handle();
  if (Status status = check(nybl_dequantize(plan.get(), &args)); !status)
    return withReport(status);
  return withReport(stream->synchronize());
}

Status Session::withReport(const Status &status) const {
  if (status || status.code() != ErrorCode::Environment)
    return status;
  std::string report = operands.firstReport();
  return report.empty()
             ? status
             : Status::refused("the emulated driver reports: " + report);
}

std::string Session::phasesJson() const {
  nybl_plan_details details;
  return plan.info(details) == NYBL_OK ? details.phases_json : "";
}

std::string Session::describe() const {
  const driver::Device *gpu = operands.device().get();
  std::string text =
      fmt::format("device: {} ({}){}\n", gpu->chip(), gpu->name(),
                  gpu->driver().isEmulated() ? ", emulated" : "");
  if (!unproven.empty())
    text += fmt::format("not proven, and allowed: {}\n", unproven);
  return text;
}
