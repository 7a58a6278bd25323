// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Assembles, disassembles, counts.

#include "bench/ResourcesSass.h"
#include "tools/sass/Child.h"
#include <cstdlib>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::bench;
using Json = nlohmann::ordered_json;

Expected<Assembler> nybl::bench::openAssembler(const std::string &path) {
  sass::Outcome outcome = sass::runChild(path, {"--version"});
  size_t at = outcome.out.find(", V");
  if (outcome.code != 0 || at == std::string::npos)
    return Status::environment("expected ptxas at '" + path +
                               "', but it does not print a version");
  std::string version = outcome.out.substr(at + 3);
  return Assembler{path,
                   version.substr(0, version.find_first_not_of("0123456789."))};
}

std::string nybl::bench::restamped(const std::string &ptx,
                                   const Assembler &ptxas) {
  constexpr std::string_view directive = ".version ";
  size_t at = ptx.find(directive), dot = ptxas.version.find('.');
  if (at == std::string::npos || dot == std::string::npos)
    return ptx;
  at += directive.size();
  int major = std::atoi(ptx.c_str() + at);
  size_t end = ptx.find_first_not_of("0123456789.", at);
  int minor = std::atoi(ptx.c_str() + ptx.find('.', at) + 1);
  int most = std::atoi(ptxas.version.c_str() + dot + 1);
  if (major < 9 || minor <= most)
    return ptx;
  return ptx.substr(0, at) + fmt::format("9.{}", most) + ptx.substr(end);
}

/// The number before these words.
static long numberBefore(const std::string &log, const char *words) {
  size_t end = log.find(words);
  if (end == std::string::npos)
    return 0;
  size_t begin = log.find_last_not_of("0123456789", end - 1);
  return std::atol(log.c_str() + begin + 1);
}

static Json figuresOf(const std::string &log,
                      const std::optional<sass::LoopFigures> &loop) {
  Json figures = {{"registers", numberBefore(log, " registers")},
                  {"spill_bytes", numberBefore(log, " bytes spill stores") +
                                      numberBefore(log, " bytes spill loads")}};
  if (!loop)
    return figures;
  figures["mma"] = loop->multiplies;
  figures["instructions"] = loop->instructions;
  figures["nops"] = loop->nops;
  figures["moves"] = loop->moves;
  figures["local"] = loop->local;
  figures["stall_cycles"] = loop->stallCycles;
  return figures;
}

Expected<Json> nybl::bench::machineFigures(const std::string &ptx,
                                           const std::string &chip,
                                           const Assembler &ptxas,
                                           const sass::NvDisasm &tool) {
  sass::Scratch source, target;
  if (!source.write(restamped(ptx, ptxas)) || !target.write(" "))
    return Status::environment("no file in memory can be made");
  sass::Outcome outcome = sass::runChild(
      ptxas.path, {"-v", "-arch=" + chip, source.path(), "-o", target.path()});
  std::string log = outcome.out + outcome.err;
  if (outcome.code != 0)
    return Status::environment("ptxas " + ptxas.version + ": " +
                               log.substr(0, log.find('\n')));
  auto text = sass::disassemble(tool, target.read());
  if (!text)
    return text.status();
  auto code = sass::parseSass(*text);
  if (!code)
    return code.status();
  auto loop = sass::mainLoop(code->front());
  if (!loop)
    return loop.status();
  return figuresOf(log, *loop);
}
