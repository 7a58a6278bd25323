// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels that copy asynchronously, run under every schedule.
#ifndef NYBL_TESTS_EMULATOR_COPYFIXTURE_H
#define NYBL_TESTS_EMULATOR_COPYFIXTURE_H

#include "tests/Emulator/ExecFixture.h"
#include "tests/Emulator/Schedules.h"

#include "tools/emulator/Device/TensorMap.h"

namespace nybl::emu::test {

using ByteVector = std::vector<uint8_t>;

/// A map whose address counts from the start of `in` or `out`.
struct PlacedMap {
  TensorMap map;
  bool ofOut = false;
};

/// One kernel of kernelText() with its buffers in bytes.
struct CopyCase {
  std::string body;
  ByteVector in, out; ///< before the launch
  LaunchShape shape{32};
  std::string chip = "sm_120a";
  /// 16 KiB, aligned to 1024; `bars` is 64 bytes for mbarriers.
  std::string declarations = "  .shared .align 1024 .b8 buf[16384];\n  .shared "
                             ".align 8 .b8 bars[64];\n";
  bool checks = true;
  std::vector<PlacedMap> maps;            ///< at `in`, 128 bytes each
  uint64_t poisonAt = 0, poisonBytes = 0; ///< of `in`
};

struct CopyOutcome {
  std::string loadError;
  ByteVector out;
  std::vector<Report> reports;
  Counters counters;
};

inline uint64_t uploadBytes(GlobalMemory &memory, const ByteVector &bytes) {
  uint64_t address = *memory.allocate(bytes.size());
  memory.write(address, bytes.data(), bytes.size());
  return address;
}

inline CopyOutcome runCopy(const CopyCase &c, const Schedule &s) {
  Machine m;
  m.chip = findChip(c.chip);
  std::string text = kernelText(c.body, c.declarations);
  text.replace(text.find("sm_120a"), 7, c.chip);
  uint64_t in = uploadBytes(m.memory, c.in), out = uploadBytes(m.memory, c.out);
  for (size_t i = 0; i < c.maps.size(); ++i) {
    TensorMap map = c.maps[i].map;
    map.globalAddress += c.maps[i].ofOut ? out : in;
    uint8_t bytes[tensorMapBytes];
    encodeTensorMap(map, bytes);
    m.memory.write(in + i * tensorMapBytes, bytes, sizeof bytes);
  }
  if (c.poisonBytes)
    m.memory.setPoison(in + c.poisonAt, c.poisonBytes, true);
  CopyOutcome o;
  LaunchConfig config = configOf(c.shape, s);
  config.checks = c.checks;
  o.loadError = m.run(text, c.shape.threads, in, out, config);
  o.out.resize(c.out.size());
  m.memory.read(o.out.data(), out, o.out.size());
  o.reports = std::move(m.result.reports);
  o.counters = m.result.counters;
  return o;
}

inline void expectCopied(const CopyCase &c, const ByteVector &expected) {
  for (const Schedule &s : everySchedule()) {
    SCOPED_TRACE(s.name);
    CopyOutcome o = runCopy(c, s);
    ASSERT_EQ(o.loadError, "");
    if (!o.reports.empty())
      FAIL() << o.reports[0].text();
    ASSERT_EQ(o.out, expected);
  }
}

inline void expectFindingUnder(const CopyCase &c, FindingKind kind,
                               const std::string &word,
                               const std::vector<Schedule> &schedules) {
  for (const Schedule &s : schedules) {
    SCOPED_TRACE(s.name);
    CopyOutcome o = runCopy(c, s);
    ASSERT_EQ(o.loadError, "");
    ASSERT_FALSE(o.reports.empty());
    EXPECT_EQ(o.reports[0].kind, kind) << o.reports[0].text();
    EXPECT_NE(o.reports[0].message.find(word), std::string::npos)
        << o.reports[0].text();
  }
}

inline const std::vector<Schedule> late{
    {SchedulePolicy::Lazy, 0, "lazy"},
    {SchedulePolicy::Adversary, 0, "adversary"}};

inline ByteVector countingBytes(size_t count, unsigned factor = 7) {
  ByteVector bytes(count);
  for (size_t i = 0; i < count; ++i)
    bytes[i] = static_cast<uint8_t>(i * factor + i / 256);
  return bytes;
}

template <typename T>
inline ByteVector bytesOfValues(const std::vector<T> &values) {
  ByteVector bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// %r1: thread, %p1: thread 0, %r10: barriers, %r11: buffer; one barrier at
/// %r10 is initialised for one arrival.
inline const char *const copyProlog = R"(
  mov.u32 %r1, %tid.x; setp.eq.u32 %p1, %r1, 0;
  mov.u32 %r10, bars; mov.u32 %r11, buf;
  @%p1 mbarrier.init.shared.b64 [%r10], 1;
  bar.sync 0;
)";

/// Waits for phase 0 of the barrier at %r10.
inline const char *const waitFirst = R"(
WAIT: mbarrier.try_wait.parity.shared.b64 %p2, [%r10], 0;
  @!%p2 bra WAIT;
)";

/// Threads store the first `words` words of the buffer at %d9.
inline std::string dump(unsigned words, unsigned threads) {
  return "  mov.u32 %r40, %r1;\n"
         "DUMP: setp.ge.u32 %p7, %r40, " +
         std::to_string(words) +
         ";\n  @%p7 bra DUMPED;\n"
         "  shl.b32 %r41, %r40, 2; add.u32 %r42, %r11, %r41;\n"
         "  ld.shared.b32 %r43, [%r42];\n"
         "  cvt.u64.u32 %d28, %r41; add.u64 %d28, %d9, %d28;\n"
         "  st.global.b32 [%d28], %r43;\n  add.u32 %r40, %r40, " +
         std::to_string(threads) + ";\n  bra DUMP;\nDUMPED:\n";
}

/// Threads fill the first `words` words of the buffer from %d9.
inline std::string fill(unsigned words, unsigned threads) {
  return "  mov.u32 %r40, %r1;\n"
         "FILL: setp.ge.u32 %p7, %r40, " +
         std::to_string(words) +
         ";\n  @%p7 bra FILLED;\n"
         "  shl.b32 %r41, %r40, 2; add.u32 %r42, %r11, %r41;\n"
         "  cvt.u64.u32 %d28, %r41; add.u64 %d28, %d9, %d28;\n"
         "  ld.global.b32 %r43, [%d28]; st.shared.b32 [%r42], %r43;\n"
         "  add.u32 %r40, %r40, " +
         std::to_string(threads) +
         ";\n  bra FILL;\nFILLED: fence.proxy.async.shared::cta;\n"
         "  bar.sync 0;\n";
}

} // namespace nybl::emu::test

#endif // NYBL_TESTS_EMULATOR_COPYFIXTURE_H
