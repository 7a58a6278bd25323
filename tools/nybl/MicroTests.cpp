// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One mma.sync with registers from memory.

#include "tools/nybl/MicroTests.h"
#include "tools/nybl/MicroKernel.h"
#include <array>
#include <bit>
#include <cmath>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::cli;

namespace {

/// 12 words a lane in (A, B, C, scales of A, of B), 4 out. For a PTX version
/// and a chip.
constexpr const char *ptxFormat = R"(.version {}
.target {}
.address_size 64
.visible .entry multiply(.param .u64 in, .param .u64 out)
{{
  .reg .b16 %z;
  .reg .b32 %r<16>;
  .reg .f32 %c<4>, %d<4>;
  .reg .b64 %l<8>;
  ld.param.u64 %l1, [in];
  ld.param.u64 %l2, [out];
  mov.u32 %r15, %tid.x;
  mul.wide.u32 %l3, %r15, 48;
  add.u64 %l1, %l1, %l3;
  mul.wide.u32 %l3, %r15, 16;
  add.u64 %l2, %l2, %l3;
  mov.b16 %z, 0;
  ld.global.b32 %r0, [%l1];
  ld.global.b32 %r1, [%l1+4];
  ld.global.b32 %r2, [%l1+8];
  ld.global.b32 %r3, [%l1+12];
  ld.global.b32 %r4, [%l1+16];
  ld.global.b32 %r5, [%l1+20];
  ld.global.f32 %c0, [%l1+24];
  ld.global.f32 %c1, [%l1+28];
  ld.global.f32 %c2, [%l1+32];
  ld.global.f32 %c3, [%l1+36];
  ld.global.b32 %r6, [%l1+40];
  ld.global.b32 %r7, [%l1+44];
  mma.sync.aligned.kind::mxf4nvf4.block_scale.scale_vec::4X.m16n8k64.row.col.f32.e2m1.e2m1.f32.ue4m3
    {{%d0, %d1, %d2, %d3}}, {{%r0, %r1, %r2, %r3}}, {{%r4, %r5}},
    {{%c0, %c1, %c2, %c3}}, {{%r6}}, {{%z, %z}}, {{%r7}}, {{%z, %z}};
  st.global.f32 [%l2], %d0;
  st.global.f32 [%l2+4], %d1;
  st.global.f32 [%l2+8], %d2;
  st.global.f32 [%l2+12], %d3;
  ret;
}}
)";

/// Data of one (e2m1 code 2) and scales of one in all lanes.
struct Lane {
  std::array<uint32_t, 4> a;
  std::array<uint32_t, 2> b;
  std::array<float, 4> c;
  uint32_t scaleA, scaleB;
};
static_assert(sizeof(Lane) == 48);

constexpr uint32_t ones = 0x22222222, scaleOnes = 0x38383838;

using Warp = std::array<Lane, 32>;

Warp allOnes(float c = 0) {
  Warp warp;
  warp.fill({{ones, ones, ones, ones},
             {ones, ones},
             {c, c, c, c},
             scaleOnes,
             scaleOnes});
  return warp;
}

class Multiplier {
public:
  static Expected<Multiplier>
  make(const std::shared_ptr<const driver::Device> &device) {
    // The least that knows the chip.
    const char *version = device->chip() == "sm_120a" ? "8.7" : "8.8";
    auto kernel = MicroKernel::load(
        device, fmt::format(fmt::runtime(ptxFormat), version, device->chip()),
        32);
    if (!kernel)
      return kernel.status();
    return Multiplier(std::move(*kernel));
  }
  Expected<std::vector<float>> multiply(const Warp &warp) const {
    return kernel.run(std::as_bytes(std::span(warp)), 128);
  }

private:
  explicit Multiplier(MicroKernel kernel) : kernel(std::move(kernel)) {}

  MicroKernel kernel;
};

/// A question whose answer is one number for all elements.
struct Case {
  const char *question;
  Warp warp;
  const char *modelled;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  all.push_back({"64 products of one", allOnes(), "64"});
  all.push_back({"C is infinite", allOnes(INFINITY), "inf"});
  all.push_back({"C is NaN", allOnes(NAN), "NaN 0x7fffffff"});
  Warp signs = allOnes(), lanes = allOnes(), nan = allOnes(), top = allOnes();
  for (size_t i = 0; i < 32; ++i) {
    signs[i].scaleA |= 0x80808080;
    // With selectors 0, lanes 0 and 1 of four hold the scales of A, lane 0
    // those of B.
    if (i % 4 > 1)
      lanes[i].scaleA = 0x7f7f7f7f;
    if (i % 4 > 0)
      lanes[i].scaleB = 0x7f7f7f7f;
    nan[i].a = {0, 0, 0, 0};
    nan[i].scaleA = 0x3838387f;
    top[i].scaleA = 0x383838ff;
  }
  all.push_back({"scale bytes have bit 7 set", signs, "64"});
  all.push_back({"lanes that are not selected hold NaN scales", lanes, "64"});
  all.push_back(
      {"one scale is NaN and all data are zero", nan, "NaN 0x7fffffff"});
  all.push_back({"one scale is 0xff", top, "NaN 0x7fffffff"});
  return all;
}

Expected<MicroTest> zeroBlock(const Multiplier &multiplier) {
  float products[2] = {};
  for (int large = 0; large < 2; ++large) {
    Warp warp = allOnes(1.2345678f);
    for (size_t i = 0; i < 32; ++i) {
      if (i % 4 < 2) // K 0 to 15
        warp[i].a[0] = warp[i].a[1] = 0;
      uint32_t scale = large ? 0x7e : 0;
      warp[i].scaleA = warp[i].scaleB = 0x01010100 | scale;
    }
    auto result = multiplier.multiply(warp);
    if (!result)
      return result.status();
    products[large] = result->front();
  }
  return zeroBlockTest(products[0], products[1]);
}

} // namespace

MicroTest nybl::cli::zeroBlockTest(float besideSmall, float besideLarge) {
  bool same = std::bit_cast<uint32_t>(besideSmall) ==
              std::bit_cast<uint32_t>(besideLarge);
  return {"a K block of zeros has scales of 448",
          same ? "the other blocks' sum is the same"
               : "the other blocks lose bits",
          "the other blocks lose bits"};
}

Status
nybl::cli::runMicroTests(const std::shared_ptr<const driver::Device> &device,
                         std::vector<MicroTest> &tests) {
  auto multiplier = Multiplier::make(device);
  if (!multiplier)
    return multiplier.status();
  for (const Case &one : cases()) {
    auto products = multiplier->multiply(one.warp);
    if (!products)
      return products.status();
    tests.push_back({one.question, describe(*products), one.modelled});
  }
  auto block = zeroBlock(*multiplier);
  if (!block)
    return block.status();
  tests.push_back(std::move(*block));
  return Status::ok();
}
