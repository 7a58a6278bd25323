// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// st.async, red.async and st.bulk: values arrive under every schedule, and what
// is found when a kernel does not wait or names the wrong places.

#include "tests/Emulator/CopyFixture.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

/// Two CTAs. %p3: the first one. %r12, %r13: buffer and barrier of the second,
/// whose barrier expects `bytes`. %d2: the lane's input, `each` bytes apart.
std::string pairProlog(unsigned bytes, unsigned each) {
  return std::string(copyProlog) +
         "  mov.u32 %r2, %cluster_ctarank; setp.eq.u32 %p3, %r2, 0;\n"
         "  mapa.shared::cluster.u32 %r12, %r11, 1;\n"
         "  mapa.shared::cluster.u32 %r13, %r10, 1;\n"
         "  @%p1 mbarrier.arrive.expect_tx.shared.b64 _, [%r10], " +
         std::to_string(bytes) + ";\n" + "  mul.wide.u32 %d1, %r1, " +
         std::to_string(each) +
         "; add.u64 %d2, %in, %d1; cvt.u32.u64 %r3, %d1;\n"
         "  add.u32 %r14, %r12, %r3;\n";
}

const char *const clusterMeets =
    "  barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;\n";

/// The first CTA executes `send`; the second waits and stores `words`.
CopyCase pairCase(const std::string &prepare, const std::string &send,
                  unsigned bytes, unsigned each, unsigned words,
                  bool waits = true) {
  CopyCase c;
  c.shape = {32, 2, 2};
  c.in = countingBytes(32 * each, 5);
  c.out = ByteVector(words * 4);
  c.body = pairProlog(bytes, each) + prepare + "  bar.sync 0;\n" +
           clusterMeets + "  @!%p3 bra RECEIVE;\n" + send +
           "  bra DONE;\nRECEIVE:\n" + (waits ? waitFirst : "") +
           "  mov.u64 %d9, %out;\n" + dump(words, 32) + "DONE:\n";
  return c;
}

struct StoreForm {
  std::string type, load, registers;
  unsigned bytes;
};
const StoreForm storeForms[] = {
    {".b32", ".b32", "%r20", 4},
    {".u32", ".b32", "%r20", 4},
    {".f32", ".b32", "%f20", 4},
    {".s64", ".b64", "%d20", 8},
    {".b64", ".b64", "%d20", 8},
    {".v2.b32", ".v2.b32", "{%r20, %r21}", 8},
    {".v2.f32", ".v2.b32", "{%f20, %f21}", 8},
    {".v2.b64", ".v2.b64", "{%d20, %d21}", 16},
    {".v4.s32", ".v4.b32", "{%r20, %r21, %r22, %r23}", 16}};

std::string sendText(const StoreForm &form, const std::string &head,
                     const std::string &to = "[%r14]",
                     const std::string &barrier = "[%r13]") {
  return "  ld.global" + form.load + " " + form.registers + ", [%d2];\n  " +
         head + form.type + " " + to + ", " + form.registers + ", " + barrier +
         ";\n";
}

const char *const storeHead =
    "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes";

TEST(AsyncStore, ArrivesInAnotherCta) {
  for (const StoreForm &form : storeForms)
    for (std::string head : {std::string(storeHead),
                             std::string("st.async.mbarrier::complete_tx::bytes"
                                         ".shared::cluster")}) {
      SCOPED_TRACE(head + form.type);
      unsigned bytes = 32 * form.bytes;
      CopyCase c =
          pairCase("", sendText(form, head), bytes, form.bytes, bytes / 4);
      expectCopied(c, c.in);
    }
}

TEST(AsyncStore, MissingWaitIsFoundWhenStoresComeLate) {
  CopyCase c =
      pairCase("", sendText(storeForms[0], storeHead), 128, 4, 32, false);
  // The stores have been issued before the other CTA looks.
  c.body.insert(c.body.find("  bra DONE;"), clusterMeets);
  c.body.insert(c.body.find("  mov.u64 %d9"), clusterMeets);
  expectFindingUnder(c, FindingKind::InFlight, "st.async", late);
}

TEST(AsyncStore, WrongByteCountNeverOpensTheBarrier) {
  CopyCase c = pairCase("", sendText(storeForms[0], storeHead), 132, 4, 32);
  expectFindingUnder(c, FindingKind::Deadlock, "4 bytes outstanding",
                     everySchedule());
}

TEST(AsyncStore, TheBarrierIsWhereTheDataGoes) {
  CopyCase c = pairCase(
      "", sendText(storeForms[0], storeHead, "[%r14]", "[%r10]"), 128, 4, 32);
  expectFindingUnder(c, FindingKind::AsyncMisuse, "mbarrier is not in the CTA",
                     everySchedule());
}

TEST(AsyncStore, BadAddressesAreFoundAtIssue) {
  for (auto [to, kind] :
       {std::pair{"[%r14+2]", FindingKind::Misaligned},
        std::pair{"[%r13]", FindingKind::MbarrierMisuse},
        std::pair{"[%r14+1048576]", FindingKind::OutOfBounds}}) {
    SCOPED_TRACE(to);
    CopyCase c =
        pairCase("", sendText(storeForms[0], storeHead, to), 128, 4, 32);
    expectFindingUnder(c, kind, "", everySchedule());
  }
}

