// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The lint: line by line, on text.

#include "compiler/Codegen/PtxLint.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"

using namespace nybl;
using namespace nybl::compiler;
using llvm::StringRef;

namespace {

struct Linter {
  PtxCounts &counts;
  std::vector<std::string> faults;
  bool inKernel = false, waited = false;

  void fault(unsigned number, StringRef line, StringRef what) {
    faults.push_back(
        ("PTX line " + llvm::Twine(number) + " '" + line + "': " + what).str());
  }

  void access(unsigned number, StringRef line, StringRef op, bool predicated) {
    bool load = op.starts_with("ld.");
    (load ? counts.globalLoads : counts.globalStores) += 1;
    counts.byteLoads += load && (op.ends_with(".b8") || op.ends_with(".u8"));
    if (!predicated)
      fault(number, line, "global memory is touched without a predicate");
    if (!waited)
      fault(number, line,
            "global memory is touched before griddepcontrol.wait");
    if (op.contains(".v2") || op.contains(".v4") || op.contains(".v8"))
      fault(number, line, "an access was widened");
  }

  void instruction(unsigned number, StringRef line) {
    StringRef rest = line;
    bool predicated = rest.consume_front("@");
    if (predicated)
      rest = rest.drop_while([](char c) { return !llvm::isSpace(c); }).ltrim();
    StringRef op =
        rest.take_while([](char c) { return !llvm::isSpace(c) && c != ';'; });
    if (op == "griddepcontrol.wait")
      waited = true;
    if (op.starts_with("mma.sync"))
      ++counts.multiplies;
    if (op.starts_with("ld.global") || op.starts_with("st.global") ||
        op.starts_with("ld.volatile.global"))
      access(number, line, op, predicated);
    if (op.starts_with("ld.local") || op.starts_with("st.local") ||
        op == ".local")
      fault(number, line, "local memory: registers were spilled or indexed");
    if (op.starts_with("call"))
      fault(number, line, "a call");
    if (op == "ld.b64" || op == "ld.b32" || op == "ld.b8" || op == "ld.u8" ||
        op == "st.b32" || op == "st.b16" || op == "st.b8")
      fault(number, line, "a generic access hides its memory");
  }

  void line(unsigned number, StringRef text, StringRef kernel) {
    text = text.trim();
    if (text.starts_with("//") || text.empty())
      return;
    if (text.contains(".entry")) {
      inKernel = text.contains((" " + kernel + "(").str());
      return;
    }
    if (inKernel)
      instruction(number, text);
  }
};

} // namespace

std::vector<std::string> nybl::compiler::findPtxFaults(std::string_view ptx,
                                                       std::string_view kernel,
                                                       PtxCounts &counts) {
  Linter linter{counts, {}};
  unsigned number = 0;
  bool found = false;
  for (StringRef line : llvm::split(StringRef(ptx), '\n')) {
    linter.line(++number, line, StringRef(kernel));
    found |= linter.inKernel;
  }
  if (!found)
    linter.faults.push_back("the PTX has no entry '" + std::string(kernel) +
                            "'");
  else if (counts.multiplies == 0)
    linter.faults.push_back("the PTX holds no mma.sync");
  return linter.faults;
}

Status nybl::compiler::lintPtx(std::string_view ptx, std::string_view kernel) {
  PtxCounts counts;
  std::vector<std::string> faults = findPtxFaults(ptx, kernel, counts);
  if (faults.empty())
    return Status::ok();
  return Status::refused("the PTX does not keep what was proven: " + faults[0]);
}
