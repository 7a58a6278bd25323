// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The operators: each is asked for the lines that may stand in a line's place.

#include "tests/Mutation/PtxMutants.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"
#include <functional>
#include <regex>

using namespace nybl::mutation;
using llvm::StringRef;

namespace {

using Lines = std::vector<std::string>;

/// What may stand in the place of lines[at]; a replacement may hold several
/// lines or none.
using Replace = std::function<Lines(const Lines &lines, size_t at)>;

struct PtxOperator {
  const char *name;
  bool isPromised;
  Replace replace;
};

bool isGlobal(const std::string &line) {
  return line.find(".global.") != std::string::npos &&
         line.find('[') != std::string::npos;
}

/// Replacements of a pattern, one line each.
Replace pattern(const char *from, Lines to) {
  return [expression = std::regex(from), to](const Lines &lines, size_t at) {
    Lines made;
    for (const std::string &format : to)
      if (std::regex_search(lines[at], expression))
        made.push_back(
            std::regex_replace(lines[at], expression, format,
                               std::regex_constants::format_first_only));
    return made;
  };
}

Replace onGlobal(Replace replace) {
  return [replace](const Lines &lines, size_t at) {
    return isGlobal(lines[at]) ? replace(lines, at) : Lines();
  };
}

/// The line goes where it matches.
Replace drop(const char *what) { return pattern(what, {"// dropped"}); }

Replace twice(const char *what) {
  return [expression = std::regex(what)](const Lines &lines, size_t at) {
    return std::regex_search(lines[at], expression)
               ? Lines{lines[at] + "\n" + lines[at]}
               : Lines();
  };
}

/// The line, and another behind it.
Replace insertAfter(const char *what, std::string line) {
  return [expression = std::regex(what), line](const Lines &lines, size_t at) {
    return std::regex_search(lines[at], expression)
               ? Lines{lines[at] + "\n" + line}
               : Lines();
  };
}

/// Predicates that guard other accesses of global memory.
Lines otherPredicate(const Lines &lines, size_t at) {
  static const std::regex guard("@(%p\\d+) ");
  std::smatch own, other;
  Lines made, seen;
  if (!isGlobal(lines[at]) || !std::regex_search(lines[at], own, guard))
    return {};
  for (size_t i = 0; i < at; ++i)
    if (isGlobal(lines[i]) && std::regex_search(lines[i], other, guard) &&
        other[1] != own[1] && !llvm::is_contained(seen, other[1].str())) {
      seen.push_back(other[1]);
      made.push_back(
          std::regex_replace(lines[at], guard, "@" + other[1].str() + " ",
                             std::regex_constants::format_first_only));
    }
  return made;
}

/// An immediate of integer arithmetic, one more, one less, doubled.
Lines otherImmediate(const Lines &lines, size_t at) {
  static const std::regex expression(
      "^(\\s+(?:add|and|or|shl|shr|mad|mul|bfe|setp)\\.\\S+\\s.*, )"
      "(-?\\d+)([,;].*)$");
  std::smatch parts;
  if (!std::regex_match(lines[at], parts, expression))
    return {};
  int64_t value = std::stoll(parts[2]);
  Lines made;
  for (int64_t other : {value + 1, value - 1, value * 2})
    if (other != value)
      made.push_back(parts[1].str() + std::to_string(other) + parts[3].str());
  return made;
}

/// Two registers in braces of a matrix multiply, swapped, and its scales.
Lines swapMma(const Lines &lines, size_t at) {
  static const std::regex pair("\\{(%r\\d+), (%r\\d+)(.*)\\}");
  static const std::regex scale("^(\\s+)(%r\\d+)(, \\{%rs\\d+, %rs\\d+\\}.*)$");
  std::smatch parts;
  if (std::regex_search(lines[at], parts, pair) &&
      parts[1].str() != parts[2].str() &&
      lines[at].find('[') == std::string::npos)
    return {parts.prefix().str() + "{" + parts[2].str() + ", " +
            parts[1].str() + parts[3].str() + "}" + parts.suffix().str()};
  if (!std::regex_match(lines[at], parts, scale) || at == 0)
    return {};
  // The scale of the multiply's other operand is one line before or behind.
  std::smatch near;
  for (size_t i : {at - 1, at + 1})
    if (i < lines.size() && std::regex_match(lines[i], near, scale))
      return {parts[1].str() + near[2].str() + parts[3].str()};
  return {};
}

Lines otherOpcode(const Lines &lines, size_t at) {
  static const std::pair<const char *, const char *> swaps[] = {
      {"add.s64", "sub.s64"},          {"add.s32", "sub.s32"},
      {"shl.b64", "shr.u64"},          {"shr.u64", "shl.b64"},
      {"shl.b32", "shr.u32"},          {"shr.u32", "shl.b32"},
      {"and.b32", "or.b32"},           {"or.b32", "and.b32"},
      {"and.b64", "or.b64"},           {"or.b64", "and.b64"},
      {"or.b32", "xor.b32"},           {"mad.lo.s64", "mad.hi.s64"},
      {"mul.wide.u32", "mul.wide.s32"}};
  Lines made;
  for (auto [from, to] : swaps) {
    size_t found = lines[at].find(std::string(from) + " ");
    if (found != std::string::npos)
      made.push_back(
          std::string(lines[at]).replace(found, std::string(from).size(), to));
  }
  return made;
}

/// The parameter next to it.
Lines otherParameter(const Lines &lines, size_t at) {
  static const std::regex expression(
      "(ld\\.param\\.b64.*_param_)(\\d+)(\\].*)");
  std::smatch parts;
  if (!std::regex_search(lines[at], parts, expression))
    return {};
  int64_t number = std::stoll(parts[2]);
  Lines made;
  for (int64_t other : {number + 1, number - 1})
    if (other >= 0)
      made.push_back(parts.prefix().str() + parts[1].str() +
                     std::to_string(other) + parts[3].str());
  return made;
}

constexpr const char *wait = "griddepcontrol\\.wait;";
constexpr const char *bar = "bar\\.sync";
constexpr const char *loads = "ld\\.global";
constexpr const char *stores = "st\\.global";

const std::vector<PtxOperator> &ptxOperators() {
  static const std::vector<PtxOperator> list = {
      // What the lint promises to find.
      {"drop-predicate", true, onGlobal(pattern("@!?%p\\d+ ", {""}))},
      {"other-width", true,
       onGlobal(pattern("(global)\\.b(8|16|64)",
                        {"$1.b32", "$1.b16", "$1.v2.b$2", "$1.nc.b$2"}))},
      {"generic", true, onGlobal(pattern("\\.global", {""}))},
      {"drop-load", true, drop(loads)},
      {"drop-store", true, drop(stores)},
      {"drop-barrier", true, drop(bar)},
      {"drop-wait", true, drop(wait)},
      {"guarded-wait", true,
       pattern("griddepcontrol\\.wait", {"@%p1 griddepcontrol.wait"})},
      {"load-twice", true, twice(loads)},
      {"store-twice", true, twice(stores)},
      {"barrier-twice", true, twice(bar)},
      {"unknown-access", true,
       insertAfter(stores, "\tatom.global.add.u32 %r1, [%rd1], 0;")},
      {"local-memory", true,
       insertAfter(stores, "\tst.local.b32 [%rd1], %r1;")},
      {"drop-tensor", true,
       drop("tcgen05\\.(alloc|relinquish|dealloc|cp|commit|ld|wait|fence)")},
      {"tensor-twice", true,
       twice("tcgen05\\.(alloc|dealloc|cp|mma|commit|wait)")},
      {"drop-fence", true, drop("fence\\.proxy\\.async")},
      {"address-lost", true,
       onGlobal(pattern("(ld\\.global\\.b64) %rd\\d+, \\[(%rd\\d+)",
                        {"$1 $2, [$2"}))},
      // What the tests must find.
      {"other-predicate", false, otherPredicate},
      {"negate-predicate", false, onGlobal(pattern("@%p", {"@!%p"}))},
      {"guarded-barrier", false, pattern(bar, {"@%p1 bar.sync"})},
      {"global-offset", false,
       onGlobal(pattern("\\[(%rd\\d+)\\]",
                        {"[$1+1]", "[$1+8]", "[$1+-8]", "[$1+2]"}))},
      {"shared-offset", false,
       pattern("(shared\\S+\\s.*)\\[(%rd\\d+)(\\+\\d+)?\\]",
               {"$1[$2+16]", "$1[$2+4]", "$1[$2]"})},
      {"drop-shared-store", false, drop("st\\.shared")},
      {"drop-zero", false, drop("mov\\.b(16|64) %r\\w+, 0;")},
      {"compare", false,
       pattern("setp\\.lt\\.(u32|s32)", {"setp.le.$1", "setp.gt.$1"})},
      {"compare-swapped", false,
       pattern("(setp\\.lt\\.\\w+\\s+%p\\d+, )(%r\\d+), (%r\\d+);",
               {"$1$3, $2;"})},
      {"join", false, pattern("and\\.pred", {"or.pred", "xor.pred"})},
      {"immediate", false, otherImmediate},
      {"opcode", false, otherOpcode},
      {"mma-operands", false, swapMma},
      {"parameter", false, otherParameter},
      {"select", false,
       pattern("(selp\\.\\S+\\s+\\S+, )(\\S+), (\\S+), ", {"$1$3, $2, "})},
      {"drop-multiply", false, drop("tcgen05\\.mma")},
      {"tensor-operands", false,
       pattern("(tcgen05\\.mma\\S+ \\[%r\\d+\\]), (%rd\\d+), (%rd\\d+),",
               {"$1, $3, $2,"})},
      {"tensor-scales", false,
       pattern("(tcgen05\\.mma.*, )(\\[%r\\d+\\]), (\\[%r\\d+\\]),",
               {"$1$3, $2,"})},
      {"tensor-begins", false,
       pattern("(tcgen05\\.mma.*, )%p\\d+;", {"$1!%p1;", "$1%p1;"})},
      {"rounding", false, pattern("cvt\\.rn", {"cvt.rz"})},
  };
  return list;
}

Lines split(const std::string &text) {
  Lines lines;
  for (StringRef line : llvm::split(text, '\n'))
    lines.push_back(line.str());
  return lines;
}

std::string join(const Lines &lines, size_t at, const std::string &instead) {
  std::string text;
  for (size_t i = 0; i < lines.size(); ++i)
    text += (i == at ? instead : lines[i]) + "\n";
  return text;
}

} // namespace

std::vector<PtxMutant> nybl::mutation::ptxMutantsOf(const std::string &ptx) {
  Lines lines = split(ptx);
  size_t begin = 0;
  while (begin < lines.size() && lines[begin] != "{")
    ++begin;
  std::vector<PtxMutant> mutants;
  for (const PtxOperator &op : ptxOperators())
    for (size_t at = begin; at < lines.size(); ++at)
      for (const std::string &instead : op.replace(lines, at))
        if (instead != lines[at])
          mutants.push_back({op.name, op.isPromised,
                             static_cast<unsigned>(at + 1),
                             StringRef(lines[at]).trim().str() + "  ->  " +
                                 StringRef(instead).trim().str(),
                             join(lines, at, instead)});
  return mutants;
}
