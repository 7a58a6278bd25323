// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Boxes of tensors, with every plain swizzle, past every edge. Where a byte
// lies is said by chunks of 16 bytes within a row, not by address bits: chunk c
// of row r goes to c ^ r % 8 (128 bytes), c ^ r / 2 % 4 (64), c ^ r / 4 % 2
// (32).

#include "tests/Emulator/ExecFixture.h"
#include "tests/Emulator/Schedules.h"
#include "tools/emulator/Device/TensorMap.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

constexpr unsigned rowsOfTensor = 24, pitch = 160; ///< bytes
constexpr unsigned rowsOfBox = 16;

struct Case {
  TensorSwizzle swizzle;
  unsigned rowBytes;
  int x, y; ///< coordinates, in bytes and rows
};

const Case cases[] = {
    {TensorSwizzle::None, 64, 0, 0},
    {TensorSwizzle::Bytes32, 32, 0, 0},
    {TensorSwizzle::Bytes64, 64, 0, 3},
    {TensorSwizzle::Bytes128, 128, 0, 0},
    {TensorSwizzle::Bytes128, 128, 48, 0},   // past the right edge
    {TensorSwizzle::Bytes128, 128, -16, -2}, // before the first row and byte
    {TensorSwizzle::Bytes64, 64, 16, 20},    // past the last row
    {TensorSwizzle::None, 64, 500, 500}};    // outside altogether

unsigned chunkOf(const Case &c, unsigned row, unsigned chunk) {
  switch (c.swizzle) {
  case TensorSwizzle::Bytes128:
    return chunk ^ (row % 8);
  case TensorSwizzle::Bytes64:
    return chunk ^ (row / 2 % 4);
  case TensorSwizzle::Bytes32:
    return chunk ^ (row / 4 % 2);
  default:
    return chunk;
  }
}

constexpr unsigned columnsOfTensor = 150; ///< bytes that count of a row

std::string bodyOf(const Case &c, bool waits) {
  std::string bytes = std::to_string(c.rowBytes * rowsOfBox);
  std::string body =
      "mov.u32 %r1, %tid.x; setp.eq.u32 %p1, %r1, 0;\n"
      "mov.u32 %r2, bar; mov.u32 %r3, buf;\n"
      "mov.u32 %r4, " +
      std::to_string(c.x) + "; mov.u32 %r5, " + std::to_string(c.y) +
      ";\n@%p1 mbarrier.init.shared.b64 [%r2], 1;\nbar.sync 0;\n"
      "@%p1 mbarrier.arrive.expect_tx.shared.b64 _, [%r2], " +
      bytes +
      ";\n@%p1 cp.async.bulk.tensor.2d.shared::cta.global.tile"
      ".mbarrier::complete_tx::bytes [%r3], [%in, {%r4, %r5}], [%r2];\n";
  if (waits)
    body += "W: mbarrier.try_wait.parity.shared.b64 %p2, [%r2], 0;\n"
            "@!%p2 bra W;\n";
  // Each of 32 lanes dumps its words.
  body += "mov.u32 %r6, %r1;\nD: shl.b32 %r7, %r6, 2;\n"
          "add.u32 %r8, %r3, %r7; ld.shared.b32 %r9, [%r8];\n"
          "cvt.u64.u32 %d1, %r7; add.u64 %d1, %out, %d1;\n"
          "st.global.b32 [%d1], %r9; add.u32 %r6, %r6, 32;\n"
          "setp.lt.u32 %p3, %r6, " +
          std::to_string(c.rowBytes * rowsOfBox / 4) + ";\n@%p3 bra D;\n";
  return body;
}

struct Outcome {
  std::vector<uint32_t> words;
  std::vector<Report> reports;
  uint64_t bytesLoaded;
};

uint8_t byteAt(unsigned row, unsigned column) {
  return static_cast<uint8_t>(row * 37 + column * 5 + 1);
}

