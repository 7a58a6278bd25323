// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The instructions of CUDA's own headers: every inline assembly string of
// cuda/__ptx/instructions/generated must parse in a kernel with registers of
// the operands' constraints. How many the loader decodes for some chip is
// counted by family.

#include "tools/emulator/Exec/Engine.h"
#include "tools/emulator/Ptx/Module.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <sstream>

using namespace nybl::emu;

namespace {

struct Asm {
  std::string text, file;
  std::vector<std::string> constraints; ///< outputs first, as %0, %1, ...
};

/// Reads C string literals and what surrounds them, as far as asm needs.
class Extractor {
public:
  Extractor(std::string source, std::string file, std::vector<Asm> &into)
      : source(std::move(source)), file(std::move(file)), into(into) {}

  void run() {
    for (const char *start : {"asm volatile(", "asm("})
      for (size_t found = 0;
           (found = source.find(start, found)) != std::string::npos;) {
        at = found + std::string(start).size();
        found = at;
        into.push_back(statement());
      }
  }

private:
  void blanks() {
    while (at < source.size()) {
      if (std::isspace(static_cast<unsigned char>(source[at])))
        ++at;
      else if (source.compare(at, 2, "//") == 0)
        at = source.find('\n', at);
      else
        return;
    }
  }

  std::string literal() {
    std::string text;
    for (++at; source[at] != '"'; ++at) {
      if (source[at] != '\\') {
        text += source[at];
        continue;
      }
      ++at;
      text += source[at] == 'n' ? '\n' : source[at] == 't' ? '\t' : source[at];
    }
    ++at;
    return text;
  }

  void skipParentheses() {
    int open = 0;
    do {
      open += source[at] == '(' ? 1 : source[at] == ')' ? -1 : 0;
      ++at;
    } while (open > 0);
  }

  Asm statement() {
    Asm result;
    result.file = file;
    for (blanks(); source[at] == '"'; blanks())
      result.text += literal();
    for (int section = 0; source[at] == ':'; ++section) {
      ++at;
      for (blanks(); source[at] == '"' || source[at] == ','; blanks()) {
        if (source[at] == ',') {
          ++at;
          continue;
        }
        std::string constraint = literal();
        blanks();
        if (section > 1)
          continue; // what it clobbers
        result.constraints.push_back(constraint);
        skipParentheses();
      }
    }
    return result;
  }

  std::string source, file;
  std::vector<Asm> &into;
  size_t at = 0;
};

const std::vector<Asm> &forms() {
  static const std::vector<Asm> all = [] {
    std::vector<Asm> found;
    std::filesystem::path folder(NYBL_CCCL_PTX);
    std::vector<std::filesystem::path> files;
    for (auto &entry : std::filesystem::directory_iterator(folder))
      files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const std::filesystem::path &path : files) {
      std::ostringstream text;
      text << std::ifstream(path).rdbuf();
      Extractor(text.str(), path.filename().string(), found).run();
    }
    return found;
  }();
  return all;
}

std::string registerType(const std::string &constraint) {
  switch (constraint.back()) {
  case 'h':
    return ".b16";
  case 'l':
    return ".b64";
  case 'q':
    return ".b128";
  case 'f':
    return ".f32";
  case 'd':
    return ".f64";
  default:
    return ".b32";
  }
}

/// The operand that a constraint stands for.
std::string operandFor(const std::string &constraint, size_t index) {
  return constraint.back() == 'n' ? "1" : "%asm" + std::to_string(index);
}

std::string kernelOf(const Asm &form, const std::string &target) {
  std::string body;
  const std::string &text = form.text;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      body += text[i];
    } else if (text[i + 1] == '%') {
      body += text[++i];
    } else {
      size_t end = i + 1;
      while (end < text.size() &&
             std::isdigit(static_cast<unsigned char>(text[end])))
        ++end;
      size_t index = std::stoul(text.substr(i + 1, end - i - 1));
      body += operandFor(form.constraints.at(index), index);
      i = end - 1;
    }
  }
  std::string registers;
  for (size_t i = 0; i < form.constraints.size(); ++i)
    if (std::string name = operandFor(form.constraints[i], i); name[0] == '%')
      registers +=
          "  .reg " + registerType(form.constraints[i]) + " " + name + ";\n";
  return ".version 9.0\n.target " + target +
         "\n.address_size 64\n.entry k() {\n" + registers + body + "\n}\n";
}

/// "tcgen05.mma" of the first instruction that is no declaration or setp.
std::string familyOf(const Asm &form) {
  auto module = ptx::parse(kernelOf(form, "sm_100a"));
  if (!module)
    return "unparsed";
  std::string name;
  for (const ptx::Instruction &in : module->functions[0].body)
    if (name.empty() || name == "setp")
      name = in.opcode.substr(0, in.opcode.find('.'));
  return name;
}

TEST(CcclForms, AllParse) {
  std::set<std::string> distinct;
  for (const Asm &form : forms()) {
    auto module = ptx::parse(kernelOf(form, "sm_100a"));
    EXPECT_TRUE(module) << form.file << ": " << module.message() << "\n"
                        << form.text;
    distinct.insert(form.text);
  }
  std::printf("%zu inline assembly statements parse, %zu of them distinct\n",
              forms().size(), distinct.size());
  EXPECT_GT(distinct.size(), 800u);
}

TEST(CcclForms, DecodedByFamily) {
  std::map<std::string, std::pair<unsigned, unsigned>> families;
  std::map<std::string, std::string> why;
  std::set<std::string> seen;
  unsigned decoded = 0;
  for (const Asm &form : forms()) {
    if (!seen.insert(form.text).second)
      continue;
    std::string family = familyOf(form), message;
    bool loads = false;
    for (const char *chip : {"sm_90a", "sm_100a", "sm_103a", "sm_120a"}) {
      GlobalMemory memory(uint64_t(1) << 20);
      auto program = loadProgram(kernelOf(form, chip), *findChip(chip), memory);
      loads |= bool(program);
      if (!program && message.empty())
        message = program.message();
    }
    ++families[family].second;
    families[family].first += loads;
    decoded += loads;
    if (!loads)
      why.emplace(family, message + "\n    " + form.text);
  }
  for (auto &[family, counts] : families)
    std::printf("%4u of %4u  %s%s%s\n", counts.first, counts.second,
                family.c_str(), why.count(family) ? ": " : "",
                why.count(family) ? why[family].c_str() : "");
  std::printf("%u of %zu are decoded for some chip\n", decoded, seen.size());
  EXPECT_GT(decoded, 0u);
}

} // namespace
