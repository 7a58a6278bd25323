// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Instructions on vectors of inputs: one thread for one row of words.
#ifndef NYBL_TESTS_EMULATOR_EXECVECTOR_H
#define NYBL_TESTS_EMULATOR_EXECVECTOR_H

#include "tests/Emulator/ExecFixture.h"

namespace nybl::emu::test {

struct KnownAnswer {
  const char *name, *body;
  std::vector<uint32_t> in, out;
};

/// Bodies find their inputs in %r0.. (32 bits each) and in %d0.. (pairs of
/// them), and leave results in %r10.. or %d10.. ("wide"). One row after the
/// other; empty on failure.
inline std::vector<uint32_t> runRows(const std::string &body,
                                     const std::vector<uint32_t> &inputs,
                                     size_t wordsIn, size_t wordsOut,
                                     const char *chip = "sm_120a",
                                     bool wide = false) {
  auto text = [](size_t n) { return std::to_string(n); };
  size_t rows = wordsIn ? inputs.size() / wordsIn : 1;
  std::string load = "  mov.u32 %r60, %tid.x;\n  mov.u32 %r61, %ctaid.x;\n"
                     "  mad.lo.u32 %r60, %r61, 256, %r60;\n"
                     "  setp.ge.u32 %p15, %r60, " +
                     text(rows) +
                     ";\n  @%p15 exit;\n  mad.wide.u32 %in, %r60, " +
                     text(wordsIn * 4) + ", %in;\n  mad.wide.u32 %out, %r60, " +
                     text(wordsOut * 4) + ", %out;\n";
  std::string store;
  for (size_t i = 0; i < wordsIn; ++i)
    load += "  ld.global.b32 %r" + text(i) + ", [%in+" + text(4 * i) + "];\n";
  for (size_t i = 0; i + 1 < wordsIn; i += 2)
    load += "  mov.b64 %d" + text(i / 2) + ", {%r" + text(i) + ", %r" +
            text(i + 1) + "};\n";
  for (size_t i = 0; i < wordsOut; i += wide ? 2 : 1)
    store += wide ? "  mov.b64 {%r62, %r63}, %d" + text(10 + i / 2) +
                        ";\n  st.global.b32 [%out+" + text(4 * i) +
                        "], %r62;\n  st.global.b32 [%out+" + text(4 * i + 4) +
                        "], %r63;\n"
                  : "  st.global.b32 [%out+" + text(4 * i) + "], %r" +
                        text(10 + i) + ";\n";
  Machine m;
  m.chip = findChip(chip);
  uint64_t in = m.upload(inputs.empty() ? std::vector<uint32_t>(1) : inputs);
  uint64_t out = m.upload(std::vector<uint32_t>(rows * wordsOut));
  std::string ptx = kernelText(load + body + "\n" + store);
  ptx.replace(ptx.find("sm_120a"), 7, chip);
  LaunchConfig config;
  config.grid.x = static_cast<uint32_t>((rows + 255) / 256);
  std::string error = m.run(ptx, 256, in, out, config);
  EXPECT_EQ(error, "") << body;
  if (!error.empty())
    return {};
  EXPECT_TRUE(m.result.reports.empty()) << m.result.reports[0].text();
  return m.read(out, rows * wordsOut);
}

inline void check(const KnownAnswer &v, bool wide = false,
                  const char *chip = "sm_120a") {
  EXPECT_EQ(runRows(v.body, v.in, v.in.size(), v.out.size(), chip, wide), v.out)
      << v.name;
}

} // namespace nybl::emu::test

#endif // NYBL_TESTS_EMULATOR_EXECVECTOR_H
