// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The lint: statement by statement, on text.

#include "compiler/Codegen/PtxLint.h"
#include "compiler/Codegen/PtxThreads.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"
#include <map>

using namespace nybl;
using namespace nybl::compiler;
using llvm::StringRef;

namespace {

/// Opcodes that touch no memory, or only where the rules below look. What is
/// not here (atom, red, prefetch, tex, multimem, ...) is a fault.
constexpr StringRef known[] = {
    "abs",   "add",  "and",        "bar",      "barrier", "bfe",
    "bfi",   "bra",  "clz",        "copysign", "cvt",     "div",
    "ex2",   "fma",  "ld",         "lg2",      "lop3",    "griddepcontrol",
    "fence", "cvta", "setmaxnreg", "mad",      "max",     "min",
    "mma",   "mov",  "mul",        "ldmatrix", "neg",     "not",
    "or",    "popc", "prmt",       "rcp",      "rem",     "ret",
    "sad",   "selp", "set",        "setp",     "shf",     "shl",
    "shr",   "st",   "sub",        "szext",    "testp",   "xor"};

struct Statement {
  unsigned line;
  StringRef text;
  StringRef op;       ///< "ld.global.b64"
  StringRef operands; ///< what follows
  bool predicated;
};

Statement parseStatement(unsigned line, StringRef text) {
  StringRef rest = text;
  auto word = [&] {
    StringRef taken = rest.take_until([](char c) { return llvm::isSpace(c); });
    rest = rest.drop_front(taken.size()).ltrim();
    return taken;
  };
  bool predicated = rest.starts_with("@");
  if (predicated)
    word();
  StringRef op = word();
  return {line, text, op, rest, predicated};
}

/// What registers are made of ahead of griddepcontrol.wait: parameters of the
/// kernel. A register is made of whatever the text there ever puts into it.
class Origins {
public:
  void follow(StringRef operands) {
    StringRef to = operands.starts_with("{") ? operands.split('}').first
                                             : operands.split(',').first;
    std::vector<std::string> from = namesIn(operands);
    for (std::string &name : namesIn(to))
      steps.push_back({std::move(name), from});
  }

  /// Once nothing more follows: a loop may use above what it puts below.
  void settle() {
    for (bool changed = true; changed;) {
      changed = false;
      for (const auto &[to, from] : steps) {
        std::set<unsigned> &known = origins[to];
        size_t before = known.size();
        known.merge(of(from));
        changed |= known.size() != before;
      }
    }
  }

  std::set<unsigned> of(const std::vector<std::string> &names) const {
    std::set<unsigned> parameters;
    for (const std::string &name : names) {
      unsigned number;
      if (!StringRef(name).rsplit("_param_").second.getAsInteger(10, number))
        parameters.insert(number);
      if (auto known = origins.find(name); known != origins.end())
        parameters.insert(known->second.begin(), known->second.end());
    }
    return parameters;
  }

  /// Registers and parameters.
  static std::vector<std::string> namesIn(StringRef operands) {
    std::vector<std::string> names;
    while (!operands.empty()) {
      StringRef name = operands.take_while(
          [](char c) { return llvm::isAlnum(c) || c == '_' || c == '%'; });
      if (name.starts_with("%") || name.contains("_param_"))
        names.push_back(name.str());
      operands = operands.drop_front(std::max<size_t>(1, name.size()));
    }
    return names;
  }

private:
  std::vector<std::pair<std::string, std::vector<std::string>>> steps;
  std::map<std::string, std::set<unsigned>> origins;
};

/// Labels that others than elected threads come to.
using Labels = std::set<std::string>;

class Linter {
public:
  /// `labels` grows by those that are found.
  Linter(StringRef kernel, PtxCounts &counts, Labels &labels)
      : kernel(kernel), counts(counts), labels(labels) {}

