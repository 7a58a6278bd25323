// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One tcgen05.mma of 128 x 8 with K = 64, with operands and scale factors as
// they lie in shared memory. Layouts: PTX ISA 9.0 §9.7.16.3 and .10.7.

#include "tools/nybl/MicroKernel.h"
#include "tools/nybl/MicroTests.h"
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::cli;

namespace {

constexpr size_t rowsA = 128, rowsB = 8, rowBytes = 32, blocks = 4;
constexpr size_t bAt = rowsA * rowBytes, scalesAAt = 5120, scalesBAt = 5632,
                 startAt = 6144;
constexpr uint8_t one = 0x38, nan = 0x7f; // as scale factors

/// 6144 bytes for shared memory (A, B, scales of A, of B) and what D holds at
/// first; 8 numbers a thread out. For a PTX version and a chip. Tensor memory:
/// D in columns 0 to 7, scale factors in 16 to 19 and 20 to 23.
constexpr const char *ptxFormat = R"(.version {}
.target {}
.address_size 64
.visible .entry multiply(.param .u64 in, .param .u64 out)
{{
  .reg .pred %p<5>;
  .reg .b32 %r<24>;
  .reg .b64 %l<12>;
  .shared .align 1024 .b8 data[6144];
  .shared .align 8 .b64 bar;
  .shared .align 4 .b32 slot;
  ld.param.u64 %l1, [in];
  ld.param.u64 %l2, [out];
  mov.u32 %r0, %tid.x;
  shr.u32 %r1, %r0, 5;
  setp.eq.u32 %p0, %r0, 0;
  setp.eq.u32 %p1, %r1, 0;
  mov.u32 %r2, data;
  shl.b32 %r3, %r0, 4;
  add.u32 %r4, %r2, %r3;
  cvt.u64.u32 %l3, %r3;
  add.u64 %l3, %l1, %l3;
  mov.u32 %r5, 0;
FILL:
  ld.global.v4.b32 {{%r8, %r9, %r10, %r11}}, [%l3];
  st.shared.v4.b32 [%r4], {{%r8, %r9, %r10, %r11}};
  add.u64 %l3, %l3, 2048;
  add.u32 %r4, %r4, 2048;
  add.u32 %r5, %r5, 1;
  setp.lt.u32 %p2, %r5, 3;
  @%p2 bra FILL;
  ld.global.b32 %r6, [%l1+6144];
  mov.u32 %r7, bar;
  @%p0 mbarrier.init.shared.b64 [%r7], 1;
  fence.mbarrier_init.release.cluster;
  fence.proxy.async.shared::cta;
  mov.u32 %r20, slot;
  @%p1 tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [%r20], 32;
  @%p1 tcgen05.relinquish_alloc_permit.cta_group::1.sync.aligned;
  tcgen05.fence::before_thread_sync;
  bar.sync 0;
  tcgen05.fence::after_thread_sync;
  ld.shared.b32 %r21, [%r20];
  shl.b32 %r22, %r1, 21;
  add.u32 %r22, %r22, %r21;
  tcgen05.st.sync.aligned.32x32b.x8.b32 [%r22], {{%r6, %r6, %r6, %r6, %r6, %r6, %r6, %r6}};
  tcgen05.wait::st.sync.aligned;
  tcgen05.fence::before_thread_sync;
  bar.sync 0;
  tcgen05.fence::after_thread_sync;
  @!%p0 bra ASKED;
  shr.u32 %r3, %r2, 4;
  cvt.u64.u32 %l4, %r3;
  or.b64 %l5, %l4, {:#x};
  add.u64 %l6, %l5, {};
  or.b64 %l7, %l4, {:#x};
  add.u64 %l8, %l7, {};
  add.u64 %l9, %l7, {};
  add.u32 %r8, %r21, 16;
  add.u32 %r9, %r21, 20;
  tcgen05.cp.cta_group::1.32x128b.warpx4 [%r8], %l8;
  tcgen05.cp.cta_group::1.32x128b.warpx4 [%r9], %l9;
  setp.eq.u32 %p3, %r0, 0;
  mov.u32 %r10, {:#x};
  tcgen05.mma.cta_group::1.kind::mxf4nvf4.block_scale.scale_vec::4X [%r21], %l5, %l6, %r10, [%r8], [%r9], %p3;
  tcgen05.commit.cta_group::1.mbarrier::arrive::one.shared::cluster.b64 [%r7];
ASKED:
  bar.warp.sync 0xffffffff;
DONE:
  mbarrier.try_wait.parity.shared.b64 %p4, [%r7], 0;
  @!%p4 bra DONE;
  tcgen05.fence::after_thread_sync;
  bar.warp.sync 0xffffffff;
  tcgen05.ld.sync.aligned.32x32b.x8.b32 {{%r8, %r9, %r10, %r11, %r12, %r13, %r14, %r15}}, [%r22];
  tcgen05.wait::ld.sync.aligned;
  mul.wide.u32 %l3, %r0, 32;
  add.u64 %l3, %l2, %l3;
  st.global.v4.b32 [%l3], {{%r8, %r9, %r10, %r11}};
  st.global.v4.b32 [%l3+16], {{%r12, %r13, %r14, %r15}};
  tcgen05.fence::before_thread_sync;
  bar.sync 0;
  tcgen05.fence::after_thread_sync;
  @%p1 tcgen05.dealloc.cta_group::1.sync.aligned.b32 %r21, 32;
  ret;
}}
)";

/// Rows of 32 bytes, whose halves change places every four rows (32-byte
/// swizzle), eight rows after eight; addresses count 16 bytes.
constexpr uint64_t dataDescriptor = uint64_t(6) << 61 | uint64_t(1) << 46 |
                                    uint64_t(256 / 16) << 32 |
                                    uint64_t(1) << 16;
/// Rows of 16 bytes, as they come.
constexpr uint64_t scaleDescriptor =
    uint64_t(1) << 46 | uint64_t(128 / 16) << 32 | uint64_t(1) << 16;
/// e2m1 times e2m1, scale factors ue4m3, M = 128, N = 8.
constexpr uint32_t instructionDescriptor =
    1u << 7 | 1u << 10 | (rowsB / 8) << 17 | (rowsA / 16) << 24;

std::string ptxFor(const std::string &chip) {
  const char *version = chip == "sm_100a"   ? "8.7"
                        : chip == "sm_110a" ? "9.0"
                                            : "8.8"; // the least that knows it
  return fmt::format(fmt::runtime(ptxFormat), version, chip, dataDescriptor,
                     bAt / 16, scaleDescriptor, scalesAAt / 16, scalesBAt / 16,
                     instructionDescriptor);
}

/// What a launch gets. Elements are the same in all rows, block by block.
class Operands {
public:
  Operands() {
    for (size_t block = 0; block < blocks; ++block) {
      setA(block, 0x22); // two of 1
      setB(block, 0x22);
      setScaleA(block, one);
      setScaleB(block, one);
    }
  }
  /// All 16 elements of a block: two codes a byte.
  Operands &setA(size_t block, uint8_t codes, size_t count = 8) {
    return setData(0, rowsA, block, codes, count);
  }
  Operands &setB(size_t block, uint8_t codes, size_t count = 8) {
    return setData(bAt, rowsB, block, codes, count);
  }
  Operands &setScaleA(size_t block, uint8_t scale) {
    return setScales(scalesAAt, 0, rowsA, block, scale);
  }
  /// Of the columns that there are, or of others that tcgen05.cp takes along.
  Operands &setScaleB(size_t block, uint8_t scale, bool isReal = true) {
    return setScales(scalesBAt, isReal ? 0 : rowsB, isReal ? rowsB : rowsA,
                     block, scale);
  }
  Operands &start(float value) {
    std::memcpy(&bytes[startAt], &value, sizeof value);
    return *this;
  }
  std::span<const std::byte> image() const {
    return std::as_bytes(std::span(bytes));
  }

private:
  Operands &setData(size_t at, size_t rows, size_t block, uint8_t codes,
                    size_t count) {
    for (size_t row = 0; row < rows; ++row) {
      size_t half = block / 2 ^ row / 4 % 2;
      uint8_t *to = &bytes[at + row * rowBytes + half * 16 + block % 2 * 8];
      std::memset(to, 0, 8);
      std::memset(to, codes, count);
    }
    return *this;
  }
  /// 16 bytes for rows r, r + 32, r + 64, r + 96, four blocks each.
  Operands &setScales(size_t at, size_t first, size_t end, size_t block,
                      uint8_t scale) {
    for (size_t row = first; row < end; ++row)
      bytes[at + row % 32 * 16 + row / 32 * 4 + block] = scale;
    return *this;
  }

  std::array<uint8_t, startAt + 16> bytes{};
};

/// A question whose answer is one number for all elements.
struct Case {
  const char *question;
  Operands operands;
  const char *modelled;
};

Operands withStart(float value) { return Operands().start(value); }

std::vector<Case> scaleCases() {
  Operands signs, beside, nanOfZeros, top, zeroAndNan, zeroAndInfinity;
  for (size_t block = 0; block < blocks; ++block) {
    signs.setScaleA(block, one | 0x80);
    beside.setScaleB(block, nan, /*isReal=*/false);
    nanOfZeros.setA(block, 0).setB(block, 0);
  }
  nanOfZeros.setScaleA(0, nan);
  top.setScaleA(0, 0xff);
  zeroAndNan.setScaleA(0, 0).setScaleB(0, nan);
  zeroAndInfinity.setScaleA(0, 0).start(INFINITY);
  return {
      {"scale bytes have bit 7 set", signs, "64"},
      {"scales of columns that there are not are NaN", beside, "64"},
      {"one scale is NaN and all data are zero", nanOfZeros, "NaN 0x7fffffff"},
      {"one scale is 0xff", top, "NaN 0x7fffffff"},
      {"one scale is 0", Operands().setScaleA(0, 0), "48"},
      {"one scale is 0 and its partner NaN", zeroAndNan, "NaN 0x7fffffff"},
      {"one scale is 0 and D infinite", zeroAndInfinity, "inf"}};
}

/// One block of six products of 2^-2 with scales of 2^-9: three quarters of
/// 64's last place.
Operands aLittle(bool negative) {
  Operands operands;
  for (size_t block = 0; block < blocks; ++block)
    operands.setA(block, 0).setScaleA(block, 1).setScaleB(block, 1);
  operands.setA(0, negative ? 0x99 : 0x11, 3).setB(0, 0x11);
  return operands.start(negative ? -64.0f : 64.0f);
}

/// Two blocks of 6 * 6 with scales of 448 that cancel, and one product of
/// 2^-2 with the other scales as given.
Operands besideLarge(uint8_t scaleA, uint8_t scaleB) {
  Operands operands;
  operands.setA(0, 0x77).setB(0, 0x77).setA(1, 0xff).setB(1, 0x77);
  for (size_t block = 0; block < 2; ++block)
    operands.setScaleA(block, 0x7e).setScaleB(block, 0x7e);
  operands.setA(2, 0x01, 1).setB(2, 0x11).setA(3, 0);
  return operands.setScaleA(2, scaleA).setScaleB(2, scaleB);
}

/// Products of -0, which D begins with too.
Operands negativeZeros() {
  Operands operands;
  for (size_t block = 0; block < blocks; ++block)
    operands.setA(block, 0x88);
  return operands.start(-0.0f);
}

std::vector<Case> sumCases() {
  return {
      {"64 products of one", {}, "64"},
      {"D is infinite", withStart(INFINITY), "inf"},
      {"D is NaN", withStart(NAN), "NaN 0x7fffffff"},
      {"all products and D are -0", negativeZeros(), "0"},
      {"64 and 3/4 of its last place", aLittle(false), "64"},
      {"-64 and 3/4 of its last place", aLittle(true), "-64"},
      {"blocks of 448 cancel beside 2^-19", besideLarge(2, 1), "1.9073486e-06"},
      {"blocks of 448 cancel beside 2^-20", besideLarge(1, 1), "0"}};
}

Expected<MicroTest> zeroBlock(const MicroKernel &kernel) {
  float products[2] = {};
  for (int large = 0; large < 2; ++large) {
    Operands operands = withStart(1.2345678f);
    for (size_t block = 0; block < blocks; ++block)
      operands.setScaleA(block, 1).setScaleB(block, 1);
    uint8_t scale = large ? 0x7e : 0;
    operands.setA(0, 0).setScaleA(0, scale).setScaleB(0, scale);
    auto result = kernel.run(operands.image(), rowsA * rowsB);
    if (!result)
      return result.status();
    products[large] = result->front();
  }
  return zeroBlockTest(products[0], products[1]);
}

} // namespace

Status nybl::cli::runTensorMicroTests(
    const std::shared_ptr<const driver::Device> &device,
    std::vector<MicroTest> &tests) {
  auto kernel = MicroKernel::load(device, ptxFor(device->chip()), rowsA);
  if (!kernel)
    return kernel.status();
  for (const std::vector<Case> &cases : {sumCases(), scaleCases()})
    for (const Case &one : cases) {
      auto products = kernel->run(one.operands.image(), rowsA * rowsB);
      if (!products)
        return products.status();
      tests.push_back({one.question, describe(*products), one.modelled});
    }
  auto block = zeroBlock(*kernel);
  if (!block)
    return block.status();
  tests.push_back(std::move(*block));
  return Status::ok();
}