Outcome runCase(const Case &c, bool waits, const Schedule &s) {
  Machine m;
  std::vector<uint32_t> tensor(rowsOfTensor * pitch / 4);
  for (unsigned row = 0; row < rowsOfTensor; ++row)
    for (unsigned i = 0; i < pitch; ++i)
      tensor[(row * pitch + i) / 4] |= uint32_t(byteAt(row, i))
                                       << (8 * (i % 4));
  TensorMap map;
  map.rank = 2;
  map.globalAddress = m.upload(tensor);
  map.dims[0] = columnsOfTensor;
  map.dims[1] = rowsOfTensor;
  map.strides[1] = pitch;
  map.box[0] = c.rowBytes;
  map.box[1] = rowsOfBox;
  map.swizzle = c.swizzle;
  EXPECT_EQ(checkTensorMap(map), "");
  std::vector<uint32_t> encoded(tensorMapBytes / 4);
  encodeTensorMap(map, reinterpret_cast<uint8_t *>(encoded.data()));
  uint64_t in = m.upload(encoded), out = *m.memory.allocate(4096);
  LaunchConfig config;
  config.policy = s.policy;
  config.seed = s.seed;
  EXPECT_EQ(m.run(kernelText(bodyOf(c, waits),
                             "  .shared .align 1024 .b8 buf[4096];\n"
                             "  .shared .align 8 .b64 bar;\n"),
                  32, in, out, config),
            "");
  return {m.read(out, c.rowBytes * rowsOfBox / 4), m.result.reports,
          m.result.counters.asyncBytesLoaded};
}

TEST(TensorCopy, BoxesAreSwizzledAndFilled) {
  for (const Case &c : cases)
    for (const Schedule &s : everySchedule()) {
      Outcome o = runCase(c, true, s);
      ASSERT_TRUE(o.reports.empty()) << s.name << o.reports[0].text();
      uint64_t loaded = 0;
      for (unsigned row = 0; row < rowsOfBox; ++row)
        for (unsigned i = 0; i < c.rowBytes; ++i) {
          int x = c.x + int(i), y = c.y + int(row);
          bool inside = x >= 0 && x < int(columnsOfTensor) && y >= 0 &&
                        y < int(rowsOfTensor);
          unsigned at =
              row * c.rowBytes + chunkOf(c, row, i / 16) * 16 + i % 16;
          unsigned got = o.words[at / 4] >> (8 * (at % 4)) & 0xff;
          ASSERT_EQ(got, inside ? byteAt(unsigned(y), unsigned(x)) : 0u)
              << s.name << ", row " << row << ", byte " << i;
          loaded += inside;
        }
      EXPECT_EQ(o.bytesLoaded, loaded) << s.name;
    }
}

/// A map may name constant memory, but nothing is stored there.
TEST(TensorCopy, ConstantsAreNotStoredTo) {
  for (std::string operation : {"", "reduce."}) {
    Machine m;
    std::string reduces = operation.empty() ? "" : ".add";
    std::string ptx = kernelText(
        "mov.u32 %r1, buf; st.shared.v4.b32 [%r1], {1, 2, 3, 4};\n"
        "fence.proxy.async;\ncp." +
            operation + "async.bulk.tensor.1d.global.shared::cta" + reduces +
            ".tile.bulk_group [%in, {0}], [%r1];\n"
            "cp.async.bulk.commit_group; cp.async.bulk.wait_group 0;",
        "  .shared .align 128 .b8 buf[128];\n");
    ptx.insert(ptx.find(".visible"), ".const .align 128 .b8 c[128];\n");
    auto program = loadProgram(ptx, *m.chip, m.memory);
    ASSERT_TRUE(program) << program.message();
    TensorMap map;
    map.rank = 1;
    map.elementType = TensorElement::U32;
    map.globalAddress = (*program)->findGlobal("c")->address;
    map.dims[0] = 32;
    map.box[0] = 4;
    uint64_t parameters[2] = {*m.memory.allocate(tensorMapBytes), 0};
    uint8_t bytes[tensorMapBytes] = {};
    encodeTensorMap(map, bytes);
    m.memory.write(parameters[0], bytes, sizeof bytes);
    LaunchConfig config;
    config.block = {1, 1, 1};
    LaunchResult result =
        runKernel(**program, *(*program)->findKernel("k"), config,
                  reinterpret_cast<const uint8_t *>(parameters), m.memory);
    ASSERT_EQ(result.reports.size(), 1u);
    EXPECT_NE(result.reports[0].text().find("constant memory cannot"),
              std::string::npos)
        << result.reports[0].text();
  }
}

TEST(TensorCopy, AMissingWaitIsFound) {
  Outcome o = runCase(cases[0], false, {SchedulePolicy::Lazy, 0, "lazy"});
  ASSERT_FALSE(o.reports.empty());
  EXPECT_EQ(o.reports[0].kind, FindingKind::InFlight) << o.reports[0].text();
}

} // namespace
