// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl.hpp from C++17, exceptions on. Exit code 0 if all is as it should be.
#include <cstdio>
#include <nybl/nybl.hpp>
#include <type_traits>

using namespace nybl::face;

// What may not be mixed up does not compile.
static_assert(!std::is_convertible_v<DecodeScale, EncodeScale> &&
              !std::is_convertible_v<EncodeScale, DecodeScale> &&
              !std::is_convertible_v<float, DecodeScale>);

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  Library library;
  Device device;
  Plan plan;
  auto options = sized<nybl_device_options>();
  options.driver_path = argv[1];
  if (Library::create(sized<nybl_library_options>(), library) != NYBL_OK ||
      library.open(options, device) != NYBL_OK ||
      device.prepare("gemm n=0 k=64", sized<nybl_prepare_options>(), plan) !=
          NYBL_OK) {
    std::fprintf(stderr, "%s\n", nybl_last_error());
    return 1;
  }
  Preparation many;
  size_t done = 0;
  if (device.start({"gemm n=0 k=64", "nonsense"}, sized<nybl_prepare_options>(),
                   2, many) != NYBL_OK ||
      many.wait(-1, done) != NYBL_OK || done != 2 ||
      many.take(1, plan) != NYBL_INVALID || plan.get() ||
      many.take(0, plan) != NYBL_OK) {
    std::fprintf(stderr, "many: %s\n", nybl_last_error());
    return 1;
  }
  GemmArgs args(3);
  args.alpha(DecodeScale::host(0.5f)).alpha(EncodeScale::device(0x1000));
  if (args.raw().alpha.convention != NYBL_CONVENTION_ENCODE ||
      args.raw().alpha.kind != NYBL_SCALAR_DEVICE)
    return 1;
  return plan.launch(args) == NYBL_OK && device.chip() == "sm_120a" ? 0 : 1;
}