  std::vector<std::string> run(StringRef ptx) {
    unsigned number = 0;
    for (StringRef text : llvm::split(ptx, '\n'))
      line(++number, text.split("//").first.trim());
    if (!waited)
      wait(); // it never comes
    checkThreads();
    if (bytesMissing)
      faults.push_back("expected " + std::to_string(bytesToCome) +
                       " bytes more of the last bulk copies");
    if (!found)
      faults.push_back(("the PTX has no entry '" + kernel + "'").str());
    else if (inPairs != counts.byPairs)
      faults.push_back(
          std::string("expected the PTX to ask for ") +
          (counts.byPairs ? "clusters of two CTAs" : "no clusters of CTAs"));
    return std::move(faults);
  }

private:
  void fault(const Statement &s, StringRef what) {
    faults.push_back(
        ("PTX line " + llvm::Twine(s.line) + " '" + s.text + "': " + what)
            .str());
  }

  void checkWaited(const Statement &s) {
    if (!waited)
      fault(s, "global memory is touched before griddepcontrol.wait");
  }

  /// Of a copy ahead of the wait: where from is told when it comes.
  void checkCopy(const Statement &s) {
    if (waited)
      return;
    ++counts.ahead;
    size_t before = faults.size();
    checkWaited(s);
    ahead.push_back({Origins::namesIn(s.operands), faults.back()});
    faults.resize(before);
  }

  /// Who does it is looked at when all instructions have been followed.
  enum class Who { AnyElected, OneOfEachGroup, OneOfAll, WholeWarps };
  void expect(Who who, const Statement &s, StringRef predicate) {
    expectations.push_back({who, s.line, s.text.str(), predicate.str()});
  }
  /// The predicate that it stands under; who is behind a branch of the elected
  /// one was looked at there.
  void expect(Who who, const Statement &s) {
    if (!s.predicated || branch == Elected)
      return;
    StringRef predicate = StringRef(s.text).ltrim('@').split(' ').first;
    expect(who, s, who == Who::WholeWarps ? predicate.ltrim('!') : predicate);
  }

  void checkThreads() {
    for (const auto &[who, line, text, predicate] : expectations) {
      Statement s{line, text, {}, {}, true};
      if (who == Who::WholeWarps) {
        if (counts.elections && threads.partsWarp(predicate))
          fault(s, "this parts a warp, and elections take whole warps");
      } else if (!threads.isElected(predicate)) {
        fault(s, "expected the predicate of an elected thread");
      } else if (who != Who::AnyElected &&
                 !threads.isElectedOfOneWarp(predicate,
                                             who == Who::OneOfEachGroup)) {
        fault(s, "expected a thread that is elected in one warp alone");
      }
    }
  }

  void wait() {
    waited = true;
    origins.settle();
    for (const auto &[names, fault] : ahead) {
      std::set<unsigned> from = origins.of(names);
      if (from.empty() ||
          !std::includes(counts.aheadFrom.begin(), counts.aheadFrom.end(),
                         from.begin(), from.end()))
        faults.push_back(fault);
    }
  }

  /// What the parts of tiles do in the workspace: always all of it, but for the
  /// first part, which has nothing to read, and for the one lane that hands on.
  bool workspaceAccess(const Statement &s) {
    struct Kind {
      StringRef op;
      unsigned PtxCounts::*count;
      bool predicated;
    };
    constexpr Kind kinds[] = {
        {"ld.acquire.gpu.global.b32", &PtxCounts::partWaits, false},
        {"st.release.gpu.global.b32", &PtxCounts::partsDone, true},
        {"ld.global.v4.b32", &PtxCounts::sums, true},
        {"st.global.v4.b32", &PtxCounts::sumsLeft, false}};
    const Kind *kind =
        llvm::find_if(kinds, [&](const Kind &k) { return k.op == s.op; });
    if (kind == std::end(kinds))
      return false;
    ++(counts.*kind->count);
    if (s.predicated != kind->predicated)
      fault(s, kind->predicated ? "expected a predicate: the first part has "
                                  "nothing to read, and one lane hands on"
                                : "expected no predicate: each part waits and "
                                  "leaves its sums");
    checkWaited(s);
    lanesMet &= kind->count != &PtxCounts::sumsLeft;
    if (kind->count == &PtxCounts::partsDone && !lanesMet)
      fault(s, "expected the lanes of the warp to meet between their sums and "
               "this");
    return true;
  }

