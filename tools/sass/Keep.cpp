// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The checks, one function each.

#include "tools/sass/Keep.h"
#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <set>

using namespace nybl;
using namespace nybl::sass;

namespace {

/// Code with its control flow.
struct Graph {
  const Code &code;
  Flow flow;

  template <typename Predicate>
  std::vector<size_t> all(Predicate wanted) const {
    std::vector<size_t> found;
    for (size_t i = 0; i < code.instructions.size(); ++i)
      if (flow.isReachable(i) && wanted(code.instructions[i]))
        found.push_back(i);
    return found;
  }
};

Loss lossAt(const Instruction &in, std::string expected) {
  return {in.place, in.text(), std::move(expected)};
}

/// Multiplies by innermost loop; the key of those in none is null.
using Groups = std::map<const Loop *, std::vector<size_t>>;

Groups groupsOf(const Graph &graph, const std::vector<size_t> &multiplies) {
  Groups groups;
  for (size_t i : multiplies)
    groups[graph.flow.innermost(i)].push_back(i);
  return groups;
}

/// Whether `count` is a sum of these sizes, each as often as one likes.
bool isSumOf(size_t count, const std::set<size_t> &sizes) {
  std::vector<bool> sums(count + 1);
  sums[0] = true;
  for (size_t i = 1; i <= count; ++i)
    for (size_t size : sizes)
      if (size <= i && sums[i - size])
        sums[i] = true;
  return sums[count];
}

std::string joined(const std::set<size_t> &sizes) {
  std::string text;
  for (size_t size : sizes)
    text += (text.empty() ? "" : " or ") + std::to_string(size);
  return text;
}

Check checkMultiplies(const Graph &ptx, const Graph &sass) {
  auto wanted = ptx.all(isPtxMultiply), got = sass.all(isSassMultiply);
  Check check{"multiplies", "tensor core instructions", wanted.size(),
              got.size()};
  std::set<size_t> sizes;
  for (const auto &[loop, group] : groupsOf(ptx, wanted))
    sizes.insert(group.size());
  for (const auto &[loop, group] : groupsOf(sass, got))
    if (!isSumOf(group.size(), sizes))
      check.lost.push_back(lossAt(
          sass.code.instructions[group.front()],
          fmt::format("expected whole copies of {} multiplies {}, got {}",
                      sizes.empty() ? "0" : joined(sizes),
                      loop ? "in the loop that begins with this one"
                           : "outside of loops, this being the first",
                      group.size())));
  if (got.size() < wanted.size())
    check.lost.push_back(
        {0, "",
         fmt::format("expected at least the {} multiplies of the PTX, got {}",
                     wanted.size(), got.size())});
  return check;
}

/// Loads of global memory that some path reaches without a wait.
template <typename IsLoad>
std::vector<size_t> loadsAhead(const Graph &graph, IsLoad isLoad,
                               std::string_view wait, bool &waits) {
  auto found = graph.all([&](const Instruction &in) {
    return in.opcode == wait && in.isAlways();
  });
  waits = !found.empty();
  std::vector<size_t> ahead;
  for (size_t load : graph.all(isLoad))
    if (std::none_of(found.begin(), found.end(),
                     [&](size_t at) { return graph.flow.dominates(at, load); }))
      ahead.push_back(load);
  return ahead;
}

constexpr const char *waitCounted =
    "global loads that may run ahead of the grid's wait";

Check checkWait(const Graph &ptx, const Graph &sass) {
  bool ptxWaits = false, sassWaits = false;
  auto wanted =
      loadsAhead(ptx, isPtxGlobalLoad, "griddepcontrol.wait", ptxWaits);
  auto got = loadsAhead(sass, isSassGlobalLoad, "ACQBULK", sassWaits);
  if (!ptxWaits)
    return {"wait", waitCounted};
  Check check{"wait", waitCounted, wanted.size(), got.size()};
  if (!sassWaits)
    check.lost.push_back({0, "",
                          "expected an ACQBULK that always runs, for the "
                          "griddepcontrol.wait of the PTX, got none"});
  if (got.size() > wanted.size())
    for (size_t at : got)
      check.lost.push_back(lossAt(
          sass.code.instructions[at],
          fmt::format("expected an ACQBULK on every path to it (the PTX has {} "
                      "loads that may run ahead of its wait, this code {})",
                      wanted.size(), got.size())));
  return check;
}

/// The number that the operands end with, in base 10 or after 0x.
unsigned lastNumber(const std::string &operands) {
  size_t begin = operands.find_last_of(" ,") + 1; // 0 where there is neither
  bool hex = operands.compare(begin, 2, "0x") == 0;
  unsigned number = 0;
  std::from_chars(operands.data() + begin + (hex ? 2 : 0),
                  operands.data() + operands.size(), number, hex ? 16 : 10);
  return number;
}

Check checkRegisters(const Graph &ptx, const Graph &sass) {
  auto wanted =
      ptx.all([](const Instruction &in) { return in.base() == "setmaxnreg"; });
  auto got = sass.all([](const Instruction &in) {
    return in.base() == "USETMAXREG" && !in.isNever();
  });
  Check check{"registers", "changes of the register count", wanted.size(),
              got.size()};
  std::multiset<unsigned> left;
  for (size_t at : wanted)
    left.insert(lastNumber(ptx.code.instructions[at].operands));
  for (size_t at : got) {
    const Instruction &in = sass.code.instructions[at];
    if (auto found = left.find(lastNumber(in.operands)); found != left.end())
      left.erase(found);
    else
      check.lost.push_back(
          lossAt(in, "expected a setmaxnreg of the PTX with as many registers, "
                     "found none that is left"));
  }
  for (unsigned count : left)
    check.lost.push_back(
        {0, "",
         fmt::format("expected a USETMAXREG for a setmaxnreg of {} registers, "
                     "got none",
                     count)});
  return check;
}

/// Nothing that the PTX has was dropped.
Check checkAtLeast(Check check, const char *what) {
  if (check.sass < check.ptx)
    check.lost.push_back(
        {0, "",
         fmt::format("expected at least the {} {} of the PTX, got {}",
                     check.ptx, what, check.sass)});
  return check;
}

Check checkBoxes(const Graph &ptx, const Graph &sass) {
  auto wanted = ptx.all([](const Instruction &in) {
    return in.opcode.starts_with("cp.async.bulk.tensor.") &&
           in.opcode.find(".global.shared::cta") != std::string::npos;
  });
  auto got = sass.all([](const Instruction &in) {
    return in.base() == "UTMASTG" && !in.isNever();
  });
  return checkAtLeast(
      {"boxes", "stores of boxes by TMA", wanted.size(), got.size()},
      "stores of boxes");
}

Check checkRequests(const Graph &ptx, const Graph &sass) {
  auto wanted = ptx.all([](const Instruction &in) {
    return in.opcode.starts_with("clusterlaunchcontrol.try_cancel");
  });
  auto got = sass.all([](const Instruction &in) {
    return in.base() == "UGETNEXTWORKID" && !in.isNever();
  });
  return checkAtLeast(
      {"requests", "requests for a CTA to cancel", wanted.size(), got.size()},
      "requests for a CTA");
}

bool callsOut(const Code &code, const Instruction &in) {
  return in.base() == "CALL" && !in.isNever() && localTargets(code, in).empty();
}

Check checkCalls(const Graph &ptx, const Graph &sass) {
  auto prints = ptx.all([](const Instruction &in) {
    return in.base() == "call" &&
           in.operands.find("vprintf") != std::string::npos;
  });
  auto got =
      sass.all([&](const Instruction &in) { return callsOut(sass.code, in); });
  Check check{"calls", "calls out of the kernel", prints.size(), got.size()};
  for (size_t at : got) {
    const Instruction &in = sass.code.instructions[at];
    std::string name = callee(in);
    // vprintf is called through a register.
    if (!prints.empty() && (name.empty() || name == "vprintf"))
      continue;
    check.lost.push_back(
        lossAt(in, "expected no call out of the kernel's own code, for the PTX "
                   "has none"));
  }
  return check;
}

bool startsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

/// One of two kinds of instruction that orders memory among CTAs.
struct Ordering {
  const char *ptx;   ///< what its opcode begins with
  const char *sass;  ///< the base of the access, of scope .STRONG.GPU
  const char *fence; ///< what stands beside it
};

constexpr Ordering orderings[] = {{"ld.acquire.gpu.", "LDG", "CCTL.IVALL"},
                                  {"st.release.gpu.", "STG", "MEMBAR."}};

Check checkScope(const Graph &ptx, const Graph &sass) {
  Check check{"scope", "acquires and releases of the GPU's scope"};
  for (const Ordering &ordering : orderings) {
    size_t wanted = ptx.all([&](const Instruction &in) {
                         return startsWith(in.opcode, ordering.ptx);
                       })
                        .size();
    size_t accesses =
        sass.all([&](const Instruction &in) {
              return in.base() == ordering.sass && !in.isNever() &&
                     in.opcode.find(".STRONG.GPU") != std::string::npos;
            })
            .size();
    size_t fences = sass.all([&](const Instruction &in) {
                          bool ofCta =
                              in.opcode.find(".CTA") != std::string::npos;
                          return startsWith(in.opcode, ordering.fence) &&
                                 !in.isNever() && !ofCta;
                        })
                        .size();
    check.ptx += wanted;
    check.sass += accesses;
    if (accesses < wanted || fences < wanted)
      check.lost.push_back(
          {0, "",
           fmt::format("expected {} {}*.STRONG.GPU and {}* for the {}* of the "
                       "PTX, got {} and {}",
                       wanted, ordering.sass, ordering.fence, ordering.ptx,
                       accesses, fences)});
  }
  return check;
}

/// What runs within loops: their own instructions and those of the functions
/// that they call.
std::vector<bool> insideLoops(const Graph &graph) {
  std::vector<bool> inside(graph.code.instructions.size());
  std::vector<size_t> called;
  for (const Loop &loop : graph.flow.loops())
    for (size_t i = 0; i < inside.size(); ++i) {
      if (!loop.holds[i])
        continue;
      inside[i] = true;
      const Instruction &in = graph.code.instructions[i];
      if (in.base() == "CALL")
        for (size_t target : localTargets(graph.code, in))
          called.push_back(target);
    }
  std::vector<bool> within = graph.flow.reach(called);
  for (size_t i = 0; i < inside.size(); ++i)
    inside[i] = inside[i] || within[i];
  return inside;
}

Check checkLocal(const Graph &ptx, const Graph &sass) {
  std::vector<bool> inside = insideLoops(sass);
  Check check{"local", "accesses of local memory in loops"};
  for (size_t at : sass.all([](const Instruction &in) {
         return (in.base() == "LDL" || in.base() == "STL") && !in.isNever();
       })) {
    if (!inside[at])
      continue;
    ++check.sass;
    check.lost.push_back(lossAt(sass.code.instructions[at],
                                "expected no local memory in a loop"));
  }
  return check;
}

Status otherCycles(const Code &code) {
  return Status::error(ErrorCode::Unproven,
                       code.name + ": expected natural loops, got a cycle that "
                                   "can be entered at two places");
}

} // namespace

std::string Loss::sentence() const {
  if (instruction.empty())
    return expected;
  return fmt::format("at {:#06x}, '{}': {}", address, instruction, expected);
}

Expected<std::vector<Check>> nybl::sass::checkKept(const Code &ptx,
                                                   const Code &sass) {
  auto ptxGraph = ptxFlow(ptx), sassGraph = sassFlow(sass);
  if (!ptxGraph)
    return ptxGraph.status();
  if (!sassGraph)
    return sassGraph.status();
  if (ptxGraph->hasOtherCycles() || sassGraph->hasOtherCycles())
    return otherCycles(sass);
  Graph from{ptx, std::move(*ptxGraph)}, to{sass, std::move(*sassGraph)};
  return std::vector<Check>{checkMultiplies(from, to), checkWait(from, to),
                            checkRegisters(from, to),  checkBoxes(from, to),
                            checkRequests(from, to),   checkCalls(from, to),
                            checkScope(from, to),      checkLocal(from, to)};
}
