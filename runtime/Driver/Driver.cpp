// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loads the driver library and fills the table.

#include "runtime/Driver/Driver.h"
#include <dlfcn.h>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::driver;

namespace {

constexpr const char *realDriver = "libcuda.so.1";

std::string loaderError() {
  const char *text = dlerror();
  return text ? text : "no reason given";
}

std::string fileOf(const void *address, const std::string &otherwise) {
  Dl_info info;
  return dladdr(address, &info) && info.dli_fname ? info.dli_fname : otherwise;
}

} // namespace

Expected<std::shared_ptr<const Driver>> Driver::open(const std::string &path) {
  std::shared_ptr<Driver> driver(new Driver());
  const std::string file = path.empty() ? realDriver : path;
  // Never unloaded: a driver keeps threads and exit handlers of its own.
  driver->handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!driver->handle)
    return Status::environment(fmt::format(
        "expected a CUDA driver library at '{}', but it cannot be loaded ({}): "
        "install NVIDIA's driver, or name another driver library",
        file, loaderError()));
  driver->loadedPath = file;
  if (Status status = driver->loadTable(); !status)
    return status;
  if (path.empty() && driver->isEmulated())
    return Status::environment(fmt::format(
        "expected the real {}, but the loader answers with the emulated driver "
        "'{}': give its path to use it, or take it off the library path",
        realDriver, driver->loadedPath));
  std::string where = fmt::format("in '{}'", driver->loadedPath);
  if (Status status = driver->check(driver->cuInit(0), "cuInit", where);
      !status)
    return status;
  if (Status status =
          driver->check(driver->cuDriverGetVersion(&driver->driverVersion),
                        "cuDriverGetVersion", where);
      !status)
    return status;
  return std::shared_ptr<const Driver>(std::move(driver));
}

Status Driver::loadTable() {
  std::string missing;
#define NYBL_DRIVER_OPTIONAL(name, symbol)                                     \
  name = reinterpret_cast<decltype(name)>(lookUp(symbol));
#define NYBL_DRIVER_FUNCTION(name, symbol)                                     \
  NYBL_DRIVER_OPTIONAL(name, symbol)                                           \
  if (!name)                                                                   \
    missing += std::string(missing.empty() ? "" : ", ") + symbol;
#include "runtime/Driver/Functions.def"
#undef NYBL_DRIVER_FUNCTION
#undef NYBL_DRIVER_OPTIONAL
  if (!missing.empty())
    return Status::environment(fmt::format(
        "the driver library '{}' lacks {}: expected a driver of CUDA 12.8 or "
        "newer",
        loadedPath, missing));
  lastMessage = extension<const char *()>("nyblEmuLastMessage");
  loadedPath = fileOf(reinterpret_cast<const void *>(cuInit), loadedPath);
  return Status::ok();
}

Status Driver::failure(CUresult result, const char *call,
                       std::string_view hint) const {
  const char *errorName = nullptr, *text = nullptr;
  if (cuGetErrorName(result, &errorName) != CUDA_SUCCESS || !errorName)
    errorName = "an unknown error";
  if (cuGetErrorString(result, &text) != CUDA_SUCCESS || !text)
    text = "no description";
  // The emulated driver says more: the PTX line, the variable, the address.
  const char *more = lastMessage ? lastMessage() : nullptr;
  if (more && *more)
    text = more;
  return Status::environment(fmt::format("{} failed: {} ({}), {}{}{}", call,
                                         errorName, static_cast<int>(result),
                                         text, hint.empty() ? "" : "; ", hint));
}

bool Driver::isEmulated() const { return lookUp("nyblEmuVersion") != nullptr; }

void *Driver::lookUp(const char *symbol) const { return dlsym(handle, symbol); }