  void globalAccess(const Statement &s) {
    if (s.op == "ld.global.b64")
      ++counts.dataLoads;
    else if (s.op == "ld.global.b8")
      ++counts.scaleLoads;
    else if (s.op == "ld.global.b32")
      ++counts.scalarLoads;
    else if (s.op == "st.global.b16" || s.op == "st.global.b32")
      ++counts.stores, counts.wideStores += s.op == "st.global.b32";
    else if (s.op == "ld.global.v2.b64")
      ++counts.elementLoads;
    else if (s.op == "st.global.v2.b64")
      ++counts.elementStores;
    else if (s.op == "st.global.b64")
      ++counts.codeStores;
    else if (s.op == "st.global.b8")
      ++counts.factorStores;
    else if (s.op.contains(".v2") || s.op.contains(".v4") ||
             s.op.contains(".v8"))
      fault(s, "an access was widened");
    else
      fault(s, "an access of global memory that no kernel of ours makes");
    if (!s.predicated)
      fault(s, "global memory is touched without a predicate");
    checkWaited(s);
    // The result is zeroed before the address is read.
    auto [target, address] = s.operands.split(',');
    address = address.ltrim();
    if (address.consume_front("[") && address.take_until([](char c) {
          return c == ']' || c == '+';
        }) == target.trim())
      fault(s, "the register of the address is the one of the result");
  }

  /// What leaves by TMA; false: it is none of these.
  bool outputStep(const Statement &s) {
    if (s.op == "cp.async.bulk.tensor.2d.global.shared::cta.tile.bulk_group") {
      ++counts.boxStores;
      if (!s.predicated)
        fault(s, "expected one thread to store a box");
      expect(Who::AnyElected, s);
      checkWaited(s);
    } else if (s.op == "cp.async.bulk.commit_group") {
      ++counts.boxGroups;
    } else if (s.op == "cp.async.bulk.wait_group.read" && s.operands == "0") {
      ++counts.boxReads;
    } else if (s.op == "cp.async.bulk.wait_group" && s.operands == "0") {
      ++counts.boxWaits;
    } else {
      return false;
    }
    return true;
  }

  static std::string predicateOf(const Statement &s) {
    return s.predicated ? StringRef(s.text).split(' ').first.str() : "";
  }

  /// By the thread that has told the barrier how many bytes come.
  void bulkCopy(const Statement &s) {
    ++counts.bulkCopies;
    llvm::SmallVector<StringRef> operands;
    s.operands.split(operands, ',');
    unsigned bytes = 0;
    if (branch != Elected)
      fault(s, "expected one thread to copy in bulk");
    if (!s.predicated)
      fault(s, "expected a predicate: it copies where all is real");
    if (predicateOf(s) != bytesFor || operands.back().trim() != bytesAt)
      fault(s, "expected the predicate and the mbarrier that were told of it");
    if (operands.size() != 4 || operands[2].trim().getAsInteger(10, bytes) ||
        bytes > bytesToCome)
      fault(s, "expected at most the bytes that its mbarrier expects, " +
                   std::to_string(bytesToCome) + " more");
    bytesToCome -= std::min(bytes, bytesToCome);
    bytesMissing = bytesToCome != 0;
    checkCopy(s);
  }

