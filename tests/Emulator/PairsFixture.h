// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pairs of kernels: a broken one, which some schedule must find out, and its
// mended twin, which must be silent under all of them. Where the two differ the
// text says <<broken||mended>>.
#ifndef NYBL_TESTS_EMULATOR_PAIRSFIXTURE_H
#define NYBL_TESTS_EMULATOR_PAIRSFIXTURE_H

#include "tests/Emulator/ExecFixture.h"
#include "tests/Emulator/Schedules.h"

namespace nybl::emu::test {

struct Pair {
  const char *name;
  LaunchShape shape;
  FindingKind kind;
  const char *word; ///< of the finding's message
  const char *body;
  const char *target = "sm_120a";
  bool strict = false; ///< strictProxyFence, strictTensorLoads
};

/// What every body may use. in: 256 words; 64 to 95 are poison, 128 and 129
/// hold the address of freed memory. out: 256 words, the upper half never
/// written.
inline const char *const pairDeclarations = R"(
  .shared .align 128 .b8 buf[4096];
  .shared .align 16 .b8 bars[64];
  .reg .pred %first, %leader;
  .reg .b32 %tid, %warp, %lane, %bar, %sm, %mine, %rank;
)";
inline const char *const pairPrologue = R"(
  mov.u32 %tid, %tid.x; shr.u32 %warp, %tid, 5; and.b32 %lane, %tid, 31;
  setp.eq.u32 %first, %tid, 0; setp.eq.u32 %leader, %lane, 0;
  mov.u32 %bar, bars; mov.u32 %sm, buf;
  shl.b32 %mine, %tid, 2; add.u32 %mine, %sm, %mine;
  mov.u32 %rank, %cluster_ctarank;
)";

/// The text with the first or the second of all alternatives.
inline std::string choose(const std::string &text, bool mended) {
  std::string result;
  for (size_t at = 0;;) {
    size_t open = text.find("<<", at);
    result += text.substr(at, open == text.npos ? open : open - at);
    if (open == text.npos)
      return result;
    size_t bar = text.find("||", open), close = text.find(">>", bar);
    result += mended ? text.substr(bar + 2, close - bar - 2)
                     : text.substr(open + 2, bar - open - 2);
    at = close + 2;
  }
}

inline std::string pairText(const Pair &pair, bool mended) {
  std::string text = kernelText(
      choose(pairPrologue + std::string(pair.body), mended), pairDeclarations);
  text.replace(text.find("sm_120a"), 7, pair.target);
  return text;
}

inline std::vector<Report> runPair(const Pair &pair, bool mended,
                                   const Schedule &schedule) {
  Machine m;
  m.chip = findChip(pair.target);
  std::vector<uint32_t> words(256);
  for (uint32_t i = 0; i < 256; ++i)
    words[i] = i;
  uint64_t freed = *m.memory.allocate(256);
  m.memory.fill(freed, words.data(), 4, 64);
  m.memory.release(freed);
  std::memcpy(&words[128], &freed, 8);
  uint64_t in = m.upload(words);
  m.memory.setPoison(in + 256, 128, true);
  uint64_t out = *m.memory.allocate(1024);
  std::vector<uint32_t> zeros(128);
  m.memory.write(out, zeros.data(), 512);
  LaunchConfig config = configOf(pair.shape, schedule);
  config.races = true;
  config.strictProxyFence = pair.strict;
  config.strictTensorLoads = pair.strict;
  config.maxSteps = 1 << 16;
  std::string problem =
      m.run(pairText(pair, mended), pair.shape.threads, in, out, config);
  EXPECT_EQ(problem, "");
  return std::move(m.result.reports);
}

inline void expectPair(const Pair &pair) {
  SCOPED_TRACE(pair.name);
  bool found = false;
  std::string others;
  for (const Schedule &s : everySchedule()) {
    for (const Report &r : runPair(pair, false, s)) {
      found |=
          r.kind == pair.kind && r.message.find(pair.word) != std::string::npos;
      others += "\n  " + s.name + ": " + r.text();
    }
    for (const Report &r : runPair(pair, true, s))
      ADD_FAILURE() << "mended, " << s.name << ": " << r.text();
  }
  EXPECT_TRUE(found) << "expected '" << name(pair.kind) << "' with '"
                     << pair.word << "', got" << others;
}

} // namespace nybl::emu::test

#endif // NYBL_TESTS_EMULATOR_PAIRSFIXTURE_H
