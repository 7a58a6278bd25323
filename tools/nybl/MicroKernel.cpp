// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upload, launch, read back.

#include "tools/nybl/MicroKernel.h"
#include "runtime/Driver/Memory.h"
#include <bit>
#include <cmath>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::cli;

Expected<MicroKernel>
MicroKernel::load(const std::shared_ptr<const driver::Device> &device,
                  const std::string &ptx, unsigned threads) {
  auto module = driver::Module::load(device, {"", ptx}, "multiply");
  if (!module)
    return module.status();
  MicroKernel kernel;
  kernel.device = device;
  kernel.module = *module;
  kernel.threads = threads;
  return kernel;
}

Expected<std::vector<float>> MicroKernel::run(std::span<const std::byte> bytes,
                                              size_t results) const {
  std::vector<float> numbers(results);
  auto in = driver::Buffer::allocate(device, bytes.size());
  auto out = driver::Buffer::allocate(device, results * sizeof(float));
  auto stream = driver::Stream::create(device);
  for (const Status &status : {in.status(), out.status(), stream.status()})
    if (!status)
      return status;
  if (Status status = in->upload(0, bytes.data(), bytes.size()); !status)
    return status;
  uint64_t from = in->address(), to = out->address();
  void *parameters[] = {&from, &to};
  driver::LaunchShape shape;
  shape.threads = threads;
  if (Status status = module->launch(shape, stream->handle(), parameters);
      !status)
    return status;
  if (Status status = stream->synchronize(); !status)
    return status;
  if (Status status = out->download(0, numbers.data(), results * sizeof(float));
      !status)
    return status;
  return numbers;
}

std::string nybl::cli::describe(std::span<const float> numbers) {
  auto bits = std::bit_cast<uint32_t>(numbers[0]);
  for (float number : numbers)
    if (std::bit_cast<uint32_t>(number) != bits)
      return "not all the same";
  return std::isnan(numbers[0]) ? fmt::format("NaN {:#010x}", bits)
                                : fmt::format("{}", numbers[0]);
}