  /// Bytes past the source size are filled with zeros.
  void copy(const Statement &s) {
    if (outputStep(s))
      return;
    if (s.op == "cp.async.commit_group") {
      ++counts.groups;
      return;
    }
    if (s.op == "cp.async.wait_group") {
      ++counts.waits;
      return;
    }
    if (s.op == "cp.async.bulk.tensor.2d.shared::cta.global.tile.mbarrier::"
                "complete_tx::bytes") {
      ++counts.boxes;
      if (!s.predicated && branch != Elected)
        fault(s, "expected one thread to copy a box");
      expect(Who::OneOfAll, s);
      checkCopy(s);
      return;
    }
    if (s.op == "cp.async.bulk.shared::cta.global.mbarrier::complete_tx::"
                "bytes") {
      bulkCopy(s);
      return;
    }
    if (s.op == "cp.async.mbarrier.arrive.shared.b64") {
      ++counts.copyArrivals;
      return;
    }
    llvm::SmallVector<StringRef> operands;
    s.operands.split(operands, ',');
    bool known = s.op == "cp.async.ca.shared.global" && operands.size() == 4;
    StringRef bytes = known ? operands[2].trim() : "";
    if (bytes == "8")
      ++counts.dataCopies;
    else if (bytes == "4")
      ++counts.scaleCopies;
    else
      fault(s, "a copy that no kernel of ours makes");
    if (known && !operands[3].trim().starts_with("%"))
      fault(s, "expected the size of the source in a register");
    checkCopy(s);
  }

  /// What bulk copies bring is what was expected of them.
  void expectBytes(const Statement &s) {
    ++counts.expectations;
    if (bytesMissing)
      fault(s, "expected " + std::to_string(bytesToCome) +
                   " bytes more of the bulk copies before it");
    bytesMissing = false;
    bytesFor = predicateOf(s);
    bytesAt = StringRef(s.operands).split(',').first.trim();
    if (s.operands.rsplit(',').second.trim().getAsInteger(10, bytesToCome))
      fault(s, "expected a number of bytes");
  }

  /// Pairs of CTAs. What goes to the other's memory goes to an mbarrier there.
  bool pairStep(const Statement &s) {
    if (s.op == "barrier.cluster.arrive.release.aligned")
      ++counts.pairMeetings;
    else if (s.op == "mbarrier.arrive.release.cluster.shared::cluster.b64")
      ++counts.pairArrivals;
    else if (s.op == "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64")
      ++counts.pairWaits;
    else
      return s.op == "barrier.cluster.wait.acquire.aligned" ||
             s.op == "mapa.shared::cluster.u32";
    // Its loop is the wait alone: whoever came to it is as fenced as before.
    isFenced |= wasFenced && s.op.contains("try_wait");
    if (s.op.contains("mbarrier.arrive") && !isFenced)
      fault(s, "expected a fence between the wait for what threads may have "
               "written and this");
    if (s.op.starts_with("mbarrier.") && branch != Elected)
      fault(s, "expected to be behind an elected thread's branch: one thread "
               "of a CTA hands over to one of the other");
    return true;
  }

  void mbarrier(const Statement &s) {
    isFenced &= s.op != "mbarrier.try_wait.parity.shared.b64";
    if (s.op == "mbarrier.init.shared.b64")
      ++counts.mbarriers;
    else if (s.op == "mbarrier.arrive.shared.b64")
      ++counts.arrivals;
    else if (s.op == "mbarrier.expect_tx.relaxed.cta.shared::cta.b64")
      expectBytes(s), expect(Who::OneOfAll, s);
    else if (s.op == "mbarrier.arrive.expect_tx.shared.b64")
      ++counts.answersExpected, expect(Who::OneOfAll, s);
    else if (s.op == "mbarrier.try_wait.parity.shared.b64")
      ++counts.mbarrierWaits;
    else
      fault(s, "an operation on an mbarrier that no kernel of ours makes");
  }

  /// By the name that the kernel has for one CTA: where it is run by pairs, all
  /// that is of two is, and what tells that it is over tells both.
  std::string inGroup(StringRef op) const {
    StringRef name = counts.byPairs ? "cta_group::2" : "cta_group::1";
    auto [before, after] = op.split(name);
    if (before.size() == op.size())
      return op.contains("cta_group") ? "" : op.str();
    if (op.starts_with("tcgen05.commit.") && counts.byPairs &&
        !after.consume_back(".multicast::cluster.b64"))
      return "";
    bool commits = op.starts_with("tcgen05.commit.") && counts.byPairs;
    return (before + "cta_group::1" + after + (commits ? ".b64" : "")).str();
  }

