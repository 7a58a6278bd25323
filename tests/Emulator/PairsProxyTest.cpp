// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Broken and mended kernels: bytes that ordinary stores and asynchronous copies
// share.

#include "tests/Emulator/PairsFixture.h"
#include "tools/emulator/Device/TensorMap.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

#define LOAD(COPY)                                                             \
  "mbarrier.init.shared.b64 [%bar], 1;\n"                                      \
  "mbarrier.arrive.expect_tx.shared.b64 _, [%bar], 64;\n" COPY                 \
  "W: mbarrier.try_wait.parity.shared.b64 %p1, [%bar], 0; @!%p1 bra W;\n"      \
  "ld.shared.b32 %r1, [%sm];\n"
#define BULK                                                                   \
  "cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes "             \
  "[%sm], [%in], 64, [%bar];\n"

const Pair pairs[] = {
    {"the source is stored to by another CTA",
     {1, 2},
     FindingKind::Race,
     "that nothing orders",
     "mov.u32 %r5, %ctaid.x; setp.ne.u32 %p3, %r5, 0;\n"
     "<<@%p3 st.global.b32 [%in], 5;||>> @%p3 ret;\n" LOAD(BULK)},
    {"the source was stored to without a proxy fence",
     {1},
     FindingKind::MissingFence,
     "a load by the async proxy",
     "st.global.b32 [%in+60], 5; <<||fence.proxy.async;>>\n" LOAD(BULK)},
    {"the source was stored to by another warp, without a proxy fence",
     {64},
     FindingKind::MissingFence,
     "a load by the async proxy",
     "setp.eq.u32 %p2, %tid, 32; @%p2 st.global.b32 [%in+60], 5;\n"
     "<<||fence.proxy.async.global;>> bar.sync 0; @!%first ret;\n" LOAD(BULK)},
    {"the destination was stored to without a proxy fence",
     {1},
     FindingKind::MissingFence,
     "a store by the async proxy",
     "st.shared.b32 [%sm], 5; <<||fence.proxy.async.shared::cta;>>\n" LOAD(
         BULK)},
    {"the destination was stored to and read without a proxy fence",
     {32},
     FindingKind::MissingFence,
     "a store by the async proxy",
     "st.shared.b32 [%mine], 5; bar.warp.sync -1; ld.shared.b32 %r7, [%sm];\n"
     "bar.warp.sync -1; <<||fence.proxy.async;>> bar.warp.sync -1;\n"
     "@!%first ret;\n" LOAD(BULK)},
};

TEST(Pairs, Proxies) {
  for (const Pair &pair : pairs)
    expectPair(pair);
}

/// Accepted because kernels of others do it; strict fences ask for one.
TEST(Pairs, StrictFencesFindMore) {
  const struct {
    const char *word, *body;
  } cases[] = {
      {"tcgen05.alloc",
       "tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [%sm], 32;\n"
       "ld.shared.b32 %r10, [%sm]; bar.warp.sync -1; @!%first bra END;\n" LOAD(
           BULK) "END: bar.warp.sync -1;\n"
                 "tcgen05.dealloc.cta_group::1.sync.aligned.b32 %r10, 32;\n"},
      {"mbarrier.init", "@!%first ret;\n" LOAD(BULK)}};
  for (const auto &c : cases)
    for (const Schedule &s : everySchedule()) {
      SCOPED_TRACE(c.word + (" under " + s.name));
      Pair pair{"", {32}, FindingKind::MissingFence, "", c.body, "sm_100a"};
      for (const Report &r : runPair(pair, false, s))
        ADD_FAILURE() << r.text();
      pair.strict = true;
      std::vector<Report> found = runPair(pair, false, s);
      ASSERT_FALSE(found.empty());
      EXPECT_EQ(found[0].kind, FindingKind::MissingFence) << found[0].text();
      EXPECT_NE(found[0].text().find(c.word), std::string::npos)
          << found[0].text();
    }
}

/// 64 bytes of a tensor that a kernel may have stored to before it loads them.
std::vector<Report> loadTensor(const std::string &store, const Schedule &s) {
  Machine m;
  uint64_t tensor = m.upload(std::vector<uint32_t>(64));
  TensorMap map;
  map.rank = 2;
  map.globalAddress = tensor;
  map.dims[0] = map.strides[1] = 64;
  map.dims[1] = map.box[1] = 4;
  map.box[0] = 16;
  std::vector<uint32_t> words(tensorMapBytes / 4);
  encodeTensorMap(map, reinterpret_cast<uint8_t *>(words.data()));
  uint64_t at = m.upload(words);
  LaunchConfig config = configOf({1}, s);
  config.races = true;
  std::string body =
      std::string(pairPrologue) + store +
      LOAD("cp.async.bulk.tensor.2d.shared::cta.global.tile.mbarrier::"
           "complete_tx::bytes [%sm], [%in, {0, 0}], [%bar];\n");
  EXPECT_EQ(m.run(kernelText(body, pairDeclarations), 1, at, tensor, config),
            "");
  return std::move(m.result.reports);
}

TEST(Pairs, TensorSources) {
  const std::string inside = "st.global.b32 [%out+192], 1;\n",
                    outside = "st.global.b32 [%out+208], 1;\n",
                    fence = "fence.proxy.async.global;\n";
  for (const Schedule &s : everySchedule()) {
    SCOPED_TRACE(s.name);
    std::vector<Report> reports = loadTensor(inside, s);
    ASSERT_EQ(reports.size(), 1u);
    EXPECT_EQ(reports[0].kind, FindingKind::MissingFence) << reports[0].text();
    EXPECT_TRUE(loadTensor(inside + fence, s).empty());
    EXPECT_TRUE(loadTensor(outside, s).empty());
  }
}

} // namespace
