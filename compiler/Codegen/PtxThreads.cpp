// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registers of LLVM's PTX are written by one instruction each, but for those
// that go round loops, of which nothing is known here.

#include "compiler/Codegen/PtxThreads.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace nybl::compiler;
using llvm::StringRef;

namespace {

/// What `define` calls the predicate of an election's end.
constexpr StringRef electedOp = "elected";
constexpr int64_t lanes = 32, warpsOfGroup = 4;

std::optional<int64_t> integer(StringRef text) {
  int64_t value;
  return text.getAsInteger(0, value) ? std::nullopt : std::optional(value);
}

} // namespace

void PtxThreads::define(StringRef op, llvm::ArrayRef<StringRef> operands) {
  Definition definition{op.str(), {}};
  for (StringRef operand : operands)
    definition.operands.push_back(operand.str());
  definitions[operands[0]].push_back(std::move(definition));
}

/// An election is a vote on who asks, elect.sync, and both together.
void PtxThreads::follow(StringRef op, StringRef text) {
  llvm::SmallVector<StringRef> operands;
  text.split(operands, ',');
  for (StringRef &operand : operands)
    operand = operand.trim();
  if (op == "elect.sync") {
    named = operands[0].split('|').second.str();
    return;
  }
  if (op == "vote.sync.any.pred" && operands.size() == 3) {
    vote = operands[0].str();
    votedOn = operands[1].str();
    return;
  }
  bool ends = op == "and.pred" && operands.size() == 3 && !named.empty() &&
              operands[0] == named && operands[1] == named &&
              operands[2] == vote;
  if (ends)
    define(electedOp, {named, votedOn});
  else if (operands[0].starts_with("%"))
    define(op, operands);
  named.clear();
}

const PtxThreads::Definition *PtxThreads::definitionOf(StringRef name) const {
  auto found = definitions.find(name);
  bool isOne = found != definitions.end() && found->second.size() == 1;
  return isOne ? &found->second.front() : nullptr;
}

std::optional<int64_t> PtxThreads::numberOf(StringRef name) const {
  const Definition *made = definitionOf(name);
  if (!made || made->operands.size() < 2)
    return std::nullopt;
  StringRef op = made->op, from = made->operands[1];
  if (op == "mov.u32" && from == "%tid.x")
    return 0;
  std::optional<int64_t> modulus = numberOf(from);
  auto by = made->operands.size() == 3 ? integer(made->operands[2])
                                       : std::optional<int64_t>();
  if (!modulus || !by)
    return std::nullopt;
  if (op.starts_with("add.") || op.starts_with("sub."))
    return *by % lanes == 0 && *modulus == 0 ? modulus : std::nullopt;
  bool masks = op == "and.b32" && *by > 0 && llvm::isPowerOf2_64(*by + 1);
  if (!masks)
    return std::nullopt;
  return *modulus ? std::min(*modulus, *by + 1) : *by + 1;
}

std::optional<PtxThreads::Comparison>
PtxThreads::comparisonOf(StringRef predicate) const {
  const Definition *made = definitionOf(predicate);
  if (!made)
    return std::nullopt;
  StringRef op = made->op;
  if (op == "not.pred") {
    std::optional<Comparison> other = comparisonOf(made->operands[1]);
    if (other)
      other->holds = !other->holds;
    return other;
  }
  if (!op.consume_front("setp.") || made->operands.size() != 3)
    return std::nullopt;
  std::optional<int64_t> modulus = numberOf(made->operands[1]);
  std::optional<int64_t> bound = integer(made->operands[2]);
  if (!modulus || !bound)
    return std::nullopt;
  StringRef how = op.split('.').first;
  bool equality = how == "eq" || how == "ne";
  // Below the first thread numbers wrap round to large ones.
  if (!equality && !op.ends_with(".u32"))
    return std::nullopt;
  bool next = how == "le" || how == "gt"; // the number itself is below
  return Comparison{*modulus, equality, *bound + next,
                    how == "eq" || how == "lt" || how == "le"};
}

bool PtxThreads::partsWarp(StringRef predicate) const {
  if (std::optional<Comparison> made = comparisonOf(predicate))
    return made->equality || made->bound % lanes != 0;
  const Definition *made = definitionOf(predicate);
  StringRef op = made ? StringRef(made->op) : "";
  return (op == "and.pred" || op == "or.pred" || op == "xor.pred" ||
          op == "not.pred") &&
         llvm::any_of(llvm::drop_begin(made->operands),
                      [&](StringRef part) { return partsWarp(part); });
}

bool PtxThreads::holdsInOneWarp(StringRef predicate, bool ofEachGroup) const {
  if (std::optional<Comparison> made = comparisonOf(predicate))
    return made->holds && (made->equality || made->bound <= lanes) &&
           (made->modulus == 0 ||
            (ofEachGroup && made->modulus >= warpsOfGroup * lanes));
  const Definition *both = definitionOf(predicate);
  return both && both->op == "and.pred" &&
         (holdsInOneWarp(both->operands[1], ofEachGroup) ||
          holdsInOneWarp(both->operands[2], ofEachGroup));
}

std::optional<StringRef> PtxThreads::electedFrom(StringRef predicate) const {
  const Definition *made = definitionOf(predicate);
  if (made && made->op == electedOp)
    return StringRef(made->operands[1]);
  if (!made || made->op != "and.pred")
    return std::nullopt;
  auto left = electedFrom(made->operands[1]);
  return left ? left : electedFrom(made->operands[2]);
}

bool PtxThreads::isElected(StringRef predicate) const {
  return electedFrom(predicate).has_value();
}

bool PtxThreads::isElectedOfOneWarp(StringRef predicate,
                                    bool ofEachGroup) const {
  std::optional<StringRef> from = electedFrom(predicate);
  return from && holdsInOneWarp(*from, ofEachGroup);
}