  /// Cluster launch control: one thread asks, and all warps take what it is
  /// told. A CTA is named only where there is one.
  void launchControl(const Statement &s) {
    bool asks = s.op == "clusterlaunchcontrol.try_cancel.async.shared::cta."
                        "mbarrier::complete_tx::bytes.b128";
    bool names =
        s.op == "clusterlaunchcontrol.query_cancel.get_first_ctaid::x.b32.b128";
    if (asks)
      ++counts.cancellations;
    else if (s.op == "clusterlaunchcontrol.query_cancel.is_canceled.pred.b128")
      ++counts.answers;
    else if (!names)
      fault(s, "an operation of launch control that no kernel of ours makes");
    if (asks && !s.predicated)
      fault(s, "expected one thread to ask for a tile");
    if (asks)
      expect(Who::OneOfAll, s);
    if (names && !s.predicated)
      fault(s, "expected a predicate: not every answer names a tile");
  }

  /// Tensor memory. What one thread asks for it alone asks for, by a predicate
  /// or behind a branch of those that were not elected; the alloc, the dealloc
  /// and what goes with them are a warp's.
  void tensorStep(const Statement &s) {
    struct Kind {
      StringRef op;
      unsigned PtxCounts::*count;
      bool predicated, branched = false, commits = false;
    };
    constexpr Kind kinds[] = {
        {"tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32",
         &PtxCounts::tensorAllocs, true},
        {"tcgen05.dealloc.cta_group::1.sync.aligned.b32",
         &PtxCounts::tensorFrees, true},
        {"tcgen05.cp.cta_group::1.32x128b.warpx4", &PtxCounts::tensorCopies,
         false, true},
        {"tcgen05.mma.cta_group::1.kind::mxf4nvf4.block_scale.scale_vec::4X",
         &PtxCounts::multiplies, false, true},
        {"tcgen05.mma.cta_group::1.kind::mxf4nvf4.block_scale.block16",
         &PtxCounts::multiplies, false, true},
        {"tcgen05.commit.cta_group::1.mbarrier::arrive::one.shared::cluster."
         "b64",
         &PtxCounts::tensorCommits, true, false, true},
        {"tcgen05.ld.sync.aligned.32x32b.x32.b32", &PtxCounts::tensorLoads,
         false},
        {"tcgen05.ld.sync.aligned.32x32b.x16.b32", &PtxCounts::tensorLoads,
         false},
        {"tcgen05.ld.sync.aligned.32x32b.x8.b32", &PtxCounts::tensorLoads,
         false},
        {"tcgen05.wait::ld.sync.aligned", &PtxCounts::tensorWaits, false},
        {"tcgen05.fence::after_thread_sync", &PtxCounts::tensorFences, false},
        {"tcgen05.fence::before_thread_sync", &PtxCounts::tensorFencesBefore,
         false},
        {"tcgen05.relinquish_alloc_permit.cta_group::1.sync.aligned",
         &PtxCounts::tensorPermits, true}};
    std::string name = inGroup(s.op);
    const Kind *kind =
        llvm::find_if(kinds, [&](const Kind &k) { return k.op == name; });
    if (kind == std::end(kinds))
      return fault(s, "an operation on tensor memory that no kernel of ours "
                      "makes");
    ++(counts.*kind->count);
    if (kind->count == &PtxCounts::tensorCopies && !isFenced)
      fault(s, "expected a fence between the wait for what threads may have "
               "written and this");
    bool isAlone = kind->commits && branch == Elected;
    if (s.predicated != (kind->predicated && !isAlone))
      fault(s, s.predicated ? "expected no predicate"
                            : "expected a predicate: not all threads do it");
    if (kind->commits)
      expect(Who::OneOfEachGroup, s);
    if (kind->branched && branch != Elected)
      fault(s, "expected to be behind an elected thread's branch: not all "
               "threads do it");
  }

