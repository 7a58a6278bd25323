// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The mark is a text among the metadata of the diagnostic: words and numbers
// in a fixed order.

#include "compiler/Legality/Verdict.h"
#include <sstream>

using namespace nybl::compiler;

static constexpr llvm::StringLiteral refutedMark = "nybl.refuted ";

void nybl::compiler::markRefuted(mlir::InFlightDiagnostic &error,
                                 const Counterexample &c) {
  std::ostringstream text;
  text << refutedMark.str() << c.lemma << " "
       << (c.operand.empty() ? "-" : c.operand) << " " << c.rows << " "
       << c.tile << " " << c.step << " " << c.thread << " " << c.row << " "
       << c.byte;
  // An argument points at its text: the context keeps this one.
  auto kept = mlir::StringAttr::get(
      error.getUnderlyingDiagnostic()->getLocation().getContext(), text.str());
  error.getUnderlyingDiagnostic()->getMetadata().push_back(
      mlir::DiagnosticArgument(kept.getValue()));
}

std::optional<Counterexample>
nybl::compiler::refutation(mlir::Diagnostic &diagnostic) {
  for (const mlir::DiagnosticArgument &argument : diagnostic.getMetadata()) {
    if (argument.getKind() !=
            mlir::DiagnosticArgument::DiagnosticArgumentKind::String ||
        !argument.getAsString().starts_with(refutedMark))
      continue;
    std::istringstream text(
        argument.getAsString().drop_front(refutedMark.size()).str());
    Counterexample c;
    text >> c.lemma >> c.operand >> c.rows >> c.tile >> c.step >> c.thread >>
        c.row >> c.byte;
    if (c.operand == "-")
      c.operand.clear();
    return c;
  }
  return std::nullopt;
}