TEST(AsyncStore, TwoStoresToTheSameBytesAreFound) {
  CopyCase c =
      pairCase("", sendText(storeForms[0], storeHead, "[%r12]"), 128, 4, 1);
  expectFindingUnder(c, FindingKind::InFlight, "yet to write", late);
}

TEST(AsyncStore, MarksComeAlong) {
  CopyCase c = pairCase("", sendText(storeForms[0], storeHead), 128, 4, 32);
  c.poisonAt = 33;
  c.poisonBytes = 1;
  expectFindingUnder(c, FindingKind::PoisonStored, "marked byte",
                     everySchedule());
  c = pairCase("",
               "  ld.global.b32 %r20, [%in]; add.u32 %r14, %r14, %r20;\n" +
                   sendText(storeForms[0], storeHead),
               128, 4, 32);
  c.poisonBytes = 1;
  expectFindingUnder(c, FindingKind::PoisonSteers, "address", everySchedule());
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

/// All 32 lanes into one element that is 6.
struct ReductionCase {
  const char *op;
  unsigned bytes;
  uint64_t expected;
};
// Lanes give 3 * lane + 4; for inc and dec, 9.
const ReductionCase reductions[] = {{"add.u32", 4, 6 + 3 * 496 + 32 * 4},
                                    {"add.s32", 4, 6 + 3 * 496 + 32 * 4},
                                    {"add.u64", 8, 6 + 3 * 496 + 32 * 4},
                                    {"min.u32", 4, 4},
                                    {"min.s32", 4, 4},
                                    {"max.u32", 4, 97},
                                    {"max.s32", 4, 97},
                                    {"and.b32", 4, 0}, // 4 and 10
                                    {"or.b32", 4, 127},
                                    {"xor.b32", 4, 38},
                                    {"inc.u32", 4, (6 + 32) % 10},
                                    {"dec.u32", 4, 4}}; // (6 - 32) modulo 10

uint64_t valueOf(const std::string &op, unsigned lane) {
  return op.starts_with("inc") || op.starts_with("dec") ? 9 : 3 * lane + 4;
}

TEST(AsyncReduction, EveryOperation) {
  for (const ReductionCase &r : reductions) {
    SCOPED_TRACE(r.op);
    std::string op = r.op, bits = std::to_string(8 * r.bytes);
    std::string value = r.bytes == 8 ? "%d20" : "%r20";
    CopyCase c =
        pairCase("  @%p1 st.shared.b64 [%r11], 6;\n",
                 "  ld.global.b" + bits + " " + value +
                     ", [%d2];\n  red.async.relaxed.cluster.shared::cluster"
                     ".mbarrier::complete_tx::bytes." +
                     op + " [%r12], " + value + ", [%r13];\n",
                 32 * r.bytes, r.bytes, 2);
    for (unsigned lane = 0; lane < 32; ++lane) {
      uint64_t v = valueOf(op, lane);
      std::memcpy(&c.in[lane * r.bytes], &v, r.bytes);
    }
    expectCopied(c, bytesOfValues(std::vector<uint64_t>{r.expected}));
  }
}

TEST(AsyncReduction, MissingWaitIsFoundWhenReductionsComeLate) {
  CopyCase c = pairCase(
      "  @%p1 st.shared.b64 [%r11], 6;\n",
      std::string("  red.async.relaxed.cluster.shared::cluster.mbarrier::"
                  "complete_tx::bytes.add.u32 [%r12], 1, [%r13];\n") +
          clusterMeets,
      128, 4, 1, false);
  c.body.insert(c.body.find("  mov.u64 %d9"), clusterMeets);
  expectFindingUnder(c, FindingKind::InFlight, "red.async", late);
}

TEST(AsyncReduction, IntoBytesThatNobodyWrote) {
  CopyCase c = pairCase(
      "",
      "  red.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx"
      "::bytes.add.u32 [%r12], 1, [%r13];\n",
      128, 4, 1);
  expectFindingUnder(c, FindingKind::UninitialisedRead, "red.async",
                     everySchedule());
}

//===----------------------------------------------------------------------===//
// Global memory
//===----------------------------------------------------------------------===//

/// Warp 1 spins until what warp 0 sends has come.
TEST(AsyncStore, ToGlobalMemoryComesInTheEnd) {
  for (const char *send :
       {"st.async.release.gpu.global.b32 [%out], 5;",
        "st.async.mmio.release.sys.global.u32 [%out], 5;",
        "red.async.release.gpu.global.add.u32 [%out], 5;",
        "red.async.mmio.release.sys.global.or.b32 [%out], 5;"}) {
    SCOPED_TRACE(send);
    CopyCase c;
    c.shape = {64, 1, 1};
    c.chip = "sm_100a";
    c.in = ByteVector(4);
    c.out = ByteVector(8);
    c.body = std::string(copyProlog) + "  @%p1 " + send +
             "\n  setp.ne.u32 %p2, %r1, 32;\n  @%p2 bra DONE;\n"
             "SPIN: ld.acquire.gpu.global.b32 %r2, [%out];\n"
             "  setp.ne.u32 %p3, %r2, 5;\n  @%p3 bra SPIN;\n"
             "  st.global.b32 [%out+4], %r2;\nDONE:\n";
    expectCopied(c, bytesOfValues(std::vector<uint32_t>{5, 5}));
    c.chip = "sm_90a";
    EXPECT_NE(runCopy(c, everySchedule()[0]).loadError.find("sm_100"),
              std::string::npos);
  }
}

TEST(AsyncStore, MarksMustNotReachGlobalMemory) {
  CopyCase c;
  c.chip = "sm_100a";
  c.in = c.out = ByteVector(16);
  c.poisonBytes = 4;
  c.body = "  ld.global.b32 %r2, [%in];\n"
           "  st.async.release.gpu.global.b32 [%out], %r2;\n";
  expectFindingUnder(c, FindingKind::PoisonStored, "marked byte",
                     everySchedule());
}

//===----------------------------------------------------------------------===//
// st.bulk
//===----------------------------------------------------------------------===//

CopyCase bulkCase(const std::string &store) {
  CopyCase c;
  c.chip = "sm_100a";
  c.in = countingBytes(256, 3);
  c.out = ByteVector(256);
  c.body = std::string(copyProlog) + "  mov.u64 %d9, %in; mov.u64 %d3, 40;\n" +
           fill(64, 32) +
           "  cvt.u64.u32 %d4, %r11; cvta.shared.u64 %d4, %d4;\n  @%p1 " +
           store + "\n  bar.sync 0; mov.u64 %d9, %out;\n" + dump(64, 32);
  return c;
}

TEST(BulkStore, WritesZeros) {
  for (const char *store :
       {"st.bulk.weak.shared::cta [%r11+64], %d3, 0;",
        "st.bulk.shared::cta [%r11+64], 40, 0;", "st.bulk [%d4+64], 40, 0;"}) {
    SCOPED_TRACE(store);
    CopyCase c = bulkCase(store);
    ByteVector expected = c.in;
    std::fill(expected.begin() + 64, expected.begin() + 104, 0);
    expectCopied(c, expected);
  }
}

TEST(BulkStore, BadOperands) {
  for (auto [store, kind] :
       {std::pair{"st.bulk.shared::cta [%r11+4], 40, 0;",
                  FindingKind::Misaligned},
        std::pair{"mov.b64 %d5, 20; st.bulk.shared::cta [%r11], %d5, 0;",
                  FindingKind::AsyncMisuse},
        std::pair{"st.bulk.shared::cta [%r11], 65536, 0;",
                  FindingKind::OutOfBounds},
        std::pair{"st.bulk.shared::cta [%r11+16320], 128, 0;",
                  FindingKind::MbarrierMisuse},
        std::pair{"st.bulk [%out], 64, 0;", FindingKind::AsyncMisuse}}) {
    SCOPED_TRACE(store);
    expectFindingUnder(bulkCase(store), kind, "", everySchedule());
  }
  CopyCase c = bulkCase("ld.global.b64 %d5, [%in];\n  st.bulk.shared::cta "
                        "[%r11], %d5, 0;");
  c.poisonBytes = 1;
  c.body.replace(c.body.find("mov.u64 %d9, %in"), 16, "mov.u64 %d9, %out");
  expectFindingUnder(c, FindingKind::PoisonSteers, "size", everySchedule());
}

TEST(AsyncStore, RefusedForms) {
  for (const char *form :
       {"st.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes"
        ".b32 [%r11], %r1, [%r10];",
        "st.async.weak.shared::cluster.b32 [%r11], %r1, [%r10];",
        "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.b64 "
        "[%r11], {%d1, %d2, %d3, %d4}, [%r10];",
        "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.b16 "
        "[%r11], %h1, [%r10];",
        "st.async.release.cta.global.b32 [%out], %r1;",
        "st.async.release.gpu.global.v2.b32 [%out], {%r1, %r2};",
        "red.async.shared::cluster.mbarrier::complete_tx::bytes.add.u32 "
        "[%r11], %r1, [%r10];",
        "red.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes"
        ".add.f32 [%r11], %f1, [%r10];",
        "red.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes"
        ".min.u64 [%r11], %d1, [%r10];",
        "st.bulk.weak.shared::cta [%r11], 64, 1;",
        "st.bulk.weak.shared::cta [%r11], 20, 0;",
        "st.bulk.weak.shared::cluster [%r11], 64, 0;",
        "multimem.red.relaxed.gpu.global.add.u32 [%out], %r1;"}) {
    SCOPED_TRACE(form);
    CopyCase c;
    c.chip = "sm_100a";
    c.in = c.out = ByteVector(4);
    c.body = form;
    EXPECT_NE(runCopy(c, everySchedule()[0]).loadError, "");
  }
}

} // namespace