  void memoryAccess(const Statement &s) {
    StringRef space = s.op.split('.').second;
    if (workspaceAccess(s))
      return;
    if (space.starts_with("global."))
      globalAccess(s);
    else if (space.starts_with("local."))
      fault(s, "local memory: registers were spilled or indexed");
    else if (!space.starts_with("shared.") && !space.starts_with("param."))
      fault(s, "a generic access hides its memory, expected ld or st of "
               "global, shared or param memory");
  }

  /// All lanes take part.
  void wholeWarp(const Statement &s) {
    if (isAlone)
      fault(s, "one thread is here alone, and elections take whole warps");
    if (s.predicated || s.operands.rsplit(',').second.trim() != "0xffffffff")
      fault(s, "expected all lanes of a warp to take part");
  }

  void instruction(const Statement &s) {
    StringRef family = s.op.split('.').first;
    if (!waited)
      origins.follow(s.operands);
    lanesMet |= s.op == "bar.warp.sync";
    if (s.op == "griddepcontrol.wait" && !s.predicated && !waited)
      wait();
    bool ofPair = pairStep(s);
    counts.barriers += (family == "bar" && !s.op.starts_with("bar.warp.")) ||
                       (family == "barrier" && !ofPair);
    counts.warpBarriers += s.op.starts_with("bar.warp.");
    counts.multiplies += family == "mma";
    counts.elections += s.op == "elect.sync";
    threads.follow(s.op, s.operands);
    isAlone = branch == Elected;
    counts.pairs += s.op == "st.shared.b32" || s.op == "st.shared.v2.b32";
    followElection(s);
    if (family == "bra")
      jump(s);
    else if (family == "ret")
      branch = Nobody;
    if (s.op == "fence.proxy.async.shared::cta") {
      ++counts.proxyFences, counts.choiceFences += s.predicated;
      // What its predicate says is that no thread has written.
      if (s.predicated && !StringRef(s.text).starts_with("@!"))
        fault(s, "expected a predicate under which it is left out");
      isFenced = true;
    }
    if (ofPair)
      return;
    if (family == "ld" || family == "st")
      memoryAccess(s);
    else if (family == "cp")
      copy(s);
    else if (family == "mbarrier")
      mbarrier(s);
    else if (family == "tcgen05")
      tensorStep(s);
    else if (family == "clusterlaunchcontrol")
      launchControl(s);
    else if (s.op == "elect.sync" || s.op == "vote.sync.any.pred")
      wholeWarp(s);
    else if (family == "call")
      fault(s, "a call");
    else if (!llvm::is_contained(known, family))
      fault(s, "an instruction that no kernel of ours has");
  }

  /// Who comes from above, and who jumps here.
  void label(StringRef name) {
    name = name.ltrim("(){} \t");
    if (branch == Any || branch == Elects)
      labels.insert(name.str());
    branch = labels.count(name.str()) ? Any : Elected;
    wasFenced = isFenced;
    isFenced = false;
  }

  /// Behind an election the one who is elected jumps, or the others do.
  void jump(const Statement &s) {
    StringRef predicate = StringRef(s.text).ltrim("@").split(' ').first;
    bool parts = branch == Elects && s.predicated;
    bool isElected = parts && predicate == elected;
    bool areOthers = parts && predicate == others;
    if (isElected || areOthers)
      expect(Who::OneOfEachGroup, s, elected);
    else
      expect(Who::WholeWarps, s);
    if ((branch == Any || branch == Elects) && !isElected)
      labels.insert(StringRef(s.operands).trim().str());
    if (!s.predicated)
      branch = Nobody;
    else if (branch != Elected)
      branch = areOthers ? Elected : Any;
  }

  /// The predicate of who is elected, and its opposite.
  void followElection(const Statement &s) {
    auto [first, second] = StringRef(s.operands).split(',');
    if (s.op == "elect.sync") {
      branch = Elects;
      elected = first.split('|').second.trim().str();
      others = "!" + elected;
    } else if (s.op == "not.pred" && second.trim() == elected) {
      others = first.trim().str();
    }
  }

