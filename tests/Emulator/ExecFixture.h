// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels for tests of the executor: a body of PTX between a prologue that
// loads pointers and an epilogue that returns.
#ifndef NYBL_TESTS_EMULATOR_EXECFIXTURE_H
#define NYBL_TESTS_EMULATOR_EXECFIXTURE_H

#include "tools/emulator/Exec/Engine.h"

#include <cstring>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace nybl::emu::test {

/// Registers every body may use. %in and %out hold global pointers.
inline std::string kernelText(const std::string &body,
                              const std::string &declarations = "") {
  return ".version 8.7\n.target sm_120a\n.address_size 64\n"
         ".visible .entry k(.param .u64 p_in, .param .u64 p_out)\n{\n"
         "  .reg .pred %p<16>;\n  .reg .b16 %h<32>;\n  .reg .b32 %r<64>;\n"
         "  .reg .b64 %d<32>;\n  .reg .f32 %f<32>;\n  .reg .b64 %in, %out;\n" +
         declarations +
         "  ld.param.u64 %in, [p_in];\n  ld.param.u64 %out, [p_out];\n" + body +
         "\n  ret;\n}\n";
}

struct Machine {
  GlobalMemory memory{uint64_t(1) << 30};
  const ChipLimits *chip = findChip("sm_120a");
  uint64_t in = 0, out = 0;
  LaunchResult result;

  uint64_t upload(const std::vector<uint32_t> &words) {
    uint64_t address = *memory.allocate(words.size() * 4);
    memory.write(address, words.data(), words.size() * 4);
    return address;
  }

  /// Empty on success, else the load error.
  std::string run(const std::string &ptx, unsigned threads, uint64_t input,
                  uint64_t output, LaunchConfig config = {}) {
    auto program = loadProgram(ptx, *chip, memory);
    if (!program)
      return program.message();
    const KernelInfo *kernel = (*program)->findKernel("k");
    uint64_t parameters[2] = {input, output};
    config.block = {threads, 1, 1};
    result = runKernel(**program, *kernel, config,
                       reinterpret_cast<const uint8_t *>(parameters), memory);
    return "";
  }

  std::vector<uint32_t> read(uint64_t address, size_t words) {
    std::vector<uint32_t> values(words);
    memory.read(values.data(), address, words * 4);
    return values;
  }
};

/// Each thread stores %r50 at out[tid].
inline const std::string storeOwn = R"(
  mov.u32 %r60, %tid.x;
  mul.wide.u32 %d30, %r60, 4;
  add.s64 %d31, %out, %d30;
  st.global.b32 [%d31], %r50;)";

/// What each thread of one CTA left in %r50.
inline std::vector<uint32_t> runThreads(const std::string &body,
                                        unsigned threads,
                                        const std::string &declarations = "") {
  Machine m;
  uint64_t in = m.upload(std::vector<uint32_t>(64));
  uint64_t out = m.upload(std::vector<uint32_t>(threads));
  LaunchConfig config;
  config.maxSteps = 10000000;
  EXPECT_EQ(m.run(kernelText(body + storeOwn, declarations), threads, in, out,
                  config),
            "");
  EXPECT_TRUE(m.result.reports.empty()) << m.result.reports[0].text();
  return m.read(out, threads);
}

} // namespace nybl::emu::test

#endif // NYBL_TESTS_EMULATOR_EXECFIXTURE_H
