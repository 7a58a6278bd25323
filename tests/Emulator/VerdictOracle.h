// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Who takes a form: ptxas, the loader.
#ifndef NYBL_TESTS_EMULATOR_VERDICTORACLE_H
#define NYBL_TESTS_EMULATOR_VERDICTORACLE_H

#include "tools/emulator/Exec/Engine.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <unistd.h>
#include <vector>

namespace nybl::emu::test {

/// What stands before the forms; `registers` are declarations.
inline std::string verdictHead(const std::string &chip,
                               const std::string &registers) {
  return ".version 9.0\n.target " + chip +
         "\n.address_size 64\n.entry k() {\n" + registers;
}

/// One run tells of many forms: errors have lines. Some errors appear only
/// once no other ones are left, so what is refused is taken out and the rest
/// asked again.
inline std::set<std::string> acceptedByPtxas(const std::string &chip,
                                             const std::string &head,
                                             std::vector<std::string> forms) {
  const size_t firstLine =
      1 + static_cast<size_t>(std::count(head.begin(), head.end(), '\n'));
  std::string path = ::testing::TempDir() + "verdict-" + chip + "-" +
                     std::to_string(getpid()) + ".ptx";
  for (int round = 0; round < 256 && !forms.empty(); ++round) {
    {
      std::ofstream file(path);
      file << head;
      for (const std::string &form : forms)
        file << form << "\n";
      file << "ret;\n}\n";
    }
    std::string command = std::string(NYBL_PTXAS_PATH) + " -arch=" + chip +
                          " -O0 -o /dev/null " + path + " 2>&1";
    FILE *pipe = popen(command.c_str(), "r");
    std::set<size_t> refused;
    char line[4096];
    while (std::fgets(line, sizeof line, pipe)) {
      std::string text(line);
      bool bad = text.find("; error") != text.npos ||
                 text.find("; fatal") != text.npos; // fatal: what follows waits
      if (size_t at = text.find(", line "); at != text.npos && bad)
        refused.insert(std::strtoul(text.c_str() + at + 7, nullptr, 10));
    }
    int status = pclose(pipe);
    if (refused.empty()) {
      EXPECT_EQ(status, 0) << "ptxas failed without naming a line";
      return {forms.begin(), forms.end()};
    }
    std::vector<std::string> kept;
    for (size_t i = 0; i < forms.size(); ++i)
      if (!refused.count(i + firstLine))
        kept.push_back(forms[i]);
    EXPECT_LT(kept.size(), forms.size());
    if (kept.size() == forms.size())
      break;
    forms = std::move(kept);
  }
  ADD_FAILURE() << "ptxas did not come to an end";
  return {};
}

/// Whether a text as it stands is good PTX for a target.
inline bool textPasses(const std::string &target, const std::string &text) {
  std::string path = ::testing::TempDir() + "text-" + target + "-" +
                     std::to_string(getpid()) + ".ptx";
  std::ofstream(path) << text;
  std::string command = std::string(NYBL_PTXAS_PATH) + " -arch=" + target +
                        " -O0 -o /dev/null " + path + " > /dev/null 2>&1";
  return std::system(command.c_str()) == 0;
}

/// The chip that has all of a target: sm_100a for sm_100 and sm_100f.
inline const ChipLimits *chipOf(std::string target) {
  if (target.back() == 'a' || target.back() == 'f')
    target.pop_back();
  return findChip(target + "a");
}

inline bool acceptedByUs(const std::string &target, const std::string &head,
                         const std::string &form, std::string &why) {
  GlobalMemory memory(uint64_t(1) << 20);
  auto program =
      loadProgram(head + form + "\nret;\n}\n", *chipOf(target), memory);
  why = program ? "" : program.message();
  return bool(program);
}

} // namespace nybl::emu::test

#endif // NYBL_TESTS_EMULATOR_VERDICTORACLE_H