  /// Directives stand on lines of their own; an instruction may take several.
  void line(unsigned number, StringRef text) {
    if (text.contains(".entry")) {
      inKernel = text.contains((" " + kernel + "(").str());
      found |= inKernel;
      return;
    }
    if (!inKernel || text.empty())
      return;
    if (pending.empty() && text.starts_with(".")) {
      if (text.consume_front(".reqnctapercluster"))
        inPairs = text.trim() == "2, 1, 1";
      if (text.starts_with(".local"))
        fault({number, text, {}, {}, false},
              "local memory: registers were spilled or indexed");
      return;
    }
    pending += text;
    for (size_t end; (end = pending.find(';')) != std::string::npos;) {
      statement(number, StringRef(pending).take_front(end).trim());
      pending.erase(0, end + 1);
    }
    bool isLabel = StringRef(pending).ends_with(":");
    if (isLabel)
      label(StringRef(pending).drop_back());
    if (isLabel || StringRef(pending).trim("(){} ").empty())
      pending.clear();
    else
      pending += ' ';
  }

  void statement(unsigned number, StringRef text) {
    text = text.ltrim("(){} \t");
    if (text.starts_with("$")) { // a label
      label(text.split(':').first);
      text = text.split(':').second.ltrim();
    }
    if (!text.empty() && !text.starts_with("."))
      instruction(parseStatement(number, text));
  }

  StringRef kernel;
  PtxCounts &counts;
  std::vector<std::string> faults;
  std::string pending; ///< the begin of a statement
  bool inKernel = false, found = false, waited = false;
  bool inPairs = false; ///< clusters of two CTAs are asked for
  Labels &labels;
  /// Who is here: any, any behind an election, the elected one, or nobody.
  enum { Any, Elects, Elected, Nobody } branch = Any;
  bool isAlone = false;          ///< the elected one was, ahead of this
  std::string elected, others;   ///< predicates
  bool lanesMet = false;         ///< of a warp, since they left sums
  bool isFenced = false;         ///< since the last wait, whoever came here
  bool wasFenced = false;        ///< ahead of the last label
  unsigned bytesToCome = 0;      ///< that a barrier expects
  bool bytesMissing = false;     ///< some came, in bulk
  std::string bytesFor, bytesAt; ///< the predicate and the mbarrier of these
  Origins origins;
  PtxThreads threads;
  struct Expectation {
    Who who;
    unsigned line;
    std::string text, predicate;
  };
  std::vector<Expectation> expectations;
  /// Copies before the wait: names in their operands, and what to say of them.
  std::vector<std::pair<std::vector<std::string>, std::string>> ahead;
};

} // namespace

std::vector<std::string> nybl::compiler::findPtxFaults(std::string_view ptx,
                                                       std::string_view kernel,
                                                       PtxCounts &counts) {
  // That somebody jumps to a label is known when all jumps have been seen.
  Labels labels;
  std::vector<std::string> faults;
  PtxCounts first = counts;
  for (size_t known = 1; known != labels.size();) {
    known = labels.size();
    counts = first;
    faults = Linter(kernel, counts, labels).run(ptx);
  }
  return faults;
}

