// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operands in the memory of a device.

#include "tools/nybl/Memory.h"
#include "tools/emulator/include/nybl-emu.h"
#include <cstdio>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::cli;

namespace {

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

Expected<std::shared_ptr<const driver::Device>>
nybl::cli::openDevice(const DeviceChoice &choice) {
  auto api = driver::Driver::open(choice.driver);
  if (!api)
    return aboutDevice(choice, api.status());
  auto gpu = driver::Device::open(*api, choice.ordinal);
  if (!gpu)
    return aboutDevice(choice, gpu.status());
  if (Status status = checkChip(choice, **gpu); !status)
    return status;
  return gpu;
}

void nybl::cli::logToStderr(void *, nybl_log_level level, const char *message) {
  if (level <= NYBL_LOG_WARNING)
    std::fprintf(stderr, "nybl: %s\n", message);
}

Status Memory::markPoison(const driver::Buffer &buffer,
                          const std::vector<ByteRange> &ranges) const {
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

Expected<DeviceMatrix> Memory::matrix(const std::string &image,
                                      const MatrixShape &shape,
                                      const std::vector<ByteRange> &poisoned) {
  auto buffer = uploaded(gpu, image);
  if (!buffer)
    return buffer.status();
  if (Status status = markPoison(*buffer, poisoned); !status)
    return status;
  DeviceMatrix result{std::move(*buffer), {}};
  result.view = {result.buffer.address(), static_cast<uint64_t>(shape.bytes()),
                 shape.stride};
  return result;
}

Expected<DeviceScales> Memory::scales(const std::string &image,
                                      ScaleLayout layout, int64_t rows,
                                      const std::vector<ByteRange> &poisoned) {
  auto buffer = uploaded(gpu, image);
  if (!buffer)
    return buffer.status();
  if (Status status = markPoison(*buffer, poisoned); !status)
    return status;
  DeviceScales result{std::move(*buffer), {}};
  // The problem line states the layout, and its writer answers for it.
  result.view = {result.buffer.address(), image.size(), rows,
                 static_cast<uint32_t>(layout), /*trust_layout=*/1};
  return result;
}

Expected<DeviceMatrix> Memory::output(const MatrixShape &shape, int64_t columns,
                                      unsigned elementBytes,
                                      const std::vector<ByteRange> &poisoned,
                                      const char *name) {
  auto buffer = driver::Buffer::allocate(
      gpu, static_cast<uint64_t>(shape.allocatedBytes()));
  if (!buffer)
    return buffer.status();
  if (Status status = buffer->fill(unwritten); !status)
    return status;
  if (Status status = markPoison(*buffer, poisoned); !status)
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
      declare(result.view.pointer, name, static_cast<uint64_t>(shape.rows),
              static_cast<uint64_t>(columns),
              static_cast<uint64_t>(shape.stride), elementBytes);
  if (code != 0)
    return gpu->driver().check(static_cast<CUresult>(code),
                               "nyblEmuDeclareOutput");
  return result;
}

Expected<driver::Buffer> Memory::workspace(uint64_t bytes,
                                           nybl_gemm_args &args) {
  if (bytes == 0)
    return driver::Buffer();
  auto buffer = driver::Buffer::allocate(gpu, bytes);
  if (!buffer)
    return buffer;
  if (Status status = buffer->fill(0); !status)
    return status;
  args.workspace = buffer->address();
  args.workspace_bytes = buffer->bytes();
  return buffer;
}

Expected<std::string> Memory::readBack(const DeviceMatrix &d,
                                       const MatrixShape &shape) const {
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

std::string Memory::firstReport() const {
  auto *count = gpu->driver().extension<decltype(nyblEmuReportCount)>(
      "nyblEmuReportCount");
  auto *read =
      gpu->driver().extension<decltype(nyblEmuReportText)>("nyblEmuReportText");
  char text[2048] = {};
  if (!count || !read || count() == 0 || read(0, text, sizeof text) != 0)
    return "";
  return text;
}