static std::string findMiscount(const PtxCounts &found,
                                const PtxCounts &expected) {
  struct Row {
    const char *what;
    unsigned found, expected;
  };
  const Row rows[] = {
      {"loads of data", found.dataLoads, expected.dataLoads},
      {"loads of scale factors", found.scaleLoads, expected.scaleLoads},
      {"loads of scalars", found.scalarLoads, expected.scalarLoads},
      {"stores", found.stores, expected.stores},
      {"stores of 4 bytes", found.wideStores, expected.wideStores},
      {"loads of elements", found.elementLoads, expected.elementLoads},
      {"stores of elements", found.elementStores, expected.elementStores},
      {"stores of codes", found.codeStores, expected.codeStores},
      {"stores of scale factors", found.factorStores, expected.factorStores},
      {"barriers", found.barriers, expected.barriers},
      {"copies of data", found.dataCopies, expected.dataCopies},
      {"copies of scale factors", found.scaleCopies, expected.scaleCopies},
      {"copies before griddepcontrol.wait", found.ahead, expected.ahead},
      {"groups of copies", found.groups, expected.groups},
      {"waits for copies", found.waits, expected.waits},
      {"copies of boxes", found.boxes, expected.boxes},
      {"bulk copies", found.bulkCopies, expected.bulkCopies},
      {"expectations of mbarriers", found.expectations, expected.expectations},
      {"elections of a thread", found.elections, expected.elections},
      {"requests for a tile", found.cancellations, expected.cancellations},
      {"answers to expect", found.answersExpected, expected.answersExpected},
      {"answers to take", found.answers, expected.answers},
      {"mbarriers", found.mbarriers, expected.mbarriers},
      {"arrivals at mbarriers", found.arrivals, expected.arrivals},
      {"arrivals of copies", found.copyArrivals, expected.copyArrivals},
      {"waits for mbarriers", found.mbarrierWaits, expected.mbarrierWaits},
      {"stores of boxes", found.boxStores, expected.boxStores},
      {"stores of pairs", found.pairs, expected.pairs},
      {"groups of boxes", found.boxGroups, expected.boxGroups},
      {"waits for boxes to be read", found.boxReads, expected.boxReads},
      {"waits for boxes", found.boxWaits, expected.boxWaits},
      {"fences", found.proxyFences, expected.proxyFences},
      {"fences with a predicate", found.choiceFences, expected.choiceFences},
      {"barriers of a warp", found.warpBarriers, expected.warpBarriers},
      {"waits for a part's turn", found.partWaits, expected.partWaits},
      {"parts handed on", found.partsDone, expected.partsDone},
      {"reads of four sums", found.sums, expected.sums},
      {"stores of four sums", found.sumsLeft, expected.sumsLeft},
      {"allocations of tensor memory", found.tensorAllocs,
       expected.tensorAllocs},
      {"deallocations of tensor memory", found.tensorFrees,
       expected.tensorFrees},
      {"copies to tensor memory", found.tensorCopies, expected.tensorCopies},
      {"commits of multiplies", found.tensorCommits, expected.tensorCommits},
      {"loads of accumulators", found.tensorLoads, expected.tensorLoads},
      {"waits for accumulators", found.tensorWaits, expected.tensorWaits},
      {"fences of tensor memory", found.tensorFences, expected.tensorFences},
      {"fences ahead of what others wait for", found.tensorFencesBefore,
       expected.tensorFencesBefore},
      {"permits of tensor memory given up", found.tensorPermits,
       expected.tensorPermits},
      {"meetings of a pair of CTAs", found.pairMeetings, expected.pairMeetings},
      {"slots handed over in a pair of CTAs", found.pairArrivals,
       expected.pairArrivals},
      {"waits for the other CTA of a pair", found.pairWaits,
       expected.pairWaits}};
  for (const Row &row : rows)
    if (row.found != row.expected)
      return "expected " + std::to_string(row.expected) + " " + row.what +
             ", got " + std::to_string(row.found);
  if (found.multiplies > expected.multiplies)
    return "expected at most " + std::to_string(expected.multiplies) +
           " multiplies, got " + std::to_string(found.multiplies);
  return "";
}

Status nybl::compiler::lintPtx(std::string_view ptx, std::string_view kernel,
                               const PtxCounts &expected) {
  PtxCounts counts;
  counts.aheadFrom = expected.aheadFrom;
  counts.byPairs = expected.byPairs;
  std::vector<std::string> faults = findPtxFaults(ptx, kernel, counts);
  std::string fault =
      faults.empty() ? findMiscount(counts, expected) : faults.front();
  if (fault.empty())
    return Status::ok();
  return Status::refused("the PTX does not keep what was proven: " + fault);
}
